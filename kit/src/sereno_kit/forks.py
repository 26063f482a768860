"""Locks that a fork leaves free: whichever thread held one in the parent, it is not there in the child."""

from __future__ import annotations

import os
from threading import Lock
from typing import Any
from weakref import WeakSet

_LOCKS: WeakSet[Any] = WeakSet()


def lock() -> Lock:
    """A lock that nobody holds in the children of a fork."""
    made = Lock()
    keep(made)
    return made


def keep(made: Any) -> None:
    """The same of a lock that somebody else made."""
    if hasattr(made, "_at_fork_reinit"):
        _LOCKS.add(made)


def _in_child() -> None:
    for one in list(_LOCKS):
        one._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
