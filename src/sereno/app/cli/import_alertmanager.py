"""`sereno import alertmanager`: whom an Alertmanager tells, as a spec."""

from __future__ import annotations

from pathlib import Path

from sereno.app.cli.client import print_json, print_line
from sereno.kernel.errors import UsageError

_BYTES_MAX = 10_000_000


def alertmanager(file: Path, *, into: Path = Path("reliability"), force: bool = False, json: bool = False) -> int:
    """Bring receivers and routes into the spec as teams, people and escalations; the rest is kept raw.

    Secrets are never written: addresses of chats become env:NAME, others references to files.

    Parameters
    ----------
    file
        The Alertmanager's configuration.
    into
        The spec's folder, into which alertmanager.yaml is written.
    force
        Overwrite files that are there.
    json
        Print JSON for machines.
    """
    from sereno.app.importing.alertmanager import bring
    from sereno.app.importing.writing import write

    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(content) > _BYTES_MAX:
        raise UsageError(f"{file} is larger than {_BYTES_MAX // 1_000_000} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8") from error
    brought = bring(str(file), text, workspace=_has_workspace(into))
    paths = write(into, brought.texts(), force=force)
    if json:
        notes = [{"place": n.place, "what": n.what, "kept": n.kept, "why": n.why} for n in brought.notes]
        print_json({"files": [str(path) for path in paths], "notes": notes})
        return 0
    for note in brought.notes:
        print_line(str(note))
    for path in paths:
        print_line(f"wrote {path}")
    return 0


def _has_workspace(folder: Path) -> bool:
    from sereno.app.promql_checker import Checker
    from sereno.spec.loader import load

    found = load(folder, promql=Checker()).spec if folder.is_dir() else None
    return found is not None and bool(found.name)
