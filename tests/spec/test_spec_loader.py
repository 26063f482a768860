"""What a good spec becomes, and what the loader promises whatever it is given."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.app.promql_checker import Checker
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.errors import UnsupportedQuery, UsageError
from sereno.spec.loader import FILE_BYTES_MAX, Loaded, load, load_text
from sereno.spec.model import EventsSli, LatencySli, Spec

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
    read = good({"p.yaml": odd, "s.yaml": SHOP})
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
    assert found.render().splitlines() == [
        "s.yaml:9:5: error SER021: an objective has no key `objetive`",
        "    9 |     objetive: 99.90%",
        "      |     ^^^^^^^^",
        "      expected: one of name, objective, window, sli, description, runbook, severity, ticket",
        "      hint: did you mean `objective`?",
    ]


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
        ("within: 500ms", "within: 500", "write `8m20s` if seconds are meant"),
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


# Limits, and whatever the network may send -----------------------------------------------------------------


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = load_text({"bomb.yaml": "\n".join(lines)}, promql=Checker()).diagnostics
    assert [d.code for d in found] == ["SER005"]


def test_an_alias_of_itself_has_no_anchor_yet() -> None:
    found = load_text({"loop.yaml": "service: &a [*a]\n"}, promql=Checker()).diagnostics
    assert "SER006" in [d.code for d in found]


def test_deep_nesting_is_refused() -> None:
    for text in ("[" * 400_000, "{a: " * 200_000, "- " * 400_000, "? " * 100_000):
        found = load_text({"deep.yaml": text}, promql=Checker()).diagnostics
        assert {d.code for d in found} <= {"SER003", "SER005"}
        assert found


def test_anchors_are_fine_when_small() -> None:
    text = PEOPLE.replace("language: es", "language: &l es") + "---\n" + SHOP
    assert good({"all.yaml": text}).people["ana"].language == "es"


def test_only_the_first_thousand_mistakes_are_listed() -> None:
    text = "service: pay\nteam: shop\nalerts: []\n" + "".join(f"x{n}: 1\n" for n in range(1500))
    found = load_text({"s.yaml": text}, promql=Checker()).diagnostics
    assert len(found) == 1001
    assert "SER099" in {d.code for d in found}


KEYS = [
    "service", "team", "person", "schedule", "steps", "page", "zone", "start", "handover", "people", "status_page",
    "window", "sli", "name", "except",
]  # fmt: skip
PIECES = [
    "null", "99.9%", "30d", "2026-01-05", "&a ", "*a", "<<: ", "? ", "!x ", "[", "]", "}", "{events: ", "rate(x[5m]",
    'up{a="', "\\x", ": ", "contacts: [{email: ", "alerts: [{alert: A, severity: SEV1, expr: ", "---\n", "\n",
    "slos:\n", "severities:\n", "  - ", "'", '"', "|\n  ", ">-\n ", "# c\n", "\t", "\r\n", "%YAML 1.2\n", "é", "\u2028",
    "\U0001f600", "\x00", "\ufeff", "\x85",
]  # fmt: skip
WORDS = st.sampled_from([*(f"{key}: " for key in KEYS), *PIECES])
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=30).map("".join))


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS)
def test_no_text_can_break_the_loader(one: str, two: str) -> None:
    files = {"one.yaml": one, "two.yml": two, "p.yaml": PEOPLE}
    loaded = load_text(files, promql=Checker(), exists=lambda name: False)
    assert (loaded.spec is None) == any(d.level == "error" for d in loaded.diagnostics)
    for diagnostic in loaded.diagnostics:
        assert_inside(diagnostic, files[diagnostic.file])
        assert diagnostic.render()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SHOP) - 1), st.integers(0, 12), WORDS)
def test_no_damage_to_a_good_spec_can_break_the_loader(at: int, cut: int, put: str) -> None:
    files = {"p.yaml": PEOPLE, "s.yaml": SHOP[:at] + put + SHOP[at + cut :]}
    for diagnostic in load_text(files, promql=Checker()).diagnostics:
        assert_inside(diagnostic, files[diagnostic.file])


def assert_inside(diagnostic: Diagnostic, text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert 1 <= diagnostic.line <= len(lines)
    assert 1 <= diagnostic.column <= len(lines[diagnostic.line - 1]) + 1
    assert diagnostic.length >= 1


# Files -----------------------------------------------------------------------------------------------------


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    runbook = {"services/runbooks/pay.md": b"# Pay\n", "README.md": b"no", ".git/x.yaml": b"a: [", "notes.txt": b": ["}
    files = {"people.yaml": PEOPLE.encode(), "services/shop.YML": SHOP.encode()}
    loaded = load(write(tmp_path, {**files, **runbook}), promql=Checker())
    assert loaded.spec is not None, rendered(loaded)
    assert [path.name for path in loaded.files] == ["people.yaml", "shop.YML"]


def test_a_runbook_with_an_impossible_name_is_only_missing(tmp_path: Path) -> None:
    text = PEOPLE + "---\n" + SHOP.replace("runbooks/pay.md", "x" * 5000)
    found = load(write(tmp_path, {"a.yaml": text.encode()}), promql=Checker()).diagnostics
    assert [d.code for d in found] == ["SER058"]


def test_a_runbook_that_is_not_there_is_named_with_its_path(tmp_path: Path) -> None:
    (found,) = load(write(tmp_path, {"a.yaml": (PEOPLE + "---\n" + SHOP).encode()}), promql=Checker()).diagnostics
    assert (found.code, found.file) == ("SER058", str(tmp_path / "a.yaml"))
    assert "runbooks/pay.md" in found.message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    files = {
        "latin.yaml": "service: pay\ntitle: Búsqueda\n".encode("latin-1"),
        "large.yaml": b"#" * (FILE_BYTES_MAX + 1),
        "bom.yaml": b"\xef\xbb\xbf" + PEOPLE.encode(),
        "wide.yaml": "service: pay".encode("utf-16"),
    }
    found = load(write(tmp_path, files), promql=Checker()).diagnostics
    places = [(d.code, Path(d.file).name, d.line, d.column) for d in found if d.level == "error"]
    assert places == [
        ("SER002", "large.yaml", 1, 1), ("SER001", "latin.yaml", 2, 9), ("SER001", "wide.yaml", 1, 1),
    ]  # fmt: skip


def test_an_empty_folder_says_so_and_a_missing_one_is_wrong_use(tmp_path: Path) -> None:
    assert [d.code for d in load(tmp_path, promql=Checker()).diagnostics] == ["SER007"]
    assert [d.code for d in load_text({"a.yaml": "# nothing\n"}, promql=Checker()).diagnostics] == ["SER007"]
    with pytest.raises(UsageError):
        load(tmp_path / "nowhere", promql=Checker())


def test_people_alone_are_no_spec_worth_running() -> None:
    assert "SER093" in {d.code for d in load_text({"p.yaml": PEOPLE}, promql=Checker()).diagnostics}
