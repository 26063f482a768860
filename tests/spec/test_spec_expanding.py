"""Environments, templates, defaults and variables: what is said once, and where its mistakes are shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.shop import PEOPLE, rendered

from sereno.app.cli.check import check
from sereno.app.promql_checker import Checker
from sereno.app.settings import load_settings
from sereno.spec.loader import Loaded, load_text
from sereno.spec.model import EventsSli, LatencySli, Slo, Spec
from sereno.spec.reading import Reading
from sereno.spec.source import File, Scalar, locate
from sereno.spec.variables import Scope, Variable, substitute

WORKSPACE = """\
workspace: shop
addresses: {grafana: 'https://grafana.${domain}'}
variables:
  domain: shop.example
  target: {type: percentage, default: 99.9%, description: What we promise}
  slow: {type: duration, default: 500ms}
  loud: {type: boolean, default: true}
environments:
  production: {}
  staging:
    title: Where we try things
    variables: {domain: staging.example, target: 99%, loud: false}
    override:
      - service: api
        title: ~
        slos: [{name: latency, window: 1d, runbook: ~}, {name: extra, extends: fast}]
      - workspace: shop
        targets: [prometheus]
      - {person: ana, contacts: [{terminal: true}]}
defaults:
  services: {team: shop}
  slos: {window: 30d, objective: '${target}'}
  alerts: {severity: SEV2, labels: {from: '${environment}'}}
---
template: base
slo: {window: 7d, alerting: '${loud}', runbook: 'https://x.example/${service}'}
---
template: fast
extends: base
variables: {within: {type: duration, default: 250ms}}
slo: {objective: 95%, sli: {http: {within: '${within}'}}}
---
template: web
service:
  title: The ${service}
  links: {repo: 'https://git.${domain}/${service}', wiki: https://wiki.example}
  slos:
    - {name: availability, sli: {http: {bad: '5..'}}}
    - {name: latency, extends: fast}
"""
API = """\
service: api
extends: web
links: {wiki: https://other.example}
slos:
  - {name: latency, window: 14d}
  - {name: checkout, extends: {template: fast, with: {within: '${slow}'}}, sli: {http: {select: 'path="/pay"'}}}
  - {name: own, extends: base, sli: {events: {total: t_total, bad: 'price="$${target}"'}}}
alerts:
  - {alert: Down, expr: 'up{job="${service}"} == 0', summary: '${service} of ${team} in $${x}'}
"""
FILES = {"p.yaml": PEOPLE, "w.yaml": WORKSPACE.replace("${slow}", "1s"), "a.yaml": API.replace("'${slow}'", "1s")}


def spec_in(environment: str) -> Spec:
    loaded = load_text(FILES, promql=Checker(), environment=environment)
    assert loaded.spec is not None, rendered(loaded)
    return loaded.spec


def slos(spec: Spec) -> dict[str, Slo]:
    return {slo.name: slo for slo in spec.services["api"].slos}


def test_a_service_is_what_it_says_over_its_template_over_the_defaults() -> None:
    spec = spec_in("production")
    api = spec.services["api"]
    assert (api.team, api.title, spec.environment) == ("shop", "The api", "production")
    assert {link.name: link.url for link in api.links} == {
        "repo": "https://git.shop.example/api", "wiki": "https://other.example",
    }  # fmt: skip
    assert list(slos(spec)) == ["availability", "latency", "checkout", "own"]
    available, latency, checkout, own = slos(spec).values()
    assert (available.objective.text, available.window) == ("99.9%", timedelta(days=30)), "the defaults"
    assert (latency.objective.text, latency.window) == ("95%", timedelta(days=14)), (
        "its own window, a template's target"
    )
    assert latency.runbook == "https://x.example/api"
    assert isinstance(latency.sli, LatencySli)
    assert latency.sli.buckets == 'http_request_duration_seconds_bucket{job="api",le="0.25"}'
    assert isinstance(checkout.sli, LatencySli)
    assert checkout.sli.count == 'http_request_duration_seconds_count{path="/pay"}', "mappings are joined"
    assert checkout.sli.within_seconds == 1
    assert isinstance(own.sli, EventsSli), "another kind of indicator replaces that of the template"
    assert own.sli.bad == 't_total{price="${target}"}'
    (rule,) = api.alerts
    assert (rule.expr, rule.severity) == ('up{job="api"} == 0', "SEV2")
    assert rule.annotations["summary"] == "api of shop in ${x}"
    assert rule.labels["from"] == "production"
    assert spec.addresses.grafana == "https://grafana.shop.example"


def test_an_environment_changes_variables_and_whole_keys() -> None:
    spec = spec_in("staging")
    assert spec.addresses.grafana == "https://grafana.staging.example"
    assert spec.targets == ("prometheus",)
    assert spec.services["api"].title == "api", "null takes away what a template says"
    found = slos(spec)
    assert found["availability"].objective.text == "99%"
    assert (found["latency"].window, found["latency"].runbook) == (timedelta(days=1), None)
    assert found["latency"].alerting is False
    assert found["extra"].window == timedelta(days=7)
    assert [contact.channel for contact in spec.people["ana"].contacts] == ["terminal"]
    assert [contact.channel for contact in spec_in("production").people["ana"].contacts] == [
        "email", "slack", "terminal",
    ]  # fmt: skip


def test_templates_and_their_documents_may_come_in_any_order() -> None:
    turned = {"z.yaml": WORKSPACE, "a.yaml": FILES["a.yaml"], "b.yaml": PEOPLE}
    loaded = load_text(turned, promql=Checker(), environment="production")
    assert loaded.spec is not None, rendered(loaded)
    assert slos(loaded.spec)["latency"].objective.text == "95%"


HEAD = "{team: shop, escalation: shop}\n---\n{escalation: shop, steps: [{page: ana}]}\n---\n"
HEAD += "{person: ana, contacts: [{terminal: true}]}\n"
SVC = "service: api\nteam: shop\nslos:\n"
EVENTS = "sli: {events: {total: t, bad: b}}"
MISTAKES: list[tuple[str, str]] = [
    (
        "SER127",
        "workspace: x\nvariables: {a: 1}\n---\n"
        + SVC
        + "  - {name: a, objective: 9%, window: '»${b}', "
        + EVENTS
        + "}\n",
    ),
    ("SER127", "workspace: x\n---\nservice: api\nteam: shop\nalerts: []\ndescription: |\n  One\n  two »${b} three\n"),
    ("SER127", "workspace: x\nvariables: {a: 1}\nenvironments: {e: {variables: {»aa: 2}}}\n"),
    ("SER128", "workspace: x\nvariables: {»service: 1}\n"),
    ("SER128", "workspace: x\nvariables: {a: {type: duration, default: »500}}\n"),
    ("SER128", "workspace: x\nvariables: {a: {type: percentage, default: »0.5}}\n"),
    ("SER128", "workspace: x\nvariables: {a: {type: boolean, default: »yes}}\n"),
    ("SER128", "workspace: x\nvariables: {a: {type: url, default: »shop.example}}\n"),
    ("SER128", "workspace: x\nvariables: {a: {type: number}, b: »'${a}'}\n"),
    ("SER128", "workspace: x\nvariables: {a: 1}\nenvironments: {e: {variables: {a: »one}}}\n"),
    ("SER038", "workspace: x\nvariables: {a: {type: »text}}\n"),
    (
        "SER129",
        "workspace: x\nvariables: {a: {type: string}}\n---\nservice: api\nteam: shop\nalerts: []\ntitle: It is »${a}\n",
    ),
    (
        "SER132",
        SVC + "  - {name: a, extends: »fats, objective: 9%, window: 1d, " + EVENTS + "}\n---\n"
        "{template: fast, slo: {window: 1d}}\n",
    ),
    ("SER132", "service: api\nextends: »fast\nteam: shop\nalerts: []\n---\n{template: fast, slo: {window: 1d}}\n"),
    (
        "SER133",
        SVC + "  - {name: a, extends: a, objective: 9%, " + EVENTS + "}\n---\n"
        "{template: a, extends: b, slo: {window: 1d}}\n---\n{template: b, extends: c, slo: {window: 1d}}\n---\n"
        "{template: c, extends: »a, slo: {window: 1d}}\n",
    ),
    ("SER024", "service: api\nteam: shop\nalerts: []\n---\n»{template: fast}\n"),
    ("SER134", "workspace: x\nenvironments: {e: {override: [{service: »apy}]}}\n"),
    ("SER134", "workspace: x\nenvironments: {e: {override: [»{window: 1d}]}}\n"),
    ("SER021", "workspace: x\nenvironments: {e: {»variable: {}}}\n"),
    ("SER021", "workspace: x\ndefaults: {»slo: {window: 1d}}\n"),
    ("SER020", "workspace: x\ndefaults: {slos: »[]}\n"),
    # Mistakes in what is inherited stand where it was written, once
    (
        "SER030",
        "template: t\nslo: {window: »30}\n---\n"
        + SVC
        + "  - {name: a, extends: t, objective: 9%, "
        + EVENTS
        + "}\n  - {name: b, extends: t, objective: 9%, "
        + EVENTS
        + "}\n",
    ),
    (
        "SER021",
        "workspace: x\ndefaults: {slos: {»windw: 30d}}\n---\n" + SVC + "  - {name: a, objective: 9%, " + EVENTS + "}\n",
    ),
    (
        "SER030",
        "workspace: x\nvariables: {w: 30}\n---\n"
        + SVC
        + "  - {name: a, objective: 9%, window: »'${w}', "
        + EVENTS
        + "}\n",
    ),
    (
        "SER060",
        "workspace: x\nvariables: {m: long_metric_name}\n---\nservice: api\nteam: shop\nalerts:\n"
        "  - {alert: A, severity: SEV1, expr: 'sum(${m}) + ») + ${m}'}\n",
    ),
]


@pytest.mark.parametrize(("code", "marked"), MISTAKES, ids=[f"{n:02}-{code}" for n, (code, _) in enumerate(MISTAKES)])
def test_a_mistake_is_shown_where_it_was_written(code: str, marked: str) -> None:
    assert places(marked) == [(code, *place_of(marked))]


def test_the_chain_of_a_circle_is_told() -> None:
    marked = next(marked for code, marked in MISTAKES if code == "SER133")
    (found,) = [d for d in read(marked).diagnostics if d.code == "SER133"]
    assert "a → b → c → a" in found.message


@pytest.mark.parametrize(("environment", "hint"), [("stagin", "did you mean `staging`?"), ("moon", None)])
def test_an_environment_that_is_not_declared_is_refused(environment: str, hint: str | None) -> None:
    found = load_text(FILES, promql=Checker(), environment=environment).diagnostics
    assert [(d.code, d.hint) for d in found] == [("SER130", hint)]


def test_an_environment_without_any_declared_is_refused() -> None:
    files = {"p.yaml": HEAD, "s.yaml": "service: api\nteam: shop\nalerts: []\n"}
    assert [d.code for d in load_text(files, promql=Checker(), environment="x").diagnostics] == ["SER130"]


def test_variables_cannot_blow_a_text_up() -> None:
    text = f"workspace: x\nvariables: {{a: {'y' * 9000}}}\n---\n{SVC}  []\ndescription: '{'${a}' * 20}'\n"
    assert "SER137" in {d.code for d in load_text({"p.yaml": HEAD, "s.yaml": text}, promql=Checker()).diagnostics}


def read(marked: str) -> Loaded:
    return load_text({"base.yaml": HEAD, "case.yaml": marked.replace("»", "")}, promql=Checker())


def place_of(marked: str) -> tuple[int, int]:
    before = marked[: marked.index("»")]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def places(marked: str) -> list[tuple[str, int, int]]:
    ignored = {"SER090", "SER093"}
    return [(d.code, d.line, d.column) for d in read(marked).diagnostics if d.code not in ignored]


def test_the_environment_is_chosen_in_one_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("SERENO_ENVIRONMENT", "production")
    assert check(tmp_path) == 0
    assert "availability 99.9%" in capsys.readouterr().out
    assert check(tmp_path, environment="staging") == 0, "the option wins over what the shell says"
    assert "availability 99%" in capsys.readouterr().out
    assert load_settings().environment == "staging"
    monkeypatch.setenv("SERENO_ENVIRONMENT", "nowhere")
    assert check(tmp_path) == 1


def test_long_chains_and_bombs_of_templates_end_quickly() -> None:
    chain = "".join(f"---\n{{template: t{n}, extends: t{n + 1}, slo: {{window: 1d}}}}\n" for n in range(3000))
    loaded = load_text({"p.yaml": HEAD, "s.yaml": f"{SVC}  - {{name: a, extends: t0, objective: 9%, {EVENTS}}}\n{chain}"},
                       promql=Checker())  # fmt: skip
    assert "SER133" in {d.code for d in loaded.diagnostics}
    bomb = "".join(f"---\n{{template: t{n}, extends: [t{n + 1}, t{n + 1}], slo: {{window: 1d}}}}\n" for n in range(19))
    bomb += "---\n{template: t19, slo: {window: 1d}}\n"
    loaded = load_text({"p.yaml": HEAD, "s.yaml": f"{SVC}  - {{name: a, extends: t0, objective: 9%, {EVENTS}}}\n{bomb}"},
                       promql=Checker())  # fmt: skip
    assert loaded.spec is not None, "each template is put together once"
    many = "".join(f"  - {{name: a{n}, sli: {{http: {{}}}}}}\n" for n in range(200))
    wide = f"---\ntemplate: wide\nservice:\n  slos:\n{many.replace('  - ', '    - ')}"
    wide += "".join(f"---\n{{service: s{n}, extends: wide, team: shop}}\n" for n in range(400))
    loaded = load_text({"p.yaml": HEAD, "s.yaml": wide}, promql=Checker())
    assert "SER137" in {d.code for d in loaded.diagnostics}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["${a}", "${long}", "x", " y", "'", "$${a}", "é"]), max_size=8), st.data())
def test_every_character_of_a_filled_text_knows_where_it_was_written(parts: list[str], data: st.DataObject) -> None:
    written = "v" + "".join(parts) + "."
    text = "'" + written.replace("'", "''") + "'"
    scalar = Scalar(File.of("f", text), 0, len(text), written, "single")
    known = {name: Variable(name, "string", value, scalar) for name, value in (("a", "1"), ("long", "some words"))}
    filled = substitute(Reading(Checker()), scalar, Scope(known))
    assert isinstance(filled, Scalar)
    offset = data.draw(st.integers(0, len(filled.value) - 1))
    inside = next((hole for hole in filled.holes if hole.start <= offset < hole.end), None)
    index = locate(filled, offset)
    if inside is not None:
        assert text[index] == "$"
    elif not filled.value[offset].isspace():
        assert text[index] == filled.value[offset]
