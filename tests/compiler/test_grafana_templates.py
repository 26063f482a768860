"""Built-in dashboards over made-up exporters: every question has an answer, and the answer is a number."""

from __future__ import annotations

import math

import pytest
from tests.compiler.exporter_samples import NOW_MS, World

from sereno.compiler.grafana_templates import declared_board
from sereno.promql import Grid, evaluate
from sereno.spec.dashboard_model import Dashboard, Panel, Query
from sereno.spec.dashboards import TEMPLATES

PARAMETERS = {
    "storage": {
        "operations": "blob_operations_total", "failed": 'status="error"', "duration": "blob_operation_seconds",
    },
    "integrations": {"calls": "integration_api_calls_total", "duration": "integration_api_duration_seconds"},
    "security": {
        "logins": "logins_total", "mfa": 'mfa="true"', "password_resets": "password_resets_total",
        "rate_limited": "rate_limited_total", "blocked": "blocked_total", "invalid_tokens": "invalid_tokens_total",
        "cors": "cors_total", "attacks": "attacks_total",
    },
}  # fmt: skip
WORLD = World()


def board(name: str) -> Dashboard:
    return declared_board(
        Dashboard(name, name, template=name, with_=tuple(PARAMETERS.get(name, {}).items())), "en"
    )  # fmt: skip


def answers(expr: str, world: World = WORLD) -> list[tuple[dict[str, str], float]]:
    """What Prometheus would answer with all jobs and instances chosen."""
    text = expr.replace("$__rate_interval", "5m").replace("$job", ".+").replace("$instance", ".+")
    assert "$" not in text
    found = evaluate(text, Grid.at(NOW_MS), world.select)
    assert not found.warnings, (text, found.warnings)
    return [(dict(labels), value) for labels, value in found.instant()]


def queries() -> list[tuple[str, Panel, Query]]:
    return [(name, panel, query) for name in TEMPLATES for panel in board(name).panels for query in panel.queries]


@pytest.mark.parametrize(
    ("panel", "query"), [pytest.param(p, q, id=f"{name}: {p.title}") for name, p, q in queries()]
)  # fmt: skip
def test_every_question_has_an_answer(panel: Panel, query: Query) -> None:
    found = answers(query.expr)
    assert found, query.expr
    assert all(math.isfinite(value) for _, value in found), (query.expr, found)
    if panel.unit == "percentunit":
        assert all(0 <= value <= 1 for _, value in found), (panel.title, found)
    if panel.kind in ("stat", "gauge"):
        assert len(found) == 1, (panel.title, found)
    if query.legend and "{{" in query.legend:
        names = {part.split("}}")[0] for part in query.legend.split("{{")[1:]}
        assert all(names <= set(labels) for labels, _ in found), (panel.title, found)


def value(name: str, title: str) -> dict[str, float]:
    """The answers to the first question of a panel, by the values of its labels."""
    (panel,) = (panel for panel in board(name).panels if panel.title == title)
    return {"/".join(labels.values()): round(found, 6) for labels, found in answers(panel.queries[0].expr)}


def test_what_the_figures_come_to() -> None:
    # 30 + 10 of 100 connections; the templates' own five do not count
    assert value("postgresql", "Connections used") == {"": 0.4}
    assert value("redis", "Hits") == {"": 0.9}
    assert value("redis", "Memory used") == {"": 0.5}
    assert value("nodes", "CPU") == {"": 0.25}
    assert value("nodes", "Memory") == {"": 0.75}
    assert value("nodes", "Load by core") == {"a:1": 1.5, "b:1": 1.5}
    # tmpfs is full and is not shown
    assert value("nodes", "Space used") == {"a:1//": 0.7, "b:1//": 0.7}
    assert value("nodes", "Received and sent") == {"a:1": 7, "b:1": 7}  # not lo
    assert value("integrations", "Share of failures") == {"geotab": 0.25, "bank": 0}
    assert value("security", "Share of failed logins") == {"": 0.25}
    assert value("storage", "Operations that fail") == {"put": 0.25}
    assert value("probes", "Days until the certificate ends") == {"a:1": 30, "b:1": 30}


def test_two_replicas_that_say_the_same_are_counted_once() -> None:
    assert value("kubernetes", "Nodes not ready") == {"": 1}
    assert value("kubernetes", "Pods pending") == {"": 1}
    assert value("kubernetes", "Replicas missing") == {"": 1}
    assert value("kubernetes", "CPU asked for") == {"": 0.25}
    assert value("kubernetes", "Pods by phase") == {"Running": 1, "Pending": 1}
    assert value("kubernetes", "Autoscaling: replicas over the maximum") == {"api/shop": 0.75}


def test_a_redis_without_a_limit_is_unknown_and_not_infinitely_full() -> None:
    (panel,) = (panel for panel in board("redis").panels if panel.title == "Memory used")
    world = World(("gauge", "redis_memory_max_bytes", {}, 0))
    assert answers(panel.queries[0].expr, world) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_words_are_there_in_both_languages(name: str) -> None:
    declared = Dashboard(name, name, template=name, with_=tuple(PARAMETERS.get(name, {}).items()))
    spanish, english = declared_board(declared, "es"), declared_board(declared, "en")
    assert [len(row.panels) for row in spanish.rows] == [len(row.panels) for row in english.rows]
    assert [panel.queries and panel.queries[0].expr for panel in spanish.panels] == [
        panel.queries and panel.queries[0].expr for panel in english.panels
    ]
    assert all(panel.title and panel.description for panel in (*spanish.panels, *english.panels))
    assert sum(a.description != b.description for a, b in zip(spanish.panels, english.panels, strict=True)) == len(
        english.panels
    )


def test_only_what_is_declared_is_shown() -> None:
    few = declared_board(Dashboard("s", "s", template="security", with_=(("cors", "cors_total"),)), "en")
    assert [panel.title for panel in few.panels] == ["Refusals a second"]
    assert len(few.panels[0].queries) == 1
