"""The kit around an ASGI application: each request observed once, the kit's addresses answered, its life heard."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from sereno_kit import chaos
from sereno_kit.endpoints import Answer, Ask, Endpoint
from sereno_kit.errors import KitError
from sereno_kit.metrics.faults import failed
from sereno_kit.observing import Observation
from sereno_kit.routes import FOUND_IN, SAID, UNMATCHED, Routes

if TYPE_CHECKING:
    from sereno_kit.kit import Kit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST = "sereno_kit.request"
"""Where in the scope the Observation is."""
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
        self._routes = Routes(app if root is None else root)
        self._observer = kit.observer
        self._endpoints = kit.endpoints
        self._prefixes = tuple(path for path in kit.endpoints if path.endswith("/"))
        self._timeout_header = kit.deadline_header.lower().encode("latin-1")
        self._started = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["app"], name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, or as the kit does at its own addresses."""
        kind = scope["type"]
        if kind == "http":
            if not self._started:
                self._start()
            await self._http(scope, receive, send)
        elif kind == "websocket":
            from sereno_kit.websockets import observed

            await observed(self, scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def begin(self, scope: Scope, method: str, *, counted: bool = True) -> Observation:
        """Observe the request of `scope` from now on."""
        given: str | None = None
        traceparent = timeout = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = "" if given is not None else value.decode("latin-1")  # Two say nothing.
            elif name == b"traceparent":
                traceparent = value.decode("latin-1")
            elif name == self._timeout_header and name:
                timeout = value.decode("latin-1")
        client = scope.get("client")
        observation = self._observer.begin(
            method,
            scope["path"],
            request_id=given,
            traceparent=traceparent,
            timeout=timeout,
            client=client[0] if client else "",
            counted=counted,
        )
        scope[REQUEST] = observation
        scope[FOUND_IN] = (self._routes, scope.get("root_path", ""))
        return observation

    def route(self, scope: Scope, status: int) -> str:
        """The template of the route that answered."""
        try:
            return self._routes.template(scope, scope[FOUND_IN][1], status)
        except Exception as error:
            failed("routes", error)
            return UNMATCHED

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if REQUEST in scope:  # Another kit around a mounted application has its eyes on it already.
            await self.app(scope, receive, send)
            return
        own = self._own(scope)
        observation = self.begin(scope, scope["method"], counted=own is None)
        exchange = Exchange(self, scope, observation, receive, send)
        try:
            if own is not None:
                scope[SAID] = own
                await _answer_at(self._endpoints[own], scope, exchange)
            else:
                if chaos.active:
                    await chaos.ameet("request", scope["path"])
                await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            if not await exchange.broken_off(error):
                raise
        finally:
            exchange.close()

    def _own(self, scope: Scope) -> str | None:
        """Which of the kit's own addresses is asked for, if one is."""
        path: str = scope["path"]
        if path in self._endpoints:
            return path
        root = scope.get("root_path", "")
        below = path[len(root) :] if root and path.startswith(root) else path
        if below in self._endpoints:
            return below
        return next((prefix for prefix in self._prefixes if below.startswith(prefix)), None)

    def _start(self) -> None:
        """Servers without lifespan, and applications: the first request is as good a moment."""
        self._started = True
        self.kit.start()

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.kit.starting()

        async def heard(message: Message) -> None:
            kind = message["type"]
            if kind == "lifespan.startup.complete":
                self._start()
            elif kind == "lifespan.shutdown.complete" or kind.endswith(".failed"):
                await self.kit.aflush()
            await send(message)

        try:
            await self.app(scope, receive, heard)
        finally:
            self.kit.started()  # Also of applications that know no lifespan: servers go on without it.


class Exchange:
    """What goes to and fro for one request, listened to."""

    __slots__ = ("_headers", "_middleware", "_observation", "_receive", "_scope", "_send", "_trailers")

    def __init__(
        self, middleware: KitMiddleware, scope: Scope, observation: Observation, receive: Receive, send: Send
    ) -> None:
        self._middleware = middleware
        self._scope = scope
        self._observation = observation
        self._receive = receive
        self._send = send
        self._trailers = False

    async def receive(self) -> Message:
        """Hand on what comes, and learn from it when the client leaves; nothing is read that nobody asks for."""
        message = await self._receive()
        if message["type"] == "http.disconnect" and not self._observation.ended:
            self._observation.disconnected = True
        return message

    async def send(self, message: Message) -> None:
        """Hand on what goes, with exactly one X-Request-ID; the last piece ends the request."""
        kind = message["type"]
        observation = self._observation
        if kind == "http.response.start":
            if not observation.disconnected:
                observation.status = message["status"]
            self._trailers = bool(message.get("trailers"))
            message["headers"] = self._with_id(message.get("headers", ()))
        try:
            await self._send(message)
        except OSError:
            observation.disconnected = True
            raise
        if self._is_last(kind, message):
            self._end(complete=True)

    async def broken_off(self, error: BaseException) -> bool:
        """The application raised `error`; answer, if nothing was sent.

        Returns:
            Whether that is all there is to say: of refusals that became an answer the server need not hear.
        """
        observation = self._observation
        observation.failed_with(error)
        if isinstance(error, Exception) and not observation.gone(error):
            await answer(self._middleware.kit, self._scope, self.send, error)
        self._end(complete=False)
        observation.capture(self._middleware.route(self._scope, observation.status))
        return observation.answered is error and isinstance(error, KitError)

    def close(self) -> None:
        """The application has returned: whatever was not told yet is told now."""
        observation = self._observation
        if not observation.ended:
            self._end(complete=False)
        observation.leave()

    def _end(self, *, complete: bool) -> None:
        observation = self._observation
        if not observation.ended:
            try:
                observation.end(self._middleware.route(self._scope, observation.status), complete=complete)
            except Exception as error:
                failed("middleware", error)

    def _is_last(self, kind: str, message: Message) -> bool:
        if kind == "http.response.body":
            return not message.get("more_body") and not self._trailers
        if kind == "http.response.trailers":
            return not message.get("more_trailers")
        return kind in ("http.response.pathsend", "http.response.zerocopysend") and not message.get("more_body")

    def _with_id(self, headers: Any) -> list[tuple[bytes, bytes]]:
        kept = [pair for pair in headers if pair[0].lower() != b"x-request-id"]
        kept.append((b"x-request-id", self._observation.request_id.encode("latin-1")))
        if self._middleware.kit.health.draining and self._scope.get("http_version", "").startswith("1"):
            kept.append((b"connection", b"close"))
        return kept


class Errors:
    """Inside of the framework's last resort: sees errors before they become its answer, and makes a better one.

    Args:
        app: what is inside.
        kit: what answers.
        answers: whether it does; not where the program has a handler of its own for everything, or debugs.
    """

    def __init__(self, app: App, kit: Kit, *, answers: bool) -> None:
        self.app = app
        self._kit = kit
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, and raise what it raises."""
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            observation = scope.get(REQUEST)
            if observation is not None and observation.error is not error:
                observation.failed_with(error)
                if self._answers and scope["type"] == "http" and not observation.gone(error):
                    await answer(self._kit, scope, send, error)
            raise


async def answer(kit: Kit, scope: Scope, send: Send, error: BaseException) -> None:
    """Send the problem that `error` is, if problems are wanted and nothing else was sent."""
    observation: Observation = scope[REQUEST]
    if kit.problems is None or observation.status:
        return
    status, headers, body = kit.problems.of(error, observation.request_id, scope["headers"])
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    observation.answered = error
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _answer_at(endpoint: Endpoint, scope: Scope, exchange: Exchange) -> None:
    """The kit's own answer at one of its addresses."""
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
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(body)
