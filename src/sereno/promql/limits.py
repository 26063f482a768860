"""Limits of a query: one that would eat the machine ends with a sentence that says which limit, and how to raise it."""

from __future__ import annotations

from dataclasses import dataclass

from sereno.kernel.errors import QueryLimit


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one query may take.

    `samples_max`: samples loaded, and values computed, at any one time. `series_max`: series that one selector
    finds. `steps_max`: instants of a grid.
    """

    samples_max: int = 50_000_000
    series_max: int = 100_000
    steps_max: int = 250_000

    def check(self, name: str, found: int, what: str, position: int | None = None) -> None:
        """Raise QueryLimit if `found` is above the limit `name`."""
        limit: int = getattr(self, name)
        if found > limit:
            raise QueryLimit(
                f"the query needs {found:,} {what}, more than {name} = {limit:,}",
                position=position,
                hint=f"narrow the selector, shorten the range or widen the step; or raise {name}",
            )
