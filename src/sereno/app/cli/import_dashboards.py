"""`sereno import dashboards`: dashboards of Grafana become documents of the spec."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from sereno.kernel.errors import UsageError
from sereno.kernel.inert import inert_line

if TYPE_CHECKING:
    from sereno.compiler.grafana_import import Imported

BYTES_MAX = 10_000_000


def dashboards(
    *files: Path,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    name: str = "",
    force: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Turn dashboards of Grafana into documents of the spec; what these cannot say is kept as it is, and told.

    Exits 1 when a file is no dashboard; the others are written all the same.

    Parameters
    ----------
    files
        Grafana's JSON, of any age, as exported or as its API gives it; a folder stands for the .json files below it.
    out
        The folder to write to, a file for each dashboard; by default all are printed.
    name
        What the document is to be called, if there is one file; by default made of its title.
    force
        Write over files that are there.
    json
        Print JSON for machines.
    """
    from sereno.compiler.grafana_document import dashboard_document
    from sereno.compiler.grafana_import import imported

    paths = _paths(files)
    if name and len(paths) > 1:
        raise UsageError("--name is for one file")
    found: dict[Path, Imported] = {}
    failed: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        try:
            one = imported(_read(path), name=name)
        except UsageError as error:
            failed[path] = error.message
            continue
        found[path] = _called_apart(one, taken)
    texts = {found[path].board.name: dashboard_document(found[path].board) for path in found}
    written = _write(out, texts, force=force) if out else {}
    if json:
        print(_as_json(found, failed, texts, written))
    else:
        if not out:
            print("---\n".join(texts.values()), end="")
        for line in _as_text(found, failed, written):
            print(inert_line(line), file=sys.stdout if out else sys.stderr)
    return 1 if failed or not found else 0


def _paths(files: tuple[Path, ...]) -> list[Path]:
    """The files that are named, and those below folders, in a fixed order. Raises UsageError for what is not there."""
    if not files:
        raise UsageError("name the files of dashboards", hint="sereno import dashboards grafana/*.json")
    found: list[Path] = []
    for file in files:
        if file.is_dir():
            found += sorted(path for path in file.rglob("*.json") if path.is_file())
        elif file.exists():
            found.append(file)
        else:
            raise UsageError(f"there is no {file}")
    if not found:
        raise UsageError("there is no .json file in these folders")
    return list(dict.fromkeys(found))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            content = opened.read(BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(error.strerror or "it cannot be read") from None
    if len(content) > BYTES_MAX:
        raise UsageError("the file is larger than 10 MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"byte {error.start + 1} is not UTF-8") from None


def _called_apart(one: Imported, taken: set[str]) -> Imported:
    """`one` under a name that no other has."""
    from dataclasses import replace

    name, count = one.board.name, 2
    while name in taken:
        name, count = f"{one.board.name[:58]}-{count}", count + 1
    taken.add(name)
    return replace(one, board=replace(one.board, name=name))


def _write(out: Path, texts: dict[str, str], *, force: bool) -> dict[str, Path]:
    """Each document in a file of its own. Raises UsageError, and writes nothing, where one is there already."""
    places = {name: out / f"{name}.yaml" for name in texts}
    there = [path for path in places.values() if path.exists()]
    if there and not force:
        raise UsageError(f"{there[0]} is there already", hint="--force writes over it")
    out.mkdir(parents=True, exist_ok=True)
    for name, path in places.items():
        path.write_text(texts[name], encoding="utf-8", newline="\n")
    return places


def _as_text(found: dict[Path, Imported], failed: dict[Path, str], written: dict[str, Path]) -> list[str]:
    lines = []
    for path, one in found.items():
        raw = sum(panel.kind == "raw" for panel in one.board.panels)
        panels = len(one.board.panels)
        kept = "kept whole" if one.board.raw else f"{panels - raw} of {panels} panels in our words"
        place = f" → {written[one.board.name]}" if written else ""
        lines.append(f"{path}{place}: {one.board.title}, {kept}")
        lines += [f"- {note}" for note in one.notes]
    return lines + [f"{path}: {message}" for path, message in failed.items()]


def _as_json(
    found: dict[Path, Imported], failed: dict[Path, str], texts: dict[str, str], written: dict[str, Path]
) -> str:  # fmt: skip
    answer = {
        "imported": [
            {
                "file": str(path),
                "dashboard": one.board.name,
                "title": one.board.title,
                "panels": len(one.board.panels),
                "raw": [str(json_text.loads(p.raw).get("title") or "") for p in one.board.panels if p.kind == "raw"],
                "whole": bool(one.board.raw),
                "notes": list(one.notes),
                **({"written": str(written[one.board.name])} if written else {"document": texts[one.board.name]}),
            }
            for path, one in found.items()
        ],
        "failed": {str(path): message for path, message in failed.items()},
    }
    return json_text.dumps(answer, indent=2, ensure_ascii=False)
