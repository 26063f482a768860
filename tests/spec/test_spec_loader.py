"""What a good spec becomes, and how mistakes are told."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from tests.spec.shop import PEOPLE, SHOP, good, rendered

from sereno.app.promql_checker import Checker
from sereno.kernel.errors import UnsupportedQuery
from sereno.spec.loader import load_text
from sereno.spec.model import EventsSli, LatencySli, Spec


@pytest.fixture(scope="module")
def spec() -> Spec:
    return good({"people.yaml": PEOPLE, "services/shop.yml": SHOP})


def test_decimals_are_those_of_the_text(spec: Spec) -> None:
    availability, latency = (slo.objective for slo in spec.services["pay"].slos)
    assert (availability.text, str(availability.ratio), str(availability.budget)) == ("99.90%", "0.9990", "0.0010")
    assert (latency.text, latency.budget) == ("95 %", Decimal("0.05"))


def test_events_carry_their_exclusions_in_every_selector(spec: Spec) -> None:
    sli = spec.services["pay"].slos[0].sli
    assert sli == EventsSli(
        total='t_total{job="pay",endpoint!~"/health.*",kind!="bot"}',
        bad='t_total{job="pay",status=~"5..|429",endpoint!~"/health.*",kind!="bot"}',
        good=None,
    )


def test_good_events_may_be_another_metric() -> None:
    text = SHOP.replace("bad: 'status=~\"5..|429\"'", "good: 'ok_total{job=\"pay\"}'")
    sli = good({"p.yaml": PEOPLE, "s.yaml": text}).services["pay"].slos[0].sli
    assert isinstance(sli, EventsSli)
    assert (sli.bad, sli.good) == (None, 'ok_total{job="pay",endpoint!~"/health.*",kind!="bot"}')


@pytest.mark.parametrize(
    ("within", "seconds", "matcher"),
    [
        ("500ms", "0.5", 'le="0.5"'),
        ("1s", "1", r'le=~"1(\\.0)?"'),
        ("10s", "10", r'le=~"10(\\.0)?"'),
        ("2s500ms", "2.5", 'le="2.5"'),
        ("5ms", "0.005", 'le="0.005"'),
        ("1h", "3600", r'le=~"3600(\\.0)?"'),
    ],
)
def test_a_threshold_selects_its_boundary_however_it_is_spelt(within: str, seconds: str, matcher: str) -> None:
    sli = good({"p.yaml": PEOPLE, "s.yaml": SHOP.replace("500ms", within)}).services["pay"].slos[1].sli
    assert isinstance(sli, LatencySli)
    assert str(sli.within_seconds) == seconds
    assert sli.buckets == f'd_seconds_bucket{{job="pay",endpoint!="/x",{matcher}}}'
    assert sli.count == 'd_seconds_count{job="pay",endpoint!="/x"}'
    assert sli.histogram == 'd_seconds{job="pay",endpoint!="/x"}'


def test_severities_are_known_by_any_of_their_names(spec: Spec) -> None:
    availability, latency = spec.services["pay"].slos
    assert (availability.page_severity, availability.ticket_severity) == ("SEV2", "SEV3")
    assert (latency.page_severity, latency.ticket_severity) == ("SEV1", "SEV4")


def test_an_alert_becomes_a_rule_with_its_labels(spec: Spec) -> None:
    (rule,) = spec.services["pay"].alerts
    assert (rule.name, rule.expr, rule.key) == ("Down", 'max(up{job="pay"}) == 0', "pay/alert:Down")
    assert (rule.for_, rule.keep_firing_for) == (timedelta(minutes=1), timedelta(seconds=30))
    assert dict(rule.labels) == {"area": "money", "service": "pay", "team": "shop", "severity": "SEV1"}
    assert dict(rule.annotations) == {"summary": "Nobody can pay", "runbook_url": "services/runbooks/pay.md"}


def test_yaml_is_read_as_its_version_1_2_has_it(spec: Spec) -> None:
    (job,) = spec.services["pay"].scrape
    assert dict(job.labels) == {"port": "9104", "switch": "on"}
    assert (job.every, job.timeout) == (timedelta(seconds=5), timedelta(seconds=5))
    odd = PEOPLE.replace("title: La tienda", "title: on").replace("Ana Torres", "0123")
    loaded = load_text({"p.yaml": odd, "s.yaml": SHOP}, promql=Checker())
    read = loaded.spec
    assert read is not None
    assert [(d.code, d.message) for d in loaded.diagnostics] == [
        ("SER135", "tools of YAML 1.1 take `on` for true"), ("SER135", "tools of YAML 1.1 take `0123` for the number 83"),
    ]  # fmt: skip
    assert (read.teams["shop"].title, read.people["ana"].title) == ("on", "0123")


def test_people_schedules_and_escalations(spec: Spec) -> None:
    ana, turns, walk = spec.people["ana"], spec.schedules["shop"], spec.escalation_of("pay")
    assert [(c.channel, c.address) for c in ana.contacts] == [
        ("email", "ana@shop.example"), ("slack", "env:SLACK_ANA"), ("terminal", "/dev/stderr"),
    ]  # fmt: skip
    assert (turns.start, turns.handover, turns.roles, turns.people) == (
        date(2026, 1, 5), time(9), ("primary",), ("ana",),
    )  # fmt: skip
    assert [(s.targets, s.after) for s in walk.steps] == [
        (("primary",), timedelta(0)), (("ana", "primary"), timedelta(minutes=5)),
    ]  # fmt: skip
    assert walk.repeat_every == timedelta(minutes=10)


def test_services_are_found_behind_their_component(spec: Spec) -> None:
    (component,) = spec.status_pages["public"].components
    assert (component.name, component.services, component.description) == ("Pagos", ("pay",), "Cobros")
    twin = "service: gate\nteam: shop\nalerts: []\nstatus: {page: public, component: Pagos}\n"
    both = good({"p.yaml": PEOPLE, "s.yaml": SHOP, "t.yaml": twin}).status_pages["public"].components[0]
    assert both.services == ("pay", "gate")


def test_everything_knows_where_it_was_written(spec: Spec) -> None:
    source = spec.services["pay"].slos[1].source
    assert source is not None
    assert (source.file, source.line, source.column) == ("services/shop.yml", 13, 5)


def test_the_order_of_files_and_documents_does_not_matter(spec: Spec) -> None:
    turned = "\n---\n".join(reversed(PEOPLE.split("---\n")))
    other = good({"a.yaml": SHOP, "b.yaml": turned})
    assert (other.people["ana"].title, other.escalations["shop"].steps) == (
        spec.people["ana"].title, spec.escalations["shop"].steps,
    )  # fmt: skip


def test_the_digest_is_that_of_the_contents(spec: Spec) -> None:
    same = good({"services/shop.yml": SHOP, "people.yaml": PEOPLE})
    other = good({"people.yaml": PEOPLE + "# a comment\n", "services/shop.yml": SHOP})
    assert same.digest == spec.digest
    assert len(spec.digest) == 64
    assert other.digest != spec.digest


def test_a_scale_of_ones_own_replaces_the_usual_one() -> None:
    scale = """\
severities:
  - {name: P1, page: always, incident: true, acknowledge_within: 5m, status: major_outage, aliases: [page, critical]}
  - {name: P4, page: never, status: operational, aliases: [sev4]}
"""
    loaded = load_text({"p.yaml": PEOPLE, "s.yaml": SHOP, "v.yaml": scale}, promql=Checker())
    assert loaded.spec is not None
    assert [s.name for s in loaded.spec.severities] == ["P1", "P4"]
    assert [d.code for d in loaded.diagnostics] == ["SER076"], "the second of this scale, the default, pages nobody"


def test_all_mistakes_of_all_files_at_once() -> None:
    files = {
        "people.yaml": PEOPLE.replace("America/Lima\nlanguage", "Lima\nlanguage").replace(
            "repeat_every: 10m", "repeat_every: ten"
        ),
        "services/shop.yml": SHOP.replace("99.90%", "99.9").replace("30d", "30 d").replace("team: shop", "team: shpo"),
        "broken.yaml": "a: [\n---\nb: c: d\n",
    }
    found = [d.code for d in load_text(files, promql=Checker()).diagnostics]
    assert found == ["SER003", "SER003", "SER035", "SER030", "SER031", "SER030"], "unknown names wait until all is read"


def test_a_mistake_is_shown_with_a_caret_and_a_way_out() -> None:
    files = {"p.yaml": PEOPLE, "s.yaml": SHOP.replace("    objective: 99.90%", "    objetive: 99.90%")}
    (found,) = load_text(files, promql=Checker()).diagnostics
    place, line, caret, expected, hint = found.render().splitlines()
    assert [place, line, caret, hint] == [
        "s.yaml:9:5: error SER021: an objective has no key `objetive`",
        "    9 |     objetive: 99.90%",
        "      |     ^^^^^^^^",
        "      hint: did you mean `objective`?",
    ]
    assert expected.startswith("      expected: one of name, window, sli, objective, ")


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ("99.90%", "99.9", "write `99.9%`"),
        ("99.90%", "100%", "100% leaves no budget: choose what users would really miss"),
        ("window: 30d", "window: 30 days", "write `30d`"),
        ("window: 30d", "window: 1.5h", "write `1h30m`"),
        ("zone: America/Lima\n", "zone: America/Limma\n", "did you mean `America/Lima`?"),
        ("zone: America/Lima\n", "zone: Lima\n", "did you mean `America/Lima`?"),
        ("team: shop\ntitle", "team: shpo\ntitle", "did you mean `shop`?"),
        ("start: 2026-01-05", "start: 2026-01-07", "the monday before is 2026-01-05, the one after 2026-01-12"),
        ("service: pay", "service: Búsqueda rápida", "write `busqueda-rapida`; a `title` may be anything"),
        ("severity: critical", "severity: SEV5", None),
        ("severity: critical", "severity: critcal", "did you mean `critical`?"),
        ("within: 500ms", "within: 500", "write `500ms` for milliseconds, `500s` for seconds"),
        ("within: 500ms", "within: 1:30", "write `1h30m` or `1m30s`; tools of YAML 1.1 take it for 90"),
        ("99.90%", "0.999", "write `99.9%`"),
        ("99.90%", "0.9995", "write `99.95%`"),
    ],
)
def test_hints(before: str, after: str, hint: str | None) -> None:
    files = {name: text.replace(before, after, 1) for name, text in (("p.yaml", PEOPLE), ("s.yaml", SHOP))}
    found = load_text(files, promql=Checker()).diagnostics
    assert [d.hint for d in found] == [hint]


def test_addresses_that_are_secrets_are_never_shown() -> None:
    for contact in (
        "slack: https://hooks.slack.example/T0/B0/s3cret",
        "webhook: 'hooks.example/ s3cret'",
        "webhook: https://hooks.example/s3cret}, {emial: x@y.example",
        "webhook: https://ana:s3cret@hooks.example/}, {emial: x@y.example",
    ):
        text = PEOPLE.replace("slack: 'env:SLACK_ANA'", contact)
        loaded = load_text({"p.yaml": text, "s.yaml": SHOP}, promql=Checker())
        assert loaded.diagnostics
        assert "s3cret" not in rendered(loaded)


def test_what_a_terminal_would_obey_is_not_echoed() -> None:
    loaded = load_text({"s.yaml": 'service: "\\e[2J"\n\x85title: a\u202e\n'}, promql=Checker())
    shown = "".join(rendered(loaded).split("\n"))
    assert loaded.diagnostics
    assert shown.isprintable()


def test_an_expression_that_cannot_be_computed_is_refused() -> None:
    class Half(Checker):
        def check(self, text: str) -> None:
            raise UnsupportedQuery("holt_winters is not computed yet", position=4)

    found = load_text({"p.yaml": PEOPLE, "s.yaml": SHOP}, promql=Half()).diagnostics
    assert [(d.code, d.line, d.column) for d in found] == [("SER064", 22, 11)]
