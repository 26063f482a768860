"""The states of one rule's alerts over many instants at once: `rules.advance`, run over columns.

A test holds the two against each other: over any history they give the same states at the same instants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: the series' own labels, its value and when; templates are expanded with these."""

    series: Labels
    value: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Open:
    """An alert that is pending or firing: since when, what was seen when it began (or, firing, when it fired), and
    since when its expression no longer holds."""

    active_at_ms: int
    seen: Seen
    fired_at_ms: int | None = None
    absent_since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """An alert that is over: resolved, or forgotten while it was pending."""

    labels: Labels
    was: Open
    at_ms: int


@dataclass(frozen=True, slots=True)
class Span:
    """In which instants of a block an alert was active: begin … end (exclusive), firing from `fired` on."""

    labels: Labels
    active_at_ms: int
    begin: int
    fired: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One alert's instants in a block: whether the expression held, and of which series and value.

    `source[j]` is the row of `series` and `values` that it came from.
    """

    labels: Labels
    present: Bools
    source: Int64s | int


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What a rule's expression gave at instants that succeeded: the rows, and what they were made of."""

    instants_ms: Int64s
    rows: tuple[Row, ...]
    series: tuple[Labels, ...]
    values: Float64s

    def part(self, begin: int, end: int) -> Block:
        """The instants from `begin` to before `end`."""
        cut = slice(begin, end)
        rows = tuple(
            Row(row.labels, row.present[cut], row.source if isinstance(row.source, int) else row.source[cut])
            for row in self.rows
        )
        return Block(self.instants_ms[cut], rows, self.series, self.values[:, cut])

    def seen(self, row: Row, column: int) -> Seen:
        """What was seen of `row` at one instant."""
        source = row.source if isinstance(row.source, int) else int(row.source[column])
        return Seen(self.series[source], float(self.values[source, column]), int(self.instants_ms[column]))


@dataclass(frozen=True, slots=True)
class Absorbed:
    """The state after a block, what ended in it, and when each alert was active."""

    open: dict[Labels, Open]
    ended: tuple[Ended, ...]
    spans: tuple[Span, ...]

    def active(self, count: int) -> Int64s:
        """How many alerts are pending or firing at each of `count` instants."""
        steps = np.zeros(count + 1, dtype=np.int64)
        for span in self.spans:
            steps[span.begin] += 1
            steps[span.end] -= 1
        return np.cumsum(steps[:-1])


def absorb(before: Mapping[Labels, Open], block: Block, for_ms: int, keep_ms: int) -> Absorbed:
    """The states after `block`, given those before it. Pure: `before` stays as it is."""
    after: dict[Labels, Open] = {}
    ended: list[Ended] = []
    spans: list[Span] = []
    nothing = np.zeros(len(block.instants_ms), dtype=bool)
    rows = {row.labels: row for row in block.rows}
    rows |= {labels: Row(labels, nothing, 0) for labels in before if labels not in rows}
    for labels, row in rows.items():
        walk = _Walk(block, row, for_ms, keep_ms, before.get(labels))
        walk.run()
        ended += walk.ended
        spans += walk.spans
        if walk.open is not None:
            after[labels] = walk.open
    return Absorbed(after, tuple(ended), tuple(spans))


class _Walk:
    """One alert through the instants of a block: from run to run of instants at which its expression held."""

    def __init__(self, block: Block, row: Row, for_ms: int, keep_ms: int, before: Open | None) -> None:
        self.block, self.row, self.for_ms, self.keep_ms = block, row, for_ms, keep_ms
        self.times = block.instants_ms
        self.open = before
        self.begin = self.fired = 0
        self.ended: list[Ended] = []
        self.spans: list[Span] = []

    def run(self) -> None:
        count = len(self.times)
        if self.open is not None and self.open.fired_at_ms is None:
            self.fired = count
        begins, ends = runs(self.row.present)
        if self.open is not None:
            self.absent(0, begins[0] if begins else count)
        for index, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            self.present(begin, end)
            self.absent(end, begins[index + 1] if index + 1 < len(begins) else count)
        if self.open is not None:
            self.close_span(count)

    def present(self, begin: int, end: int) -> None:
        """The expression holds from `begin` to before `end`."""
        found = self.open
        if found is None:
            seen = self.block.seen(self.row, begin)
            found = Open(seen.at_ms, seen)
            self.begin, self.fired = begin, len(self.times)
        elif found.absent_since_ms is not None:
            found = replace(found, absent_since_ms=None)
        if found.fired_at_ms is None:
            at = self.first(begin, found.active_at_ms + self.for_ms)
            if at < end:
                found = replace(found, fired_at_ms=int(self.times[at]), seen=self.block.seen(self.row, at))
                self.fired = at
        self.open = found

    def absent(self, begin: int, end: int) -> None:
        """The expression does not hold from `begin` to before `end`."""
        found = self.open
        if found is None or begin >= end:
            return
        at = begin
        if found.fired_at_ms is not None and self.keep_ms:
            since = found.absent_since_ms if found.absent_since_ms is not None else int(self.times[begin])
            at = self.first(begin, since + self.keep_ms)
            if at >= end:
                self.open = replace(found, absent_since_ms=since)
                return
        self.ended.append(Ended(self.row.labels, found, int(self.times[at])))
        self.close_span(at)
        self.open = None

    def first(self, begin: int, at_ms: int) -> int:
        """The first instant from `begin` on that is not before `at_ms`."""
        return max(begin, int(np.searchsorted(self.times, at_ms)))

    def close_span(self, end: int) -> None:
        assert self.open is not None
        if end > self.begin:
            fired = min(self.fired, end)
            self.spans.append(Span(self.row.labels, self.open.active_at_ms, self.begin, fired, end))


def runs(present: Bools) -> tuple[list[int], list[int]]:
    """Where stretches of true begin, and where they end (exclusive)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], present, [False])).astype(np.int8)))
    return edges[0::2].tolist(), edges[1::2].tolist()


def absorb_limited(
    before: Mapping[Labels, Open], block: Block, for_ms: int, keep_ms: int, limit: int
) -> tuple[Absorbed, Sequence[int]]:
    """As `absorb`, but an instant at which more than `limit` alerts would be active fails and changes nothing.

    Returns the indices of those instants too. (Prometheus forgets all alerts of the rule then; we keep them: what
    is unknown has not ended.) Spans of an alert may come in several pieces.
    """
    whole = absorb(before, block, for_ms, keep_ms)
    if not limit or not (whole.active(len(block.instants_ms)) > limit).any():
        return whole, ()
    state, ended, spans, failed = dict(before), list[Ended](), list[Span](), list[int]()
    begin, size, count = 0, 1, len(block.instants_ms)
    while begin < count:
        end = min(begin + size, count)
        piece = absorb(state, block.part(begin, end), for_ms, keep_ms)
        over = np.flatnonzero(piece.active(end - begin) > limit)
        size *= 2
        if over.size:
            failed.append(begin + int(over[0]))
            piece = absorb(state, block.part(begin, begin + int(over[0])), for_ms, keep_ms)
            end, size = begin + int(over[0]), 1
        state = piece.open
        ended += piece.ended
        spans += [replace(s, begin=s.begin + begin, fired=s.fired + begin, end=s.end + begin) for s in piece.spans]
        begin = end + 1 if over.size else end
    return Absorbed(state, tuple(ended), tuple(spans)), failed
