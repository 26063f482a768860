"""`sereno check`: every mistake in the spec and in the files of others' tools, with its place."""

from __future__ import annotations

import json as json_text
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from sereno.app.cli.check_text import listed, services
from sereno.kernel.errors import NotFound
from sereno.kernel.inert import inert_line

if TYPE_CHECKING:
    from sereno.app.checking import Checked
    from sereno.kernel.diagnostics import Diagnostic
    from sereno.spec.loader import Loaded


def check(
    *paths: Path,
    samples: Annotated[bool, Parameter(negative=())] = False,
    environment: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    fix: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    format: Literal["text", "json", "sarif", "github"] = "text",
    select: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    ignore: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    strict: Annotated[bool, Parameter(negative=())] = False,
    everything: Annotated[bool, Parameter(name="--all", negative=())] = False,
    history: Path | None = None,
    incidents: Path | None = None,
) -> int:
    """Find every mistake in the spec; or in rules, Alertmanager files, dashboards and manifests.

    Exits 0 if there is no mistake (there may be warnings), 1 if there is one, 2 if a path is not there.

    Parameters
    ----------
    paths
        The spec's folder, `reliability` by default; or any files, folders and patterns, also of other tools: Prometheus
        rules and configuration, Alertmanager, Grafana dashboards, Kubernetes manifests, runbooks.
    samples
        Read every byte of the workspace's samples instead, also while they are being written.
    environment
        The environment of the spec that is checked, SERENO_ENVIRONMENT by default.
    json
        Print JSON for machines; the same as --format json.
    fix
        Put right what cannot become worse by it, each file in one move.
    dry_run
        With --fix: show what would be changed, and change nothing.
    format
        text for people; json; sarif for code scanning; github for annotations in its workflows.
    select
        Only codes that begin so, such as SER2 or SER213; again for each.
    ignore
        No codes that begin so; again for each. A comment `# sereno: ignore SER213` does it in one place.
    strict
        Warnings are mistakes, too.
    everything
        List every finding, also where there are more than a hundred.
    history
        A file of samples: rules are replayed over them, and those that mostly called for nothing are named.
    incidents
        With --history: a YAML, JSON or CSV file that says when people really suffered.
    """
    if samples:
        return _samples(json)
    from sereno.app.checking import checked
    from sereno.app.spec_folder import choose_environment

    choose_environment(environment)
    given = paths or (Path("reliability"),)
    found = checked(
        given, select=select, ignore=ignore, fix=fix or dry_run, history=history, incidents=incidents
    )  # fmt: skip
    if not dry_run:
        found.write()
    print(_shown(found, "json" if json else format, dry_run=dry_run, everything=everything))
    return found.exit_code(strict=strict)


def _shown(found: Checked, format: str, *, dry_run: bool, everything: bool) -> str:
    """What was found, for whoever reads it."""
    if format == "sarif":
        from sereno.app.sarif import sarif

        return sarif(found.findings)
    if format == "github":
        from sereno.app.sarif import github

        return github(found.findings)
    if format == "json":
        return found.as_json(as_json(found.loaded) if found.loaded else None)
    parts = [found.changes()] if dry_run else []
    diagnostics = [finding.diagnostic for finding in found.findings]
    parts += listed(diagnostics, everything=everything)
    parts += _conclusion(found.loaded, diagnostics, found.others) if found.loaded else [found.summary]
    parts.append(found.about_fixes(dry_run=dry_run))
    return "\n\n".join(part for part in parts if part)


def _samples(json: bool) -> int:
    """What is damaged in the workspace's files of samples, file by file."""
    from sereno.app.settings import load_settings

    folder = load_settings().data_dir
    paths = [path for name in ("samples.db", "recorded.db") if (path := folder / name).is_file()]
    if not paths:
        raise NotFound(f"there are no samples in {folder}", hint="SERENO_DATA_DIR says where they are")
    found = {path: _damage(path) for path in paths}
    if json:
        files = {str(path): {"damaged": count, "found": list(lines)} for path, (count, lines) in found.items()}
        print(json_text.dumps({"ok": not any(map(any, found.values())), "files": files}, indent=2))
    else:
        print("\n".join(_told(path, count, lines) for path, (count, lines) in found.items()))
    return 1 if any(map(any, found.values())) else 0


def _damage(path: Path) -> tuple[int, tuple[str, ...]]:
    """How much was found damaged in the file, what was cleared away included; and what is wrong with it now."""
    from sereno.adapters.samples.store import SampleStore

    store = SampleStore(path, read_only=True)
    try:
        found = store.check()
        return store.damaged(), found
    finally:
        store.close()


def _told(path: Path, count: int, lines: tuple[str, ...]) -> str:
    if not count and not lines:
        return f"{path}: sound"
    said = f"{path}: {_plural(count, 'chunk or row')} of samples damaged and left out"
    return "\n".join((said, *(f"  {inert_line(line)}" for line in lines)))


def as_json(loaded: Loaded) -> str:
    """What was found, for machines."""
    spec = loaded.spec
    answer = {
        "ok": spec is not None,
        "files": [str(path) for path in loaded.files],
        "diagnostics": [asdict(diagnostic) for diagnostic in loaded.diagnostics],
        "counts": _counts(loaded),
        "digest": spec.digest if spec else None,
    }
    return json_text.dumps(answer, indent=2, ensure_ascii=False)


def as_text(loaded: Loaded) -> str:
    """What was found, for people: each mistake with its line, then what the spec declares."""
    parts = [*listed(loaded.diagnostics), *_conclusion(loaded, loaded.diagnostics, "")]
    return "\n\n".join(part for part in parts if part)


def _conclusion(loaded: Loaded, diagnostics: Sequence[Diagnostic], others: str) -> list[str]:
    """Whether the spec is good, what it declares, and what else was checked."""
    errors = sum(diagnostic.level == "error" for diagnostic in diagnostics)
    found = _plural(errors, "mistake"), _plural(len(diagnostics) - errors, "warning")
    beside = f"checked beside the spec: {others}" if others else ""
    if loaded.spec is None:
        return [f"{found[0]}, {found[1]} in {_plural(len(loaded.files), 'file')}", beside]
    counts = [_plural(number, name) for name, number in _counts(loaded).items() if number]
    said = f"The spec is good: {', '.join(counts) or 'it declares nothing that is watched'}; "
    said += f"{found[0]} beside it, {found[1]}" if errors else found[1]
    return [said, beside, services(loaded.spec) if loaded.spec.services else ""]


def _counts(loaded: Loaded) -> dict[str, int]:
    spec = loaded.spec
    if spec is None:
        return {}
    services = spec.services.values()
    return {
        "service": len(spec.services),
        "objective": sum(len(service.slos) for service in services),
        "alert": sum(len(service.alerts) for service in services),
        "team": len(spec.teams),
        "person": len(spec.people),
        "schedule": len(spec.schedules),
        "escalation": len(spec.escalations),
        "status page": len(spec.status_pages),
    }


def _plural(number: int, name: str) -> str:
    many = {"person": "people", "chunk or row": "chunks or rows"}.get(name, f"{name}s")
    return f"{number or 'no'} {name if number == 1 else many}"
