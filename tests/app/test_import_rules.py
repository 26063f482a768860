"""Rules of others brought into a spec: objectives where that is the same, alerts, and the rest raw."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.oracles import imported_rules

from sereno.app.cli import run
from sereno.app.importing.rules import Wishes, bring
from sereno.app.importing.rules_api import groups_of_answer
from sereno.app.promql_checker import Checker
from sereno.kernel.errors import UsageError
from sereno.spec.loader import load
from sereno.spec.model import DeclaredTier, EventsSli, Slo
from sereno.spec.rule_groups import RuleGroup

ALERTS = """
groups:
  - name: shop
    rules:
      - {record: 'job:errors:rate5m', expr: 'sum by (job) (rate(errors_total[5m]))'}
      - alert: ShopDown
        expr: max(up{job="shop"}) == 0
        for: 1m
        labels: {severity: critical, service: shop, area: money}
        annotations: {summary: Nobody can buy, runbook_url: 'https://books.example/down', description: 'all of {{ $labels.job }}'}
      - {alert: ShopDown, expr: up == 0, labels: {severity: warning, service: shop}}
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
      - {alert: Odd, expr: up == 0, labels: {severity: info}, annotations: {dashboard: 'https://g.example'}}
"""
RATIO = 'sum(rate(http_total{{job="a",code=~"5.."}}[{0}])) / sum(rate(http_total{{job="a"}}[{0}]))'


def burn(long: str, short: str, limit: str) -> str:
    return f"({RATIO.format(long)}) > {limit} and ({RATIO.format(short)}) > {limit}"


def groups(text: str, name: str = "shop.rules.yml") -> list[RuleGroup]:
    return imported_rules.groups_of({name: text})


def rule_file(*rules: str) -> str:
    return "groups:\n  - name: g\n    rules:\n" + "\n".join(f"      - {rule}" for rule in rules)


def slos(text: str, wishes: Wishes | None = None) -> list[Slo]:
    spec = imported_rules.spec_of(groups(text), wishes)
    return [slo for service in spec.services.values() for slo in service.slos]


def test_every_rule_comes_out_of_the_build_as_it_was() -> None:
    found = groups(ALERTS)

    assert imported_rules.lost(found, imported_rules.built_rules(imported_rules.spec_of(found))) == []


def test_each_rule_is_said_where_it_went_and_why() -> None:
    said = [str(note) for note in bring(groups(ALERTS)).notes]

    assert said == [
        "shop.rules.yml:5:9: job:errors:rate5m: kept raw: the spec records only what objectives need",
        "shop.rules.yml:6:9: ShopDown: an alert: severity critical is SEV1",
        "shop.rules.yml:11:9: ShopDown: kept raw: the service has an alert of that name already",
        "shop.rules.yml:12:9: Watchdog: kept raw: `none` is no severity of the scale",
        "shop.rules.yml:13:9: Odd: kept raw: it has annotations of its own: dashboard",
        "teams.yaml: imported: made up: say there who is paged: nobody is, until then",
    ]


def test_a_label_names_the_service_else_the_file_does() -> None:
    spec = imported_rules.spec_of(groups(ALERTS))
    assert {name: len(service.alerts) for name, service in spec.services.items()} == {"shop": 1}  # so is the file
    other = imported_rules.spec_of(groups(ALERTS.replace("service: shop", "service: till"), "x/prometheus-rules.yml"))
    assert set(other.services) == {"till", "prometheus-rules"}


def test_burn_rates_written_out_become_an_objective() -> None:
    text = rule_file(
        f"{{alert: Fast, expr: '{burn('1h', '5m', '14.4 * 0.001')}', labels: {{severity: critical}}}}",
        f"{{alert: Slow, expr: '{burn('2d', '4h', '(1.5 * (1 - 0.999))')}', for: 5m, labels: {{severity: warning}}}}",
    )

    (slo,) = slos(text)

    assert slo.sli == EventsSli('http_total{job="a"}', 'http_total{code=~"5..",job="a"}', None)
    assert slo.objective.text == "99.9%"
    assert slo.tiers == (
        DeclaredTier("page", timedelta(hours=1), timedelta(minutes=5), Decimal("14.4")),
        DeclaredTier("ticket", timedelta(days=2), timedelta(hours=4), Decimal("1.5"), timedelta(minutes=5)),
    )
    assert (slo.page_severity, slo.ticket_severity) == ("SEV1", "SEV3")


@pytest.mark.parametrize(
    "expr",
    [
        burn("1h", "5m", "0.0144"),  # the objective is hidden in the product
        burn("1h", "1h", "14.4 * 0.001"),
        f"({RATIO.format('1h')}) > 14.4 * 0.001",  # one window
        burn("1h", "5m", "14.4 * 0.001").replace("and", "unless"),
        burn("1h", "5m", "14.4 * 0.001").replace("sum(rate", "sum by (path) (rate"),
        burn("1h", "5m", "14.4 * 0.001").replace("> 14.4", ">= 14.4", 1),
        " and ".join(f"max by (code) (({RATIO.format(w)}) > 14.4 * 0.001)" for w in ("1h", "5m")),
        burn("1h", "5m", "14.4 * 0.001").replace("14.4", "6", 1),
        burn("1h", "5m", "14.4 * 0.001").replace("[5m]", "[5m] offset 1m", 1),
        burn("1h", "5m", "1 * 0.001"),  # inside the budget
        burn("1h", "5m", "14.4 * 0.001") + " and on() hour() > 8",
    ],
)
def test_what_is_not_quite_a_burn_rate_stays_an_alert(expr: str) -> None:
    spec = imported_rules.spec_of(groups(rule_file(f"{{alert: Fast, expr: '{expr}', labels: {{severity: critical}}}}")))

    assert [(len(service.slos), len(service.alerts)) for service in spec.services.values()] == [(0, 1)]


def test_a_recorded_ratio_is_followed_if_it_can_only_be_one() -> None:
    records = [f"{{record: 'e:r{w}', expr: '{RATIO.format(w)}', labels: {{slo: a}}}}" for w in ("1h", "5m")]
    other = "{record: 'e:r5m', expr: vector(1), labels: {slo: b}}"
    alert = (
        "{{alert: Fast, expr: 'e:r1h{0} > (14.4 * 0.01) and e:r5m{0} > (14.4 * 0.01)', labels: {{severity: critical}}}}"
    )

    assert [s.objective.text for s in slos(rule_file(*records, other, alert.format('{slo="a"}')))] == ["99%"]
    assert slos(rule_file(*records, other, alert.format(""))) == []


def test_the_rules_that_pyrra_generates_become_one_objective() -> None:
    windows = (("1h", "5m", 14, "2m"), ("6h", "30m", 7, "15m"), ("1d", "2h", 2, "1h"), ("4d", "6h", 1, "3h"))
    records = [
        f"{{record: 'http:burnrate{w}', expr: '{RATIO.format(w)}', labels: {{job: a, slo: api-errors}}}}"
        for long, short, *_ in windows for w in (long, short)
    ]  # fmt: skip
    whole = "{record: 'http:increase4w', expr: 'sum by (code) (increase(http_total{job=\"a\"}[4w]))', labels: {job: a, slo: api-errors}}"
    limit = '{{job="a",slo="api-errors"}} > ({1} * (1-0.99))'
    alerts = [
        f"{{alert: ErrorBudgetBurn, expr: '{' and '.join(f'http:burnrate{w}' + limit.format(0, factor) for w in (short, long))}', "
        f"for: {wait}, labels: {{severity: {'critical' if factor > 2 else 'warning'}, slo: api-errors, long: {long}, short: {short}}}}}"
        for long, short, factor, wait in windows
    ]  # fmt: skip

    (slo,) = slos(rule_file(*records, whole, *alerts))

    assert (slo.name, slo.objective.text, slo.window) == ("api-errors", "99%", timedelta(weeks=4))
    assert [(tier.kind, tier.factor, tier.for_ // timedelta(minutes=1)) for tier in slo.tiers] == [
        ("page", Decimal(14), 2), ("page", Decimal(7), 15), ("ticket", Decimal(2), 60),
    ]  # fmt: skip


def test_a_running_prometheus_tells_its_rules() -> None:
    answer = {"status": "success", "data": {"groups": [{"name": "g", "file": "/etc/r.yml", "interval": 30, "rules": [
        {"type": "alerting", "name": "Down", "query": "up == 0", "duration": 60, "labels": {"severity": "page"},
         "annotations": {"summary": "It is down"}, "health": "ok"},
        {"type": "recording", "name": "a:b", "query": "sum(up)"}]}]}}  # fmt: skip

    (group,) = groups_of_answer(answer, "http://p")

    assert (group.interval, group.rules[0].for_, group.rules[1].kind) == (
        timedelta(seconds=30),
        timedelta(minutes=1),
        "record",
    )
    assert imported_rules.lost([group], imported_rules.built_rules(imported_rules.spec_of([group]))) == []
    with pytest.raises(UsageError):
        groups_of_answer({"status": "error"}, "http://p")


def test_the_command_writes_a_spec_that_is_good_and_overwrites_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.yml").write_text(ALERTS)
    into = tmp_path / "reliability"
    arguments = ["import", "rules", str(tmp_path / "shop.yml"), "--into", str(into)]

    assert run(arguments) == 0
    assert sorted(path.name for path in into.iterdir()) == ["shop.yaml", "teams.yaml"]
    assert load(into, promql=Checker()).spec is not None
    assert "1 × an alert; 4 × kept raw; 1 × made up." in capsys.readouterr().out
    assert run(arguments) == 2
    assert run([*arguments, "--force"]) == 0


def test_a_rule_that_is_wrong_is_said_and_the_others_are_brought(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.yml").write_text(
        rule_file(
            "{alert: A, expr: 'sum(', labels: {severity: info}}", "{alert: B, expr: up, labels: {severity: info}}"
        )
    )

    assert run(["import", "rules", str(tmp_path / "shop.yml"), "--into", str(tmp_path / "r")]) == 1

    said = capsys.readouterr().out
    assert "shop.yml:4:" in said
    assert "B: an alert" in said


def test_rules_are_asked_of_a_prometheus_over_http(tmp_path: Path) -> None:
    groups = [{"name": "g", "file": "r.yml", "interval": 30, "rules": [
        {"type": "alerting", "name": "Down", "query": "up == 0", "duration": 60, "labels": {"severity": "page"}}]}]  # fmt: skip

    class Prometheus(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"status": "success", "data": {"groups": groups}}).encode()
            self.send_response(200 if self.path == "/api/v1/rules" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        assert run(["import", "rules", address, "--into", str(tmp_path / "r"), "--team", "shop"]) == 0
        assert run(["import", "rules", f"{address}/elsewhere", "--into", str(tmp_path / "other")]) == 2
    finally:
        server.shutdown()
        server.server_close()

    spec = load(tmp_path / "r", promql=Checker()).spec
    assert spec is not None
    assert [rule.name for rule in spec.services["r"].alerts] == ["Down"]
