"""`sereno fmt`: the spec's files as they should look."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sereno.kernel.errors import UsageError

_SUFFIXES = (".yaml", ".yml")
_BYTES_MAX = 10_000_000


def fmt(
    *paths: Path,
    check: Annotated[bool, Parameter(negative=())] = False,
    repair: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Format YAML files: indentation, blanks and line ends. Comments stay, and what a file says does not change.

    Exits 0 when every file is as it should be, or has been made so; 1 when --check finds one that is not, or one cannot
    be formatted.

    Parameters
    ----------
    paths
        Files, or folders whose YAML files are meant (reliability).
    check
        Change nothing; name the files that would change.
    repair
        Also put right text that was UTF-8 and was read as something else (`CanciÃ³n`), in Markdown files as well.
    json
        Print JSON for machines.
    """
    files = [file for path in paths or (Path("reliability"),) for file in _files(path, repair=repair)]
    if not files:
        raise UsageError("there are no YAML files here", hint="name files, or folders that hold some")
    changed: list[Path] = []
    failed: dict[Path, str] = {}
    for file in files:
        try:
            if _format(file, check=check, repair=repair):
                changed.append(file)
        except (OSError, ValueError) as error:
            failed[file] = (error.strerror if isinstance(error, OSError) else str(error)) or "it cannot be read"
            print(f"{file}: not formatted: {failed[file]}", file=sys.stderr)
    print(_as_json(files, changed, failed) if json else _as_text(files, changed, failed, check=check))
    return 1 if failed or (check and changed) else 0


def _as_text(files: list[Path], changed: list[Path], failed: dict[Path, str], *, check: bool) -> str:
    same = len(files) - len(changed) - len(failed)
    lines = [f"{file}: {'would change' if check else 'formatted'}" for file in changed]
    return "\n".join([*lines, f"{same} {'file is as it' if same == 1 else 'files are as they'} should be"])


def _as_json(files: list[Path], changed: list[Path], failed: dict[Path, str]) -> str:
    answer = {
        "files": [str(file) for file in files],
        "changed": [str(file) for file in changed],
        "failed": {str(file): why for file, why in failed.items()},
    }
    return json_text.dumps(answer, indent=2, ensure_ascii=False)


def _files(path: Path, *, repair: bool) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(f"there is nothing at {path}")
    wanted = (*_SUFFIXES, ".md") if repair else _SUFFIXES
    found = (one for one in path.rglob("*") if one.suffix.lower() in wanted and one.is_file())
    return sorted(one for one in found if not any(part.startswith(".") for part in one.relative_to(path).parts))


def _format(file: Path, *, check: bool, repair: bool) -> bool:
    """Whether the file was not as it should be. Raises ValueError if it cannot be formatted, OSError."""
    from sereno.app.files import replace_text
    from sereno.spec.formatting import formatted
    from sereno.spec.mojibake import repaired

    if file.stat().st_size > _BYTES_MAX:
        raise ValueError("it is larger than 10 MB")
    content = file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8; save the file as UTF-8") from error
    made = repaired(text) if repair else text
    if file.suffix.lower() in _SUFFIXES:
        made = formatted(made)
    if made.encode() == content:
        return False
    if not check:
        replace_text(file, made)
    return True
