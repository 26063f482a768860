"""When an outage really was: found in the events, whatever noticed it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Selection
from sereno.slo import harm
from sereno.spec.model import EventsSli, Objective, Slo

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SLO = Slo(
    "availability", Objective("99.9%", Decimal("0.999")), timedelta(days=30),
    EventsSli('requests_total{job="a"}', 'requests_total{job="a",status="500"}', None),
)  # fmt: skip


def traffic(bad_of_minute):
    """Ten events a minute for an hour; `bad_of_minute(i)` of them fail."""
    times = int(START.timestamp() * 1000) + np.arange(61, dtype=np.int64) * 60_000
    bad = np.cumsum([0] + [bad_of_minute(i) for i in range(60)]).astype(float)
    good = np.arange(61) * 10.0 - bad
    base = {"__name__": "requests_total", "job": "a", "instance": "x"}
    series = [(Labels(base, status="200"), times, good), (Labels(base, status="500"), times, bad)]

    def select(selection: Selection) -> Columns:
        only_bad = any(m.name == "status" for m in selection.matchers)
        return Columns.of(series[1:] if only_bad else series)

    return select


@pytest.mark.parametrize(
    ("bad_of_minute", "minutes"),
    [
        (lambda i: 10 if 20 <= i < 25 else 0, (20, 25)),  # a total outage of five minutes
        (lambda i: 10 if i in (20, 22, 24) else 0, (20, 25)),  # flapping is one outage
        (lambda i: 2 if 20 <= i < 50 else 0, (20, 50)),  # a fifth fails for half an hour
        (lambda i: 10 if i == 59 else 0, (59, 60)),  # it lasts
        (lambda i: 0, None),  # nothing happened
    ],
)
def test_the_outage_is_where_the_events_failed(bad_of_minute, minutes):
    found = harm(SLO, traffic(bad_of_minute), START, START + timedelta(hours=1))
    expected = minutes and tuple(START + timedelta(minutes=m) for m in minutes)
    assert found == expected
