"""A small good workspace that the tests of this folder share."""

from __future__ import annotations

from sereno.app.promql_checker import Checker
from sereno.spec.loader import Loaded, load_text
from sereno.spec.model import Spec

PEOPLE = """\
{team: shop, escalation: shop, title: La tienda}
---
person: ana
title: Ana Torres
zone: America/Lima
language: es
contacts: [{email: ana@shop.example}, {slack: 'env:SLACK_ANA'}, {terminal: true}]
---
{schedule: shop, zone: America/Lima, handover: lunes 09:00, start: 2026-01-05, people: [ana]}
---
escalation: shop
schedule: shop
steps: [{page: primary}, {page: [ana, primary], after: 5m}]
repeat_every: 10m
"""
SHOP = """\
service: pay
team: shop
title: Pagos
links: {repo: https://git.shop.example/pay}
scrape:
  - {job: pay, targets: ['http://127.0.0.1:9104/metrics'], every: 5s, labels: {port: 9104, switch: 'on'}}
slos:
  - name: availability
    objective: 99.90%
    window: 30d
    sli:
      events: {total: 't_total{job="pay"}', bad: 'status=~"5..|429"', except: ['endpoint=~"/health.*"', 'kind="bot"']}
  - name: latency
    objective: 95 %
    window: 7d
    severity: critical
    ticket: sev4
    sli: {latency: {histogram: 'd_seconds{job="pay"}', within: 500ms, except: 'endpoint="/x"'}}
alerts:
  - alert: Down
    expr: |
      max(up{job="pay"}) == 0
    for: 1m
    keep_firing_for: 30s
    severity: page
    summary: Nobody can pay
    runbook: runbooks/pay.md
    labels: {area: money}
status: {page: public, component: Pagos}
---
{status_page: public, title: Tienda, language: es, components: [{component: Pagos, description: Cobros}]}
"""


def good(files: dict[str, str]) -> Spec:
    loaded = load_text(files, promql=Checker())
    assert loaded.spec is not None, rendered(loaded)
    assert loaded.diagnostics == ()
    return loaded.spec


def rendered(loaded: Loaded) -> str:
    return "\n".join(d.render() for d in loaded.diagnostics)
