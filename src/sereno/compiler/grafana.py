"""Grafana: dashboards as files, and the file that tells Grafana where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from sereno.compiler.grafana_json import dashboard_json
from sereno.compiler.grafana_lint import exclusions
from sereno.compiler.grafana_overview import overview_board
from sereno.compiler.grafana_service import service_board
from sereno.compiler.grafana_slo import slo_board
from sereno.compiler.grafana_templates import board_uid, declared_board
from sereno.compiler.grafana_text import dashboard_text
from sereno.compiler.targets import Output, Request
from sereno.compiler.text import Value, yaml
from sereno.slo.links import dashboard_uid
from sereno.spec.dashboard_model import Dashboard

FOLDER = "grafana/dashboards/sereno"


def grafana(request: Request) -> Output:
    """Grafana dashboards (overview, services, objectives, declared ones) and the provider that loads them."""
    files: dict[str, str] = {}
    boards = list(boards_of(request))
    for file, uid, board in boards:
        files[f"{FOLDER}/{file}.json"] = dashboard_text(dashboard_json(board, uid, language=request.language))
    if not files:
        return Output()
    lint = exclusions([board for _, _, board in boards])
    if lint:
        files[f"{FOLDER}/.lint"] = yaml({"exclusions": lint})
    files["grafana/provisioning/dashboards/sereno.yml"] = _PROVIDER
    notes = tuple(f"{board.name} is kept as raw JSON: it is written as it is" for _, _, board in boards if board.raw)
    return Output(files, notes)


def boards_of(request: Request) -> Iterator[tuple[str, str, Dashboard]]:
    """Every dashboard with its file's name and its identity, titles told apart where two would be the same."""
    taken: set[str] = set()
    for file, uid, board in _boards(request):
        title = board.title
        if title in taken:
            title = f"{title} ({board.name})"
        count = 2
        while title in taken:
            title, count = f"{board.title} ({board.name}, {count})", count + 1
        taken.add(title)
        yield file, uid, replace(board, title=title)


def _boards(request: Request) -> Iterator[tuple[str, str, Dashboard]]:
    spec, language = request.spec, request.language
    if spec.services:
        yield "overview", dashboard_uid("overview"), overview_board(spec, language)
    for name in sorted(spec.services):
        yield (
            f"service~{_file(name)}",
            dashboard_uid("service", name),
            service_board(spec, spec.services[name], language),
        )
    for plan in request.plans:
        name = f"{plan.service}/{plan.slo.name}"
        file = f"slo~{_file(plan.service)}~{_file(plan.slo.name)}"
        yield file, dashboard_uid("slo", name), slo_board(spec, plan, language)
    for name in sorted(spec.dashboards):
        board = declared_board(spec.dashboards[name], language)
        yield f"dashboard~{_file(name)}", board_uid(name), board


def _file(name: str) -> str:
    """`name` as a part of a file's name, whatever is in it."""
    return quote(name, safe=" áéíóúñü").replace("~", "%7E").replace(" ", "_").lstrip(".") or "_"


_SETTINGS: Value = [
    {
        "name": "sereno",
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": "/var/lib/grafana/dashboards", "foldersFromFilesStructure": True},
    }
]
_PROVIDER = (
    "# Written by `sereno build`. Put it into Grafana's provisioning/dashboards, and the folder grafana/dashboards\n"
    "# where `path` says.\n" + yaml({"apiVersion": 1, "providers": _SETTINGS})
)
