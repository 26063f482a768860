"""Websockets: counted apart from requests, for a connection of an hour is no slow request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sereno_kit.metrics.faults import failed

if TYPE_CHECKING:
    from sereno_kit.asgi import KitMiddleware, Message, Receive, Scope, Send

_OUTCOMES = ("closed", "rejected", "error")


class WebsocketMetrics:
    """`websocket_connections_total{endpoint,outcome}` and how many are open now."""

    def __init__(self, registry: Any) -> None:
        self._total = registry.counter(
            "websocket_connections_total", "Websocket connections that have ended", endpoint=None, outcome=_OUTCOMES
        )
        self._open = registry.gauge("websocket_connections_in_progress", "Websocket connections open now")

    def begin(self) -> None:
        """A connection is asked for."""
        self._open.inc()

    def end(self, endpoint: str, outcome: str) -> None:
        """It is over."""
        self._open.dec()
        self._total.inc(endpoint=endpoint, outcome=outcome)


async def observed(middleware: KitMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the application talk; its id and trace are known, and the end of it is counted."""
    observation = middleware.begin(scope, "WEBSOCKET", counted=False)
    metrics = middleware.kit.websockets
    status = 0

    async def heard(message: Message) -> None:
        nonlocal status
        kind = message["type"]
        if kind == "websocket.accept":
            status = 101
            message["headers"] = [
                *(pair for pair in message.get("headers") or () if pair[0].lower() != b"x-request-id"),
                (b"x-request-id", observation.request_id.encode("latin-1")),
            ]
        elif kind == "websocket.close" and not status:
            status = 403
        elif kind == "websocket.http.response.start":
            status = message["status"]
        await send(message)

    try:
        if metrics is not None:
            metrics.begin()
        await middleware.app(scope, receive, heard)
    except BaseException as error:
        if isinstance(error, Exception) and not _normal(error):
            observation.failed_with(error)
            observation.capture(middleware.route(scope, status))
        raise
    finally:
        try:
            route = middleware.route(scope, status)
            outcome = "error" if observation.error is not None else "closed" if status == 101 else "rejected"
            if metrics is not None:
                metrics.end(route, outcome)
            observation.status = status or 500
            observation.end(route)
        except Exception as problem:
            failed("middleware", problem)
        observation.leave()


def _normal(error: Exception) -> bool:
    """Whether it only says that the other side has closed."""
    return type(error).__name__ in ("WebSocketDisconnect", "ClientDisconnected")
