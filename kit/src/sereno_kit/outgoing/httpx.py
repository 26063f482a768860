"""Calls that httpx makes, observed where they leave: each redirect, each retry of an authentication is one.

Imported only for a client of httpx.
"""

from __future__ import annotations

from typing import Any

import httpx

from sereno_kit.chaos import Strike
from sereno_kit.outgoing.calls import Call, Integration, cap, suppressed

_TOLD = "sereno_kit.told"


def observe(client: httpx.Client | httpx.AsyncClient, integration: Integration) -> bool:
    """Put `integration` between `client` and its transports; whether it was not there yet."""
    kind: Any = ObservedAsync if isinstance(client, httpx.AsyncClient) else Observed
    there = isinstance(client._transport, kind)
    if there:
        kind_of: Any = client._transport
        kind_of.integration = integration
    else:
        client._transport = kind(client._transport, integration)
    for pattern, transport in client._mounts.items():
        if isinstance(transport, kind):
            transport.integration = integration
        elif transport is not None:
            client._mounts[pattern] = kind(transport, integration)
    return not there


def integration_of(client: httpx.Client | httpx.AsyncClient) -> Integration | None:
    """What observes `client`."""
    transport: Any = client._transport
    return transport.integration if isinstance(transport, (Observed, ObservedAsync)) else None


def release(client: httpx.Client | httpx.AsyncClient) -> None:
    """Take it away again."""
    transport: Any = client._transport
    if isinstance(transport, (Observed, ObservedAsync)):
        client._transport = transport.inner
    mounts: dict[Any, Any] = client._mounts
    for pattern, mounted in mounts.items():
        if isinstance(mounted, (Observed, ObservedAsync)):
            mounts[pattern] = mounted.inner


class Observed(httpx.BaseTransport):
    """A transport that is observed; for `httpx.Client(transport=…)` too."""

    def __init__(self, inner: httpx.BaseTransport, integration: Integration) -> None:
        self.inner = inner
        self.integration = integration

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send as the inner one does."""
        if suppressed():
            return self.inner.handle_request(request)
        call = begin(self.integration, request)
        try:
            if (struck := call.strike) is not None:
                if struck.latency_seconds:
                    struck.clock.sleep(struck.latency_seconds)
                response = befallen(struck, request) or self.inner.handle_request(request)
            else:
                response = self.inner.handle_request(request)
        except BaseException as error:
            call.failed(error)
            raise
        call.answered(response.status_code)
        return response

    def close(self) -> None:
        """Close the inner one."""
        self.inner.close()


class ObservedAsync(httpx.AsyncBaseTransport):
    """The same for `httpx.AsyncClient`."""

    def __init__(self, inner: httpx.AsyncBaseTransport, integration: Integration) -> None:
        self.inner = inner
        self.integration = integration

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send as the inner one does."""
        if suppressed():
            return await self.inner.handle_async_request(request)
        call = begin(self.integration, request)
        try:
            if (struck := call.strike) is not None:
                if struck.latency_seconds:
                    await struck.clock.asleep(struck.latency_seconds)
                response = befallen(struck, request) or await self.inner.handle_async_request(request)
            else:
                response = await self.inner.handle_async_request(request)
        except BaseException as error:
            call.failed(error)
            raise
        call.answered(response.status_code)
        return response

    async def aclose(self) -> None:
        """Close the inner one."""
        await self.inner.aclose()


def begin(integration: Integration, request: httpx.Request) -> Call:
    """Begin the call that `request` is: headers where the program set none, time-outs no longer than the deadline."""
    url = request.url
    for name, value in request.extensions.get(_TOLD, {}).items():
        if request.headers.get(name) == value:
            del request.headers[name]  # A redirect's request has the headers of the first: another service's.
    call = integration.begin(request.method, url.host, url.port, url.path, str(url), request)
    told = {name: value for name, value in call.headers.items() if name not in request.headers}
    request.headers.update(told)
    request.extensions = {**request.extensions, _TOLD: told}
    if call.seconds_left is not None:
        given = request.extensions.get("timeout", {})
        phases = {phase: cap(given.get(phase), call.seconds_left) for phase in ("connect", "read", "write", "pool")}
        request.extensions = {**request.extensions, "timeout": phases}
    return call


def befallen(struck: Strike, request: httpx.Request) -> httpx.Response | None:
    """The answer that a fault gives in the service's place, if it ends the call with a status."""
    if struck.drop:
        raise httpx.ConnectError("connection lost (injected fault)", request=request)
    if struck.status is not None:
        return httpx.Response(struck.status, request=request, content=b"injected fault")
    error = struck.exception()
    if error is not None:
        raise error
    return None
