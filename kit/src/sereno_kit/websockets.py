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
        try:
            self._open.inc()
        except Exception as error:
            failed("metrics", error)

    def end(self, endpoint: str, outcome: str) -> None:
        """It is over."""
        try:
            self._open.dec()
            self._total.inc(endpoint=endpoint, outcome=outcome)
        except Exception as error:
            failed("metrics", error)


async def observed(middleware: KitMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the application talk; its id and trace are known, and the end of it is counted."""
    from sereno_kit.asgi import Exchange, with_id

    exchange = Exchange(middleware, scope, receive, send, counted=False, method="WEBSOCKET")
    metrics = middleware.kit.websockets

    async def heard(message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            exchange.status = 101
            message = {**message, "headers": with_id(message.get("headers") or (), exchange.request_id)}
        elif kind == "websocket.http.response.start":
            exchange.status = message["status"]
            message = {**message, "headers": with_id(message.get("headers") or (), exchange.request_id)}
        elif kind == "websocket.close" and not exchange.status:
            exchange.status = 403
        await send(message)

    if metrics is not None:
        metrics.begin()
    try:
        await middleware.app(scope, receive, heard)
    except BaseException as error:
        if isinstance(error, Exception) and not _normal(error):
            exchange.failed_with(error)
            exchange.capture(exchange.template(scope))
        raise
    finally:
        accepted = exchange.status == 101
        exchange.status = exchange.status or 500
        if metrics is not None:
            outcome = "error" if exchange.error is not None else "closed" if accepted else "rejected"
            metrics.end(exchange.template(scope), outcome)
        exchange.over(complete=True)
        exchange.leave()


def _normal(error: Exception) -> bool:
    """Whether it only says that the other side has closed."""
    return type(error).__name__ in ("WebSocketDisconnect", "ClientDisconnected")
