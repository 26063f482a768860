"""`sereno import rules`: the rules of a Prometheus as a spec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sereno.app.cli.client import print_json, print_line
from sereno.kernel.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from sereno.app.importing.documents import Brought
    from sereno.app.importing.rules import Wishes
    from sereno.kernel.diagnostics import Diagnostic
    from sereno.spec.rule_groups import RuleGroup

Read = tuple[list["RuleGroup"], list["Diagnostic"]]


def rules(
    sources: tuple[str, ...],
    *,
    into: Path = Path("reliability"),
    service: str = "",
    by: str = "service",
    team: str = "",
    force: bool = False,
    json: bool = False,
) -> int:
    """Bring Prometheus rules into the spec: objectives where that is the same, alerts, and the rest raw.

    Exits 1 when a rule was wrong and left out, or there was none.

    Parameters
    ----------
    sources
        Rule files, PrometheusRule manifests, folders of them, or the http:// address of a Prometheus.
    into
        The spec's folder; each service gets a file of its own there.
    service
        The service that all of it belongs to.
    by
        The label of a rule that names its service; without it, its file does.
    team
        The team that owns it; by default the rules' label `team`.
    force
        Overwrite files that are there.
    json
        Print JSON for machines.
    """
    from sereno.app.importing.rules import bring
    from sereno.app.importing.writing import write

    groups, wrong = _read(sources)
    brought = bring(groups, _wishes(into, service, by, team))
    if not brought.files:
        for line in [line for one in wrong for line in one.render().splitlines()]:
            print_line(line)
        print_line("there is no rule in " + ", ".join(sources))
        return 1
    paths = write(into, brought.texts(), force=force)
    if json:
        print_json(told(brought, paths, wrong))
    else:
        for line in said(brought, paths, wrong):
            print_line(line)
    return 1 if any(one.level == "error" for one in wrong) else 0


def _read(sources: tuple[str, ...]) -> Read:
    from sereno.app.promql_checker import Checker
    from sereno.spec.rule_files import read_rules

    if not sources:
        raise UsageError("say which files to bring", hint="sereno import rules rules/*.yml")
    groups: list[RuleGroup] = []
    wrong: list[Diagnostic] = []
    for source in sources:
        if source.startswith(("http://", "https://")):
            groups += _asked(source)
            continue
        for path in _files(Path(source)):
            found = read_rules(str(path), path.read_bytes(), promql=Checker(), strict=False)
            groups += found.groups
            wrong += found.diagnostics
    return groups, wrong


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(found for found in path.rglob("*") if found.suffix in (".yml", ".yaml") and found.is_file())
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    return [path]


def _asked(url: str) -> tuple[RuleGroup, ...]:
    from sereno.app.asking import asked, shown
    from sereno.app.importing.rules_api import groups_of_answer

    try:
        return groups_of_answer(asked(url, "/api/v1/rules"), shown(url))
    except Unavailable as error:
        raise UsageError(error.message) from error


def _wishes(into: Path, service: str, by: str, team: str) -> Wishes:
    """What the caller says, and what the folder already has."""
    from sereno.app.importing.rules import Wishes
    from sereno.app.promql_checker import Checker
    from sereno.spec.loader import load

    known = load(into, promql=Checker()).spec if into.is_dir() else None
    if known is None:
        return Wishes(service, by, team)
    return Wishes(service, by, team, frozenset(known.teams), known.severities)


def said(brought: Brought, paths: list[Path], wrong: list[Diagnostic]) -> list[str]:
    """What was brought, line by line."""
    lines = [line for one in wrong for line in one.render().splitlines()]
    lines += [str(note) for note in brought.notes]
    lines += [f"wrote {path}" for path in paths]
    return [*lines, _counted(brought)]


def _counted(brought: Brought) -> str:
    kinds: dict[str, int] = {}
    for note in brought.notes:
        kind = "an objective" if note.kept.startswith("the objective") else note.kept
        kinds[kind] = kinds.get(kind, 0) + 1
    return "; ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items())) + "."


def told(brought: Brought, paths: list[Path], wrong: list[Diagnostic]) -> dict[str, object]:
    """The same for machines."""
    return {
        "files": [str(path) for path in paths],
        "notes": [{"place": n.place, "what": n.what, "kept": n.kept, "why": n.why} for n in brought.notes],
        "wrong": [{"place": one.place, "code": one.code, "message": one.message, "level": one.level} for one in wrong],
    }
