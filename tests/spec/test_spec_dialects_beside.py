"""A native spec beside objectives of other dialects: what one says of the other holds."""

from __future__ import annotations

from decimal import Decimal

from sereno.app.promql_checker import Checker
from sereno.spec.loader import Loaded, load_text
from sereno.spec.model import CompositeSli

NATIVE = """\
workspace: shop
variables: {target: {type: percentage, default: 99.9%}}
defaults: {services: {team: shop}, slos: {window: 30d, objective: '${target}'}}
---
service: api
slos:
  - {name: availability, sli: {http: {}}}
  - {name: speed, sli: {http: {promises: [{objective: 95%, within: 300ms}, {objective: 99%, within: 1s}]}}}
  - name: journey
    objective: 99%
    sli: {composite: {mode: weighted, of: [{slo: availability, weight: 2}, cart/requests, pay/latency]}}
---
{team: shop, escalation: shop}
---
{escalation: shop, steps: [{page: ana}]}
---
{person: ana, contacts: [{terminal: true}]}
"""
SLOTH = """\
version: prometheus/v1
service: cart
slos:
  - name: requests
    objective: 99.5
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="cart",code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="cart"}[{{.window}}]))
    alerting: {name: Cart}
"""
OPENSLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: latency}
spec:
  service: pay
  indicator:
    metadata: {name: fast}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(fast_total[{{.window}}]))'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(all_total[{{.window}}]))'}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.95}]
"""


def loaded(native: str = NATIVE) -> Loaded:
    return load_text({"a.yaml": native, "cart.yml": SLOTH, "pay.yml": OPENSLO}, promql=Checker())


def test_a_journey_leads_through_services_that_speak_other_dialects() -> None:
    found = loaded()
    assert found.spec is not None, found.diagnostics
    journey = next(slo for slo in found.spec.services["api"].slos if slo.name == "journey")
    assert isinstance(journey.sli, CompositeSli)
    assert [(part.service, part.slo.name, part.slo.objective.ratio, part.weight) for part in journey.sli.parts] == [
        ("api", "availability", Decimal("0.999"), 2),
        ("cart", "requests", Decimal("0.995"), 1),
        ("pay", "latency", Decimal("0.95"), 1),
    ]


def test_a_part_that_no_dialect_has_either_is_reported_with_all_that_there_are() -> None:
    (mistake,) = loaded(NATIVE.replace("cart/requests", "cart/request")).diagnostics
    assert (mistake.code, mistake.line) == ("SER116", 11)
    assert "cart/requests" in (mistake.expected or "")
    assert "cart/requests" in (mistake.hint or "")


def test_percentiles_keep_their_own_targets_whatever_the_default() -> None:
    spec = loaded().spec
    assert spec is not None
    assert {slo.name: slo.objective.text for slo in spec.services["api"].slos} == {
        "availability": "99.9%", "speed-p95": "95%", "speed-p99": "99%", "journey": "99%",
    }  # fmt: skip
