"""Imported documents on disk: whole files, none overwritten unless asked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sereno.kernel.errors import UsageError


def write(folder: Path, texts: Mapping[str, str], *, force: bool = False) -> list[Path]:
    """Put `texts` (by file name) into `folder`, each whole or not at all; where they are.

    Raises UsageError, and writes nothing, if one of the files is there and `force` is not set.
    """
    paths = {folder / name: text for name, text in texts.items()}
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        raise UsageError(f"{', '.join(there[:5])} would be overwritten", hint="--into another folder, or --force")
    for path, text in paths.items():
        _replace(path, text)
    return list(paths)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
