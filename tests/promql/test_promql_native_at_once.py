"""Native histograms of one layout are computed all at once; it must come to the same as one by one."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.promql import native_script

from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, Result, Settings, evaluate
from sereno.promql.native import CUSTOM_BOUNDS, Buckets, Histogram
from sereno.promql.native_math import compact, hinted
from sereno.promql.native_notation import Noted
from sereno.promql.native_stack import Stack

S = 1000
EXPRESSIONS = (
    "rate(h[1m])",
    "increase(h[40s])",
    "delta(h[2m])",
    "sum_over_time(h[1m])",
    "avg_over_time(h[50s])",
    "sum(h)",
    "avg by (zone) (h)",
    "sum(rate(h[1m]))",
    "resets(h[2m])",
    "histogram_quantile(0.3, h)",
    "histogram_quantile(scalar(q), rate(h[1m]))",
    "histogram_quantile(1, sum by (zone) (h))",
    "histogram_count(rate(h[1m]))",
    "histogram_fraction(-0.4, scalar(q) * 3, h)",
    "histogram_fraction(-Inf, 1.7, rate(h[1m]))",
    "histogram_sum(sum(rate(h[1m])))",
)


@st.composite
def fleets(draw):
    """A few series of histograms, mostly of one layout, that count up, restart, pause and change their shape."""
    custom = draw(st.booleans())
    rows = []
    for number in range(draw(st.integers(1, 3))):
        labels = Labels(__name__="h", pod=str(number), zone="xy"[number % 2])
        rows.append(
            (labels, draw(_series(custom, odd=draw(st.sampled_from(["", "", "shape", "float", "hint", "short"])))))
        )
    rows.append((Labels(__name__="q"), {at * 15 * S: draw(st.sampled_from([0.0, 0.5, 0.9, 1.0])) for at in range(20)}))
    return rows


@st.composite
def _series(draw, custom, odd):
    width = draw(st.integers(1, 5))
    edge = 0.0 if custom else draw(st.sampled_from([0.0, 0.001, 1.0]))
    counts, below, zero = np.zeros(width), np.zeros(2), 0.0
    points = {}
    for step in range(draw(st.integers(2, 14))):
        if draw(st.integers(0, 9)) == 0:
            counts, below, zero = np.zeros(width), np.zeros(2), 0.0
        counts = counts + draw(st.lists(st.integers(0, 3), min_size=width, max_size=width))
        if not custom:
            below, zero = below + draw(st.integers(0, 1)), zero + draw(st.integers(0, 1))
        total = float(counts.sum() + (0 if custom else below.sum() + zero)) + (odd == "short")
        shape = odd == "shape" and draw(st.integers(0, 4)) == 0
        if draw(st.integers(0, 9)) == 0:
            continue
        if odd == "float" and draw(st.integers(0, 5)) == 0:
            points[step * 15 * S] = float(step)
            continue
        h = Histogram(
            CUSTOM_BOUNDS if custom else 1 - shape, total, math.nan if odd == "shape" and shape else total * (1.7 - step / 4), edge, zero,
            Buckets(np.arange(width) + (0 if custom else 1), counts.copy()),
            Buckets() if custom else Buckets(np.array([1, 2]), below.copy()),
            tuple(float(x) for x in range(1, width + shape)) if custom else (),
        )  # fmt: skip
        points[step * 15 * S] = (
            hinted(h, draw(st.sampled_from(["gauge", "reset", "not_reset"]))) if odd == "hint" else h
        )
    return points or {0: 1.0}


def columns(rows) -> Columns:
    cells = [points[at] for _, points in rows for at in sorted(points)]
    native = np.full(len(cells), None, dtype=object)
    for index, value in enumerate(cells):
        native[index] = value if isinstance(value, Histogram) else None
    return Columns(
        tuple(labels for labels, _ in rows),
        np.concatenate(([0], np.cumsum([len(points) for _, points in rows]))).astype(np.int64),
        np.array([at for _, points in rows for at in sorted(points)], dtype=np.int64),
        np.array([0.0 if isinstance(value, Histogram) else value for value in cells]),
        native,
    )


def compare(one: Result, two: Result) -> None:
    assert one.labels == two.labels
    assert (one.present == two.present).all()
    assert (one.warnings, one.infos) == (two.warnings, two.infos)
    for row, column in np.argwhere(one.present).tolist():
        a, b = (None if r.histograms is None else r.histograms[row, column] for r in (one, two))
        if a is None:
            assert b is None
            x, y = one.values[row, column], two.values[row, column]
            assert x == pytest.approx(y, rel=1e-12, abs=1e-15, nan_ok=True), (row, column)
        else:
            assert a.reset == b.reset
            assert native_script.alike(Noted(a, True), b)
            assert compact(a).positive.counts.tolist() == pytest.approx(compact(b).positive.counts.tolist(), rel=1e-12)


@settings(max_examples=80, deadline=None)
@given(fleets(), st.sampled_from(EXPRESSIONS), st.sampled_from([2, 3]))
def test_at_once_is_as_one_by_one(rows, expr, dialect):
    store, grid = native_script.NativeStore(columns(rows)), Grid(0, 240 * S, 10 * S)
    options = Settings(dialect=dialect)
    with mock.patch("sereno.promql.native_functions._MANY", 1), mock.patch("sereno.promql.native_aggregate._FEW", 1):
        together = evaluate(expr, grid, store.select, settings=options)
    with mock.patch.object(Stack, "of", staticmethod(lambda histograms: None)):
        apart = evaluate(expr, grid, store.select, settings=options)
    compare(together, apart)


@settings(max_examples=25, deadline=None)
@given(fleets(), st.sampled_from(EXPRESSIONS))
def test_a_range_is_what_its_instants_are(rows, expr):
    store, grid = native_script.NativeStore(columns(rows)), Grid(30 * S, 210 * S, 45 * S)
    whole = evaluate(expr, grid, store.select, settings=Settings(dialect=3))
    for column, instant in enumerate(grid.instants_ms.tolist()):
        single = evaluate(expr, Grid.at(instant), store.select, settings=Settings(dialect=3))
        there = {whole.labels[row]: row for row in np.flatnonzero(whole.present[:, column])}
        assert there.keys() == {single.labels[row] for row in np.flatnonzero(single.present[:, 0])}
        for row, labels in enumerate(single.labels):
            if not single.present[row, 0]:
                continue
            a = None if single.histograms is None else single.histograms[row, 0]
            b = None if whole.histograms is None else whole.histograms[there[labels], column]
            assert (a is None) == (b is None)
            if a is not None:
                assert native_script.alike(Noted(a, False), b)
            else:
                x, y = single.values[row, 0], whole.values[there[labels], column]
                assert x == pytest.approx(y, rel=1e-12, abs=1e-15, nan_ok=True)


def test_a_table_holds_what_the_histograms_held():
    a = Histogram(0, 3, 4.5, 0.5, 1, Buckets(np.array([1, 4]), np.array([1.0, 2])), Buckets(np.array([2]), np.ones(1)))
    b = Histogram(0, 9, 1.0, 0.5, 0, Buckets(np.array([3]), np.array([7.0])), Buckets())
    stack = Stack.of([a, b])
    assert stack.table.tolist() == [[3, 4.5, 1, 1, 0, 2, 1], [9, 1, 0, 0, 7, 0, 0]]
    again = stack.histograms(stack.table, ["gauge", "unknown"])
    assert [h.positive.index.tolist() for h in again] == [[1, 4], [3]]
    assert [h.reset for h in again] == ["gauge", "unknown"]
    assert Stack.of([a, hinted(b, "reset"), Histogram(1, 1, 1)]) is None
    assert Stack.of([]) is None
