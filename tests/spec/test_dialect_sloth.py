"""Sloth's documents: what they count is counted exactly, what cannot be had is said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sereno.app.promql_checker import Checker
from sereno.spec.dialects.gathered import PAGES, TICKETS
from sereno.spec.dialects.sloth_plugins import PLUGINS
from sereno.spec.loader import Loaded, load_text
from sereno.spec.model import EventsSli, LatencySli, LowTraffic, QuerySli, Slo

TEAM = "team: shop\nescalation: shop\n---\nescalation: shop\nsteps: [{page: [ana]}]\n---\nperson: ana\ncontacts: [{email: a@b.example}]\n"
DOCUMENT = """version: prometheus/v1
service: api
labels: {owner: shop, tier: "1"}
slos:
  - name: availability
    objective: 99.95
    description: People get answers
    sli:
      events:
        error_query: sum(rate(http_total{code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_total[{{.window}}]))
    alerting:
      name: ApiBurns
"""
EVENTS = DOCUMENT[DOCUMENT.index("      events:") : DOCUMENT.index("    alerting:")]


def loaded(text: str) -> Loaded:
    return load_text({"a.yaml": text, "team.yaml": TEAM}, promql=Checker())


def slo_of(text: str) -> Slo:
    found = loaded(text)
    assert found.spec is not None, [d.render() for d in found.diagnostics]
    return found.spec.services["api"].slos[0]


def with_sli(text: str) -> str:
    return DOCUMENT.replace(EVENTS, text)


def test_a_document_becomes_an_objective_over_thirty_days() -> None:
    slo = slo_of(DOCUMENT)

    assert (slo.objective.text, slo.objective.ratio, slo.window.days) == ("99.95%", Decimal("0.9995"), 30)
    assert slo.sli == EventsSli("http_total", 'http_total{code=~"5.."}', None)
    assert (slo.description, dict(slo.labels)) == ("People get answers", {"owner": "shop", "tier": "1"})


def test_kubernetes_spells_its_keys_otherwise() -> None:
    inner = DOCUMENT.split("\n", 1)[1].replace("error_query", "errorQuery").replace("total_query", "totalQuery")
    body = "\n".join(f"  {line}" for line in inner.splitlines())

    slo = slo_of(f"apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nmetadata: {{name: x}}\nspec:\n{body}\n")

    assert slo.sli == slo_of(DOCUMENT).sli


@pytest.mark.parametrize(
    ("query", "sli"),
    [
        ('sum(rate(bad[{{.window}}])) / sum(rate(all[{{ .window }}]))', EventsSli("all", "bad", None)),
        ('1 - (sum(rate(good[{{.window}}])) / sum(rate(all[{{.window}}])))', EventsSli("all", None, "good")),
        ('(sum(increase(bad[{{.window}}])))/(sum(increase(all[{{.window}}])))', EventsSli("all", "bad", None)),
        ('sum by (x) (rate(bad[{{.window}}])) / sum(rate(all[{{.window}}]))',
         QuerySli(ratio="sum by (x) (rate(bad[$window])) / sum(rate(all[$window]))")),
        ('sum(rate(bad[{{.window}}])) / sum(rate(all[{{.window}}])) * 2',
         QuerySli(ratio="sum(rate(bad[$window])) / sum(rate(all[$window])) * 2")),
        ('sum(rate(bad[{{.window}}])) / sum(rate(all[{{.window}}])) or vector(0)',
         QuerySli(ratio="sum(rate(bad[$window])) / sum(rate(all[$window])) or vector(0)")),
    ],
)  # fmt: skip
def test_a_raw_ratio_of_counters_is_counted_and_any_other_is_taken_as_it_is(query: str, sli: object) -> None:
    assert slo_of(with_sli(f"      raw: {{error_ratio_query: '{query}'}}\n")).sli == sli


def test_what_is_slower_than_a_bucket_is_a_latency() -> None:
    query = 'sum(rate(s_count{job="a"}[{{.window}}])) - sum(rate(s_bucket{le="1",job="a"}[{{.window}}]))'
    total = 'sum(rate(s_count{job="a"}[{{.window}}]))'

    sli = slo_of(with_sli(f"      events: {{error_query: '{query}', total_query: '{total}'}}\n")).sli

    assert isinstance(sli, LatencySli)
    assert (sli.buckets, sli.within_seconds) == ('s_bucket{job="a",le=~"1(\\\\.0)?"}', Decimal(1))


@pytest.mark.parametrize(
    ("bad", "total", "kind"),
    [
        ('sum(rate(s_count{job="a"}[{{.window}}])) - sum(rate(s_bucket{le="1",job="b"}[{{.window}}]))',
         'sum(rate(s_count{job="a"}[{{.window}}]))', EventsSli),
        ('sum(rate(s_count{job="b"}[{{.window}}])) - sum(rate(s_bucket{le="1",job="b"}[{{.window}}]))',
         'sum(rate(s_count{job="a"}[{{.window}}]))', QuerySli),
    ],
)  # fmt: skip
def test_a_bucket_of_something_else_is_no_latency(bad: str, total: str, kind: type) -> None:
    sli = slo_of(with_sli(f"      events: {{error_query: '{bad}', total_query: '{total}'}}\n")).sli

    assert isinstance(sli, kind)


def test_milliseconds_are_not_taken_for_seconds() -> None:
    plugin = "      plugin: {id: sloth-common/istio/v1/latency, options: {service: a, namespace: n, bucket: '500'}}\n"

    assert isinstance(slo_of(with_sli(plugin)).sli, EventsSli)


@pytest.mark.parametrize(("disabled", "tiers", "alerting"), [
    ("page_alert: {disable: true}", TICKETS, True), ("ticket_alert: {disable: true}", PAGES, True),
    ("page_alert: {disable: true}\n      ticket_alert: {disable: true}", (), False),
])  # fmt: skip
def test_an_alert_may_be_disabled(disabled: str, tiers: object, alerting: bool) -> None:
    slo = slo_of(DOCUMENT.replace("      name: ApiBurns", f"      name: ApiBurns\n      {disabled}"))

    assert (slo.tiers, slo.alerting) == (tiers, alerting)


@pytest.mark.parametrize("name", PLUGINS)
def test_a_known_plugin_counts_what_it_counts(name: str) -> None:
    options = {"job": "j", "bucket": "0.5", "service": "s", "namespace": "n", "controller": "c", "backend_regex": "b",
               "service_name_regex": "s"}  # fmt: skip
    chosen = ", ".join(f"{key}: '{options[key]}'" for key in PLUGINS[name].needed)
    filter_ = "filter: 'env=\"prod\"'"

    sli = slo_of(
        with_sli(f"      plugin: {{id: {name}, options: {{{chosen}{', ' if chosen else ''}{filter_}}}}}\n")
    ).sli

    texts = (sli.total, sli.bad or sli.good) if isinstance(sli, EventsSli) else (sli.count, sli.buckets)  # type: ignore[union-attr]
    assert all('env="prod"' in (text or "") for text in texts)


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("{id: sloth-common/coredns/latency}", "needs the option `bucket`"),
        ("{id: mine/of/my/own}", "is a program"),
        (
            "{id: sloth-common/slok-go-http-metrics/availability, options: {exclude_errors: 'true'}}",
            "cannot be expressed",
        ),
        ("{id: sloth-common/kubernetes/apiserver/availability, options: {filter: 'a=b'}}", "no matchers"),
    ],
)
def test_a_plugin_that_cannot_be_expressed_is_refused(plugin: str, said: str) -> None:
    found = loaded(with_sli(f"      plugin: {plugin}\n"))

    wrong = [d for d in found.diagnostics if d.level == "error"]
    assert [(d.code, d.line) for d in wrong] == [("SER161", 9)]
    assert said in wrong[0].message


def test_low_traffic_is_guarded_as_the_plugin_does() -> None:
    chain = "    plugins: {chain: [{id: sloth.dev/contrib/denominator_corrected_rules/v1}]}\n    sli:\n"

    assert slo_of(DOCUMENT.replace("    sli:\n", chain)).low_traffic == LowTraffic(budget_fraction=True)


WRONG = {
    "version": (("prometheus/v1", "prometheus/v2"), (1, 10), "SER150"),
    "objective of 100": (("99.95", "100"), (6, 16), "SER031"),
    "objective of 101": (("99.95", "101"), (6, 16), "SER031"),
    "objective in words": (("99.95", "high"), (6, 16), "SER155"),
    "name": (("availability", '"a b"'), (5, 11), "SER152"),
    "no name": (("  - name: availability\n    objective", "  - objective"), (5, 5), "SER022"),
    "no service": (("service: api", 'service: ""'), (2, 10), "SER152"),
    "no window": (("http_total[{{.window}}]", "http_total[5m]"), (11, 22), "SER158"),
    "no PromQL": (("sum(rate(http_total[{{.window}}]))", "sum(rate(http_total[{{.window}}])"), (11, 55), "SER060"),
    "one query twice": (('{code=~"5.."}', ""), (10, 22), "SER157"),
    "no alert's name": (("      name: ApiBurns\n", "      labels: {a: b}\n"), (12, 5), "SER022"),
    "unknown key": (("description:", "descriptoin:"), (7, 5), "SER021"),
    "two indicators": (
        ("    sli:\n", "    sli:\n      raw: {error_ratio_query: 'a[{{.window}}]'}\n"),
        (10, 7),
        "SER024",
    ),
    "bad label": (("tier:", "1tier:"), (3, 23), "SER164"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_refused_where_it_is(name: str) -> None:
    (old, new), place, code = WRONG[name]
    assert DOCUMENT.count(old) == 1

    found = loaded(DOCUMENT.replace(old, new))

    assert (code, *place) in [(d.code, d.line, d.column) for d in found.diagnostics if d.level == "error"], [
        d.render() for d in found.diagnostics
    ]


def test_what_is_not_on_the_alerts_is_said() -> None:
    text = (
        DOCUMENT
        + "      page_alert: {labels: {severity: critical, routing_key: x}}\n      ticket_alert: {labels: {severity: chat}}\n"
    )

    found = loaded(text)

    assert {d.code: d.message for d in found.diagnostics if d.code in ("SER159", "SER162")} == {
        "SER162": "not on the alerts: routing_key",
        "SER159": "`chat` is no severity of the scale; the usual one is taken",
    }
    assert slo_of(text).page_severity == "SEV1"
