"""How much the process uses: CPU, memory, files, threads, and what the garbage collector costs."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sereno_kit.clock import SYSTEM

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry

_GENERATIONS = ("0", "1", "2")


def install(registry: Registry) -> Callable[[], None]:
    """Measure this process. Done twice, it is done once.

    prometheus_client's collectors tell CPU, memory, files and collections of garbage; they work in one process only,
    so with several each writes the same names itself and memory, files and threads are added up.

    Returns:
        What to call when pauses for garbage should be timed no more.
    """
    registry.sampled("gauge", "process_threads", "Threads of Python that run").add(threading.active_count)
    pauses = registry.sampled(
        "counter",
        "python_gc_pause_seconds_total",
        "Time for which the program stood still while garbage was collected",
        ("generation",),
    )
    watched = _gc_watch()
    for generation in _GENERATIONS:
        pauses.add(watched.reader(int(generation)), generation=generation)
    if registry.multiprocess:
        _install_own(registry)
    else:
        _install_clients(registry)
    return watched.used()


class _GcWatch:
    """Adds up pauses. It runs inside the collector, at any moment, so it takes no lock and touches no metric."""

    def __init__(self) -> None:
        self.seconds = [0.0, 0.0, 0.0]
        self._began = 0.0
        self._monotonic = SYSTEM.monotonic
        self._users: set[object] = set()
        gc.callbacks.append(self._called)

    def used(self) -> Callable[[], None]:
        """Somebody wants it. Returns what he calls when he does not; the last one takes it out of the collector."""
        user = object()
        self._users.add(user)

        def leave() -> None:
            self._users.discard(user)
            if not self._users and self._called in gc.callbacks:
                gc.callbacks.remove(self._called)

        return leave

    def _called(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._began = self._monotonic()
        else:
            self.seconds[info["generation"]] += self._monotonic() - self._began

    def reader(self, generation: int) -> Callable[[], float]:
        return lambda: self.seconds[generation]


_watch: _GcWatch | None = None


def _gc_watch() -> _GcWatch:
    global _watch
    if _watch is None or _watch._called not in gc.callbacks:
        _watch = _GcWatch()
    return _watch


def _install_clients(registry: Registry) -> None:
    from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR

    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        try:
            registry.prometheus.register(collector)
        except ValueError:  # it is there already
            continue


# -- several processes ----------------------------------------------------------------------------------


def _install_own(registry: Registry) -> None:
    cpu = registry.sampled("counter", "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
    cpu.add(_cpu_seconds)
    for name, help, mode, read in (
        ("process_resident_memory_bytes", "Resident memory size in bytes.", "livesum", _resident_bytes),
        ("process_open_fds", "Number of open file descriptors.", "livesum", _open_files),
        ("process_max_fds", "Maximum number of open file descriptors.", "livemin", _files_max),
    ):
        registry.sampled("gauge", name, help, (), "livemin" if mode == "livemin" else "livesum").add(read)
    collections = registry.sampled(
        "counter",
        "python_gc_collections_total",
        "Number of times this generation was collected",
        ("generation",),
    )
    for generation in _GENERATIONS:
        collections.add(_collections(int(generation)), generation=generation)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _resident_bytes() -> float | None:
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except OSError:  # not Linux: unknown
        return None
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _open_files() -> float | None:
    try:
        return float(len(os.listdir("/proc/self/fd")))
    except OSError:
        return None


def _files_max() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    return float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _collections(generation: int) -> Callable[[], float]:
    return lambda: float(gc.get_stats()[generation]["collections"])
