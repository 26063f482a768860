"""Minutes of a service's life as exact counters, drawn by hand: what happened when, and what the samples say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from tests.slo.fleet import BAD, TOTAL

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import matches
from sereno.promql.columns import Columns, Select, Selection
from sereno.spec.model import EventsSli, Objective, Slo

MINUTE = timedelta(minutes=1)
GOOD_SERIES = Labels(__name__="http_requests_total", job="shop", instance="a:80", status="200")
BAD_SERIES = Labels(__name__="http_requests_total", job="shop", instance="a:80", status="500")


def promise(text: str, window: timedelta, **more: Any) -> Slo:
    """An objective over the shop's requests."""
    sli = more.pop("sli", None) or EventsSli(TOTAL, BAD, None)
    name = more.pop("name", "availability")
    return Slo(name, Objective(text, Decimal(text.rstrip("%")) / 100), window, sli, **more)


def minutes(
    start: datetime,
    count: int,
    bad: Callable[[int], int],
    total: Callable[[int], int] = lambda _: 100,
    *,
    unseen: Callable[[int], bool] = lambda _: False,
    series: tuple[Labels, Labels] = (GOOD_SERIES, BAD_SERIES),
) -> Select:
    """`count` minutes from `start` on, scraped at the end of each: minute i has `total(i)` events, `bad(i)` of them bad.

    Where `unseen`, nobody scraped at its end.
    """
    totals = np.array([total(i) for i in range(count)], np.int64)
    bads = np.array([bad(i) for i in range(count)], np.int64)
    times = to_ms(start) + 60_000 * np.arange(count + 1)
    kept = np.array([True, *(not unseen(i) for i in range(count))])
    rows = [(labels, np.concatenate(([0], np.cumsum(counts)))) for labels, counts in zip(
        series, (totals - bads, bads), strict=True)]  # fmt: skip
    return of_columns([(labels, times[kept], values[kept].astype(np.float64)) for labels, values in rows])


def of_columns(rows: Sequence[tuple[Labels, Any, Any]]) -> Select:
    """A source of exactly these series."""

    def select(selection: Selection) -> Columns:
        found = []
        for labels, times, values in rows:
            if matches(selection.matchers, labels):
                inside = (times >= selection.start_ms) & (times <= selection.end_ms)
                if inside.any():
                    found.append((labels, times[inside], values[inside]))
        return Columns.of(found)

    return select


def together(*selects: Select) -> Select:
    """All the series of several sources."""

    def select(selection: Selection) -> Columns:
        parts = [one(selection) for one in selects]
        return Columns.of([(part.labels[i], *part.series(i)) for part in parts for i in range(len(part))])

    return select
