"""From the value of a rule's expression to the rule's own series: labels put on, collisions and limits found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sereno.alerts.track import Block, Bools, Row, Span
from sereno.kernel.labels import Labels
from sereno.kernel.template import TemplateContext, expand, varies
from sereno.promql import Result
from sereno.promql.columns import Float64s, Int64s, Objects
from sereno.spec.rule_groups import GroupRule

DUPLICATE_SERIES = "vector contains metrics with the same labelset after applying rule labels"
DUPLICATE_ALERTS = "vector contains metrics with the same labelset after applying alert labels"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The instants that succeeded with what there was, and those that failed with the reason."""

    block: Block
    failed: tuple[tuple[int, str], ...] = ()
    histograms: Objects | None = None

    @property
    def instants_ms(self) -> Int64s:
        """The instants that succeeded."""
        return self.block.instants_ms


def judge(rule: GroupRule, limit: int, instants_ms: Int64s, result: Result, context: TemplateContext) -> Outcome:
    """What `result`, the value of the rule's expression at `instants_ms`, is as the rule's series.

    An instant fails at which two series end with the same labels, or at which there are more than `limit` (0: any
    number).
    """
    rows = _rows(rule, result, instants_ms, context)
    counts = np.zeros(len(instants_ms), dtype=np.int64)
    clash = np.zeros(len(instants_ms), dtype=bool)
    merged: list[Row] = []
    for labels, parts in rows.items():
        merged.append(_one(labels, parts, clash))
        counts += merged[-1].present
    over = (counts > limit) & ~clash if limit else np.zeros(len(counts), dtype=bool)
    why = DUPLICATE_SERIES if rule.kind == "record" else DUPLICATE_ALERTS
    block = Block(instants_ms, tuple(merged), result.labels, result.values)
    if not (clash | over).any():
        return Outcome(block, (), result.histograms)
    failed = [(int(at), why) for at in instants_ms[clash]]
    failed += [
        (int(at), f"exceeded limit of {limit} with {count} series")
        for at, count in zip(instants_ms[over], counts[over], strict=True)
    ]
    good = ~(clash | over)
    kept = tuple(
        Row(row.labels, row.present[good], row.source if isinstance(row.source, int) else row.source[good])
        for row in merged
    )
    histograms = None if result.histograms is None else result.histograms[:, good]
    return Outcome(Block(instants_ms[good], kept, result.labels, result.values[:, good]), tuple(failed), histograms)


def _one(labels: Labels, parts: Sequence[tuple[int, Bools]], clash: Bools) -> Row:
    """Series that have become alike as one, noting where two of them have a value at the same instant."""
    if len(parts) == 1:
        return Row(labels, parts[0][1], parts[0][0])
    present = np.zeros(len(clash), dtype=bool)
    source = np.zeros(len(clash), dtype=np.int64)
    for row, here in parts:
        clash |= present & here
        source[here] = row
        present |= here
    return Row(labels, present, source)


Rows = dict[Labels, list[tuple[int, Bools]]]


def _rows(rule: GroupRule, result: Result, instants_ms: Int64s, context: TemplateContext) -> Rows:
    """By final labels, the rows of the result and where they have a value."""
    found: Rows = {}
    if rule.kind == "record":
        for row, labels in enumerate(result.labels):
            if result.present[row].any():
                found.setdefault(recorded_labels(rule, labels), []).append((row, result.present[row]))
    elif not any(map(varies, rule.labels.values())):
        for row, labels in enumerate(result.labels):
            if result.present[row].any():
                found.setdefault(alert_labels(rule, labels, 0.0, context), []).append((row, result.present[row]))
    else:
        for row, labels in enumerate(result.labels):
            _note_each(found, rule, row, labels, result, instants_ms, context)
    return found


def _note_each(
    found: Rows, rule: GroupRule, row: int, labels: Labels, result: Result, instants_ms: Int64s,
    context: TemplateContext,
) -> None:  # fmt: skip
    """Where labels depend on the value each instant may give another alert."""
    mine: dict[Labels, Bools] = {}
    for column in np.flatnonzero(result.present[row]):
        at = replace(context, at_ms=int(instants_ms[column]))
        final = alert_labels(rule, labels, float(result.values[row, column]), at)
        mine.setdefault(final, np.zeros(len(instants_ms), dtype=bool))[column] = True
    for final, present in mine.items():
        found.setdefault(final, []).append((row, present))


@lru_cache(maxsize=8192)
def recorded_labels(rule: GroupRule, series: Labels) -> Labels:
    """The labels of the series that a recording rule makes of one of its expression's."""
    return series.merged({"__name__": rule.name, **rule.labels})


def alert_labels(rule: GroupRule, series: Labels, value: float, context: TemplateContext) -> Labels:
    """The labels of the alert for one series: the series' own, then the rule's, then its name."""
    own = {name: expand(text, series, value, context) for name, text in rule.labels.items()}
    return series.without("__name__").merged(own).with_(alertname=rule.name)


Made = Iterator[tuple[Labels, Bools, Float64s, npt.NDArray[Any] | None]]


def recorded_rows(outcome: Outcome) -> Made:
    """The series that a recording rule has made."""
    block, histograms = outcome.block, outcome.histograms
    columns = np.arange(len(block.instants_ms))
    for row in block.rows:
        shown = None if histograms is None else histograms[row.source, columns]
        yield row.labels, row.present, block.values[row.source, columns], shown


def alert_rows(spans: Sequence[Span], count: int, kept: Bools) -> Made:
    """ALERTS and ALERTS_FOR_STATE of alerts active in a block of `count` instants; of them only those `kept`."""
    present: dict[Labels, Bools] = {}
    values: dict[Labels, Float64s] = {}

    def mark(labels: Labels, begin: int, end: int, value: float) -> None:
        if begin < end:
            present.setdefault(labels, np.zeros(count, dtype=bool))[begin:end] = True
            values.setdefault(labels, np.zeros(count))[begin:end] = value

    for span in spans:
        state = span.labels.with_(__name__="ALERTS", alertstate="pending")
        mark(state, span.begin, span.fired, 1.0)
        mark(state.with_(alertstate="firing"), span.fired, span.end, 1.0)
        since = float(span.active_at_ms // 1000)
        mark(span.labels.with_(__name__="ALERTS_FOR_STATE"), span.begin, span.end, since)
    for labels, here in present.items():
        yield labels, here[kept], values[labels][kept], None
