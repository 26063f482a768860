"""The dashboards of a workspace: judged by Grafana's SDK and the linter's rules, and asked of made-up samples."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tests.compiler.boards import BASE, DASHBOARDS, SERVICES, build, request
from tests.compiler.exporter_samples import NOW_MS, World
from tests.oracles import grafana as oracle
from tests.oracles import grafana_linter

from sereno.compiler.grafana import boards_of
from sereno.kernel.labels import Labels
from sereno.kernel.message import Language
from sereno.promql import Grid, evaluate
from sereno.slo.links import dashboard_uid
from sereno.spec.dashboard_queries import filled

FOLDER = "grafana/dashboards/sereno"


def board(name: str, language: Language = "en") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(build(language=language).files[f"{FOLDER}/{name}.json"])
    return found


@pytest.mark.parametrize("language", ["es", "en"])
def test_grafana_s_own_judges_find_nothing(language: Language, tmp_path: Path) -> None:
    assert oracle.check(build(language=language).files, tmp_path) == []


def test_what_there_is() -> None:
    names = [path.removeprefix(f"{FOLDER}/") for path in build().files]
    assert names == [
        "overview.json", "service~api.json", "service~pagos.json", "slo~api~disponibilidad.json",
        *(f"slo~pagos~{name}.json" for name in ("disponibilidad", "latencia", "buenas", "cuota", "sonda", "viaje")),
        "dashboard~bases.json", "dashboard~infrastructure.json", "dashboard~integrations.json",
        "dashboard~negocio.json", ".lint", "grafana/provisioning/dashboards/sereno.yml",
    ]  # fmt: skip
    assert board("slo~pagos~latencia")["uid"] == dashboard_uid("slo", "pagos/latencia")
    assert board("dashboard~infrastructure")["uid"] == "sereno-infrastructure"
    assert board("overview")["uid"] == "sereno-overview"


def test_bytes_do_not_depend_on_the_seed_of_hashes() -> None:
    program = (
        "from tests.compiler.boards import build; import hashlib;"
        "print(hashlib.sha256(repr(sorted(build().files.items())).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }  # fmt: skip
    assert len(found) == 1


def recorded(left: float = -0.5) -> dict[Labels, float]:
    """What a Prometheus records of the objectives."""
    found = {}
    names = ["disponibilidad", "latencia", "buenas", "cuota", "sonda", "viaje"]
    for service, slo in [("api", "disponibilidad"), *(("pagos", name) for name in names)]:
        own = {"service": service, "slo": slo, "team": "dinero"}
        for name, value in (
            ("sereno:bad:rate5m", 1), ("sereno:total:rate5m", 20), ("sereno:slice:bad", 0.25),
            ("sereno:error:ratio_period", 0.05), ("sereno:budget:remaining_ratio", left), ("sereno:burn:rate1h", 2),
            ("sereno:objective:ratio", 0.9), ("sereno:coverage:ratio_period", 1),
        ):  # fmt: skip
            found[Labels({**own, "__name__": name})] = float(value)
        alert = {"alertname": "A", "alertstate": "firing", "severity": "SEV2", "burn_factor": "14.4", **own}
        found[Labels({**alert, "__name__": "ALERTS"})] = 1.0
    return found


def world(left: float = -0.5) -> World:
    pagos, api = World(recorded=recorded(left), job="pagos"), World(job="api")
    pagos.series |= api.series
    return pagos


WORLD = world()
CHOICES = {"cuantil": "0.95"}


def answers(expr: str, over: World = WORLD) -> list[tuple[dict[str, str], float]]:
    text = filled(expr, CHOICES)
    for name in ("job", "instance", "team", "service", "estado"):
        text = text.replace(f'=~"${name}"', '=~".+"')
    assert "$" not in text, text
    found = evaluate(text, Grid.at(NOW_MS), over.select)
    return [(dict(labels), value) for labels, value in found.instant()]


EMPTY_IS_GOOD = {"Nothing is known of", "Gone in"}


@pytest.mark.parametrize(
    "expr",
    [
        pytest.param(query.expr, id=f"{name}: {panel.title} {query.legend}")
        for name, _, each in boards_of(request())
        if not name.startswith("dashboard~") or name.endswith("negocio")
        for panel in each.panels
        for query in panel.queries
        if panel.title not in EMPTY_IS_GOOD
    ],
)
def test_every_question_has_an_answer(expr: str) -> None:
    found = answers(expr)
    assert found, expr
    assert all(math.isfinite(value) for _, value in found)


def first(name: str, title: str) -> str:
    return next(panel["targets"][0]["expr"] for panel in grafana_linter.panels(board(name)) if panel["title"] == title)


def test_what_the_figures_come_to() -> None:
    # 1 of 20 events bad, 0.05 ÷ 0.0005
    assert [round(value, 6) for _, value in answers(first("slo~pagos~disponibilidad", "Burn over 1 h and 5 min"))] == [
        100
    ]
    # a quarter of the slices bad, of 1 % allowed
    assert [round(value, 6) for _, value in answers(first("slo~pagos~sonda", "Burn over 1 h and 5 min"))] == [25]
    assert answers(first("slo~pagos~latencia", "Share of bad events"))[0][1] == pytest.approx(0.2)
    assert answers(first("overview", "Budgets exhausted")) == [({}, 7.0)]
    assert answers(first("overview", "Burning too fast")) == [({}, 7.0)]
    assert answers(first("overview", "Objectives without data")) == [({}, 0.0)]
    assert answers(first("overview", "Alerts firing")) == [({}, 2.0)]  # by name, service and severity
    assert answers(first("slo~pagos~latencia", "Gone in")) == []  # nothing is left


def test_a_budget_half_left_is_gone_in_half_the_window_over_the_burn_rate() -> None:
    assert answers(first("slo~pagos~disponibilidad", "Gone in"), world(0.5)) == [({}, 0.5 * 30 * 86400 / 2)]


def test_what_nobody_records_is_unknown_and_never_fine() -> None:
    blind = world()
    for labels in [
        one for one in blind.series if one["__name__"] in ("sereno:budget:remaining_ratio", "sereno:burn:rate1h")
    ]:
        del blind.series[labels]
    assert answers(first("overview", "Budgets exhausted"), blind) == []
    assert answers(first("overview", "Burning too fast"), blind) == []
    assert answers(first("overview", "Objectives without data"), blind) == [({}, 7.0)]
    stats = [panel for panel in grafana_linter.panels(board("overview", "es")) if panel["type"] == "stat"]
    assert stats
    assert all(panel["targets"][0]["instant"] for panel in stats)
    assert {panel["fieldConfig"]["defaults"]["noValue"] for panel in stats} == {"sin datos"}


def test_an_overspent_budget_is_red() -> None:
    left = next(p for p in board("slo~pagos~disponibilidad")["panels"] if p["title"] == "Budget left")
    steps = left["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[0] == {"color": "red", "value": None}
    assert steps[1]["value"] == 0
    assert "min" not in left["fieldConfig"]["defaults"]


def test_each_tier_is_drawn_with_its_threshold() -> None:
    panels = [p for p in board("slo~pagos~disponibilidad")["panels"] if p["title"].startswith("Burn over")]
    assert [p["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] for p in panels] == [14.4, 6, 3]
    assert all(p["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] == "dashed" for p in panels)
    assert [[t["legendFormat"] for t in p["targets"]] for p in panels] == [["1h", "5m"], ["6h", "30m"], ["1d", "2h"]]


def test_the_reader_finds_the_way_back() -> None:
    found = board("slo~pagos~disponibilidad")
    assert {link["url"] for link in found["links"]} == {
        "", "https://sereno.example/services/pagos", "https://wiki.example/pagos",
    }  # fmt: skip
    service = board("service~pagos")
    (text,) = (p["options"]["content"] for p in service["panels"] if p["type"] == "text")
    assert f"/d/{dashboard_uid('slo', 'pagos/viaje')}" in text
    assert f"/d/{dashboard_uid('service', 'api')}" in text
    assert f"/d/{dashboard_uid('declared', 'negocio')}" in text


def test_only_what_is_declared_is_shown() -> None:
    bare = BASE + "---\nservice: solo\nteam: dinero\nalerts: [{alert: A, expr: vector(1) > 2, severity: SEV1}]\n"
    files = build(bare).files
    assert {path.rpartition("/")[2] for path in files} == {"overview.json", "service~solo.json", ".lint", "sereno.yml"}
    service = json.loads(files[f"{FOLDER}/service~solo.json"])
    assert [p["title"] for p in service["panels"]] == ["Now", "Which alerts fire"]
    assert build(BASE).files == {}


def test_two_dashboards_of_one_title_are_told_apart() -> None:
    same = BASE + "".join(
        f"---\nservice: {name}\nteam: dinero\ntitle: Igual\nalerts: [{{alert: A, expr: vector(1), severity: SEV1}}]\n"
        for name in ("a", "b")
    )
    titles = [each.title for _, _, each in boards_of(request(same))]
    assert titles[1:] == ["Igual", "Igual (b)"]


def test_a_title_that_tells_apart_is_itself_told_apart() -> None:
    same = BASE + "".join(
        f"---\nservice: {name}\nteam: dinero\ntitle: {title}\nalerts: [{{alert: A, expr: vector(1), severity: SEV1}}]\n"
        for name, title in (("a", "T (c)"), ("b", "T"), ("c", "T"))
    )
    titles = [each.title for _, _, each in boards_of(request(same))]
    assert titles[1:] == ["T (c)", "T", "T (c, 2)"]


def test_what_two_objectives_share_is_shown_once() -> None:
    sli = "sli: {events: {total: 'x_total{job=\"a\"}', bad: 'code=\"5\"'}}"
    both = (
        BASE
        + "---\nservice: s\nteam: dinero\nslos:\n"
        + "".join(f"  - {{name: o{n}, objective: 9{n}%, window: 30d, {sli}}}\n" for n in (5, 9))
    )
    service = json.loads(build(both).files[f"{FOLDER}/service~s.json"])
    asked = [
        tuple(target["expr"] for target in panel["targets"])
        for panel in grafana_linter.panels(service)
        if "targets" in panel
    ]
    assert len(asked) == len(set(asked))


def test_a_built_in_one_offers_the_jobs_that_are_named_and_no_others() -> None:
    job, instance = board("dashboard~bases")["templating"]["list"][1:]
    assert job["query"] == r'label_values(pg_up{job=~"postgres\\.exporter"}, job)'
    assert instance["query"] == 'label_values(pg_up{job=~"$job"}, instance)'
    job, _ = board("dashboard~infrastructure")["templating"]["list"][1:]
    assert job["query"].startswith('label_values({__name__=~"kube_node_info|')


def test_a_title_may_hold_anything() -> None:
    texts = json.dumps(board("service~pagos"), ensure_ascii=False)
    assert "Pagos «en línea» {x}" in texts
    odd = SERVICES.replace("title: Conexiones", "title: '{0} {title} $job %s'").replace("Pagos «en línea» {x}", "'{}'")
    titles = [
        p["title"] for p in json.loads(build(BASE, odd, DASHBOARDS).files[f"{FOLDER}/service~pagos.json"])["panels"]
    ]
    assert "{0} {title} $job %s" in titles


def test_raw_panels_pass_unharmed_but_for_id_and_place() -> None:
    row = next(p for p in board("dashboard~negocio")["panels"] if p["title"] == "Detalle")
    (raw,) = (p for p in row["panels"] if p["type"] == "piechart")
    del raw["id"], raw["gridPos"]
    assert raw == {
        "type": "piechart", "title": "Pastel", "options": {"pieType": "donut", "ratio": 1.5},
        "targets": [{"expr": "sum by (status) (http_requests_total)", "refId": "A"}],
    }  # fmt: skip


def test_a_raw_dashboard_is_written_as_it_is() -> None:
    whole = {"title": "Vieja", "uid": "v", "panels": [{"type": "graph", "id": 7}], "x": [1.25, None, "ñ"]}
    output = build(BASE, f"dashboard: vieja\nraw: {json.dumps(whole)}\n")
    assert json.loads(output.files[f"{FOLDER}/dashboard~vieja.json"]) == whole
    assert output.notes == ("vieja is kept as raw JSON: it is written as it is",)


BUGS = {
    "an id twice": lambda b: b["panels"][1].update(id=1),
    "one upon the other": lambda b: b["panels"][2]["gridPos"].update(b["panels"][1]["gridPos"]),
    "beyond the edge": lambda b: b["panels"][1]["gridPos"].update(x=23),
    "a removed type": lambda b: b["panels"][1].update(type="graph"),
    "a key that Grafana does not know": lambda b: b["panels"][1].update(unit="s"),
    "no first step": lambda b: b["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"].pop(0),
    "no description": lambda b: b["panels"][1].update(description=""),
    "no unit": lambda b: b["panels"][1]["fieldConfig"]["defaults"].update(unit="bananas"),
    "a fixed data source": lambda b: b["panels"][6]["datasource"].update(uid="prom-1"),
    "no PromQL": lambda b: b["panels"][1]["targets"][0].update(expr="sum(rate(x[5m])"),
    "a window of its own": lambda b: b["panels"][1]["targets"][0].update(expr="sum(rate(x[5m]))"),
    "a raw counter": lambda b: b["panels"][1]["targets"][0].update(expr="sum(x_total)"),
    "editable": lambda b: b.update(editable=True),
    "stale variables": lambda b: b["templating"]["list"][1].update(refresh=1),
    "an old schema": lambda b: b.update(schemaVersion=36),
    "a hidden legend": lambda b: next(p for p in b["panels"] if p["type"] == "timeseries")["options"]["legend"].update(
        showLegend=False
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_the_judges_see_a_planted_bug(bug: str, tmp_path: Path) -> None:
    files = dict(build().files)
    for path in list(files):
        if path.endswith(".json") and not path.endswith("overview.json"):
            del files[path]
    whole = json.loads(files[f"{FOLDER}/overview.json"])
    broken = deepcopy(whole)
    BUGS[bug](broken)
    assert broken != whole
    files[f"{FOLDER}/overview.json"] = json.dumps(broken)
    assert oracle.check(files, tmp_path)
