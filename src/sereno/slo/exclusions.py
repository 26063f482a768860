"""Time that does not count: planned work, and corrections that people made afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sereno.kernel.moment import from_ms, to_ms
from sereno.slo.coverage import Interval, union
from sereno.slo.maintenance import occurrences
from sereno.slo.model import Correction
from sereno.spec.model import Maintenance, Slo


@dataclass(frozen=True, slots=True)
class Left:
    """The time of one objective that is left out, and that in which everything counts as good (sorted, disjoint)."""

    out: tuple[Interval, ...] = ()
    good: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class Exclusions:
    """All that is known to be left out of any budget; `whole` is what is left out whatever is asked for."""

    planned: tuple[Maintenance, ...] = ()
    corrections: tuple[Correction, ...] = ()
    whole: Left = Left()

    def of(self, service: str, slo: Slo, start_ms: int, end_ms: int) -> Left:
        """What of (start, end] is left out for one objective.

        Planned work counts as its `maintenance` says (`exclude`, `good` or, not at all, `count`); corrections always
        leave out, also what would count as good.
        """
        corrected = [*_within(self._corrected(service, slo.name), start_ms, end_ms)]
        corrected += _within(self.whole.out, start_ms, end_ms)
        planned = _within(self._planned(service, start_ms, end_ms), start_ms, end_ms)
        good = _within(self.whole.good, start_ms, end_ms)
        if slo.maintenance == "exclude":
            return Left(union([*corrected, *planned]), union(good))
        return Left(union(corrected), union([*good, *(planned if slo.maintenance == "good" else ())]))

    def within(self, service: str, slo: Slo, start_ms: int, end_ms: int) -> Exclusions:
        """What is left out of the parts of a composite: besides their own, all that is left out of the composite."""
        return replace(self, whole=self.of(service, slo, start_ms, end_ms))

    def _corrected(self, service: str, slo: str) -> Iterable[Interval]:
        return ((to_ms(one.start), to_ms(one.end)) for one in self.corrections if one.concerns(service, slo))

    def _planned(self, service: str, start_ms: int, end_ms: int) -> Iterable[Interval]:
        for planned in self.planned:
            if not planned.services or service in planned.services:
                for start, end in occurrences(planned, from_ms(start_ms), from_ms(end_ms)):
                    yield to_ms(start), to_ms(end)


NONE = Exclusions()
"""Nothing is left out."""


def _within(intervals: Iterable[Interval], start_ms: int, end_ms: int) -> list[Interval]:
    clipped = [(max(a, start_ms), min(b, end_ms)) for a, b in intervals]
    return [(a, b) for a, b in clipped if b > a]


def overlap_ms(intervals: Sequence[Interval], start_ms: int, end_ms: int) -> int:
    """How much of (start, end] `intervals` (disjoint) take."""
    return sum(max(0, min(b, end_ms) - max(a, start_ms)) for a, b in intervals)
