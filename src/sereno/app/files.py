"""Puts a whole text in a file's place, or leaves the file as it was."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

_MODE = 0o644


def replace_text(path: Path, text: str) -> None:
    """Make `text` (UTF-8, line ends as they are) the content of the file, which keeps its mode; links are followed.

    Whoever reads meanwhile sees the old text or the new one. Raises OSError, and then nothing has changed.
    """
    path = path.resolve()
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _MODE & ~_umask()
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:60]}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    """What new files do without: it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
