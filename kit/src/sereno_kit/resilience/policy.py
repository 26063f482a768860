"""What every policy of a pipeline promises to the pipeline, and what the pipeline gives to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol, Self

from sereno_kit.clock import Clock

Call = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Takes a function, its positional and its keyword arguments, and answers what the function answers.

The three are handed down the chain as they are, so that no layer packs them anew; only the innermost one makes the
call. One chain therefore serves every function that the pipeline guards.
"""
AsyncCall = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Awaitable[Any]]
"""The same for tasks. It may be a plain function that returns what `inner` returned: a coroutine less."""


class Reporter(Protocol):
    """How a policy tells what it decides: metrics, logs and span events, under the pipeline's name and its own."""

    def counter(self, event: str) -> Callable[[], None]:
        """What to call each time `event` happens; cheap enough for every call (a cached child's `inc`)."""
        ...

    def watch(self, name: str, help: str, read: Callable[[], float], **labels: str) -> None:
        """A gauge that is read when it is scraped (each few seconds, where several processes are scraped as one), so
        that it costs a call nothing. It carries the label `pipeline` besides `labels`. Over several processes it is
        the sum, of a ratio the least.
        """
        ...

    def note(self, event: str, **attributes: Any) -> None:
        """Say that something rare happened (a breaker opened): counts, logs, marks the span, tells listeners."""
        ...


class Policy(ABC):
    """One guard around a call. Its state is shared by all callers, threads and tasks alike.

    A policy is written once and bound once, to one pipeline. `sync` and `asynchronous` return closures over the
    same state; they are made once for a pipeline, so they may prepare what they like.
    """

    kind: ClassVar[str]
    """Its name in metrics, logs, views and order checks: `retry`, `bulkhead`, `circuit_breaker` …"""
    events: ClassVar[tuple[str, ...]] = ()
    """What it counts; these exist at zero from the start."""
    repeats: ClassVar[bool] = False
    """Whether it may run what is within more than once; then it cannot guard a block of code."""
    given: tuple[Any, ...]
    """What it was made with; two policies of a kind that were given the same are the same to the registry."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Remember what it is given."""
        made = super().__new__(cls)
        made.given = (args, tuple(sorted(kwargs.items(), key=lambda item: item[0])))
        return made

    @abstractmethod
    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take what the pipeline gives. Raises ValueError if it is already bound to another."""

    @abstractmethod
    def sync(self, inner: Call) -> Call:
        """`inner` guarded, for threads."""

    @abstractmethod
    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """`inner` guarded, for tasks."""

    def block(self) -> AbstractContextManager[None]:
        """Guards one `with` block of a thread. (`async with` needs nothing of a policy beyond `asynchronous`.)"""
        raise TypeError(f"{type(self).__name__} cannot guard a block: guard a function instead")

    def view(self) -> Mapping[str, Any]:
        """How it stands now, for people: plain values for JSON."""
        return {}

    commands: ClassVar[tuple[str, ...]] = ()
    """What operators may tell it: `force_open`, `isolate`, `reset` …"""

    def command(self, name: str) -> None:
        """Obey an operator. Raises ValueError for what is not among `commands`."""
        raise ValueError(f"{self.kind} knows no command {name!r}")
