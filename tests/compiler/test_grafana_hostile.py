"""Dashboards that nobody drew: whatever the JSON is, it is imported or refused in words, and what is imported loads."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.boards import BASE, build, spec_of

from sereno.compiler.grafana_document import dashboard_document
from sereno.compiler.grafana_import import imported
from sereno.kernel.errors import UsageError

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "on", "012", "${service}", "$x", "{{le}}", "up", "sum(", "a: b", "# x", "\u2028", "\0", "\x1b[2J", "'", '"',
         "- a", "null", "currencyPEN", "100", "5m", "red", "value #1", "\ud7ff", "…\n…", "prometheus", "text", "stat", "graph"]
    ),
)  # fmt: skip
SCALARS = st.one_of(
    TEXTS, st.integers(-3, 40), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none()
)
KEYS = st.sampled_from(
    ["type", "title", "targets", "expr", "gridPos", "x", "y", "w", "h", "fieldConfig", "defaults", "unit", "thresholds",
     "steps", "value", "color", "mappings", "options", "overrides", "id", "panels", "rows", "templating", "list", "name",
     "query", "label", "datasource", "uid", "links", "url", "tags", "time", "from", "refresh", "annotations", "span",
     "yaxes", "format", "min", "custom", "stacking", "mode", "transformations", "legendFormat", "description", "content",
     "collapsed", "repeat", "valueMaps", "multi", "includeAll", "timeFrom", "sortBy", "displayName", "reduceOptions"]
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
)
PANEL = st.fixed_dictionaries(
    {"type": st.sampled_from(["stat", "timeseries", "table", "text", "graph", "singlestat", "row", "heatmap", "x"])},
    optional={
        "title": TEXTS, "description": TEXTS, "unit": TEXTS, "content": TEXTS, "gridPos": JSON, "thresholds": JSON,
        "targets": st.lists(st.fixed_dictionaries({"expr": st.sampled_from(["up", "sum(", "x{a=~\"${b}\"}"])},
                                                  optional={"legendFormat": TEXTS}), max_size=2) | JSON,
        "fieldConfig": st.fixed_dictionaries({"defaults": JSON}) | JSON, "options": JSON, "links": JSON,
        "datasource": JSON, "timeFrom": SCALARS, "transformations": JSON, "valueMaps": JSON, "yaxes": JSON,
    },
)  # fmt: skip
BOARD = st.fixed_dictionaries(
    {"panels": st.lists(PANEL, min_size=1, max_size=3)},
    optional={
        "title": SCALARS, "description": TEXTS, "tags": st.lists(TEXTS, max_size=2) | JSON, "templating": JSON,
        "links": JSON, "time": JSON, "refresh": SCALARS, "annotations": JSON, "uid": SCALARS,
    },
)  # fmt: skip


def comes_through(text: str) -> None:
    """It is refused in words, or its document loads as what was imported, and is built."""
    try:
        found = imported(text)
    except UsageError:
        return
    document = dashboard_document(found.board)
    assert spec_of(BASE, document).dashboards[found.board.name] == found.board
    (built,) = (text for path, text in build(BASE, document).files.items() if path.endswith(".json"))
    assert json.loads(built)


@given(BOARD)
@settings(max_examples=100, deadline=None)
def test_any_dashboard_is_imported_or_refused(board: dict[str, Any]) -> None:
    comes_through(json.dumps(board))


@given(JSON)
@settings(max_examples=40, deadline=None)
def test_any_json_is_imported_or_refused(value: Any) -> None:
    comes_through(json.dumps(value))


def test_what_is_nested_deep_is_refused_or_kept() -> None:
    for depth in (30, 100, 400, 900):
        inner: Any = 1
        for _ in range(depth):
            inner = {"options": inner}
        comes_through(json.dumps({"panels": [{"type": "x", "title": "P", "options": inner}]}))
