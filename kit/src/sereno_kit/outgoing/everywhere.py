"""All clients that are made from now on: a patch that says so, once, and that can be taken back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import TracebackType
from typing import Any

from sereno_kit.outgoing.calls import Integration
from sereno_kit.outgoing.endpoints import Shapes

_CLASSES = (("httpx", "Client"), ("httpx", "AsyncClient"), ("requests", "Session"), ("aiohttp", "ClientSession"))
_HOSTS_MAX = 100
_patched: dict[tuple[str, str], tuple[type[Any], Any, Any]] = {}


class Everywhere:
    """The patches at work. Close it, or leave its block, to take them back; clients made meanwhile stay observed."""

    def __enter__(self) -> Everywhere:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Take the patches back, where nobody has patched over them since."""
        for name, (cls, original, ours) in list(_patched.items()):
            if cls.__init__ is ours:
                cls.__init__ = original
                del _patched[name]


def everywhere(*, propagate: bool | Callable[[str], bool] = True, deadline_header: str | None = None) -> Everywhere:
    """Observe every client of httpx, requests and aiohttp that is made from now on; the host is the integration.

    Changes their classes: those of libraries that are imported already (call it again after importing another).
    A second time changes nothing. `observe` of a client takes precedence; clients with a transport of their own, such
    as test clients, are left alone.

    Args:
        propagate: whether services are told the request id and the trace, or a function of the host that says so:
            `lambda host: host.endswith(".internal")`.
        deadline_header: as of `observe`.
    """
    hosts = Shapes(_HOSTS_MAX)
    for library, kind in _CLASSES:
        module = sys.modules.get(library)
        if module is None or (library, kind) in _patched:
            continue
        cls = getattr(module, kind)
        integration = Integration(
            name=hosts.admit, propagate=propagate, deadline_header=deadline_header, library=library
        )
        _patched[library, kind] = _patch(cls, import_module(f"sereno_kit.outgoing.{library}"), integration)
    return Everywhere()


def _patch(cls: type[Any], module: Any, integration: Integration) -> tuple[type[Any], Any, Any]:
    original = cls.__init__

    @wraps(original)
    def observed(self: Any, *args: Any, **settings: Any) -> None:
        original(self, *args, **settings)
        try:
            if "transport" not in settings and module.integration_of(self) is None:
                module.observe(self, integration)
        except Exception as error:
            from sereno_kit.metrics.faults import failed

            failed("outgoing", error)

    cls.__init__ = observed
    return cls, original, observed
