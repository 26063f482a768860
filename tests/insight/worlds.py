"""Worlds for backtests: traffic written by hand, scraped every fifteen seconds, and a plain way to replay rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from sereno.alerts.model import Alert, Evaluation
from sereno.alerts.replay import Firing, Replayed
from sereno.alerts.rules import advance
from sereno.app.promql_checker import Checker
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms, to_ms
from sereno.kernel.rule import Rule
from sereno.promql import Columns, Grid, Selection, evaluate, matches
from sereno.spec.loader import load_text
from sereno.spec.model import Spec

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
SCRAPE_MS = 15_000
PEOPLE = """
{team: pay, escalation: pay, zone: America/Lima}
---
{person: ana, zone: America/Lima, language: es, contacts: [{email: ana@shop.example}]}
---
{person: bo, zone: Europe/Madrid, contacts: [{email: bo@shop.example}]}
---
{schedule: pay, zone: America/Lima, handover: monday 09:00, start: 2026-03-02, people: [ana, bo], roles: [primary, secondary]}
---
escalation: pay
schedule: pay
steps: [{page: primary}, {page: secondary, after: 5m}]
repeat_every: 15m
"""
SHOP = """
service: shop
team: pay
slos:
  - name: availability   # the promise
    objective: 99.9%
    window: 30d
    sli:
      events: {total: 'http_requests_total{job="shop"}', bad: 'status=~"5.."'}
---
"""


def spec_of(text: str = SHOP) -> Spec:
    loaded = load_text({"all.yaml": text + PEOPLE}, promql=Checker())
    assert loaded.spec is not None, [d.render() for d in loaded.diagnostics]
    return loaded.spec


class World:
    """The shop's counters: `per_scrape` requests each fifteen seconds, `error(t_ms)` of them bad, gaps left out."""

    def __init__(
        self,
        start: datetime,
        end: datetime,
        error: Callable[[np.ndarray], np.ndarray],
        *,
        per_scrape: int | Callable[[np.ndarray], np.ndarray] = 100_000,
        gaps: Sequence[tuple[datetime, datetime]] = (),
    ) -> None:
        times = np.arange(to_ms(start), to_ms(end) + 1, SCRAPE_MS, dtype=np.int64)
        counts = per_scrape(times) if callable(per_scrape) else np.full(len(times), per_scrape)
        bad = np.rint(counts * error(times)).astype(np.int64)
        keep = np.ones(len(times), dtype=bool)
        for begin, finish in gaps:
            keep &= ~((times > to_ms(begin)) & (times < to_ms(finish)))
        base = {"__name__": "http_requests_total", "job": "shop", "instance": "a:80"}
        self.series = [
            (Labels(base, status="200"), times[keep], np.cumsum(counts - bad)[keep].astype(np.float64)),
            (Labels(base, status="500"), times[keep], np.cumsum(bad)[keep].astype(np.float64)),
            (Labels(base, __name__="up", status=""), times[keep], np.ones(int(keep.sum()))),
        ]
        self.asked: list[Selection] = []

    def select(self, selection: Selection) -> Columns:
        self.asked.append(selection)
        rows = []
        for labels, times, values in self.series:
            if matches(selection.matchers, labels):
                a, b = np.searchsorted(times, (selection.start_ms, selection.end_ms + 1)).tolist()
                if a < b:
                    rows.append((labels, times[a:b], values[a:b]))
        return Columns.of(rows)


def during(*stretches: tuple[datetime, timedelta, float], otherwise: float = 0.0) -> Callable[[np.ndarray], np.ndarray]:
    """An error ratio that is `otherwise` but in the stretches: from their beginning, for their length."""

    def error(times: np.ndarray) -> np.ndarray:
        found = np.full(len(times), otherwise)
        for begin, length, ratio in stretches:
            found[(times > to_ms(begin)) & (times <= to_ms(begin + length))] = ratio
        return found

    return error


def plainly(groups, start_ms, end_ms, select, *, interval_ms, settings=None, limits=None) -> Replayed:
    """What `alerts.replay` promises, done the plain way: one look after another through `alerts.rules.advance`."""
    grid = Grid(start_ms, end_ms, interval_ms)
    found: list[Firing] = []
    for group in groups:
        for rule in group.rules:
            result = evaluate(rule.expr, grid, select, settings=settings, limits=limits)
            found += _one(group.name, rule, result, grid)
    return Replayed(tuple(sorted(found, key=lambda f: f.active_at_ms)), Columns.of([]))


def _one(group: str, declared, result, grid: Grid) -> list[Firing]:
    own = declared.labels
    rule = Rule(
        declared.name, declared.expr, own.get("service", ""), own.get("severity", ""), declared.for_,
        declared.keep_firing_for, own, declared.annotations,
    )  # fmt: skip
    active: dict[str, Alert] = {}
    at_firing: dict[str, Alert] = {}
    found: list[Firing] = []

    def over(alert: Alert, resolved: int | None) -> None:
        first = at_firing.pop(alert.fingerprint, alert)
        fired = None if first.fired_at is None else to_ms(first.fired_at)
        found.append(
            Firing(
                group, declared, first.labels, first.annotations, first.value, to_ms(first.active_at), fired, resolved
            )
        )

    for column, at_ms in enumerate(grid.instants_ms.tolist()):
        series = tuple(result.instant(column)) if len(result.labels) else ()
        if not series and not active:
            continue
        changes = advance(rule, tuple(active.values()), Evaluation(rule.key, from_ms(at_ms), series))
        assert changes.unknown is None
        for fingerprint in changes.drop:
            if fingerprint in active:
                over(active.pop(fingerprint), at_ms)
        for alert in changes.save:
            if alert.state == "resolved":
                over(active.pop(alert.fingerprint), at_ms)
                continue
            if alert.state == "firing" and alert.fingerprint not in at_firing:
                at_firing[alert.fingerprint] = alert
            active[alert.fingerprint] = alert
    for alert in active.values():
        over(alert, None)
    return found


def moved(spec: Spec, **changes: object) -> Spec:
    """The spec with something else about the shop."""
    return replace(spec, services={**spec.services, "shop": replace(spec.services["shop"], **changes)})
