"""What brings definitions: a thread per source, asleep almost always, begun anew in the children of a fork."""

from __future__ import annotations

import os
import threading
import weakref
from errno import EINVAL
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from sereno_kit.flags.definitions import BYTES_MOST, BadDefinitions, need_yaml, read
from sereno_kit.flags.telling import failed

if TYPE_CHECKING:
    from sereno_kit.flags.flags import Flags

_SOURCES: weakref.WeakSet[Source] = weakref.WeakSet()


class Source:
    """Follows definitions in a thread of its own. Subclasses say `begin` (at once, brief) and `step`."""

    name = "source"

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._flags: weakref.ref[Flags] | None = None
        self._fresh()
        _SOURCES.add(self)

    def _fresh(self) -> None:
        self._starting = threading.Lock()
        self._ended = threading.Event()

    def begin(self, flags: Flags) -> None:
        """What is done before anything is evaluated: disks only, never the network."""

    def step(self, flags: Flags) -> float:
        """Look once. Returns the seconds until the next look."""
        raise NotImplementedError

    def start(self, flags: Flags) -> None:
        """Follow from now on, unless that is done already or was ended."""
        with self._starting:
            if self._thread is not None or self._ended.is_set():
                return
            self._flags = weakref.ref(flags)
            self._thread = threading.Thread(target=_follow, args=(weakref.ref(self),), name="sereno-flags", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop, soon."""
        self._ended.set()

    @property
    def ended(self) -> bool:
        """Whether it was closed."""
        return self._ended.is_set()

    def pause(self, seconds: float) -> bool:
        """Wait; says whether it was closed meanwhile."""
        return self._ended.wait(seconds)

    def forked(self) -> None:
        """In a child: the thread stayed with the parent, and locks may be held by nobody."""
        followed, ended, self._thread = self._thread is not None, self._ended.is_set(), None
        self._fresh()
        if ended:
            self._ended.set()
        flags = self._flags() if self._flags is not None else None
        if flags is not None and followed:
            flags.wake()


def _follow(mine: weakref.ref[Source]) -> None:
    """Hold neither the source nor the flags while it waits: who forgets his flags has no thread left either."""
    while True:
        source = mine()
        flags = source._flags() if source is not None and source._flags is not None else None
        if source is None or flags is None or source.ended:
            return
        try:
            seconds = source.step(flags)
        except Exception as error:
            failed(error)
            seconds = 5.0
        ended = source._ended
        del source, flags
        if ended.wait(seconds):
            return


def _after_fork() -> None:
    for source in list(_SOURCES):
        source.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class FileSource(Source):
    """A file, looked at each `every_seconds`: what tells a change is its time, size and inode."""

    def __init__(self, path: Path, every_seconds: float) -> None:
        super().__init__()
        self.name = f"file:{path.name}"
        self._path, self._every = path, every_seconds
        self._yaml = path.suffix.lower() in (".yaml", ".yml")
        if self._yaml:
            need_yaml()
        self._seen: tuple[int, ...] | None = None

    def begin(self, flags: Flags) -> None:
        """Read it now, so that the first evaluation knows it."""
        self._look(flags)

    def step(self, flags: Flags) -> float:
        """Read it if it has changed."""
        self._look(flags)
        return self._every

    def _look(self, flags: Flags) -> None:
        try:
            stat = os.stat(self._path)
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen == self._seen:
                return
            if not S_ISREG(stat.st_mode):
                raise OSError(EINVAL, "it is no file")
            with open(self._path, "rb") as file:
                content = file.read(BYTES_MOST + 1)
            fresh = read(content, yaml=self._yaml, now=flags.clock.now)
        except OSError as error:
            self._seen = None
            flags.fail(f"{self._path}: {error.strerror or error}")
        except (BadDefinitions, RecursionError, MemoryError) as error:
            self._seen = seen
            flags.fail(f"{self._path}: {error}")
        else:
            self._seen = seen
            flags.adopt(fresh)
