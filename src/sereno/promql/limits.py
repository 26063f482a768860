"""Limits of a query: one that would eat the machine ends with a sentence that says which limit, and how to raise it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sereno.kernel.errors import QueryLimit


@dataclass(slots=True)
class Watch:
    """The seconds that one query has taken, by a monotonic `clock`; without one, time does not count."""

    clock: Callable[[], float] | None = None
    seconds_max: float = float("inf")
    spent: float = 0.0
    _began: float | None = None

    def start(self) -> None:
        """Time runs from now on."""
        if self.clock is not None:
            self._began = self.clock()

    def stop(self) -> None:
        """Time stands still until the next start."""
        self.spent, self._began = self.elapsed, None

    @property
    def elapsed(self) -> float:
        """Seconds taken so far."""
        return self.spent + (self.clock() - self._began if self.clock is not None and self._began is not None else 0.0)

    def check(self, position: int | None = None) -> None:
        """Raise QueryLimit if it took too long."""
        if self.clock is not None and self.elapsed > self.seconds_max:
            raise QueryLimit(
                f"the query takes longer than seconds_max = {self.seconds_max:g}",
                position=position,
                hint="narrow the selector, shorten the range or widen the step; or raise seconds_max",
            )


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one query may take.

    `samples_max`: samples loaded, and values computed, at any one time. `series_max`: series that one selector
    finds. `steps_max`: instants of a grid. `seconds_max`: how long it may take, by the monotonic `clock` handed in
    (without a clock, as long as it likes); looked at between the parts of an expression and of the grid.
    """

    samples_max: int = 50_000_000
    series_max: int = 100_000
    steps_max: int = 250_000
    seconds_max: float = 60.0
    clock: Callable[[], float] | None = None

    def watch(self) -> Watch:
        """A watch for one query, not yet started."""
        return Watch(self.clock, self.seconds_max)

    def check(self, name: str, found: int, what: str, position: int | None = None) -> None:
        """Raise QueryLimit if `found` is above the limit `name`."""
        limit: int = getattr(self, name)
        if found > limit:
            raise QueryLimit(
                f"the query needs {found:,} {what}, more than {name} = {limit:,}",
                position=position,
                hint=f"narrow the selector, shorten the range or widen the step; or raise {name}",
            )
