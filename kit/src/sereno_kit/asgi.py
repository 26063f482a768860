"""The kit around an ASGI application: each request observed once, the kit's addresses answered, its life heard."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from sereno_kit import chaos, chaos_requests
from sereno_kit.endpoints import Answer, Ask, Endpoint
from sereno_kit.errors import InternalError, KitError
from sereno_kit.metrics.faults import failed
from sereno_kit.observing import Observation
from sereno_kit.routes import METHODS, OTHER_METHOD, REQUEST, SAID, UNMATCHED, Routes

if TYPE_CHECKING:
    from sereno_kit.kit import Kit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_BODY_BYTES_MAX = 64 * 1024


class KitMiddleware:
    """An ASGI application under the kit's eyes.

    Args:
        app: the application. It stays reachable as `app`, so that frameworks which look for others around them find
            them.
        kit: what observes.
        root: the application that holds the routes, if `app` is only a stack of middlewares around it.
    """

    def __init__(self, app: App, kit: Kit, root: Any = None) -> None:
        self.app = app
        self.kit = kit
        self.health = kit.health
        self.observer = kit.observer
        self.routes = Routes(app if root is None else root)
        self.timeout_header = kit.deadline_header.lower().encode("latin-1")
        self._endpoints = kit.endpoints
        self._prefixes = tuple(path for path in kit.endpoints if path.endswith("/"))
        self._begun = False
        self._sereno_kit = kit  # So that nobody instruments it again.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, or as the kit does at its own addresses."""
        if scope["type"] != "http" or REQUEST in scope:
            await self._not_observed(scope, receive, send)
            return
        if not self._begun:
            self._begin()
        path = scope["path"]
        root = scope.get("root_path", "")
        own = path if path in self._endpoints else self._own(path, root) if root or self._prefixes else None
        exchange = Exchange(self, scope, receive, send, counted=own is None)
        try:
            if own is not None:
                await _answer_at(self._endpoints[own], own, scope, exchange)
            else:
                app = chaos_requests.asgi(self.app) if chaos.active else self.app
                await app(scope, exchange.receive, exchange.send)
            if not exchange.begun and not exchange.disconnected:  # Servers would answer, but without an id.
                raise InternalError("the application ended without an answer")
        except BaseException as error:
            if not await exchange.broken_off(error):
                raise
        finally:
            exchange.leave()

    async def _not_observed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Websockets, the life cycle, and what another kit around a mounted application has its eyes on already."""
        if scope["type"] == "websocket" and REQUEST not in scope:
            from sereno_kit.websockets import observed

            await observed(self, scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _own(self, path: str, root: str) -> str | None:
        """Which of the kit's own addresses is asked for, if one is, although the path is not one of them as it is."""
        if root and path.startswith(root):
            path = path[len(root) :]
            if path in self._endpoints:
                return path
        if path.startswith(self._prefixes):
            return next(prefix for prefix in self._prefixes if path.startswith(prefix))
        return None

    def _begin(self) -> None:
        """At the end of the application's own start-up; or, where nobody tells of it, at the first request."""
        self._begun = True
        self.kit.start()

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.kit.starting()
        asked = False

        async def handed() -> Message:
            nonlocal asked
            asked = True
            return await receive()

        async def heard(message: Message) -> None:
            kind = message["type"]
            if kind == "lifespan.startup.complete":
                self._begin()
            elif kind == "lifespan.shutdown.complete" or kind.endswith(".failed"):
                await self.kit.aflush()
            await send(message)

        try:
            await self.app(scope, handed, heard)
        except Exception:
            if asked:
                raise
        finally:
            self.kit.started()
        if not asked:  # Django and others know no lifespan; the kit has one: to begin, and to flush at the end.
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Through the server's life in place of an application that does not want to hear of it."""
        if (await receive())["type"] == "lifespan.startup":
            self._begin()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.kit.aflush()
            await send({"type": "lifespan.shutdown.complete"})


class Exchange(Observation):
    """A request and its answer, listened to as they go to and fro."""

    __slots__ = ("_receive", "_send", "_trailers", "begun", "middleware", "root", "scope")

    def __init__(
        self, middleware: KitMiddleware, scope: Scope, receive: Receive, send: Send, *, counted: bool, method: str = ""
    ) -> None:
        self.middleware = middleware
        self.scope = scope
        self.root = scope.get("root_path", "")
        self._receive = receive
        self._send = send
        self.begun = self._trailers = False
        headers, client = dict(scope["headers"]), scope.get("client")
        given, parent = headers.get(b"x-request-id"), headers.get(b"traceparent")
        timeout = headers.get(middleware.timeout_header) if middleware.timeout_header else None
        Observation.__init__(  # Twice as quick as by `super()`, which has to be made first.
            self,
            middleware.observer,
            method or METHODS.get(scope["method"], OTHER_METHOD),
            scope["path"],
            client[0] if client else "",
            None if given is None else given.decode("latin-1"),
            None if parent is None else parent.decode("latin-1"),
            None if timeout is None else timeout.decode("latin-1"),
            counted,
        )
        scope[REQUEST] = self

    def template(self, scope: Scope) -> str:
        """The template of the route that answered."""
        try:
            return self.middleware.routes.template(scope, self.root, self.status)
        except Exception as error:
            failed("routes", error)
            return UNMATCHED

    def leave(self) -> None:
        """Nobody below knows of it any more; and no circle of references is left to the garbage collector."""
        if not self.ended:
            self.over(complete=False)
        Observation.leave(self)
        self.error = None
        self.scope = {}

    async def receive(self) -> Message:
        """Hand on what comes, and learn from it when the client leaves; nothing is read that nobody asks for."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self.ended:
            self.disconnected = True
        return message

    async def send(self, message: Message) -> None:
        """Hand on what goes, with exactly one X-Request-ID; the last piece ends the request."""
        kind = message["type"]
        if kind == "http.response.start":
            self.begun = True
            if message.get("trailers"):
                self._trailers = True
            headers = with_id(message.get("headers") or (), self.request_id)
            message = {**message, "headers": headers}  # The application's own one may be a constant.
            if self.middleware.health.draining and self.scope.get("http_version", "").startswith("1"):
                headers.append((b"connection", b"close"))
        try:
            await self._send(message)
        except OSError:
            self.disconnected = True
            raise
        if kind == "http.response.start":
            if not self.disconnected:
                self.status = message["status"]
        elif kind == "http.response.body":
            if not message.get("more_body") and not self._trailers:
                self.over(complete=True)
        elif _is_last(kind, message):
            self.over(complete=True)

    async def broken_off(self, error: BaseException) -> bool:
        """The application raised `error`; answer, if nothing was sent.

        Returns:
            Whether that is all there is to say: of refusals that became an answer the server need not hear.
        """
        self.failed_with(error)
        if isinstance(error, Exception) and not self.gone(error):
            await self._answer(error)
        self.over(complete=False)
        self.capture(self.template(self.scope))
        return self.answered is error and isinstance(error, KitError)

    def over(self, *, complete: bool) -> None:
        """Tell of it, if nobody has."""
        if not self.ended:
            self.end(self.template(self.scope), complete)

    def problem(self, error: BaseException) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """The answer that `error` becomes, unless problems are not wanted."""
        problems = self.middleware.kit.problems
        if problems is None:
            return None
        self.answered = error
        return problems.of(error, self.request_id, self.scope["headers"])

    async def _answer(self, error: BaseException) -> None:
        """Send the problem that `error` is, if nothing was sent."""
        found = None if self.begun else self.problem(error)
        if found is not None:
            status, headers, body = found
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            await self.send({"type": "http.response.start", "status": status, "headers": raw})
            await self.send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})


class CutShort:
    """Just inside of middlewares that make a whole answer of one that broke off (Starlette's BaseHTTPMiddleware)."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, and see what they will not tell."""
        started = False

        async def heard(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, heard)
        except Exception as error:
            exchange = scope.get(REQUEST)
            if started and isinstance(exchange, Exchange) and scope["type"] == "http" and not exchange.ended:
                exchange.failed_with(error)
                exchange.cut_short = True
            raise


def with_id(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers with exactly one X-Request-ID, which is this one."""
    mine = (b"x-request-id", request_id.encode("latin-1"))
    told = [*headers, mine]
    for pair in told:
        if pair is not mine and len(pair[0]) == 12 and pair[0].lower() == b"x-request-id":
            return [one for one in told if one is mine or one[0].lower() != b"x-request-id"]
    return told


def _is_last(kind: str, message: Message) -> bool:
    """Whether the answer ends with a message that is no body: trailers, or a file that the server sends itself."""
    if kind == "http.response.trailers":
        return not message.get("more_trailers")
    return kind in ("http.response.pathsend", "http.response.zerocopysend") and not message.get("more_body")


async def _answer_at(endpoint: Endpoint, own: str, scope: Scope, exchange: Exchange) -> None:
    """The kit's own answer at one of its addresses."""
    scope[SAID] = own
    method, client = scope["method"], scope.get("client")
    ask = Ask(
        method,
        scope["path"],
        {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        scope.get("query_string", b"").decode("latin-1"),
        await _body(exchange.receive) if method in ("POST", "PUT", "PATCH", "DELETE") else b"",
        client[0] if client else "",
    )
    given = endpoint(ask)
    said: Answer = await given if inspect.isawaitable(given) else given
    headers = {"content-type": said.content_type, "content-length": str(len(said.body)), **said.headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await exchange.send({"type": "http.response.start", "status": said.status, "headers": raw})
    await exchange.send({"type": "http.response.body", "body": b"" if method == "HEAD" else said.body})


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")[: _BODY_BYTES_MAX - len(body)]
        ended = message["type"] != "http.request" or not message.get("more_body")
        if ended or len(body) >= _BODY_BYTES_MAX:  # What comes after is not waited for, however long it goes on.
            return bytes(body)
