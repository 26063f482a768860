"""Connections, with limits: what a stranger sends before anyone has looked at it costs little, and not for long.

The framework's server bounds neither the head of a request nor the time it takes to send one. The state, the
samples and every page that goes out need file descriptors of the same process.
"""

from __future__ import annotations

import asyncio
from asyncio.events import TimerHandle
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 64 * 1024
REQUEST_SECONDS = 20.0
CONNECTIONS_MAX = 500


class Wire(HttpToolsProtocol):
    """One connection: a head of at most `HEAD_BYTES_MAX`, a whole request within `REQUEST_SECONDS`.

    Beyond `CONNECTIONS_MAX` connections of the process, further ones are closed at once.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a first request."""
        super().connection_made(transport)
        self._head_bytes, self._told_bytes, self._in_head, self._received = 0, 0, True, 0
        self._deadline: TimerHandle | None = None
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
            return
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._relax()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; a head without end is answered and cut off."""
        received = self._received
        super().data_received(data)
        if not self._in_head or self._received != received or self.transport.is_closing():
            return
        self._expect()  # blank lines between requests are no request
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse()

    def on_message_begin(self) -> None:
        """A request begins: it has a while to come in whole."""
        super().on_message_begin()
        self._head_bytes, self._in_head, self._told_bytes = 0, True, 0
        self._expect()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind the body: both count. Raises ValueError, which ends the connection."""
        self._told_bytes += len(name) + len(value)
        if self._told_bytes > HEAD_BYTES_MAX:
            raise ValueError("the head of the request is too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is here."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here."""
        self._relax()
        self._head_bytes, self._in_head, self._received = 0, True, self._received + 1
        super().on_message_complete()

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.send_400_response("The head of the request is too large.")
        else:
            self._give_up()

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        cast(Any, self.transport).abort()
