"""What grafana/dashboard-linter is to overlook in generated dashboards, and why: its own `.lint` file.

Its rules want a `$job` and an `$instance` in every selector, as dashboards of exporters have. Boards of objectives read
recorded series, which have neither; boards of a service ask of that service alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from sereno.compiler.grafana_json import TYPES
from sereno.compiler.grafana_sheet import CHOSEN
from sereno.compiler.text import Value
from sereno.spec.dashboard_model import Dashboard
from sereno.spec.dashboard_units import LISTED

_OWN = "these boards read recorded series and the series of one service, which are chosen by its labels"
_RAW = "kept as it was found"
_UNIT = "a unit of one's own, which Grafana shows and the linter does not list"
_ALERTS = "the windows of the burn rate are those of the alert"
_WHOLE = ("template-job-rule", "template-instance-rule", "target-job-rule", "target-instance-rule")
_LINTED = frozenset(("stat", "gauge", "table", "timeseries"))
Excluded = dict[str, dict[str, list[dict[str, str]]]]


def exclusions(boards: Iterable[Dashboard]) -> dict[str, Value]:
    """The rules that do not hold for some of `boards`, with the reason and the places."""
    found: dict[str, dict[str, Value]] = {}
    for board in boards:
        for rule, reason, panel in _excluded(board):
            entry: dict[str, Value] = {"dashboard": board.title}
            if panel:
                entry["panel"] = panel
            known = found.setdefault(rule, {"reason": reason, "entries": []})
            entries = cast(list[Value], known["entries"])
            if entry not in entries:
                entries.append(entry)
    return {rule: found[rule] for rule in sorted(found)}


def _excluded(board: Dashboard) -> Iterator[tuple[str, str, str]]:
    if board.raw:
        return
    chosen = all(CHOSEN in query.expr for panel in board.panels for query in panel.queries)
    if not (chosen and any(variable.name == "job" for variable in board.variables)):
        for rule in _WHOLE:
            yield rule, _OWN, ""
    for panel in board.panels:
        if panel.unit and panel.unit not in LISTED and TYPES.get(panel.kind) in _LINTED:
            yield "panel-units-rule", _UNIT, panel.title
        if any("rate(" in query.expr and "[$__rate_interval]" not in query.expr for query in panel.queries):
            yield "target-rate-interval-rule", _ALERTS, panel.title
