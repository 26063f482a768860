"""`sereno check`: every mistake in the spec, with its place."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sereno.spec.loader import Loaded


def check(path: Path = Path("reliability"), *, json: bool = False) -> int:
    """Find every mistake in the spec.

    Args:
        path: the spec's folder.
        json: print for machines.

    Returns 0 if the spec can be used (there may be warnings), 1 if it has mistakes. Raises UsageError if `path`
    is not a folder.
    """
    from sereno.app.promql_checker import Checker
    from sereno.app.settings import load_settings
    from sereno.spec.loader import load

    loaded = load(path, promql=Checker(load_settings().promql))
    print(as_json(loaded) if json else as_text(loaded))
    return 0 if loaded.spec else 1


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
    parts = [diagnostic.render() for diagnostic in loaded.diagnostics]
    errors = sum(diagnostic.level == "error" for diagnostic in loaded.diagnostics)
    found = _plural(errors, "mistake"), _plural(len(loaded.diagnostics) - errors, "warning")
    if loaded.spec is None:
        return "\n\n".join([*parts, f"{found[0]}, {found[1]} in {_plural(len(loaded.files), 'file')}"])
    counts = [_plural(number, name) for name, number in _counts(loaded).items() if number]
    return "\n\n".join([*parts, f"The spec is good: {', '.join(counts)}; {found[1]}", _table(loaded)])


def _table(loaded: Loaded) -> str:
    """One line for each service."""
    spec = loaded.spec
    assert spec is not None
    rows = [("service", "team", "objectives", "alerts", "status")]
    for service in spec.services.values():
        objectives = ", ".join(f"{slo.name} {slo.objective.text}" for slo in service.slos) or "-"
        shown = f"{service.status_page}: {service.component}" if service.component else "-"
        rows.append((service.name, service.team, objectives, str(len(service.alerts)), shown))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


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
    many = "people" if name == "person" else f"{name}s"
    return f"{number or 'no'} {name if number == 1 else many}"
