"""Several processes that are one service: each writes files, and whichever is scraped adds them up.

It is on when `PROMETHEUS_MULTIPROC_DIR` names a folder before the program starts. In `gunicorn.conf.py`:

    from sereno_kit.metrics.multiprocess import child_exit, prepare

    prepare()

For other servers with workers, before they start: `python -m sereno_kit.metrics.multiprocess`.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_MARK = "sereno-kit.owner"
_FILE = re.compile(r"(?:counter|histogram|summary|gauge_[a-z]+)_(\d+)\.db")
_LIVE = re.compile(r"gauge_live[a-z]+_(\d+)\.db")


def folder() -> Path | None:
    """Where the processes write, or None in a program of one process."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def prepare(at: str | os.PathLike[str] | None = None) -> bool:
    """Empty the folder of what an earlier run left, and take it for this one; made if it is missing.

    It touches only a folder that it took before or that is empty, and only files of the client's; while the process
    that took it lives (a reload, a second server), it does nothing. Call it in the parent, before workers start.

    Args:
        at: the folder, if `PROMETHEUS_MULTIPROC_DIR` does not name it; then it is set, for those that start later.

    Returns:
        Whether the folder was taken and is empty.
    """
    if at is not None:
        os.environ.setdefault(VARIABLE, os.fspath(at))
    where = folder()
    if where is None:
        return False
    where.mkdir(parents=True, exist_ok=True)
    mark = where / _MARK
    if not mark.exists() and any(where.iterdir()):
        _say(f"{where} holds files and was not made by sereno-kit; it is left as it is")
        return False
    if mark.exists() and _lives(mark.read_text(encoding="utf-8").strip()):
        return False
    for file in where.iterdir():
        if _FILE.fullmatch(file.name):
            file.unlink(missing_ok=True)
    mark.write_text(_identity(os.getpid()), encoding="utf-8")
    return True


def mark_process_dead(pid: int) -> None:
    """Forget the gauges of the process `pid`; what it counted stays. Never raises."""
    where = folder()
    if where is None:
        return
    try:
        for file in where.iterdir():
            found = _LIVE.fullmatch(file.name)
            if found and int(found[1]) == pid:
                file.unlink(missing_ok=True)
    except OSError as error:
        _say(f"{where}: {error}")


def child_exit(server: Any, worker: Any) -> None:
    """gunicorn's hook of that name: a worker has ended."""
    mark_process_dead(worker.pid)


def sweep() -> None:
    """Forget the gauges of processes that ended without anybody saying so; only where the folder was taken by us."""
    where = folder()
    if where is None or not _same_machine(where / _MARK):
        return
    for file in where.iterdir():
        found = _LIVE.fullmatch(file.name)
        if found and not _exists(int(found[1])):
            file.unlink(missing_ok=True)


def files() -> list[str]:
    """What the processes wrote."""
    where = folder()
    return [] if where is None else [str(file) for file in where.iterdir() if _FILE.fullmatch(file.name)]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _space() -> str:
    """The name of this machine's, or container's, numbering of processes."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return sys.platform


def _identity(pid: int) -> str:
    """A process, told apart from later ones of the same number by when it started."""
    try:
        started = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        started = "?"
    return f"{pid} {started} {_space()}"


def _lives(identity: str) -> bool:
    pid, _, _ = identity.partition(" ")
    return pid.isdigit() and _exists(int(pid)) and _identity(int(pid)) == identity


def _same_machine(mark: Path) -> bool:
    try:
        return mark.read_text(encoding="utf-8").strip().endswith(_space())
    except OSError:
        return False


def _say(what: str) -> None:
    print(f"sereno-kit: {what}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(0 if prepare() or folder() else f"sereno-kit: {VARIABLE} is not set")
