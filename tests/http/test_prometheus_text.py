"""Expressions laid out and told as trees, the grammar of version 3 included."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sereno.app.http.prometheus_json import dumps
from sereno.app.http.prometheus_text import LINE_MAX, pretty, tree_json
from sereno.promql import parse
from sereno.promql.dialect import EVERYTHING, Language

THREE = Language(3, EVERYTHING)
LONG = [
    "sum by (le) (rate(a_metric_of_a_very_long_name_indeed{a='b',c='d'}[5m])) / on (le) group_left (x) "
    "sum by (le) (rate(another_metric_of_a_very_long_name_indeed{a='b',c='d'}[5m] offset 1w))",
    "quantile by (a) (0.9, first_metric_of_a_very_long_name{a='b'} + second_metric_of_a_very_long_name{a='b'} + c)",
    "-(first_metric_of_a_very_long_name{a='b'} + second_metric_of_a_very_long_name{a='b'} + third_of_them_all) > bool 1",
    "max_over_time((first_metric_of_a_very_long_name{a='b'} unless second_metric_of_a_very_long_name{a='b'})[1d:5m] @ end())",
    "label_replace(first_metric_of_a_very_long_name{a='b'}, 'a_rather_long_label', '$1', 'another_long_label', '(.*):.*')",
]


@pytest.mark.parametrize("text", [*LONG, "a", "1 + 2", "rate(a[5m] anchored)", "a + fill(0) b", "rate(a[5m * 2])"])
def test_what_is_laid_out_means_the_same(text: str) -> None:
    tree = parse(text, THREE)
    shown = pretty(tree)
    assert parse(shown, THREE) == tree
    assert pretty(parse(shown, THREE)) == shown
    if text in LONG:
        assert "\n" in shown
        assert max(len(line) for line in shown.splitlines()) <= LINE_MAX + 20


def test_a_long_sum_is_broken_as_prometheus_breaks_it() -> None:
    assert pretty(parse(LONG[1])).splitlines() == [
        "quantile by (a) (",
        "  0.9,",
        '  first_metric_of_a_very_long_name{a="b"} + second_metric_of_a_very_long_name{a="b"} + c',
        ")",
    ]


TREES: list[tuple[str, dict[str, Any]]] = [
    ("1", {"type": "numberLiteral", "val": "1"}),
    ("'a'", {"type": "stringLiteral", "val": "a"}),
    ("(a)", {"type": "parenExpr"}),
    ("a and b", {"type": "binaryExpr", "op": "and", "bool": False}),
    ("topk(3, a)", {"type": "aggregation", "op": "topk", "grouping": [], "without": False}),
    ("rate(a[5m])", {"type": "call"}),
    ("a[5m:1m]", {"type": "subquery", "range": 300_000, "step": 60_000, "offset": 0, "timestamp": None}),
    ("a[5m] @ 10 offset -1m", {"type": "matrixSelector", "offset": -60_000, "timestamp": 10_000}),
    ("a @ start()", {"type": "vectorSelector", "startOrEnd": "start", "anchored": False}),
]


@pytest.mark.parametrize(("text", "told"), TREES)
def test_a_tree_is_told(text: str, told: dict[str, Any]) -> None:
    found = tree_json(parse(text, THREE))
    assert {name: found[name] for name in told} == told
    assert json.loads(dumps(found)) == found


def test_a_tree_tells_what_version_3_added() -> None:
    found = tree_json(parse("rate(a[5m * 2] smoothed) + on (x) group_right (y) fill_left (0) b", THREE))
    window = found["lhs"]["args"][0]
    assert (window["smoothed"], window["anchored"]) == (True, False)
    assert (window["rangeExpr"]["type"], window["rangeExpr"]["op"]) == ("durationExpr", "*")
    assert found["matching"] == {
        "card": "one-to-many", "labels": ["x"], "on": True, "include": ["y"], "fillValues": {"lhs": 0.0, "rhs": None},
    }  # fmt: skip
    infinite = tree_json(parse("a + fill_left (Inf) b", THREE))
    assert json.loads(dumps(infinite))["matching"]["fillValues"]["lhs"] == "+Inf"


def test_functions_say_what_they_take() -> None:
    assert tree_json(parse("label_join(a, 'b', 'c', 'd')"))["func"] == {
        "name": "label_join", "argTypes": ["vector", "string", "string", "string"], "variadic": -1, "returnType": "vector",
    }  # fmt: skip
