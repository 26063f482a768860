"""Calls to other services: who they are told we are, how long they may take, how they went.

`observe(client, integration="payments")` for one client of httpx, requests or aiohttp; `everywhere()` for all that are
made from now on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from sereno_kit.outgoing.calls import Integration, headers
from sereno_kit.outgoing.everywhere import Everywhere, everywhere

__all__ = ["Everywhere", "Integration", "everywhere", "headers", "observe", "release"]

ClientT = TypeVar("ClientT")
_KINDS = {"httpx": ("Client", "AsyncClient"), "requests": ("Session",), "aiohttp": ("ClientSession",)}


def observe(
    client: ClientT,
    *,
    integration: str,
    endpoint: str | Callable[[Any], str] | None = None,
    propagate: bool | Callable[[str], bool] = True,
    deadline_header: str | None = None,
) -> ClientT:
    """Observe what `client` calls: count, time and trace each call, tell the request id and the trace, keep deadlines.

    Args:
        client: an `httpx.Client` or `AsyncClient`, a `requests.Session`, an `aiohttp.ClientSession`.
        integration: the service's name, the label of its metrics.
        endpoint: a template, or a function of the client's request that gives one; if not given, the path with what
            looks like a value as `{id}`, and at most 100 different ones.
        propagate: whether the service is told the request id and the trace, or a function of its host that says so.
        deadline_header: a header that tells it how many seconds are left, such as `X-Request-Timeout`.

    Returns:
        The same client.

    Raises:
        TypeError: it is none of these clients.
        ValueError: it is observed as another integration already.
    """
    library, module = _of(client)
    there = module.integration_of(client)
    if there is not None and isinstance(there.name, str) and there.name != integration:
        raise ValueError(f"this client is observed as {there.name!r} already; release() it first")
    module.observe(
        client,
        Integration(
            name=integration,
            endpoint=endpoint,
            propagate=propagate,
            deadline_header=deadline_header,
            library=library,
        ),
    )
    return client


def release(client: ClientT) -> ClientT:
    """No longer observe `client`; the same client."""
    _of(client)[1].release(client)
    return client


def _of(client: object) -> tuple[str, ModuleType]:
    for library, kinds in _KINDS.items():
        there = sys.modules.get(library)
        if there is not None and isinstance(client, tuple(getattr(there, kind) for kind in kinds)):
            return library, import_module(f"sereno_kit.outgoing.{library}")
    raise TypeError(f"clients of httpx, requests and aiohttp can be observed, not a {type(client).__qualname__}")
