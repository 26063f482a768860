"""Pyrra's documents: ratios, latencies and gauges, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from sereno.app.promql_checker import Checker
from sereno.spec.loader import Loaded, load_text
from sereno.spec.model import EventsSli, GaugeSli, LatencySli, NativeLatencySli, Slo

DOCUMENT = """apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: api-errors
  namespace: monitoring
  labels: {app: api, pyrra.dev/team: shop, pyrra.dev/area: money}
spec:
  target: "99.9"
  window: 4w
  description: People get answers
  indicator:
    ratio:
      errors: {metric: 'http_total{job="api",code=~"5.."}'}
      total: {metric: 'http_total{job="api"}'}
"""
TEAM = "team: shop\nescalation: shop\n---\nescalation: shop\nsteps: [{page: [ana]}]\n---\nperson: ana\ncontacts: [{email: a@b.example}]\n"
RATIO = DOCUMENT[DOCUMENT.index("    ratio:") :]


def loaded(text: str) -> Loaded:
    return load_text({"a.yaml": text, "team.yaml": TEAM}, promql=Checker())


def slo_of(text: str) -> Slo:
    found = loaded(text)
    assert found.spec is not None, [d.render() for d in found.diagnostics]
    (service,) = found.spec.services.values()
    assert (service.name, service.team) == ("api", "shop")
    return service.slos[0]


def test_a_ratio_is_counted_over_its_window() -> None:
    slo = slo_of(DOCUMENT)

    assert slo.sli == EventsSli('http_total{job="api"}', 'http_total{job="api",code=~"5.."}', None)
    assert (slo.name, slo.objective.ratio, slo.window) == ("api-errors", Decimal("0.999"), timedelta(weeks=4))
    assert dict(slo.labels) == {"area": "money"}


@pytest.mark.parametrize(
    ("indicator", "sli"),
    [
        ('{latency: {success: {metric: \'s_bucket{job="a",le="0.5"}\'}, total: {metric: \'s_count{job="a"}\'}}}',
         LatencySli('s{job="a"}', 's_bucket{job="a",le="0.5"}', 's_count{job="a"}', Decimal("0.5"))),
        ('{latencyNative: {latency: 250ms, total: {metric: s}}}', NativeLatencySli("s", Decimal("0.25"))),
        ('{bool_gauge: {metric: \'probe_success{job="a"}\'}}', GaugeSli('probe_success{job="a"}', "==", Decimal(1))),
    ],
)  # fmt: skip
def test_latencies_and_gauges(indicator: str, sli: object) -> None:
    slo = slo_of(DOCUMENT.replace("  indicator:\n" + RATIO, f"  indicator: {indicator}\n"))

    assert slo.sli == sli
    assert slo.method == ("ratio_timeslices" if isinstance(sli, GaugeSli) else "occurrences")


def test_alerts_may_be_off_and_have_severities() -> None:
    severities = "severities: {fastBurn: critical, mediumBurn: critical, slowBurn: info, longTermBurn: warning}"

    slo = slo_of(DOCUMENT + f"  alerting: {{burnrates: false, {severities}}}\n")

    assert (slo.alerting, slo.page_severity, slo.ticket_severity) == (False, "SEV1", "SEV4")


def test_a_grouping_is_counted_as_one_and_said() -> None:
    found = loaded(DOCUMENT + "      grouping: [handler]\n")

    assert found.spec is not None
    assert [d.message for d in found.diagnostics if d.code == "SER159"] == [
        "all of handler are counted as one objective"
    ]


WRONG = {
    "version": (("v1alpha1", "v2"), (1, 13), "SER150"),
    "kind": (("ServiceLevelObjective", "Objective"), (2, 7), "SER150"),
    "target of 100": (('"99.9"', '"100"'), (8, 11), "SER031"),
    "target in words": (('"99.9"', "high"), (8, 11), "SER031"),
    "window": (("4w", "a month"), (9, 11), "SER030"),
    "no indicator": (("  indicator:\n" + RATIO, "  indicator: {}\n"), (11, 14), "SER024"),
    "no selector": (("'http_total{job=\"api\"}'", "'sum(http_total)'"), (14, 23), "SER061"),
    "no errors": (('      errors: {metric: \'http_total{job="api",code=~"5.."}\'}\n', ""), (13, 7), "SER022"),
    "no name": (("  name: api-errors\n", ""), (4, 3), "SER022"),
    "bad name": (("api-errors", "API errors"), (4, 9), "SER152"),
    "unknown key": (("description", "describe"), (10, 3), "SER021"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_refused_where_it_is(name: str) -> None:
    (old, new), place, code = WRONG[name]
    assert DOCUMENT.count(old) == 1

    found = loaded(DOCUMENT.replace(old, new))

    assert (code, *place) in [(d.code, d.line, d.column) for d in found.diagnostics if d.level == "error"], [
        d.render() for d in found.diagnostics
    ]


def test_a_list_of_objectives_is_read() -> None:
    body = "\n".join(f"    {line}" for line in DOCUMENT.splitlines()).replace("    apiVersion", "  - apiVersion", 1)

    assert slo_of(f"apiVersion: v1\nkind: List\nitems:\n{body}\n").name == "api-errors"


@pytest.mark.parametrize("text", ["apiVersion: pyrra.dev/v1alpha1\n", "apiVersion: openslo/v1\nkind: SLO\nspec: 5\n",
                                  "version: prometheus/v1\nslos: {a: 1}\n", "apiVersion: sloth.slok.dev/v1\nkind: [1]\n",
                                  "- apiVersion: openslo/v1\n  kind: SLO\n  metadata: []\n  spec: {objectives: [1, [], {}], timeWindow: 3}\n",
                                  "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: 7}\nspec: {conditions: [x], notificationTargets: {}}\n"])  # fmt: skip
def test_nonsense_ends_with_a_place(text: str) -> None:
    found = loaded(text)

    assert found.spec is None
    assert all(d.line >= 1 and d.column >= 1 for d in found.diagnostics)
