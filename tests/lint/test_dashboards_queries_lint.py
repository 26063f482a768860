"""Queries of panels: variables are read over, places are those of the file, and what is mended keeps its variables."""

from __future__ import annotations

import json
import re

import pytest

from sereno.lint.codes import CODES
from sereno.lint.dashboards_codes import PARITY
from sereno.lint.dashboards_substitution import readable
from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint
from sereno.lint.model import Finding
from sereno.promql import parse


def board(*panels: object, **more: object) -> str:
    return json.dumps({"title": "x", "uid": "x", "schemaVersion": 39, "panels": panels, **more}, indent=1)


def panel(expr: str, kind: str = "timeseries", **more: object) -> dict[str, object]:
    return {
        "id": 1, "type": kind, "title": "Title", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "datasource": {"type": "prometheus", "uid": "$datasource"}, "fieldConfig": {"defaults": {"unit": "short"}},
        "targets": [{"refId": "A", "expr": expr}], **more,
    }  # fmt: skip


def look(text: str, name: str = "board.json") -> tuple[Finding, ...]:
    found = read(name, text)
    return (*found.findings, *lint(found.documents))


def codes(text: str) -> set[str]:
    """What is found, but for the variable that the small boards here do without."""
    return {f.diagnostic.code for f in look(text)} - {"SER423"}


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(a_total[$__rate_interval]))",
        "sum(rate(a_total[${__rate_interval}]))",
        'sum by (le) (rate(b_bucket{job=~"${job:regex}"}[[[window]]]))',
        "sum(increase(a_total[${__range_s}s])) / $__range_s",
        "topk($n, a)",
        "quantile_over_time(${q}, a[5m:$__interval])",
        "$metric{job='x'} > $limit",
        "rate(${metric}_total[5m] offset $shift)",
        "sum by ($by, job) (a) / on ($by) group_left b",
        'a{$label=~"$value"} * $factor',
        "a $op on (x) b",
        "(a) $op (b)",
        "# what we're doing\nsum(rate(a_total[$__rate_interval]))",
        "label_replace(a, 'x', '$1', 'y', '(.*)')",
        'a{path=~"/x$|/y$"}',
    ],
)
def test_a_query_with_variables_is_read_and_keeps_its_length(query: str) -> None:
    plain = readable(query)
    assert len(plain) == len(query)
    assert plain == query or "$" in query or "[[" in query
    if query != "a $op on (x) b":
        parse(plain)


@pytest.mark.parametrize("query", ["sum(rate(a_total[$__rate_interval])", "$a $b $c", "sum(rate($x[5m)))"])
def test_what_is_no_query_with_any_variable_is_said(query: str) -> None:
    assert "SER060" in codes(board(panel(query), templating={"list": [{"name": n} for n in "abcx"]}))


def test_the_place_behind_a_variable_is_that_of_the_file() -> None:
    text = board(panel("sum(rate(a_total[$__rate_interval])) / rate(b_bytes[30s])"))
    found = next(f.diagnostic for f in look(text) if f.diagnostic.code == "SER441")
    assert text.splitlines()[found.line - 1][found.column - 1 :].startswith("30s])")


def test_a_mended_query_keeps_its_variables_and_its_quotes() -> None:
    expr = 'histogram_quantile(0.95, rate(b_bucket{job="$job",le!="+Inf"}[$__rate_interval]))'
    mended = mend(board(panel(expr), templating={"list": [{"name": "job"}]}), look)
    assert json.loads(mended.text)["panels"][0]["targets"][0]["expr"] == (
        'histogram_quantile(0.95, sum by (le) (rate(b_bucket{job="$job",le!="+Inf"}[$__rate_interval])))'
    )


def test_a_sum_put_around_keeps_the_labels_of_the_legend() -> None:
    drawn = panel("rate(a_total[$__rate_interval])")
    drawn["targets"] = [
        {"refId": "A", "expr": "rate(a_total[$__rate_interval])", "legendFormat": "{{method}} {{ code }}"}
    ]
    mended = mend(board(drawn), look)
    expr = json.loads(mended.text)["panels"][0]["targets"][0]["expr"]
    assert expr == "sum by (code, method) (rate(a_total[$__rate_interval]))"


def test_a_legend_with_the_instance_shows_each_on_purpose() -> None:
    drawn = panel("rate(a_total[$__rate_interval])", title="Requests per second")
    drawn["targets"] = [{"refId": "A", "expr": "rate(a_total[$__rate_interval])", "legendFormat": "{{instance}}"}]
    assert codes(board(drawn)) == set()
    assert codes(board(panel("rate(a_total[$__rate_interval])", title="Requests per second"))) == {"SER227"}


@pytest.mark.parametrize(
    ("expr", "title", "found"),
    [
        ("sum(rate(a_total[5m]))", "Load", True),
        ("sum(rate(a_total[5m]))", "Load over 5m", False),
        ("sum(rate(a_total[1h]))", "Load", False),
        ("sum(rate(a_total[30m]))", "Load", False),
        ("sum(rate(a_total[29m]))", "Load", True),
        ("sum(increase(a_total[5m]))", "Load", False),
        ("max_over_time(a[5m])", "Load", False),
        ("sum(irate(a_total[2m]))", "Load", True),
    ],
)
def test_which_windows_are_taken_for_a_mistake(expr: str, title: str, found: bool) -> None:
    assert ("SER441" in codes(board(panel(expr, title=title)))) is found


@pytest.mark.parametrize(
    "expr", ['sum(count_over_time({app="x"} |= "y" [$__auto]))', '{app="x"} | json', 'bytes_rate({app="x"}[$__auto])']
)
def test_logs_are_not_judged_as_metrics_even_where_nothing_says_loki(expr: str) -> None:
    drawn = panel(expr)
    drawn["datasource"] = {"uid": "$datasource"}
    assert codes(board(drawn)) == set()


def test_every_other_data_source_is_left_alone() -> None:
    drawn = panel("SELECT 1 FROM $table")
    drawn["datasource"] = {"type": "postgres", "uid": "$datasource"}
    assert codes(board(drawn)) == set()


def test_a_chosen_instance_must_count_but_recorded_series_have_none() -> None:
    listed = {"templating": {"list": [{"name": "instance", "type": "custom"}]}}
    assert codes(board(panel("sum(rate(a_total[$__rate_interval]))"), **listed)) == {"SER429"}
    assert codes(board(panel("job:a:rate5m"), **listed)) == set()
    assert codes(board(panel('sum(rate(a_total{instance=~"$instance"}[$__rate_interval]))'), **listed)) == set()


def test_rules_of_the_dashboard_linter_are_judged_or_it_is_said_why_not() -> None:
    assert len(PARITY) == 17
    for rule, judged in PARITY.items():
        named = re.findall(r"SER\d{3}", judged)
        assert named or judged.startswith("not judged: "), rule
        assert all(code in CODES or code == "SER060" for code in named), rule
