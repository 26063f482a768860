"""What must always hold of an account: stretches of time side by side add up to the one that covers them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.slo.minutes import minutes, promise

from sereno.kernel.moment import to_ms
from sereno.slo import Correction, Exclusions
from sereno.slo.account import account
from sereno.slo.spans import NOTHING
from sereno.spec.model import QuerySli, Slo

START = datetime(2026, 3, 2, tzinfo=UTC)
ALL = 'sum(rate(http_requests_total{job="shop"}[$window]))'
BAD = 'sum(rate(http_requests_total{job="shop",status=~"5.."}[$window]))'
DAY = timedelta(days=1)
KINDS = {
    "events": promise("99%", DAY),
    "slices": promise("99%", DAY, method="timeslices", slice_target=Decimal("0.9")),
    "ratios": promise("99%", DAY, method="ratio_timeslices"),
    "a query": promise("99%", DAY, sli=QuerySli(ALL, bad=BAD)),
    "slices of a query": promise(
        "99%", DAY, sli=QuerySli(ALL, bad=BAD), method="timeslices", slice_target=Decimal("0.9")
    ),
}
SELECT = minutes(START, 240, lambda i: i % 7, lambda i: 10 + i % 5, unseen=lambda i: 90 <= i < 100)
END_MS = 240 * 60_000
INSTANTS = st.lists(st.integers(0, END_MS), min_size=1, max_size=6, unique=True)
OUT = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), max_size=3)


@pytest.mark.parametrize("kind", KINDS)
@given(inside=INSTANTS, out=OUT)
def test_side_by_side_they_add_up(kind: str, inside: list[int], out: list[tuple[int, int]]) -> None:
    promised: Slo = KINDS[kind]
    corrections = tuple(
        Correction("co", "shop", None, START + timedelta(minutes=a), START + timedelta(minutes=a + n), "x", "a", START)
        for a, n in out
    )
    begin = to_ms(START)
    found = account("shop", promised, SELECT, begin, begin + END_MS, exclusions=Exclusions((), corrections))
    at = sorted({begin, *(begin + one for one in inside), begin + END_MS})
    parts = found.between(at)
    assert sum(parts, start=NOTHING) == found.over(begin, begin + END_MS)
    assert all(0 <= part.covered_ms <= part.length_ms for part in parts)
    assert all(0 <= part.bad <= part.total for part in parts)
