"""What every answer carries and every request must pass, as plain ASGI.

From outside in: `Headers` (answers are hardened and numbered), `Catch` (whatever is raised leaves in one shape),
`SameOrigin` (nobody else's page writes here), `BodyLimit` (nobody fills the memory).
"""

from __future__ import annotations

import structlog
from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders, URLPath
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sereno.app.http.errors import TooLarge, answer
from sereno.kernel.clock import Ids
from sereno.kernel.errors import Forbidden

BODY_BYTES_MAX = 1_000_000
SAMPLES_PATHS = frozenset({"/prometheus/api/v1/write", "/otlp/v1/metrics", "/v1/metrics"})
"""Where programs send samples: they limit the body themselves, and take basic authentication."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_log = structlog.get_logger("sereno.http")


def same_origin(method: str, path: str, headers: RequestHeaders, hosts: frozenset[str]) -> bool:
    """Whether a request may change things as far as its origin goes (Fetch metadata, then Origin against Host).

    Requests with a bearer token carry no ambient authority, and `/ack/` links carry theirs in the path and read
    no cookie: both are exempt. So are questions to the query API, which change nothing, with a password by Basic as
    Grafana sends it: we never ask browsers for one. A browser that sends neither header is not one we can trust.
    `hosts` are further names by which this installation is known (its public address).
    """
    if method in SAFE_METHODS or path.startswith("/ack/"):
        return True
    if headers.get("authorization", "").lower().startswith("bearer "):
        return True
    # Basic authentication can be ambient in a browser that was ever given it; ours never asks for it.
    if path in SAMPLES_PATHS and "cookie" not in headers and not {"origin", "sec-fetch-site"} & set(headers):
        return True
    site = headers.get("sec-fetch-site")
    if path.startswith("/prometheus/") and site is None and "origin" not in headers and _basic(headers):
        return True
    if site is not None:
        return site in ("same-origin", "none")
    scheme, _, origin = headers.get("origin", "").partition("://")
    return scheme in ("http", "https") and origin != "" and (origin == headers.get("host") or origin in hosts)


def _basic(headers: RequestHeaders) -> bool:
    return headers.get("authorization", "").lower().startswith("basic ")


class SameOrigin:
    """Refuses writes that another site's page makes a browser send."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or raise Forbidden."""
        if scope["type"] == "http":
            headers = RequestHeaders(scope=scope)
            if not same_origin(scope["method"], scope["path"], headers, self.hosts):
                raise Forbidden(
                    "this request came from another site",
                    hint="use the console's own buttons, or an API token in `Authorization: Bearer …`",
                )
        await self.app(scope, receive, send)


class BodyLimit:
    """Refuses bodies beyond `BODY_BYTES_MAX`, declared or streamed, in the one shape of errors.

    The framework turns whatever is raised while it reads a body into its own answer; that answer is held back.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, counting; raises TooLarge."""
        if scope["type"] != "http" or scope["path"] in SAMPLES_PATHS:
            await self.app(scope, receive, send)
            return
        declared = RequestHeaders(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > BODY_BYTES_MAX:
            raise TooLarge
        seen, begun = 0, False

        async def count() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > BODY_BYTES_MAX:
                raise TooLarge
            return message

        async def hold(message: Message) -> None:
            nonlocal begun
            if seen > BODY_BYTES_MAX and not begun:
                return
            begun = True
            await send(message)

        await self.app(scope, count, hold)
        if seen > BODY_BYTES_MAX and not begun:
            raise TooLarge


class Catch:
    """Lets nothing raised escape: errors become answers in the one shape, surprises are logged and hidden."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; if something is raised before the answer began, answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except ClientDisconnect:
            return  # nobody is there to answer
        except Exception as error:
            if begun:
                raise
            await answer(Request(scope), error)(scope, receive, send)


class Headers:
    """Numbers requests and hardens answers; what an answer has already set stays."""

    def __init__(self, app: ASGIApp, ids: Ids, *, https: bool) -> None:
        self.app, self.ids = app, ids
        self.fixed = {
            "content-security-policy": CSP,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "x-frame-options": "DENY",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }
        if https:
            self.fixed["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, adding headers to the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = self.ids.new("rq")
        scope.setdefault("state", {})["request_id"] = request_id

        async def dress(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in self.fixed.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, dress)


def safe_next(target: str | None, default: str = "/") -> str:
    """`target` if it is a path on this site, else `default`: nobody is led elsewhere after signing in."""
    if not target or len(target) > 2000 or not target.startswith("/"):
        return default
    if target.startswith("//") or "\\" in target or any(ord(c) < 32 or ord(c) == 127 for c in target):
        return default
    return str(URLPath(target))
