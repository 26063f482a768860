"""One panel: its type, unit, thresholds and title."""

from __future__ import annotations

from sereno.lint.dashboards_model import REMOVED, SILENT, named, targets
from sereno.lint.model import Edit
from sereno.lint.paths import at, items, key, mappings, number, text
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_OLD_OPTIONS = ("yaxes", "xaxis", "seriesOverrides", "aliasColors", "lines", "valueName", "valueMaps", "gauge",
                "sparkline", "styles", "columns", "format", "nullPointMode", "grid", "y_formats")  # fmt: skip
_MEASURING = ("timeseries", "stat", "gauge", "bargauge")
_UNITS = {
    "percentage": "percent", "%": "percent", "pct": "percent", "ratio": "percentunit", "seconds": "s", "second": "s",
    "sec": "s", "secs": "s", "milliseconds": "ms", "millis": "ms", "minutes": "m", "min": "m", "mins": "m",
    "hours": "h", "hour": "h", "days": "d", "day": "d", "count": "short", "number": "short", "byte": "bytes",
    "B": "bytes", "B/s": "Bps", "bytes/s": "Bps", "req/s": "reqps", "requests": "reqps", "rps ": "reqps",
    "usd": "currencyUSD", "USD": "currencyUSD", "EUR": "currencyEUR",
}  # fmt: skip
"""Words that are no units of Grafana's, and the unit that is meant."""


def check_panel(panel: Mapping, report: Report) -> None:
    """Everything about `panel` but its queries."""
    kind = text(panel.get("type"))
    _check_type(panel, kind, report)
    if kind == "row":
        return
    _check_alert(panel, report)
    _check_unit(panel, kind, report)
    _check_thresholds(panel, kind, report)
    _check_title(panel, kind, report)
    _check_targets(panel, kind, report)
    _check_letters(panel, report)


def _check_type(panel: Mapping, kind: str, report: Report) -> None:
    node = panel.get("type")
    if not kind:
        if panel.get("libraryPanel") is None:
            report.complain(
                "SER411", node or panel, f"{named(panel)} has no `type`: Grafana shows “Panel plugin not found”",
                expected="timeseries, stat, gauge, table, heatmap …",
            )  # fmt: skip
        return
    if kind not in REMOVED or node is None:
        return
    new = REMOVED[kind]
    bare = kind in ("graph", "singlestat") and not any(panel.get(name) for name in (*_OLD_OPTIONS, "alert"))
    report.complain(
        "SER410", node,
        f"panels of type {kind!r} are gone: Grafana 12 shows an error in their place",
        expected=repr(new), hint=None if bare else "Grafana 11 converts it with its options when you open and save it",
        edits=(Edit(node.start, node.end, f'"{new}"'),) if bare else (),
    )  # fmt: skip


def _check_alert(panel: Mapping, report: Report) -> None:
    place = key(panel, "alert")
    if place is not None and isinstance(panel.get("alert"), Mapping):
        report.complain(
            "SER412", place, f"{named(panel)} carries an alert of its own: Grafana 11 removed these, it will never "
            "fire",
            expected="an alert rule of Prometheus or of Grafana's unified alerting",
        )  # fmt: skip


def _check_unit(panel: Mapping, kind: str, report: Report) -> None:
    loose, place = panel.get("unit"), key(panel, "unit")
    if isinstance(loose, Scalar) and place is not None:
        free = panel.get("fieldConfig") is None
        new = f'"fieldConfig": {{"defaults": {{"unit": "{loose.value}"}}}}'
        report.complain(
            "SER413", place, f"the unit of {named(panel)} stands where nothing reads it: numbers are shown bare",
            expected="fieldConfig.defaults.unit",
            edits=(Edit(place.start, loose.end, new),) if free and loose.value.isalnum() else (),
        )  # fmt: skip
        return
    unit = at(panel, "fieldConfig", "defaults", "unit")
    if isinstance(unit, Scalar) and unit.value in _UNITS:
        right = _UNITS[unit.value]
        report.complain(
            "SER414", unit, f"{unit.value!r} is no unit of Grafana's: it is written behind the bare number",
            expected=repr(right), edits=(Edit(unit.start, unit.end, f'"{right}"'),) if unit.style == "double" else (),
        )  # fmt: skip
    elif REMOVED.get(kind, kind) in _MEASURING and not text(unit) and not _unit_elsewhere(panel):
        report.complain(
            "SER415", panel.get("title") or panel, f"{named(panel)} has no unit: nobody sees whether 0.3 is seconds, "
            "a share or a rate", expected="fieldConfig.defaults.unit (short for plain counts)",
        )  # fmt: skip


def _unit_elsewhere(panel: Mapping) -> bool:
    """Whether overrides or mappings say how numbers are shown, or a table-like option does."""
    if items(at(panel, "fieldConfig", "defaults", "mappings")):
        return True
    if text(panel.get("type")) in REMOVED and any(panel.get(name) for name in _OLD_OPTIONS):
        return True
    properties = [p for o in mappings(at(panel, "fieldConfig", "overrides")) for p in mappings(o.get("properties"))]
    return any(text(p.get("id")) in ("unit", "mappings") for p in properties)


def _check_thresholds(panel: Mapping, kind: str, report: Report) -> None:
    loose, place = panel.get("thresholds"), key(panel, "thresholds")
    if isinstance(loose, Sequence) and loose.items and place is not None and kind not in REMOVED:
        report.complain(
            "SER416", place, f"the thresholds of {named(panel)} stand where nothing reads them: it stays green",
            expected='fieldConfig.defaults.thresholds: {"mode": "absolute", "steps": [{"value": null, …}, …]}',
        )  # fmt: skip
    given = at(panel, "fieldConfig", "defaults", "thresholds")
    if not isinstance(given, Mapping):
        return
    first = at(given, "steps", 0)
    mode = text(given.get("mode"))
    if mode not in ("absolute", "percentage"):
        report.complain(
            "SER417", given.get("mode") or key(at(panel, "fieldConfig", "defaults"), "thresholds") or given,
            f"the thresholds of {named(panel)} have no `mode`: tools that go by the schema refuse it",
            expected="absolute or percentage",
            edits=(Edit(given.start + 1, given.start + 1, '"mode": "absolute", '),) if given.get("mode") is None
            and given.entries and _is_json(given) else (),
        )  # fmt: skip
    value = at(first, "value")
    if isinstance(first, Mapping) and isinstance(value, Scalar) and number(value) not in (None, 0):
        report.complain(
            "SER418", value, f"the {value.value} of the first threshold is not looked at: its colour holds for "
            "everything below it too", expected="null in the first step, and a second one for the number",
        )  # fmt: skip


def _is_json(node: Mapping) -> bool:
    return node.file.text[node.start : node.start + 1] == "{"


def _check_title(panel: Mapping, kind: str, report: Report) -> None:
    if kind in SILENT or panel.get("libraryPanel") is not None:
        return
    if not text(panel.get("title")).strip() and not text(panel.get("repeat")):
        place: Node = panel.get("title") or panel
        report.complain("SER419", place, f"{named(panel)} has no title: nobody can say which one they look at")


def _check_targets(panel: Mapping, kind: str, report: Report) -> None:
    asking = kind in (*_MEASURING, "table", "heatmap", "graph", "singlestat") and panel.get("libraryPanel") is None
    if asking and not targets(panel) and not panel.get("snapshotData"):
        report.complain(
            "SER420", panel.get("targets") or panel.get("title") or panel,
            f"{named(panel)} asks nothing: it shows “No data” for ever", expected="targets with a query",
        )  # fmt: skip


def _check_letters(panel: Mapping, report: Report) -> None:
    """Answers come back by the letter of their query."""
    seen: set[str] = set()
    taken = {text(target.get("refId")) for target in targets(panel)}
    free = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in taken]
    for target in targets(panel):
        node = target.get("refId")
        letter = text(node)
        if letter and letter in seen and node is not None:
            edits = (Edit(node.start, node.end, f'"{free.pop(0)}"'),) if free and _is_json(target) else ()
            report.complain(
                "SER421", node, f"two queries of {named(panel)} are called {letter}: the answer to one of them is lost",
                expected="a letter for each", edits=edits,
            )  # fmt: skip
        seen.add(letter)
