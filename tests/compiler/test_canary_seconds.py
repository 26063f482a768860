"""A new version is judged once it had as many events as were asked for, over any window."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sereno.compiler.canary_queries import judges_of
from sereno.spec.model import EventsSli, Objective, Service, Slo
from sereno.spec.model_delivery import Canary


@pytest.mark.parametrize(("over", "seconds"), [(timedelta(minutes=5), "300"), (timedelta(seconds=90.5), "90.5")])
def test_a_rate_is_made_events_by_the_seconds_of_its_window(over: timedelta, seconds: str) -> None:
    slo = Slo("a", Objective("99%", Decimal("0.99")), timedelta(days=30), EventsSli("r_total", "b_total", None))
    canary = Canary("argo", (), ("a",), over=over, events_min=20)
    (judge,) = judges_of(Service("s", "t", slos=(slo,)), canary, {"version": "new"})
    assert f"* {seconds} >= 20" in judge.query
