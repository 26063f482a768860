"""Running sums and ranks against sums in fractions, sample by sample: 1e-12, whatever the numbers are like."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, evaluate, moments, overtime
from sereno.promql.ranks import Ranks

COUNT, WINDOW = 500, 180


def shapes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 1, COUNT)
    steps = np.repeat([3.0, 7.0, 7.5], [200, 260, 40])
    return {
        "noise": noise,
        "small on a mountain": 1e9 + noise,
        "smaller on a higher one": 1e12 + noise * 1e-3,
        "a line": np.arange(COUNT) * 0.1 + 5,
        "a steep line with noise": np.arange(COUNT) * 1e6 + noise,
        "a disk that fills slowly": np.round(5e10 - np.arange(COUNT) * 1e4 + noise * 1e3),
        "steps": steps,
        "one value": np.full(COUNT, 0.1),
        "one other value": np.where(np.arange(COUNT) == 250, 2.0, 1.0),
        "of all sizes": noise * 10.0 ** rng.integers(-30, 30, COUNT),
        "huge": noise * 1e200,
        "tiny": noise * 1e-200,
        "with NaN": np.where(np.arange(COUNT) == 100, np.nan, noise),
        "with infinities": np.where(np.arange(COUNT) % 211 == 100, np.inf, noise),
    }


TIMES = np.cumsum(np.random.default_rng(9).integers(9_000, 21_000, COUNT)) + 1_767_225_600_000


def evaluated(values: np.ndarray, form: str) -> tuple[np.ndarray, np.ndarray]:
    """The values at every sample's time, and how many samples each window holds."""
    columns = Columns.of([(Labels(__name__="m"), TIMES, values)])
    step = 15_000
    grid = Grid(int(TIMES[0]) + 600_000, int(TIMES[-1]), step)
    result = evaluate(form.format(w=f"{WINDOW * 15}s"), grid, lambda _: columns)
    assert result.present.all()
    return result.values[0], grid.instants_ms


def windows(instants: np.ndarray, values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    low = np.searchsorted(TIMES, instants - WINDOW * 15_000, side="left")
    high = np.searchsorted(TIMES, instants, side="right")
    return [(TIMES[a:b], values[a:b]) for a, b in zip(low, high, strict=True)]


def exact_variance(values: np.ndarray) -> float:
    if not np.isfinite(values).all():
        return math.nan
    numbers = [Fraction(v) for v in values.tolist()]
    mean = sum(numbers) / len(numbers)
    try:
        return float(sum((v - mean) ** 2 for v in numbers) / len(numbers))
    except OverflowError:
        return math.inf


NOT_EXACT = ("huge", "with infinities", "small on a mountain", "smaller on a higher one", "a disk that fills slowly")
"""Overflows, and variances of which Prometheus's own arithmetic keeps fewer digits."""


@pytest.mark.parametrize("shape", [name for name in shapes() if name not in NOT_EXACT])
def test_variance(shape: str) -> None:
    values = shapes()[shape]
    found, instants = evaluated(values, "stdvar_over_time(m[{w}])")
    for (_, part), value in list(zip(windows(instants, values), found, strict=True))[::37]:
        assert value == pytest.approx(exact_variance(part), rel=1e-12, abs=1e-300, nan_ok=True)


def least_squares(times: np.ndarray, values: np.ndarray, origin: int) -> tuple[Fraction, Fraction]:
    x = [Fraction(int(t) - origin, 1000) for t in times]
    y = [Fraction(v) for v in values.tolist()]
    n = len(x)
    cov = sum(a * b for a, b in zip(x, y, strict=True)) - sum(x) * sum(y) / n
    slope = cov / (sum(a * a for a in x) - sum(x) ** 2 / n)
    return slope, (sum(y) - slope * sum(x)) / n


FINE = (
    "noise",
    "a line",
    "a steep line with noise",
    "steps",
    "one value",
    "one other value",
    "a disk that fills slowly",
)


@pytest.mark.parametrize("shape", FINE)
def test_lines(shape: str) -> None:
    """Where Prometheus's own arithmetic keeps that many digits; elsewhere it is followed step by step."""
    values = shapes()[shape]
    slopes, instants = evaluated(values, "deriv(m[{w}])")
    ahead, _ = evaluated(values, "predict_linear(m[{w}], 3600)")
    chosen = list(zip(windows(instants, values), slopes, ahead, instants.tolist(), strict=True))[::37]
    for (times, part), slope, value, instant in chosen:
        exact, at_end = least_squares(times, part, instant)
        size = float(np.ptp(part)) / 2700 + 1e-300
        assert slope == pytest.approx(float(exact), rel=1e-10, abs=1e-11 * size)
        assert value == pytest.approx(float(at_end + exact * 3600), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("shape", shapes())
@pytest.mark.parametrize("form", ["stdvar_over_time(m[{w}])", "deriv(m[{w}])", "predict_linear(m[{w}], 600)",
                                  "quantile_over_time(0.3, m[{w}])"])  # fmt: skip
def test_as_sample_by_sample(shape: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way that follows Prometheus step by step says the same."""
    values = shapes()[shape]
    quick, _ = evaluated(values, form)
    monkeypatch.setattr(moments, "WINDOW_MIN", 10**9)
    slow, _ = evaluated(values, form)
    atol = 1e-12 * np.abs(slow[np.isfinite(slow)]).max(initial=0) if form.startswith(("deriv", "predict")) else 0
    np.testing.assert_allclose(quick, slow, rtol=3e-12, atol=atol)


def test_the_cost_does_not_grow_with_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ordinary numbers next to nothing is walked through sample by sample."""
    walked: list[int] = []
    before = overtime._spread
    monkeypatch.setattr(
        overtime, "_spread", lambda lane, low, high: (walked.append(low.size), before(lane, low, high))[1]
    )
    for shape in ("noise", "steps", "one value", "a line"):
        evaluated(shapes()[shape], "stddev_over_time(m[{w}])")
    assert sum(walked) == 0
    evaluated(shapes()["with NaN"], "stddev_over_time(m[{w}])")
    assert sum(walked) > 0


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=True)), min_size=1, max_size=70),
    st.integers(0, 2**32 - 1),
)
def test_ranks_are_those_of_sorting(values: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    column = np.array(values)
    low = rng.integers(0, len(values), 40)
    high = low + 1 + (rng.random(40) * (len(values) - low)).astype(np.int64)
    k = (rng.random(40) * (high - low)).astype(np.int64)
    found = Ranks(column).smallest(low, high, k)
    for a, b, place, value in zip(low, high, k, found, strict=True):
        part = sorted(column[a:b].tolist(), key=lambda v: (not math.isnan(v), v))
        assert value == part[place] or (math.isnan(value) and math.isnan(part[place]))
