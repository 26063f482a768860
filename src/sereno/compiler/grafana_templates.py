"""The dashboards that are built in, by name, and how a declared one becomes rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module

from sereno.compiler.grafana_sheet import Sheet, Words
from sereno.kernel.message import Language
from sereno.promql import selector_text
from sereno.promql.columns import Matcher
from sereno.slo.links import Board, dashboard_uid
from sereno.spec.dashboard_model import Dashboard, PanelRow, Variable
from sereno.spec.dashboards import TEMPLATES

_ADDRESSES: Mapping[str, Board] = {
    "infrastructure": "infrastructure", "business": "business", "security": "security", "integrations": "integrations",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """A built-in dashboard: its words, the metric that says which jobs there are, and its rows."""

    title: Words
    about: Words
    probe: str
    rows: Callable[[Sheet], tuple[PanelRow, ...]]


def template(name: str) -> Template:
    """The built-in dashboard `name`. Raises KeyError when there is none."""
    if name not in TEMPLATES:
        raise KeyError(name)
    module = import_module(f"sereno.compiler.grafana_{name}")
    return Template(module.TITLE, module.ABOUT, module.PROBE, module.rows)


def board_uid(name: str) -> str:
    """The identity of a declared dashboard."""
    return dashboard_uid(_ADDRESSES[name]) if name in _ADDRESSES else dashboard_uid("declared", name)


def declared_board(board: Dashboard, language: Language) -> Dashboard:
    """`board` with the rows, the variables and the words of its template before its own.

    Raises UsageError when its template was given none of the parameters that it needs.
    """
    tags = tuple(dict.fromkeys((*board.tags, "declared")))
    if not board.template:
        return replace(board, tags=tags)
    found = template(board.template)
    sheet = Sheet(language, dict(board.with_))
    probe = found.probe
    if probe.startswith("{") and not probe.startswith("{__name__"):
        keys = probe.strip("{}").split("}{")
        probe = next((sheet.given(key) for key in keys if sheet.given(key)), "")
    return replace(
        board,
        title=board.title if board.title != board.name else sheet.word(found.title),
        description=board.description or sheet.word(found.about),
        rows=(*found.rows(sheet), *board.rows),
        variables=(*_variables(probe, board.jobs), *board.variables),
        tags=tags,
    )


def _variables(probe: str, jobs: tuple[str, ...]) -> tuple[Variable, ...]:
    """Which jobs and instances are shown: those of `jobs`, or all that have the metric `probe`."""
    narrowed = [Matcher("job", "=~", "|".join(map(_literal, jobs)))] if jobs else []
    return (
        Variable("job", "Job", "job", _with(probe, narrowed)),
        Variable("instance", "Instance", "instance", _with(probe, [Matcher("job", "=~", "$job")])),
    )


def _with(probe: str, matchers: list[Matcher]) -> str:
    if probe.startswith("{"):
        return probe[:-1] + "".join(f",{selector_text([m])[1:-1]}" for m in matchers) + "}"
    return selector_text([Matcher("__name__", "=", probe), *matchers])


def _literal(job: str) -> str:
    """`job` as a regular expression that matches nothing else."""
    return "".join(f"\\{char}" if char in r"\.+*?()|[]{}^$" else char for char in job)
