"""Calls that requests makes, observed where a session hands them to an adapter: each redirect is one.

Retries of urllib3 inside an adapter (`max_retries`) are part of one call. Imported only for a session of requests.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from sereno_kit.chaos import Strike
from sereno_kit.outgoing.calls import Call, Integration, cap, suppressed

_MARK = "_sereno_kit"


def observe(session: requests.Session, integration: Integration) -> bool:
    """Put `integration` between `session` and its adapters; whether it was not there yet."""
    there = integration_of(session) is not None
    vars(session)[_MARK] = integration
    if not there:
        original = session.get_adapter

        def get_adapter(url: str) -> BaseAdapter:
            return Observed(original(url), vars(session).get(_MARK, integration))

        session.get_adapter = get_adapter  # type: ignore[method-assign]
    return not there


def integration_of(session: requests.Session) -> Integration | None:
    """What observes `session`."""
    found = vars(session).get(_MARK)
    return found if isinstance(found, Integration) else None


def release(session: requests.Session) -> None:
    """Take it away again."""
    if vars(session).pop(_MARK, None) is not None:
        vars(session).pop("get_adapter", None)


class Observed(BaseAdapter):
    """An adapter that is observed."""

    def __init__(self, inner: BaseAdapter, integration: Integration) -> None:
        self.inner = inner
        self.integration = integration

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        """Send as the inner one does."""
        if suppressed():
            return self.inner.send(request, *args, **settings)
        # A copy: redirects, which take the headers of `request`, may lead to services that shall not be told.
        request = request.copy()
        call = begin(self.integration, request)
        try:
            if call.seconds_left is not None:
                settings["timeout"] = _capped(settings.get("timeout"), call.seconds_left)
            response = None
            if (struck := call.strike) is not None:
                if struck.latency_seconds:
                    struck.clock.sleep(struck.latency_seconds)
                response = befallen(struck, request)
            if response is None:
                response = self.inner.send(request, *args, **settings)
        except BaseException as error:
            call.failed(error)
            raise
        call.answered(response.status_code)
        return response

    def close(self) -> None:
        """Close the inner one."""
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["inner"], name)


def begin(integration: Integration, request: requests.PreparedRequest) -> Call:
    """Begin the call that `request` is: headers where the program set none."""
    url = str(request.url)
    parts = urlsplit(url)
    call = integration.begin(str(request.method), parts.hostname or "", parts.port, parts.path, url, request)
    for name, value in call.headers.items():
        request.headers.setdefault(name, value)
    return call


def _capped(timeout: Any, left: float) -> Any:
    """The time-outs of connecting and reading, no longer than what is left."""
    if isinstance(timeout, tuple):
        connect, read = timeout
        return cap(connect, left), cap(read, left)
    return cap(timeout, left) if timeout is None or isinstance(timeout, (int, float)) else timeout


def befallen(struck: Strike, request: requests.PreparedRequest) -> requests.Response | None:
    """The answer that a fault gives in the service's place, if it ends the call with a status."""
    if struck.drop:
        raise requests.ConnectionError("connection lost (injected fault)", request=request)
    if struck.status is not None:
        response = requests.Response()
        response.status_code, response.url, response.request = struck.status, str(request.url), request
        response._content = b"injected fault"
        return response
    error = struck.exception()
    if error is not None:
        raise error
    return None
