"""The series that rules make while they are replayed, and how other rules see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sereno.kernel.labels import Labels
from sereno.promql import STALE, Columns, Matcher, Selection, matches
from sereno.promql.columns import Float64s, Int64s, Objects


class Row:
    """The samples of one series, growing at its end."""

    __slots__ = ("_histograms", "_times", "_values", "size")

    def __init__(self) -> None:
        self.size = 0
        self._times = np.zeros(4, dtype=np.int64)
        self._values = np.zeros(4)
        self._histograms: Objects | None = None

    def extend(self, times: Int64s, values: Float64s, histograms: Objects | None = None) -> None:
        """Add samples later than those that there are."""
        size = self.size + len(times)
        if size > len(self._times):
            room = max(size, len(self._times) * 3 // 2)
            self._times, self._values = _grown(self._times, room), _grown(self._values, room)
            if self._histograms is not None:
                self._histograms = _grown(self._histograms, room)
        self._times[self.size : size], self._values[self.size : size] = times, values
        if histograms is not None:
            if self._histograms is None:
                self._histograms = np.full(len(self._times), None, dtype=object)
            self._histograms[self.size : size] = histograms
        self.size = size

    def drop_before(self, at_ms: float) -> None:
        """Forget samples before `at_ms`."""
        first = int(np.searchsorted(self._times[: self.size], at_ms))
        if first:
            self._times, self._values = self._times[first : self.size].copy(), self._values[first : self.size].copy()
            if self._histograms is not None:
                self._histograms = self._histograms[first : self.size].copy()
            self.size -= first

    def between(self, start_ms: int, end_ms: int) -> Part:
        """The samples from `start_ms` to `end_ms`, both included."""
        times = self._times[: self.size]
        part = slice(int(np.searchsorted(times, start_ms)), int(np.searchsorted(times, end_ms, side="right")))
        found = None if self._histograms is None else self._histograms[: self.size][part]
        return times[part], self._values[: self.size][part], found


Part = tuple[Int64s, Float64s, Objects | None]


def _shown(histograms: Objects, present: npt.NDArray[np.bool_]) -> Objects:
    """The histograms where there is a value."""
    found = histograms.copy()
    found[~present] = None
    return found


def _grown(array: npt.NDArray[Any], room: int) -> npt.NDArray[Any]:
    grown = np.empty(room, dtype=array.dtype)
    grown[: len(array)] = array
    return grown


@dataclass(slots=True)
class Made:
    """What one rule has made so far. `names` are what its series can be called, `alert` the name of its alert."""

    order: int
    names: frozenset[str]
    alert: str | None
    offset_ms: int
    rows: dict[Labels, Row] = field(default_factory=dict)
    there: set[Labels] = field(default_factory=set)

    def may_match(self, matchers: Sequence[Matcher]) -> bool:
        """Whether a selector may find any of the series."""
        for matcher in matchers:  # most selectors name their metric: that is quickly told
            if matcher.name == "__name__" and matcher.op == "=":
                if matcher.value not in self.names:
                    return False
                break
        if self.alert is not None and not matches([m for m in matchers if m.name == "alertname"], self._alertname):
            return False
        names = [m for m in matchers if m.name == "__name__"]
        return any(matches(names, {"__name__": name}) for name in self.names)

    @property
    def _alertname(self) -> Mapping[str, str]:
        return {"alertname": self.alert or ""}

    def add(
        self, times: Int64s, series: Iterable[tuple[Labels, npt.NDArray[np.bool_], Float64s, Objects | None]]
    ) -> None:
        """Take the samples of instants that succeeded, with a staleness marker where a series vanished."""
        if not len(times):
            return
        there: set[Labels] = set()
        seen: set[Labels] = set()
        for labels, present, values, histograms in series:
            seen.add(labels)
            before = np.concatenate(([labels in self.there], present[:-1]))
            kept = np.flatnonzero(present | before)
            if len(kept):
                shown = np.where(present[kept], values[kept], STALE)
                found = None if histograms is None else _shown(histograms[kept], present[kept])
                self.rows.setdefault(labels, Row()).extend(times[kept], shown, found)
            if present[-1]:
                there.add(labels)
        for labels in self.there - seen:
            self.rows.setdefault(labels, Row()).extend(times[:1], np.full(1, STALE))
        self.there = there

    def drop_before(self, at_ms: float) -> None:
        """Forget samples before `at_ms`; which series were there at the last instant stays known."""
        for row in self.rows.values():
            row.drop_before(at_ms)
        self.rows = {labels: row for labels, row in self.rows.items() if row.size}


def within(columns: Columns, start_ms: int, end_ms: int) -> Columns:
    """Of `columns` only the samples from `start_ms` to `end_ms`; series without any are left out."""
    parts: list[tuple[Labels, Part]] = []
    for index, labels in enumerate(columns.labels):
        first, last = int(columns.offsets[index]), int(columns.offsets[index + 1])
        times = columns.times[first:last]
        begin = first + int(np.searchsorted(times, start_ms))
        end = first + int(np.searchsorted(times, end_ms, side="right"))
        if begin < end:
            found = None if columns.histograms is None else columns.histograms[begin:end]
            parts.append((labels, (columns.times[begin:end], columns.values[begin:end], found)))
    return joined(parts)


def joined(parts: Sequence[tuple[Labels, Part]]) -> Columns:
    """Series of the same labels as one; of two samples of the same instant the first stands."""
    groups: dict[Labels, list[Part]] = {}
    for labels, part in parts:
        groups.setdefault(labels, []).append(part)
    made = [_one(pieces) for pieces in groups.values()]
    plain = Columns.of([(labels, part[0], part[1]) for labels, part in zip(groups, made, strict=True)])
    if all(part[2] is None for part in made):
        return plain
    objects = [np.full(len(part[0]), None, dtype=object) if part[2] is None else part[2] for part in made]
    return Columns(plain.labels, plain.offsets, plain.times, plain.values, np.concatenate(objects))


def _one(pieces: list[Part]) -> Part:
    if len(pieces) == 1:
        return pieces[0]
    times = np.concatenate([piece[0] for piece in pieces])
    values = np.concatenate([piece[1] for piece in pieces])
    order = np.argsort(times, kind="stable")
    order = order[np.concatenate(([True], np.diff(times[order]) != 0))] if len(order) else order
    found: Objects | None = None
    if any(piece[2] is not None for piece in pieces):
        found = np.concatenate(
            [np.full(len(p[0]), None, dtype=object) if p[2] is None else p[2] for p in pieces]
        )[order]  # fmt: skip
    return times[order], values[order], found


class Overlay:
    """What rules see: the samples from outside, and those that the rules themselves have made.

    With `merge` false a series from outside that is called as one of the rules' own counts only up to `start_ms`:
    afterwards the replay's own stand for it.
    """

    def __init__(self, made: Sequence[Made], start_ms: int, *, merge: bool) -> None:
        self.made, self.start_ms, self.merge = made, start_ms, merge
        self._makers: dict[tuple[Matcher, ...], tuple[Made, ...]] = {}

    def makers(self, matchers: tuple[Matcher, ...]) -> tuple[Made, ...]:
        """Whose series a selector may see."""
        found = self._makers.get(matchers)
        if found is None:
            found = self._makers[matchers] = tuple(one for one in self.made if one.may_match(matchers))
        return found

    def touches(self, matchers: tuple[Matcher, ...]) -> bool:
        """Whether a selector may see a series of the rules' own."""
        return bool(self.makers(matchers))

    def seen(self, outside: Columns, selection: Selection, viewer: int, at_ms: int | None) -> Columns:
        """`outside` and the rules' own series together, as the rule `viewer` sees them.

        At `at_ms` it sees what rules before it have made at that instant, and of itself and later ones only what
        they had made before; None: everything there is.
        """
        parts: list[tuple[Labels, Part]] = []
        for index, labels in enumerate(outside.labels):
            first, last = int(outside.offsets[index]), int(outside.offsets[index + 1])
            if not self.merge and self._is_own(labels):
                last = first + int(np.searchsorted(outside.times[first:last], self.start_ms - self._own_offset(labels)))
            found = None if outside.histograms is None else outside.histograms[first:last]
            if last > first:
                parts.append((labels, (outside.times[first:last], outside.values[first:last], found)))
        for one in self.makers(selection.matchers):
            end = selection.end_ms
            if at_ms is not None:
                end = min(end, at_ms - one.offset_ms - (one.order >= viewer))
            for labels, row in one.rows.items():
                if matches(selection.matchers, labels):
                    part = row.between(selection.start_ms, end)
                    if len(part[0]):
                        parts.append((labels, part))
        return joined(parts)

    def _is_own(self, labels: Labels) -> bool:
        return any(one.may_match([Matcher(n, "=", v) for n, v in labels.items() if n in ("__name__", "alertname")])
                   for one in self.made)  # fmt: skip

    def _own_offset(self, labels: Labels) -> int:
        name = labels.get("__name__", "")
        return max((one.offset_ms for one in self.made if name in one.names), default=0)
