"""A workspace whose services say how they run; the tests of manifests, releases and pipelines share it."""

from __future__ import annotations

from datetime import timedelta

from sereno.app.promql_checker import Checker
from sereno.compiler.targets import Output, Request, build
from sereno.slo import plans_of
from sereno.spec.loader import load_text
from sereno.spec.model import Spec

SHARED = """\
workspace: shop
addresses: {prometheus: 'http://prometheus.monitoring:9090', grafana: 'https://grafana.example'}
---
{team: money, escalation: money}
---
{person: ana, contacts: [{email: ana@shop.example}]}
---
{schedule: money, zone: America/Lima, handover: lunes 09:00, start: 2026-01-05, people: [ana]}
---
{escalation: money, schedule: money, steps: [{page: primary}]}
---
"""
PAY = """\
service: pay
team: money
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli: {events: {total: 'http_requests_total{job="pay"}', bad: 'status=~"5..|429"', except: 'path=~"/health.*"'}}
  - name: latency
    objective: 95%
    window: 7d
    sli: {latency: {histogram: 'http_request_duration_seconds{job="pay"}', within: 500ms}}
deployment:
  image: registry.example/shop/pay:1.4.2
  namespace: shop
  ports: {http: 8080, metrics: 9090}
  health: {startup: /health/startup, live: /health/live, ready: /health/ready}
  resources: {cpu: 250m, memory: 512Mi, cpu_limit: '1'}
  replicas: {min: 3, max: 12, cpu: 70%, events: 50}
  slow_start: 90s
  writable: [/tmp, /var/cache/pay]
  env: {LOG_LEVEL: info, DB_PASSWORD: {secret: pay-db, key: password}}
  access:
    from: [web, {namespace: monitoring, ports: [metrics]}]
    to: [web, {cidr: 203.0.113.0/24, ports: [443]}]
  metrics: {port: metrics}
  route: {hosts: [pay.shop.example], secret: pay-tls, timeout: 10s, retries: 2}
"""
CANARY = """\
  canary:
    by: argo
    slos: [availability, latency]
    steps: [{weight: 5%, wait: 5m}, {weight: 25%, wait: 10m}, {weight: 50%}]
"""
WEB = """\
---
service: web
team: money
alerts: [{alert: WebDown, expr: 'max(up{job="web"}) == 0 or absent(up{job="web"})', severity: P1}]
deployment:
  image: registry.example/shop/web@sha256:1111111111111111111111111111111111111111111111111111111111111111
  namespace: front
  name: web-front
  ports: {http: 3000}
  health: {live: /live, ready: /ready}
  resources: {cpu: '0.5', memory: 256Mi}
  replicas: 2
  metrics: {port: http, path: /internal/metrics, every: 30s}
"""


def workspace(*parts: str) -> Spec:
    """The workspace of `parts`; `SHARED` comes first."""
    loaded = load_text({"a.yaml": SHARED + "".join(parts)}, promql=Checker())
    assert loaded.spec is not None, "\n".join(f"{d.line}:{d.column} {d.code} {d.message}" for d in loaded.diagnostics)
    return loaded.spec


def mistakes(*parts: str) -> list[tuple[str, int, int]]:
    """The code, line and column of each diagnostic of `parts` alone, errors and warnings; lines count from SHARED's."""
    loaded = load_text({"a.yaml": SHARED + "".join(parts)}, promql=Checker())
    before = SHARED.count("\n")
    return [(d.code, d.line - before, d.column) for d in loaded.diagnostics if d.line > before]


def made(target: str, *parts: str) -> Output:
    """What `target` makes of the workspace of `parts`."""
    return build(target, request(*parts))


def request(*parts: str) -> Request:
    """What a target is asked for the workspace of `parts`."""
    spec = workspace(*parts)
    return Request(spec, tuple(plans_of(spec, evaluation_interval=timedelta(seconds=15))))
