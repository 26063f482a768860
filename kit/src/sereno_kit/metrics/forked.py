"""prometheus_client's own locks in the children of a fork, where whoever held one is not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_REGISTRIES: WeakSet[Any] = WeakSet()


def watch(registry: CollectorRegistry) -> None:
    """Let the locks of `registry` and of all that it holds be free in children."""
    _REGISTRIES.add(registry)


def _in_child() -> None:
    from prometheus_client import values

    for cell in getattr(values.ValueClass, "inc", _in_child).__closure__ or ():  # of several processes: one for all
        _free(cell.cell_contents)
    for registry in list(_REGISTRIES):
        _free_lock_of(registry)
        for collector in list(getattr(registry, "_collector_to_names", ())):
            children = getattr(collector, "_metrics", None)
            for one in (collector, *(children.values() if isinstance(children, dict) else ())):
                _free_locks_of(one)


def _free_locks_of(metric: Any) -> None:
    buckets = getattr(metric, "_buckets", None)
    values = (getattr(metric, "_value", None), getattr(metric, "_sum", None))
    for one in (metric, *values, *(buckets if isinstance(buckets, list) else ())):
        _free_lock_of(one)


def _free_lock_of(owner: Any) -> None:
    _free(getattr(owner, "_lock", None))


def _free(lock: Any) -> None:
    if hasattr(lock, "_at_fork_reinit"):
        lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
