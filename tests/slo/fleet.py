"""Processes that count as real ones do, a scraper that looks now and then, and a witness who saw every event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.promql import matches
from sereno.promql.columns import STALE, Columns, Selection
from sereno.spec.model import EventsSli, LatencySli, Objective, Slo

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TOTAL = 'http_requests_total{job="shop"}'
BAD = 'http_requests_total{job="shop",status=~"5.."}'
GOOD = 'http_requests_total{job="shop",status!~"5.."}'


def promise(
    text: str = "99%", window: timedelta = timedelta(hours=24), sli: EventsSli | LatencySli | None = None
) -> Slo:
    """An objective over the shop's requests."""
    ratio = Decimal(text.rstrip("%")) / 100
    return Slo("availability", Objective(text, ratio), window, sli or EventsSli(TOTAL, BAD, None))


@dataclass
class Process:
    """One process of the shop: its counters live as long as it does."""

    instance: str
    counts: Counter[tuple[tuple[str, str], ...]] = field(default_factory=Counter)

    def answer(self, status: str, times: int = 1) -> None:
        self.counts[("__name__", "http_requests_total"), ("status", status)] += times

    def take(self, seconds: float, boundaries: tuple[str, ...] = ("0.5", "1")) -> None:
        """Answer in `seconds`, as a histogram sees it."""
        name = "http_request_duration_seconds"
        self.counts[("__name__", f"{name}_count"),] += 1
        for le in boundaries:
            self.counts[("__name__", f"{name}_bucket"), ("le", le)] += float(le) >= seconds

    def restart(self) -> None:
        self.counts.clear()


@dataclass
class Scraper:
    """Keeps what it read, with a staleness marker for every series that went."""

    job: str = "shop"
    samples: dict[Labels, list[tuple[int, float]]] = field(default_factory=dict)
    seen: dict[str, set[Labels]] = field(default_factory=dict)

    def scrape(self, process: Process, at: datetime, *, down: bool = False) -> None:
        counts = {} if down else process.counts
        now = {Labels(key, job=self.job, instance=process.instance): float(n) for key, n in counts.items()}
        for labels in self.seen.get(process.instance, set()) - set(now):
            self.keep(labels, at, STALE)
        for labels, value in now.items():
            self.keep(labels, at, value)
        self.seen[process.instance] = set(now)

    def keep(self, labels: Labels, at: datetime, value: float) -> None:
        self.samples.setdefault(labels, []).append((to_ms(at), value))

    def select(self, selection: Selection) -> Columns:
        found = []
        for labels, samples in self.samples.items():
            if matches(selection.matchers, labels):
                kept = [(t, v) for t, v in samples if selection.start_ms <= t <= selection.end_ms]
                if kept:
                    times, values = zip(*kept, strict=True)
                    found.append((labels, np.array(times, np.int64), np.array(values, np.float64)))
        return Columns.of(found)


@dataclass
class Witness:
    """Remembers every event and when it happened."""

    events: list[tuple[datetime, bool, int]] = field(default_factory=list)

    def saw(self, at: datetime, *, bad: bool, times: int = 1) -> None:
        self.events.append((at, bad, times))

    def count(self, start: datetime, end: datetime) -> tuple[int, int]:
        """All events and bad events in (start, end]."""
        inside = [(bad, n) for at, bad, n in self.events if start < at <= end]
        return sum(n for _, n in inside), sum(n for bad, n in inside if bad)


def every(step: timedelta, start: datetime, end: datetime) -> Iterator[datetime]:
    """Instants from `start` to `end`, both included."""
    at = start
    while at <= end:
        yield at
        at += step
