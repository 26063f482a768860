"""Definitions of a Sereno: fetched, then streamed as server-sent events, with the last good ones on disk."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from sereno_kit.clock import Clock, uniform
from sereno_kit.flags import keep
from sereno_kit.flags.definitions import BYTES_MOST, BadDefinitions, read
from sereno_kit.flags.sources import Source
from sereno_kit.flags.telling import Telling, failed

if TYPE_CHECKING:
    from sereno_kit.flags.flags import Flags

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
_EVENT_BYTES_MOST = BYTES_MOST + 4_096
_TRANSPORT = (OSError, http.client.HTTPException, ssl.SSLError)


class SerenoSource(Source):
    """One connection at a time: the definitions (with their ETag), then the stream of what changes."""

    def __init__(
        self, url: str, token: str, service: str, cache: Path | None, timeout_seconds: float, clock: Clock
    ) -> None:
        super().__init__()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http:// or https:// address of a Sereno")
        if any(ord(letter) < 33 or ord(letter) > 126 for letter in token):
            raise ValueError("the token holds a character that no token has")
        self.name = f"sereno:{parts.hostname}"
        self._host, self._port, self._tls = parts.hostname, parts.port, parts.scheme == "https"
        self._path = f"{parts.path.rstrip('/')}/api/v1/flags/"
        self._query = f"?service={quote(service, safe='')}" if service else ""
        self._token, self._cache, self._timeout, self._clock = token, cache, timeout_seconds, clock
        self._etag = ""
        self._wait = FIRST_WAIT_SECONDS
        self._socket: socket.socket | None = None

    def begin(self, flags: Flags) -> None:
        """What was good last, from disk: stale until Sereno has been asked."""
        if self._cache is None:
            return
        try:
            kept = keep.load(self._cache)
            if kept is not None:
                flags.adopt(read(kept[1], now=flags.clock.now), stale=True)
                self._etag = kept[0]
        except (OSError, ValueError) as error:
            flags.fail(f"{self._cache}: {error}")

    def step(self, flags: Flags) -> float:
        """Ask once, then listen until the connection ends. What is awaited before the next time grows, with jitter."""
        try:
            self._ask(flags)
            began = self._clock.monotonic()
            self._listen(flags)
            if self._clock.monotonic() - began >= self._timeout:
                self._wait = FIRST_WAIT_SECONDS
        except _TRANSPORT as error:
            if not self.ended:
                flags.fail(f"{self.name} does not answer: {type(error).__name__}: {str(error)[:200]}")
        except BadDefinitions as error:
            flags.fail(f"{self.name} sent definitions that cannot be taken: {error}")
        wait, self._wait = self._wait, min(LONGEST_WAIT_SECONDS, self._wait * 2)
        return wait * (0.5 + uniform() / 2)

    def close(self) -> None:
        """Stop; the connection is cut, so that the thread which reads from it ends."""
        super().close()
        open_socket = self._socket
        if open_socket is not None:
            try:
                open_socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def forked(self) -> None:
        """The parent's connection is the parent's."""
        self._socket = None
        super().forked()

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout)

    def _get(self, connection: http.client.HTTPConnection, what: str, accept: str) -> http.client.HTTPResponse:
        headers = {"Accept": accept, "User-Agent": "sereno-kit"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self._etag:
            headers["If-None-Match" if what == "definitions" else "Last-Event-ID"] = self._etag
        connection.request("GET", f"{self._path}{what}{self._query}", headers=headers)
        self._socket = connection.sock
        if self.ended:
            raise ConnectionAbortedError("closed")
        return connection.getresponse()

    def _ask(self, flags: Flags) -> None:
        connection = self._connection()
        try:
            answer = self._get(connection, "definitions", "application/json")
            if answer.status == 304:
                flags.current()
                return
            content = answer.read(BYTES_MOST + 1)
            if answer.status != 200:
                raise http.client.HTTPException(f"it answered {answer.status}")
            self._take(flags, answer.getheader("ETag", ""), content)
        finally:
            self._socket = None
            connection.close()

    def _listen(self, flags: Flags) -> None:
        connection = self._connection()
        try:
            answer = self._get(connection, "stream", "text/event-stream")
            if answer.status != 200:
                # Full, or too old to stream: it is asked again now and then, which is slower and as good.
                Telling.log("info", "flags_stream_refused", source=self.name, status=answer.status)
                return
            identity, size = "", 0
            lines: list[bytes] = []
            while not self.ended:
                line = answer.readline(BYTES_MOST + 1)
                if not line:
                    return
                size += len(line)
                if not line.endswith(b"\n") or size > _EVENT_BYTES_MOST:
                    raise http.client.HTTPException("an event is too long")
                line = line.rstrip(b"\r\n")
                name, _, value = line.partition(b":")
                value = value.removeprefix(b" ")
                if name == b"data" and line:
                    lines.append(value)
                elif name == b"id":
                    identity = value.decode("ascii", "replace")
                elif not line:
                    if lines:
                        self._take(flags, identity, b"\n".join(lines))
                    lines, size = [], 0
                self._wait = FIRST_WAIT_SECONDS
        finally:
            self._socket = None
            connection.close()

    def _take(self, flags: Flags, etag: str, content: bytes) -> None:
        fresh = read(content, now=flags.clock.now)
        flags.adopt(fresh)
        self._etag = etag if etag.isascii() and etag.isprintable() and len(etag) < 200 else ""
        if self._cache is not None:
            try:
                keep.save(self._cache, self._etag, content)
            except OSError as error:
                failed(error)
                Telling.log("warning", "flags_not_kept", path=str(self._cache), reason=str(error))
