"""Workspaces in which everything is declared: of Prometheus and Alertmanager (`RICH`), and of all targets (`WHOLE`)."""

from __future__ import annotations

RICH = r"""
workspace: shop
blackbox: 127.0.0.1:9115
addresses:
  console: https://sereno.shop.example
  grafana: https://grafana.shop.example
  alertmanager: https://alerts.shop.example/am
  runbooks: https://git.shop.example/runbooks
notifications:
  receivers:
    - {name: pager, pagerduty: {routing_key_file: /etc/alertmanager/secrets/pagerduty}}
    - {name: chat, slack: {channel: '#alerts', api_url_file: /etc/alertmanager/secrets/slack}}
    - {name: post, email: {to: [sre@shop.example, ops@shop.example]}}
    - {name: genie, opsgenie: {api_key_file: /etc/alertmanager/secrets/opsgenie}}
    - {name: hook, webhook: {url: https://hooks.shop.example/alerts, token_file: /etc/alertmanager/secrets/hook}}
  routes:
    - {severities: [SEV1, SEV2], to: [pager, chat]}
    - {teams: [data], to: [post, genie]}
    - {to: chat}
  smtp: {host: "mail.shop.example:587", from: alerts@shop.example, user: alerts, password_file: /etc/alertmanager/smtp}
  watchdog: hook
---
service: api
team: web
title: The «API»
scrape:
  - {job: api, targets: ["http://127.0.0.1:9101/metrics", "https://api.shop.example/metrics?full=1"], every: 15s}
  - job: pods
    discovery: {kubernetes: {namespaces: [shop], selector: app=api, port: metrics}}
  - job: slices
    discovery: {kubernetes: {role: endpointslice, port: "9102"}}
  - job: annotated
    discovery: {kubernetes: {annotations: true}}
  - job: batch
    discovery: {files: [targets/batch-*.json]}
    labels: {region: south}
probes:
  - {http: https://shop.example/health, name: health, expect: {status: [200, 204], within: 2s, body: '"ok"', body_not: down, certificate: 14d}}
  - {http: http://shop.example/old, name: old, expect: {status: 301}}
  - {tcp: "db.shop.example:5432", name: db}
  - {tls: "mail.shop.example:465", name: mail, expect: {certificate: 21d}}
  - {dns: shop.example, server: 9.9.9.9, name: dns}
  - {icmp: gateway.shop.example, name: gateway, every: 30s}
slos:
  - {name: availability, objective: 99.9%, window: 30d, policy: standard, runbook: https://git.shop.example/api.md,
     cloudwatch: {namespace: AWS/ApplicationELB, total: RequestCount, bad: HTTPCode_Target_5XX_Count, dimensions: {LoadBalancer: app/shop/1}},
     sli: {events: {total: 'http_requests_total{job="api"}', bad: 'status=~"5..|429"', except: 'endpoint=~"/health.*"'}}}
  - {name: good, objective: 99.95%, window: 28d, sli: {events: {total: 'calls_total{job="api"}', good: 'code!~"5.."'}}}
  - {name: apart, objective: 99%, window: 7d, sli: {events: {total: 'tot_total{job="api"}', bad: 'errs_total{job="api"}'}}}
saturation:
  - {name: connection-pool, used: 'max(pool_used{job="api"}) / max(pool_size{job="api"})',
     levels: [{at: 80%, for: 10m, severity: SEV3}, {at: 90%, for: 5m, severity: SEV2}], ahead: 7d, over: 1d}
alerts:
  - {alert: ApiDown, expr: 'absent(up{job="api"}) or max(up{job="api"}) == 0', for: 1m, severity: SEV1, summary: 'Nobody can buy',
     description: 'No «process» answers', runbook: https://git.shop.example/down.md}
  - {alert: PoolFull, expr: 'max(pool_used{job="api"}) > 90', for: 5m, severity: critical, summary: 'Full: {{ $value }}'}
---
service: windows
team: web
slos:
  - {name: day, objective: 90%, window: 24h, sli: {events: {total: 'day_total{job="api"}', bad: 'day_errors_total{job="api"}'}}}
  - {name: strict, objective: 99.99%, window: 30d, keep_firing_for: 5m,
     sli: {events: {total: 'strict_total{job="api"}', bad: 'status="500"'}}}
  - {name: latency, objective: 95%, window: 7d, sli: {latency: {histogram: 'http_request_duration_seconds{job="api"}', within: 300ms}}}
---
service: kinds
team: web
slos:
  - {name: whole, objective: 99%, window: 30d, sli: {latency: {histogram: 'http_request_duration_seconds{job="api"}', within: 1s}}}
  - {name: native, objective: 99%, window: 30d, sli: {latency: {histogram: 'rpc_duration_seconds{job="api"}', within: 1s, native: true}}}
  - {name: query, objective: 99%, window: 30d,
     sli: {query: {total: 'sum(rate(q_total{job="api"}[$window]))', bad: 'sum(rate(q_errors_total{job="api"}[$window]))'}}}
  - {name: share, objective: 99%, window: 7d, sli: {query: {ratio: 'sum(rate(q_errors_total[$window])) / sum(rate(q_total[$window]))'}}}
---
service: sliced
team: data
slos:
  - {name: up, objective: 99.9%, window: 30d, sli: {gauge: {value: 'probe_success{job="x"}', is: "== 1"}}}
  - {name: slices, objective: 99%, window: 14d, method: timeslices, slice: 1m, slice_objective: 95%,
     sli: {events: {total: 'http_requests_total{job="api"}', bad: 'status=~"5.."'}}}
  - {name: shares, objective: 99%, window: 14d, method: ratio_timeslices, slice: 5m, unknown: bad,
     sli: {events: {total: 'http_requests_total{job="api"}', bad: 'status=~"5.."'}}}
---
service: quiet
team: web
slos:
  - {name: quiet, objective: 99%, window: 30d, low_traffic: {min_events: 100, min_failures: 5},
     sli: {events: {total: 'quiet_total{job="api"}', bad: 'status=~"5.."'}}}
  - {name: share-of-budget, objective: 99%, window: 30d, low_traffic: {budget_fraction: true},
     sli: {events: {total: 'quiet_total{job="api"}', bad: 'status=~"5.."'}}}
  - {name: counted, objective: 99%, window: 30d, alerting: false, maintenance: count,
     sli: {events: {total: 'quiet_total{job="api"}', bad: 'status=~"5.."'}}}
---
service: calendars
team: data
slos:
  - {name: lima, objective: 99.9%, window: {calendar: month, zone: America/Lima},
     sli: {events: {total: 'http_requests_total{job="api"}', bad: 'status=~"5.."'}}}
  - {name: quarter, objective: 99.9%, window: {calendar: quarter, zone: UTC}, maintenance: good,
     sli: {events: {total: 'http_requests_total{job="api"}', bad: 'status=~"5.."'}}}
  - {name: santiago, objective: 99.9%, window: {calendar: week, zone: America/Santiago},
     sli: {events: {total: 'http_requests_total{job="api"}', bad: 'status=~"5.."'}}}
---
service: store
team: data
slos:
  - {name: availability, objective: 99.9%, window: 30d, sli: {events: {total: 'db_total{job="db"}', bad: 'result="error"'}}}
  - name: journey
    objective: 99%
    window: 30d
    sli: {composite: {mode: weighted, of: [{slo: api/availability, weight: 2}, {slo: store/availability}]}}
  - name: serial
    objective: 99%
    window: 7d
    sli: {composite: {mode: product, of: [{slo: api/apart}, {slo: store/availability}]}}
  - name: all
    objective: 99%
    window: 7d
    sli: {composite: {mode: all, of: [{slo: api/availability}, {slo: store/availability}]}}
---
{team: web, escalation: shop, zone: America/Lima, title: 'The web''s team'}
---
{team: data, escalation: shop, zone: America/New_York}
---
{person: ana, contacts: [{email: ana@shop.example}]}
---
{escalation: shop, steps: [{page: ana}]}
---
policy: standard
title: Standard
steps: [{at: 100%, do: [freeze], freeze: true}]
---
{maintenance: weekly, title: Weekly work, services: [api], start: 2026-01-04T23:00, duration: 2h, zone: America/Lima,
 rrule: FREQ=WEEKLY;BYDAY=SU}
---
{maintenance: once, title: Move, start: 2026-03-01T01:30, duration: 90m, zone: America/New_York}
---
{maintenance: monthly, title: Monthly work, services: [store], start: 2026-01-15T02:00, duration: 1h, zone: UTC,
 rrule: FREQ=MONTHLY;BYMONTHDAY=15}
---
{maintenance: biweekly, title: Now and then, services: [store], start: 2026-01-05T02:00, duration: 1h, zone: UTC,
 rrule: FREQ=WEEKLY;INTERVAL=2;BYDAY=MO}
---
{maintenance: twice, title: Twice, services: [api], start: 2026-02-02T02:00, duration: 1h, zone: America/Santiago,
 rrule: FREQ=WEEKLY;COUNT=2;BYDAY=MO}
"""

_PIPELINES = """\
pipelines:
  redact: {keys: [clave, tarjeta]}
  logs: {otlp: 'https://logs.shop.example:4318', loki: 'https://loki.shop.example', elasticsearch: 'https://es.shop.example:9200'}
  traces: {otlp: 'http://tempo:4318', share: 10%, slow: 1s}
"""
_CANARIES = {
    "argo": "{by: argo, slos: [availability], steps: [{weight: 5%, wait: 5m}, {weight: 25%, wait: 10m}, {weight: 50%}]}",
    "flagger": "{by: flagger, slos: [availability], steps: [{weight: 5%, wait: 5m}, {weight: 50%, wait: 10m}]}",
    "istio": "{by: istio, image: registry.example/by-istio:1.5.0, steps: [{weight: 10%}]}",
}
_DELIVERED = """\
---
service: by-NAME
team: web
slos:
  - {name: availability, objective: 99.9%, window: 30d, sli: {http: {}}}
  - {name: fast, window: 30d, sli: {http: {promises: [{objective: 95%, within: 300ms}, {objective: 99%, within: 1s}]}}}
deployment:
  image: registry.example/by-NAME:1.4.2
  namespace: shop
  ports: {http: 8080, metrics: 9090}
  health: {startup: /health/startup, live: /health/live, ready: /health/ready}
  resources: {cpu: 250m, memory: 512Mi}
  replicas: {min: 3, max: 12, cpu: 70%, events: 50}
  env: {LOG_LEVEL: info, DB_PASSWORD: {secret: db, key: password}}
  access: {from: [{namespace: monitoring, ports: [metrics]}], to: [{cidr: 203.0.113.0/24, ports: [443]}]}
  metrics: {port: metrics}
  route: {hosts: [NAME.shop.example], secret: shop-tls, timeout: 10s, retries: 2}
  canary: CANARY
logs: {files: ['/var/log/by-NAME/*.log']}
traces: {share: 2%, slow: 300ms}
---
experiment: lose-some-NAME
service: by-NAME
hypothesis: Nobody notices
fault: pod-delete
share: 25%
duration: 2m
probes: [{slo: availability, burn: 10}, {http: 'http://by-NAME.shop:8080/health/ready'}]
"""
_BOARDS = """\
---
{service: public-site, team: web, status: {page: public, component: Shop}}
---
{status_page: public, title: The shop, components: [Shop]}
---
{dashboard: cluster, template: kubernetes}
---
{dashboard: machines, template: nodes}
---
{dashboard: databases, template: postgresql}
---
{dashboard: memory, template: redis}
---
{dashboard: probes, template: probes}
---
{dashboard: storage, template: storage, with: {operations: blob_operations_total, failed: 'status="error"'}}
---
{dashboard: integrations, template: integrations, with: {calls: integration_api_calls_total}}
---
{dashboard: security, template: security, with: {logins: logins_total, blocked: blocked_total}}
---
dashboard: business
title: Business
rows: [{title: Sales, panels: [{title: Orders a minute, query: 'sum(rate(orders_total[$__rate_interval])) * 60', unit: opm, description: Money.}]}]
"""
WHOLE = (
    RICH.replace("workspace: shop\n", f"workspace: shop\n{_PIPELINES}", 1).replace(
        "addresses:\n", "addresses:\n  prometheus: http://prometheus.monitoring:9090\n", 1
    )
    + "".join(_DELIVERED.replace("NAME", name).replace("CANARY", canary) for name, canary in _CANARIES.items())
    + _BOARDS
)
