"""Faults on purpose: pipelines, outgoing calls and requests made slow, wrong or lost, for tests and for drills.

Nothing happens unless a fault is injected; places that can meet one ask `active` first, a single attribute.
Who injects: `sereno_kit.testing.faults` for the length of a block, `chaos_admin` for some minutes.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from sereno_kit import forks
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.errors import Category, ClientError, DependencyError, KitError, Transient, by_status

Place = Literal["pipeline", "outgoing", "request"]
Only = str | Callable[[str, str], bool]


class Dropped(ConnectionError):
    """The connection was lost, on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, how often and where.

    Args:
        latency_seconds: how long the call or request is held up first.
        error: what it ends with: an exception, a class of exceptions, or an HTTP status.
        drop: whether the connection is lost.
        share: of those it matches, the share it befalls, from 0 to 1.
        only: what it matches: a pattern over `place`, `name` or `place:name`, such as `outgoing:payments` (all calls
            of that integration), `outgoing:payments/v1/*` or `/orders*`, or a function of place and name. Everything,
            if not given.
        seed: two faults with the same seed befall the same ones of a sequence.
    """

    latency_seconds: float = 0.0
    error: BaseException | type[BaseException] | int | None = None
    drop: bool = False
    share: float = 1.0
    only: Only = "*"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"a fault's share is a number from 0 to 1, not {self.share!r}")
        if not 0.0 <= self.latency_seconds < float("inf"):
            raise ValueError(f"a fault's latency is a number of seconds, not {self.latency_seconds!r}")
        if isinstance(self.error, int) and not 400 <= self.error <= 599:
            raise ValueError(f"a fault's status is one of 400 to 599, not {self.error!r}")
        if not (self.latency_seconds or self.error is not None or self.drop):
            raise ValueError("a fault has a latency, an error or a drop")

    def matches(self, place: str, name: str) -> bool:
        """Whether it may befall what is called `name` at `place`."""
        if callable(self.only):
            return bool(self.only(place, name))
        names = (name, name.partition("/")[0]) if place == "outgoing" else (name,)
        return any(fnmatchcase(what, self.only) for one in names for what in (place, one, f"{place}:{one}"))


@dataclass(frozen=True, slots=True)
class Strike:
    """What befalls one call or request: first the wait, then the end, if it has one."""

    latency_seconds: float
    error: BaseException | type[BaseException] | int | None
    drop: bool
    clock: Clock

    @property
    def status(self) -> int | None:
        """The HTTP status it ends with, where it ends with one."""
        return self.error if isinstance(self.error, int) and not self.drop else None

    def exception(self) -> BaseException | None:
        """What is raised where statuses cannot be answered: a KitError of the status's kind, or the error itself."""
        if self.drop:
            return Dropped("connection lost (injected fault)")
        if isinstance(self.error, int):
            return error_of_status(self.error)
        return self.error("injected fault") if isinstance(self.error, type) else self.error


def error_of_status(status: int) -> KitError:
    """The KitError that an HTTP status of a dependency stands for."""
    kinds = {Category.TRANSIENT: Transient, Category.DEPENDENCY: DependencyError}
    kind = kinds.get(by_status(status), ClientError)
    return kind(f"status {status} (injected fault)", status=status)


@dataclass(slots=True, eq=False)
class Injected:
    """A fault at work, until removed or until its time is over."""

    fault: Fault
    clock: Clock
    until: float | None
    id: int
    met: int = 0
    """How many calls and requests it has befallen."""
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.fault.seed)  # noqa: S311 - repeatable on purpose, guards nothing

    @property
    def over(self) -> bool:
        """Whether its time is over."""
        return self.until is not None and self.clock.monotonic() >= self.until

    def befalls(self, place: str, name: str) -> bool:
        """Whether it befalls the next call or request that is called `name` at `place`."""
        if self.over or not self.fault.matches(place, name):
            return False
        struck = self.fault.share >= 1.0 or self._chance.random() < self.fault.share
        self.met += struck
        return struck

    def remove(self) -> None:
        """Let it befall nothing more. Again is nothing."""
        _keep(lambda one: one is not self)


active: tuple[Injected, ...] = ()
"""The faults at work. Ask `if chaos.active:` before anything else."""
_lock = forks.lock()
_ids = itertools.count(1)


def inject(fault: Fault, *, seconds: float | None = None, clock: Clock = SYSTEM, number: int | None = None) -> Injected:
    """Let `fault` befall what it matches, for `seconds` or until it is removed.

    `number` is its id, where other processes know it by one already.
    """
    global active
    until = None if seconds is None else clock.monotonic() + seconds
    injected = Injected(fault, clock, until, next(_ids) if number is None else number)
    with _lock:
        active = (*active, injected)
    return injected


def clear() -> None:
    """Remove all faults."""
    _keep(lambda one: False)


def expire() -> tuple[Injected, ...]:
    """Forget the faults whose time is over, and say which they were."""
    gone = tuple(one for one in active if one.over)
    if gone:
        _keep(lambda one: one not in gone)
    return gone


def strike(place: Place, name: str) -> Strike | None:
    """What befalls the call or request that is called `name` at `place`; None where nothing does.

    Waits of several faults add up; of several ends, that of the fault injected last counts.
    """
    met = [one for one in active if one.befalls(place, name)]
    if not met:
        return None
    ends = [one for one in met if one.fault.drop or one.fault.error is not None]
    end = ends[-1].fault if ends else None
    return Strike(
        sum(one.fault.latency_seconds for one in met),
        end.error if end else None,
        end.drop if end else False,
        met[0].clock,
    )


def meet(place: Place, name: str) -> None:
    """Let what befalls the call `name` at `place` befall this thread: wait, then raise."""
    struck = strike(place, name)
    if struck is None:
        return
    if struck.latency_seconds:
        struck.clock.sleep(struck.latency_seconds)
    _raise(struck)


async def ameet(place: Place, name: str) -> None:
    """The same for a task."""
    struck = strike(place, name)
    if struck is None:
        return
    if struck.latency_seconds:
        await struck.clock.asleep(struck.latency_seconds)
    _raise(struck)


def _raise(struck: Strike) -> None:
    error = struck.exception()
    if error is not None:
        raise error


def _keep(which: Callable[[Injected], Any]) -> None:
    global active
    with _lock:
        active = tuple(one for one in active if which(one))
