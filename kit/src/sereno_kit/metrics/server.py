"""Metrics on a port of their own, away from the public one."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Any, cast

from sereno_kit.clock import SYSTEM
from sereno_kit.endpoints import Answer, Ask
from sereno_kit.metrics.exposition import endpoint

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry

_AT_ONCE_MAX = 16
_CALLER_SECONDS_MAX = 5.0
_GOING_SECONDS = 0.5


class MetricsServer:
    """Answers `/metrics` on a port of its own until it is closed. A forked child does not keep the port.

    Args:
        registry: what is shown.
        port: 0 for any that is free; `port` says which.
        host: the address to listen at.
        token: what callers must send as a bearer; `Metrics.token`, if not given, and without one anybody may read.
    """

    def __init__(self, registry: Registry, port: int, *, host: str = "0.0.0.0", token: str | None = None) -> None:  # noqa: S104 - a scraper comes from outside
        self._server = _Server((host, port), _Handler)
        self._server.answer = endpoint(registry, token=token)
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, name="sereno-kit-metrics-port", daemon=True)
        self._thread.start()
        self._pid = os.getpid()
        os.register_at_fork(after_in_child=self._in_child)

    def close(self) -> None:
        """Stop listening."""
        if os.getpid() == self._pid:
            self._server.shutdown()
        self._server.server_close()

    def _in_child(self) -> None:
        self._server.socket.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    answer: Any

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._free = BoundedSemaphore(_AT_ONCE_MAX)
        self._callers: dict[socket.socket, float] = {}
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Each in a thread, but only so many at once: callers beyond are hung up on, unless one has dawdled for long,
        who then goes: whoever sends a letter now and then keeps no scraper out.
        """
        if self._free.acquire(blocking=False) or (self._hurry() and self._free.acquire(timeout=_GOING_SECONDS)):
            self._callers[request] = SYSTEM.monotonic()
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread's work."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._callers.pop(request, None)
            self._free.release()

    def _hurry(self) -> bool:
        """Hang up on who has been there longest, if that is too long; whether there was one."""
        longest = next(iter(list(self._callers.items())), None)
        if longest is None or SYSTEM.monotonic() - longest[1] < _CALLER_SECONDS_MAX:
            return False
        with suppress(OSError):  # It may have gone by itself just now.
            longest[0].shutdown(socket.SHUT_RDWR)
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who went away is nobody's business."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _CALLER_SECONDS_MAX
    server_version = "sereno-kit"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer `/metrics`."""
        path, _, query = self.path.partition("?")
        if path != "/metrics":
            self._send(Answer(404, b"/metrics\n", "text/plain"))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        ask = Ask(self.command, path, headers, query, client=str(self.client_address[0]))
        self._send(cast(_Server, self.server).answer(ask))

    do_HEAD = do_GET  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: a scraper comes four times a minute."""


def serve(registry: Registry, port: int, *, host: str = "0.0.0.0", token: str | None = None) -> MetricsServer:  # noqa: S104
    """Show `registry` at `/metrics` on `port`, from a thread; see MetricsServer."""
    return MetricsServer(registry, port, host=host, token=token)
