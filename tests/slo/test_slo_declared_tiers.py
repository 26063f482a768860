"""Tiers that somebody chose stand instead of those that follow from the window."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.app.promql_checker import Checker
from sereno.slo import plans_of
from sereno.spec.loader import load_text

TEXT = """
service: pay
team: pay
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli: {events: {total: 'http_requests_total{job="pay"}', bad: 'status=~"5.."'}}
    tiers:
      - {long: 30m, short: 3m, burn: 20, for: 2m}
      - {long: 1d, short: 2h, burn: 2.5, kind: ticket}
      - {long: 2h, short: 10m, burn: 2000}
---
{team: pay, escalation: pay}
---
{person: ana, contacts: [{email: ana@shop.example}]}
---
{escalation: pay, steps: [{page: ana}]}
"""


def test_declared_tiers_become_rules_and_those_that_could_never_fire_are_left_out_with_their_reason():
    loaded = load_text({"a.yaml": TEXT}, promql=Checker())
    assert loaded.spec is not None, loaded.diagnostics
    (plan,) = plans_of(loaded.spec, evaluation_interval=timedelta(seconds=15))
    assert [(t.kind, t.long, t.short, t.factor, t.for_) for t in plan.tiers] == [
        ("page", timedelta(minutes=30), timedelta(minutes=3), Decimal(20), timedelta(minutes=2)),
        ("ticket", timedelta(days=1), timedelta(hours=2), Decimal("2.5"), timedelta(0)),
    ]
    assert [rule.for_ for rule in plan.rules] == [timedelta(minutes=2), timedelta(0)]
    assert "> 0.02" in plan.rules[0].expr
    assert [(lost.long, lost.reason) for lost in plan.dropped] == [(timedelta(hours=2), "unreachable")]
