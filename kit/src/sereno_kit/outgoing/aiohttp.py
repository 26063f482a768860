"""Calls that aiohttp makes, observed by a client middleware: each redirect and each retry is one.

Imported only for a session of aiohttp, 3.12 or later, which brought middlewares.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from sereno_kit.chaos import Strike
from sereno_kit.errors import DeadlineExceeded
from sereno_kit.outgoing.calls import Call, Integration, suppressed


class Observed:
    """A client middleware that observes; for `aiohttp.ClientSession(middlewares=[…])` too."""

    def __init__(self, integration: Integration) -> None:
        self.integration = integration

    async def __call__(self, request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        """Send as the session does."""
        if suppressed():
            return await _sent(handler, request, None)
        call = begin(self.integration, request)
        try:
            if (struck := call.strike) is not None:
                await _befall(struck, request)
            response = await _sent(handler, request, call.seconds_left)
        except BaseException as error:
            call.failed(error)
            raise
        call.answered(response.status)
        return response


async def _sent(handler: Any, request: aiohttp.ClientRequest, left: float | None) -> aiohttp.ClientResponse:
    if left is None:
        response: aiohttp.ClientResponse = await handler(request)
        return response
    try:
        async with asyncio.timeout(left) as limit:
            response = await handler(request)
            return response
    except TimeoutError as error:
        if limit.expired():
            raise DeadlineExceeded(f"{request.url.host} did not answer before the deadline") from error
        raise


def observe(session: aiohttp.ClientSession, integration: Integration) -> bool:
    """Put `integration` among the middlewares of `session`; whether it was not there yet."""
    if not hasattr(session, "_middlewares"):
        raise TypeError("sessions of aiohttp before 3.12 cannot be observed: they take no middlewares")
    there = _among(session)
    if there is not None:
        there.integration = integration
        return False
    session._middlewares = (*session._middlewares, Observed(integration))
    return True


def integration_of(session: aiohttp.ClientSession) -> Integration | None:
    """What observes `session`."""
    there = _among(session)
    return there.integration if there is not None else None


def release(session: aiohttp.ClientSession) -> None:
    """Take it away again."""
    session._middlewares = tuple(one for one in session._middlewares if not isinstance(one, Observed))


def _among(session: aiohttp.ClientSession) -> Observed | None:
    return next((one for one in session._middlewares if isinstance(one, Observed)), None)


def begin(integration: Integration, request: aiohttp.ClientRequest) -> Call:
    """Begin the call that `request` is: headers where the program set none."""
    url = request.url
    call = integration.begin(request.method, url.host or "", url.port, url.path, str(url), request)
    for name, value in call.headers.items():
        request.headers.setdefault(name, value)
    return call


async def _befall(struck: Strike, request: aiohttp.ClientRequest) -> None:
    """Let a fault befall the call; aiohttp cannot be given an answer, so a status is raised as its error."""
    if struck.latency_seconds:
        await struck.clock.asleep(struck.latency_seconds)
    if struck.drop:
        # Not ServerDisconnectedError: aiohttp would try that again by itself.
        raise aiohttp.ClientConnectionError("connection lost (injected fault)")
    if struck.status is not None:
        raise aiohttp.ClientResponseError(request.request_info, (), status=struck.status, message="injected fault")
    error = struck.exception()
    if error is not None:
        raise error
