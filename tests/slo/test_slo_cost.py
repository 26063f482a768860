"""A month of a busy service is counted in a blink."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pytest
from tests.slo.fleet import NOON, promise

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import Columns, Selection
from sereno.slo import budget, burn_chart

SAMPLES = 30 * 24 * 240 + 20


@pytest.fixture(scope="module")
def month() -> Columns:
    """40 series of 4 targets, 30 days at 15 s, restarts now and then, one series in ten of errors."""
    dice = np.random.default_rng(7)
    series = []
    for instance in range(4):
        times = to_ms(NOON) - np.arange(SAMPLES)[::-1] * 15_000
        for number in range(10):
            values = np.cumsum(dice.poisson(3 if number else 0.05, SAMPLES)).astype(np.float64)
            for restart in np.sort(dice.integers(1, SAMPLES, 5)):
                values[restart:] -= values[restart - 1]
            status = str(200 + number) if number else "500"
            labels = Labels(__name__="http_requests_total", job="shop", instance=str(instance), status=status)
            series.append((labels, times, values))
    return Columns.of(series)


@pytest.mark.parametrize("compute", [budget, burn_chart])
def test_forty_series_of_thirty_days_take_a_third_of_a_second_at_most(month: Columns, compute) -> None:  # type: ignore[no-untyped-def]
    errors = Columns.of([(l, *month.series(i)) for i, l in enumerate(month.labels) if l["status"] == "500"])  # noqa: E741

    def select(selection: Selection) -> Columns:
        return errors if any(m.name == "status" for m in selection.matchers) else month

    began = time.process_time()
    found = compute("shop", promise("99%", timedelta(days=30)), select, NOON)
    spent = time.process_time() - began
    assert found.slo == "availability"
    assert spent < 0.3
