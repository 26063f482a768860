"""What every policy of a pipeline promises to the pipeline, and what the pipeline gives to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Protocol

from sereno_kit.clock import Clock

Call = Callable[..., Any]
AsyncCall = Callable[..., Awaitable[Any]]


class Reporter(Protocol):
    """How a policy tells what it decides: metrics, logs and span events, under the pipeline's name and its own."""

    def counter(self, event: str) -> Callable[[], None]:
        """What to call each time `event` happens; cheap enough for every call (a cached child's `inc`)."""
        ...

    def gauge(self, name: str, help: str, **labels: str) -> Callable[[float], None]:
        """What to call with each new value of the gauge `name`, which carries the label `pipeline` besides `labels`."""
        ...

    def note(self, event: str, **attributes: Any) -> None:
        """Say that something rare happened (a breaker opened): counts, logs, marks the span, tells listeners."""
        ...


class Policy(ABC):
    """One guard around a call. Its state is shared by all callers, threads and tasks alike.

    A policy is written once and bound once, to one pipeline. `sync` and `asynchronous` return closures over the
    same state; they are made once for each guarded function, so they may prepare what they like.
    """

    kind: ClassVar[str]
    """Its name in metrics, logs, views and order checks: `retry`, `bulkhead`, `circuit_breaker` …"""

    @abstractmethod
    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take what the pipeline gives. Raises ValueError if it is already bound to another."""

    @abstractmethod
    def sync(self, inner: Call) -> Call:
        """`inner` guarded, for threads."""

    @abstractmethod
    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """`inner` guarded, for tasks."""

    def view(self) -> Mapping[str, Any]:
        """How it stands now, for people: plain values for JSON."""
        return {}

    commands: ClassVar[tuple[str, ...]] = ()
    """What operators may tell it: `force_open`, `isolate`, `reset` …"""

    def command(self, name: str) -> None:
        """Obey an operator. Raises ValueError for what is not among `commands`."""
        raise ValueError(f"{self.kind} knows no command {name!r}")
