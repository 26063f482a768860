"""Small documents of other dialects with one mistake each, beside the same put right: code, wrong, right."""

from __future__ import annotations

_PEOPLE = """\
---
team: owners
escalation: owners
---
person: ana
contacts:
  - terminal: true
---
escalation: owners
steps:
  - page: ana
"""
_OPENSLO = """\
apiVersion: openslo/v1
kind: SLO
metadata:
  name: availability
  displayName: People can pay
  labels: {team: owners}
spec:
  service: pay
  indicatorRef: paid
  timeWindow:
    - {duration: 30d, isRolling: true}
  budgetingMethod: Occurrences
  objectives:
    - target: 0.999
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: fast}
      spec:
        conditions:
          - kind: AlertCondition
            metadata: {name: burning}
            spec:
              severity: page
              condition: {kind: burnrate, op: gt, threshold: 14.4, lookbackWindow: 1h}
        notificationTargets:
          - kind: AlertNotificationTarget
            metadata: {name: mail}
            spec: {target: email}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: paid}
spec:
  ratioMetric:
    counter: true
    bad: {metricSource: {type: Prometheus, spec: {query: 'sum(pay_total{ok="0"})'}}}
    total: {metricSource: {type: Prometheus, spec: {query: sum(pay_total)}}}
"""
_SLOTH = """\
version: prometheus/v1
service: pay
labels: {owner: owners}
slos:
  - name: availability
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(pay_total{ok="0"}[{{.window}}]))
        total_query: sum(rate(pay_total[{{.window}}]))
    alerting:
      name: PayBurns
      page_alert: {labels: {severity: critical}}
"""
_PLUGIN = (
    _SLOTH[: _SLOTH.index("      events:")]
    + """\
      plugin:
        id: sloth-common/slok-go-http-metrics/availability
    alerting:
      name: PayBurns
"""
)
_SERVICE = """\
apiVersion: openslo/v1
kind: Service
metadata: {name: pay}
spec: {description: Takes money}
"""


def _changed(code: str, before: str, after: str, text: str = _OPENSLO, people: str = _PEOPLE) -> tuple[str, str, str]:
    right = text + people
    if before not in right:
        raise ValueError(f"the example of {code} has no {before!r}")
    return code, right.replace(before, after, 1), right


DIALECT_EXAMPLES: tuple[tuple[str, str, str], ...] = (
    _changed("SER150", "openslo/v1\nkind: SLO", "openslo/v2alpha\nkind: SLO"),
    _changed("SER151", "indicatorRef: paid", "indicatorRef: payed"),
    _changed("SER152", "name: availability", "name: Availability of payments"),
    _changed("SER153", "type: Prometheus", "type: Datadog"),
    _changed("SER154", "duration: 30d", "duration: 30 days"),
    _changed("SER155", "target: 0.999", "target: 99.9"),
    _changed(
        "SER156", "People can pay", "People can pay with a card, by transfer, in cash, on the telephone, everywhere"
    ),
    _changed("SER157", "isRolling: true", "isRolling: false"),
    _changed("SER158", "pay_total[{{.window}}]", "pay_total[5m]", _SLOTH),
    _changed("SER159", "severity: critical", "severity: urgent", _SLOTH),
    ("SER160", _SLOTH, _SLOTH + _PEOPLE),
    _changed("SER161", "sloth-common/slok-go-http-metrics/availability", "shop/payments/availability", _PLUGIN),
    _changed("SER162", "severity: critical", "severity: critical, routing_key: pay", _SLOTH),
    _changed("SER163", "threshold: 14.4", "threshold: 1"),
    _changed("SER164", "labels: {team: owners}", "labels: {team: owners, area-: money}"),
    ("SER165", _SERVICE + "---\n" + _SERVICE + _PEOPLE, _SERVICE + _PEOPLE),
)
