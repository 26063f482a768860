"""The account of one objective: what happened between any instants, by its method, without what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal, Protocol

import numpy as np

from sereno.kernel.duration import to_ms
from sereno.promql.columns import Select
from sereno.slo.composites import all_slices, part_in_slices
from sereno.slo.evaluated import Steps, steps_of, watched
from sereno.slo.exclusions import NONE, Exclusions, Left
from sereno.slo.methods import method_of, slice_target
from sereno.slo.slices import Judge, Watched, badness, borders, slices_of
from sereno.slo.spans import NOTHING, AnySpan, JoinedSpan, Span
from sereno.slo.tally import Tally, tally
from sereno.slo.thinned import WHOLE, Thinned
from sereno.spec.model import CompositeSli, GaugeSli, QuerySli, Slo


class Account(Protocol):
    """What happened to one objective."""

    def between(self, instants_ms: Sequence[int]) -> Sequence[AnySpan]:
        """The spans from each instant to the next."""
        ...

    def over(self, start_ms: int, end_ms: int) -> AnySpan:
        """The one span (start, end]."""
        ...

    def instants(self, start_ms: int, end_ms: int, *, at_most: int) -> list[int]:
        """The instants in (start, end) at which something may have changed, not many more than `at_most`."""
        ...


def account(
    service: str,
    slo: Slo,
    select: Select,
    start_ms: int,
    end_ms: int,
    thinned: Thinned = WHOLE,
    exclusions: Exclusions = NONE,
) -> Account:
    """Everything known about `slo` in (start, end], whatever its indicator and its method.

    Asks `select` for what `selections_between` says. Raises QueryError, or QueryLimit, if a query of the objective's
    own cannot be computed.
    """
    if isinstance(slo.sli, CompositeSli):
        return _composite(service, slo, slo.sli, select, start_ms, end_ms, thinned, exclusions)
    found = _events(slo, select, start_ms, end_ms, thinned)
    slice_ms = 1 if method_of(slo) == "occurrences" else to_ms(slo.slice_length)
    left = exclusions.of(
        service, slo, start_ms // slice_ms * slice_ms, end_ms
    )  # of the first slice, also its beginning
    if method_of(slo) == "occurrences":
        return _Without.of(found, left, thinned) if left.out or left.good else found
    bad, known, seen = _judged(slo, found, start_ms, end_ms)
    return slices_of(slo, seen.start_ms, bad, known, seen.covered_ms, left)


def _events(slo: Slo, select: Select, start_ms: int, end_ms: int, thinned: Thinned) -> Tally | Steps:
    if isinstance(slo.sli, QuerySli | GaugeSli):
        return steps_of(slo, select, start_ms, end_ms)
    slice_ms = to_ms(slo.slice_length)
    since_ms = start_ms if method_of(slo) == "occurrences" else start_ms // slice_ms * slice_ms
    return tally(slo, select, since_ms, end_ms, thinned)


def _judged(slo: Slo, found: Tally | Steps, start_ms: int, end_ms: int) -> tuple[np.ndarray, np.ndarray, Watched]:
    """How bad each slice was and whether anything is known of it."""
    judge: Judge = "ratio_timeslices" if method_of(slo) == "ratio_timeslices" else "timeslices"
    seen = watched(slo, found) if isinstance(found, Steps) else _sliced(slo, found, start_ms, end_ms)
    bad, known = badness(seen, judge, slice_target(slo))
    return bad, known, seen


def _sliced(slo: Slo, found: Tally, start_ms: int, end_ms: int) -> Watched:
    slice_ms = to_ms(slo.slice_length)
    at = borders(slice_ms, start_ms, end_ms)
    total, bad, covered = found.columns(at)
    watched_ms = np.diff(np.array(covered, dtype=np.int64)).astype(np.int64)
    return Watched(int(at[0]), slice_ms, np.diff(total), np.diff(bad), watched_ms)


@dataclass(frozen=True, slots=True)
class _Without:
    """An account of events without those of some intervals, or with all of those good.

    An interval ends when every target has been seen once more: what happened just before its end is seen after it.
    """

    inner: Tally | Steps
    out: tuple[tuple[int, int], ...]
    good: tuple[tuple[int, int], ...]

    @staticmethod
    def of(inner: Tally | Steps, left: Left, thinned: Thinned) -> _Without:
        def settled(intervals: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
            if thinned.steps:
                return tuple((thinned.floor(a), thinned.floor(b)) for a, b in intervals)
            return tuple((a, inner.settled(b)) for a, b in intervals)

        return _Without(inner, settled(left.out), settled(left.good))

    def between(self, instants_ms: Sequence[int]) -> list[Span]:
        """The spans from each instant to the next, without what is left out."""
        edges = {at for pair in (*self.out, *self.good) for at in pair if instants_ms[0] < at < instants_ms[-1]}
        at = sorted({*instants_ms, *edges})
        place = {instant: index for index, instant in enumerate(at)}
        pieces = self.inner.between(at)
        kept = [self._kept(piece, a, b) for piece, a, b in zip(pieces, at, at[1:], strict=False)]
        return [sum(kept[place[a] : place[b]], start=NOTHING) for a, b in pairwise(instants_ms)]

    def over(self, start_ms: int, end_ms: int) -> Span:
        """The one span (start, end]."""
        return self.between((start_ms, end_ms))[0]

    def instants(self, start_ms: int, end_ms: int, *, at_most: int) -> list[int]:
        """Those of the events."""
        return self.inner.instants(start_ms, end_ms, at_most=at_most)

    def _kept(self, piece: Span, start_ms: int, end_ms: int) -> Span:
        if any(a <= start_ms and end_ms <= b for a, b in self.out):
            return NOTHING
        if any(a <= start_ms and end_ms <= b for a, b in self.good):
            return Span(piece.total, 0, piece.covered_ms, piece.length_ms)
        return piece


@dataclass(frozen=True, slots=True)
class _Joined:
    """The accounts of a composite's parts, side by side."""

    slo: Slo
    sli: CompositeSli
    parts: tuple[Account, ...]

    def between(self, instants_ms: Sequence[int]) -> list[JoinedSpan]:
        """The spans from each instant to the next."""
        rows = [part.between(instants_ms) for part in self.parts]
        weights = tuple(Fraction(part.weight) for part in self.sli.parts)
        mode: Literal["weighted", "product"] = "weighted" if self.sli.mode == "weighted" else "product"
        return [
            JoinedSpan(mode, weights, tuple(_plain(span) for span in spans), self.slo.unknown)
            for spans in zip(*rows, strict=True)
        ]

    def over(self, start_ms: int, end_ms: int) -> JoinedSpan:
        """The one span (start, end]."""
        return self.between((start_ms, end_ms))[0]

    def instants(self, start_ms: int, end_ms: int, *, at_most: int) -> list[int]:
        """Those of the first part: the others are counted between them too."""
        return self.parts[0].instants(start_ms, end_ms, at_most=at_most)


def _composite(
    service: str, slo: Slo, sli: CompositeSli, select: Select, start_ms: int, end_ms: int, thinned: Thinned,
    exclusions: Exclusions,
) -> Account:  # fmt: skip
    if sli.mode != "all":
        both = exclusions.within(service, slo, start_ms, end_ms)
        parts = tuple(account(part.service, part.slo, select, start_ms, end_ms, thinned, both) for part in sli.parts)
        return _Joined(slo, sli, parts)
    slice_ms = to_ms(slo.slice_length)
    start_ms = start_ms // slice_ms * slice_ms
    bad, known, covered = [], [], []
    for part in sli.parts:
        cut = part_in_slices(part, slo)
        found = _events(cut, select, start_ms, end_ms, thinned)
        its_bad, its_known, seen = _judged(cut, found, start_ms, end_ms)
        left = exclusions.of(part.service, part.slo, start_ms, end_ms)
        own = slices_of(cut, seen.start_ms, its_bad, its_known, seen.covered_ms, left)
        bad.append(np.diff(own.bad) > 0)
        known.append(np.diff(own.counted) > 0)
        covered.append(np.where(np.diff(own.length_ms) > 0, np.diff(own.covered_ms), slice_ms))
    any_bad = np.array(np.logical_or.reduce(bad), dtype=object).astype(int).astype(object)
    whole = np.minimum.reduce(covered).astype(np.int64)
    left = exclusions.of(service, slo, start_ms, end_ms)
    return slices_of(all_slices(slo), start_ms, any_bad, np.logical_or.reduce(known), whole, left)


def _plain(span: AnySpan) -> Span:
    if isinstance(span, JoinedSpan):
        raise TypeError("a part of a composite is no composite")
    return span
