"""Compiled kernels and NumPy give the same bits; and neither is fooled by what no arithmetic likes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.promql.prometheus_peer import Store, generated
from tests.promql.test_promql_against_prometheus import EXPRESSIONS, GRIDS

from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql import STALE, Columns, Grid, Result, Settings, evaluate, kernels

COMPILED = kernels.native
"""The compiled kernels of this checkout, if there are any."""

both = pytest.mark.skipif(
    COMPILED is None, reason="the kernels are not compiled (scripts/kernels needs a C compiler and Python.h)"
)

FUNCTIONS = (
    "rate", "increase", "delta", "irate", "idelta", "resets", "changes", "sum_over_time", "avg_over_time",
    "min_over_time", "max_over_time", "count_over_time", "last_over_time", "stddev_over_time", "stdvar_over_time",
    "deriv",
)  # fmt: skip
OTHERS = ("predict_linear(m[{w}], 60)", "quantile_over_time(0.7, m[{w}])", "m", "sum(m)", "sum by (i) (rate(m[{w}]))",
          "avg(sum_over_time(m[{w}]))", "max by (i) (increase(m[{w}]))", "count(delta(m[{w}]))")  # fmt: skip

ODD = (0.0, -0.0, math.nan, math.inf, -math.inf, float(STALE), 1e308, -1e308, 5e-324, 1e-300, 2.0**53)
PAYLOAD = np.array([0x7FF8000000000123], dtype=np.uint64).view(np.float64)[0]
values = st.one_of(st.integers(0, 100).map(float), st.sampled_from(ODD), st.floats(-1e6, 1e6), st.just(float(PAYLOAD)))


def with_kernels(which: object, act: Callable[[], Result]) -> Result | str:
    """What comes of `act` with the kernels `which`: a result, or the words of the refusal."""
    before, kernels.native = kernels.native, which  # type: ignore[assignment]
    try:
        return act()
    except QueryError as error:
        return error.message
    finally:
        kernels.native = before


SELECTING = ("m", "last_over_time", "first_over_time", "min_over_time", "max_over_time", "topk", "bottomk")
"""What hands samples on as they are: there a NaN keeps its bits. What IEEE 754 leaves open, which of two NaNs comes
out of an addition, is left open here too."""


def bits(result: Result | str, *, nans: bool) -> object:
    """All that a result says; NaNs by their bits or not."""
    if isinstance(result, str):
        return result
    shown = np.where(result.present, result.values, 0.0)
    if not nans:
        shown[np.isnan(shown)] = np.nan
    return result.labels, result.present.tolist(), shown.view(np.uint64).tolist()


def same(expr: str, grid: Grid, store: Store, dialect: int) -> None:
    def act() -> Result:
        return evaluate(expr, grid, store.select, settings=Settings(dialect=dialect))  # type: ignore[arg-type]

    nans = expr.split("(")[0] in SELECTING
    assert bits(with_kernels(COMPILED, act), nans=nans) == bits(with_kernels(None, act), nans=nans), expr


@both
@pytest.mark.parametrize("dialect", [2, 3])
@pytest.mark.parametrize("grid", ["range-37s", "range-1m", "instant-late"])
def test_every_expression_has_the_same_bits(grid: str, dialect: int) -> None:
    store = Store.of(generated(11))
    for expr in EXPRESSIONS:
        same(expr, GRIDS[grid], store, dialect)


@both
@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(values, min_size=1, max_size=90), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
    st.sampled_from([name + "(m[{w}])" for name in FUNCTIONS] + list(OTHERS)),
    st.sampled_from(["15s", "40s", "5m", "20m"]),
    st.sampled_from([1, 3, 64, 65, 150]),
    st.sampled_from([2, 3]),
)
@example([[0.0, -0.0, 0.0, math.nan, -0.0]], 1, "max_over_time(m[{w}])", "40s", 65, 2)
@example([[math.nan, float(PAYLOAD)]], 1, "min_over_time(m[{w}])", "5m", 65, 2)
@example([[5.0]], 1, "rate(m[{w}])", "5m", 65, 2)
@example([[float(STALE)] * 3], 1, "rate(m[{w}])", "5m", 65, 2)
@example([[1.0, float(STALE)] * 5], 1, "m", "5m", 65, 2)
def test_whatever_the_samples(
    rows: list[list[float]], seed: int, form: str, window: str, steps: int, dialect: int
) -> None:
    """NaN payloads, −0, infinities, markers, resets, single samples, windows that are empty, series that share their
    times and series that do not."""
    rng = np.random.default_rng(seed)
    shared = np.cumsum(rng.integers(1, 30_000, 90))
    made = []
    for row, numbers in enumerate(rows):
        times = shared if row % 2 else np.cumsum(rng.integers(1, 30_000, 90))
        made.append((Labels(__name__="m", i=str(row % 2), n=str(row)), times[: len(numbers)], np.array(numbers)))
    step = max(1, int(rng.integers(1, 2_000_000)) // steps)
    begin = int(rng.integers(-100_000, 300_000))
    same(form.format(w=window), Grid(begin, begin + (steps - 1) * step, step), Store.of(made), dialect)


@pytest.mark.parametrize("which", [None, COMPILED])
def test_of_equals_the_first_is_the_extreme(which: object) -> None:
    """As Prometheus has it: 0 and −0 are equal; of nothing but NaN the last."""
    times = np.arange(100) * 1000
    column = np.resize(np.array([0.0, -0.0, -0.0]), 100)
    column[50:] = math.nan
    column[99] = PAYLOAD
    store = Store.of([(Labels(__name__="m"), times, column)])
    for function in ("max_over_time", "min_over_time"):
        result = with_kernels(which, lambda f=function: evaluate(f"{f}(m[5s])", Grid(0, 99_000, 1000), store.select))  # type: ignore[misc]
        assert isinstance(result, Result)
        expected = [column[max(0, i - 5)] for i in range(50)]
        assert np.signbit(result.values[0, :50]).tolist() == np.signbit(expected).tolist()
        assert result.values[0, 99:].view(np.int64) == column[99:].view(np.int64)


@both
def test_wrong_arguments_end_in_an_exception() -> None:
    assert COMPILED is not None
    f, i = np.zeros(4), np.zeros(4, dtype=np.int64)
    wrong: list[tuple[type[Exception], Callable[[], object]]] = [
        (TypeError, lambda: COMPILED.falls(i, i)),
        (ValueError, lambda: COMPILED.falls(f, i[:3].copy())),
        (BufferError, lambda: COMPILED.falls(b"12345678", i)),
        (ValueError, lambda: COMPILED.windows(i, np.array([0, 9]), i, i, i.copy(), i.copy())),
        (ValueError, lambda: COMPILED.windows(i, np.array([3, 1]), i, i, i.copy(), i.copy())),
        (ValueError, lambda: COMPILED.extremes(f, i, i + 5, 4, True, f.copy())),
        (ValueError, lambda: COMPILED.extremes(f, i[::-1].copy() - 1, i, 4, True, f.copy())),
        (ValueError, lambda: COMPILED.latest(f[:0], i, i, f.copy(), np.zeros(4, dtype=bool))),
        (ValueError, lambda: COMPILED.line(i, f, i, i + 9, i, f, f.copy(), f.copy(), f.copy())),
        (ValueError, lambda: COMPILED.undelta(b"", b"", 1 << 61, 1 << 61, 1, 1.0, f)),
        (ValueError, lambda: COMPILED.undelta(bytes(8), bytes(2), 1, 4, 1, 1.0, f)),
        (ValueError, lambda: COMPILED.unxor(bytes(8), bytes(7), 1, 2, f[:2].copy())),
    ]
    for error, call in wrong:
        with pytest.raises((error, TypeError, ValueError)):
            call()


@both
@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 40),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from([0, 1, 3, 9]),
    st.integers(0, 2**32 - 1),
)
def test_chunks_are_decoded_alike(rows: int, columns: int, width: int, scale: int, seed: int) -> None:
    """By the definition: differences summed as 64-bit integers; changes of bits undone one after the other."""
    rng = np.random.default_rng(seed)
    base = rng.integers(-(2**62), 2**62, rows)
    kind = np.dtype(f"<i{width}")
    info = np.iinfo(kind)
    moves = rng.integers(info.min, info.max, (rows, columns - 1), dtype=kind, endpoint=True)
    shuffled = np.ascontiguousarray(moves).reshape(-1).view(np.uint8).reshape(-1, width).T.tobytes()
    whole = np.concatenate((base[:, None], moves.astype(np.int64)), axis=1)
    with np.errstate(all="ignore"):
        expected = np.cumsum(whole, axis=1).astype(np.float64) / 10.0**scale
    found = kernels.decimals(base.tobytes(), shuffled, rows, columns, width, 10.0**scale)
    assert found is not None
    assert (found.view(np.uint64) == expected.view(np.uint64)).all()
    if width == 8:
        numbers = np.bitwise_xor.accumulate(whole.view(np.uint64), axis=1)
        floats = kernels.xored(base.tobytes(), shuffled, rows, columns)
        assert floats is not None
        assert (floats.view(np.uint64) == numbers).all()


def test_kernels_that_are_asked_for_are_there() -> None:
    if os.environ.get("SERENO_KERNELS") == "native":
        assert COMPILED is not None, "SERENO_KERNELS=native, and scripts/kernels did not compile them"


def test_without_compiled_kernels_there_is_nothing_to_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "native", None)
    assert kernels.name() == "python"
    one = Columns.of([(Labels(__name__="m"), np.array([0, 15_000]), np.array([1.0, 4.0]))])
    ((_, found),) = evaluate("increase(m[15s])", Grid.at(15_000), lambda _: one).instant()
    assert found == 3.0
