"""A workspace with every kind of indicator, for dashboards: in Spanish, with quotes, accents and braces."""

from __future__ import annotations

from datetime import timedelta

from sereno.app.promql_checker import Checker
from sereno.compiler.targets import Output, Request
from sereno.compiler.targets import build as build_target
from sereno.kernel.message import Language
from sereno.slo import plans_of
from sereno.spec.loader import load_text
from sereno.spec.model import Spec

BASE = """
workspace: tienda
addresses:
  console: https://sereno.example
  grafana: https://grafana.example
  runbooks: https://runbooks.example
---
team: dinero
escalation: dinero
---
escalation: dinero
steps: [{page: ana}]
---
person: ana
contacts: [{terminal: true}]
"""
SERVICES = """
service: pagos
team: dinero
title: Pagos «en línea» {x}
dashboards: [negocio, bases]
links: {repo: https://git.example/pagos}
scrape: [{job: pagos, targets: ["http://127.0.0.1:9103/metrics"]}]
slos:
  - name: disponibilidad
    title: Nadie ve un error
    objective: 99.95%
    window: 30d
    policy: normal
    sli: {events: {total: 'http_requests_total{job="pagos"}', bad: 'status=~"5.."'}}
    runbook: https://wiki.example/pagos
  - name: latencia
    objective: 75%
    window: 7d
    sli: {latency: {histogram: 'http_request_duration_seconds{job="pagos"}', within: 300ms}}
  - name: buenas
    objective: 90%
    window: 30d
    sli: {query: {total: 'sum(rate(http_requests_total{job="pagos"}[$window])) + 0', good: 'sum(rate(http_requests_total{job="pagos",status!="500"}[$window])) + 0'}}
  - name: cuota
    objective: 99%
    window: 30d
    sli: {query: {ratio: 'avg(rate(http_requests_total{job="pagos",status="500"}[$window]))'}}
  - name: sonda
    objective: 99%
    window: 30d
    method: timeslices
    sli: {gauge: {value: 'probe_success{job="pagos"}', is: "== 1"}}
  - name: viaje
    objective: 99%
    window: 30d
    sli: {composite: {mode: weighted, of: [{slo: pagos/disponibilidad, weight: 2}, {slo: api/disponibilidad}]}}
saturation:
  - name: pool
    title: Conexiones
    used: 'sum(process_open_fds{job="pagos"}) / sum(process_max_fds{job="pagos"})'
    levels: [{at: 80%, for: 10m, severity: SEV3}, {at: 90%, for: 5m, severity: SEV2}]
    ahead: 7d
    runbook: https://wiki.example/pool
---
service: api
team: dinero
slos:
  - name: disponibilidad
    objective: 99.9%
    window: {calendar: month, zone: America/Lima}
    sli: {events: {total: 'http_requests_total{job="api"}', bad: 'status=~"5.."'}}
---
policy: normal
title: La de siempre
steps: [{at: 80%, do: [avisar]}, {at: 100%, do: [parar], freeze: true, override: [ana]}]
"""
DASHBOARDS = """
dashboard: negocio
title: Negocio
description: Lo que se vende.
variables:
  - {name: estado, label: status, of: http_requests_total}
  - {name: cuantil, values: ["0.5", "0.95"], several: false}
rows:
  - title: Ventas
    panels:
      - {title: Pedidos por hora, kind: stat, query: 'sum(increase(http_requests_total{status=~"$estado"}[1h]))', unit: 'currency:PEN', description: Lo vendido., decimals: 0, thresholds: [{color: red}, {at: 100, color: green}]}
      - title: Aprobados
        kind: gauge
        query: sum(increase(http_requests_total{status="200"}[24h])) / (sum(increase(http_requests_total[24h])) > 0)
        unit: percentunit
        min: 0
        max: 100%
        thresholds: [{color: red}, {at: 30%, color: green}]
        description: Por debajo de 30 % avise a riesgo.
      - {title: Duración, query: 'histogram_quantile($cuantil, sum by (le) (rate(http_request_duration_seconds_bucket[$__rate_interval])))', unit: s}
  - title: Detalle
    collapsed: true
    panels:
      - {title: Por estado, kind: table, queries: [{expr: 'sum by (status) (rate(http_requests_total[$__rate_interval]))', legend: por segundo, unit: reqps}], columns: [{label: status, title: Estado}], sort: -por segundo}
      - {title: Estado, kind: state_timeline, query: 'max by (instance) (up)', values: [{value: 0, text: caído, color: red}]}
      - {title: Nota, kind: text, text: 'Llame a **riesgo**.'}
      - raw: {type: piechart, title: Pastel, targets: [{expr: sum by (status) (http_requests_total), refId: A}], options: {pieType: donut, ratio: 1.5}}
---
dashboard: bases
template: postgresql
jobs: [postgres.exporter]
---
dashboard: infrastructure
template: kubernetes
---
dashboard: integrations
template: integrations
with: {calls: integration_api_calls_total, duration: integration_api_duration_seconds}
"""


def spec_of(*documents: str) -> Spec:
    """The workspace in `documents`, which must be without mistakes."""
    loaded = load_text({f"{n}.yaml": text for n, text in enumerate(documents)}, promql=Checker())
    assert loaded.spec is not None, [diagnostic.render() for diagnostic in loaded.diagnostics]
    return loaded.spec


def request(*documents: str, language: Language = "en") -> Request:
    """What targets are asked to make of the workspace in `documents`."""
    spec = spec_of(*(documents or (BASE, SERVICES, DASHBOARDS)))
    plans = plans_of(spec, evaluation_interval=timedelta(seconds=15), language=language)
    return Request(spec, plans, language=language)


def build(*documents: str, target: str = "grafana", language: Language = "en") -> Output:
    """What `target` makes of the workspace in `documents`."""
    return build_target(target, request(*documents, language=language))
