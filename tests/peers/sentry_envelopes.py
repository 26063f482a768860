"""A Sentry that takes envelopes over HTTP and decodes them as the protocol says, and keeps what it was sent.

Source: Sentry's developer documentation, "Envelopes": a header line of JSON, then items, each a header line and a
payload of `length` bytes, or up to the next line feed where no length is given; bodies may be gzip.
"""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Item:
    """One item of an envelope."""

    kind: str
    header: dict[str, Any]
    payload: bytes

    @property
    def json(self) -> Any:
        """The payload's value."""
        return json.loads(self.payload)


@dataclass(frozen=True)
class Envelope:
    """What came in one request."""

    header: dict[str, Any]
    items: list[Item]
    key: str
    raw: bytes = field(repr=False, default=b"")


def decode(body: bytes) -> tuple[dict[str, Any], list[Item]]:
    """An envelope's header and items. Raises ValueError for what is none."""
    line, _, rest = body.partition(b"\n")
    header, items = json.loads(line), []
    while rest.strip(b"\n"):
        line, _, rest = rest.lstrip(b"\n").partition(b"\n")
        item = json.loads(line)
        length = item.get("length")
        if length is None:
            payload, _, rest = rest.partition(b"\n")
        else:
            payload, rest = rest[:length], rest[length:]
            if len(payload) != length:
                raise ValueError(f"an item says {length} bytes and has {len(payload)}")
        items.append(Item(item["type"], item, payload))
    return header, items


class SentryPeer:
    """Listens on 127.0.0.1 while it is entered. `dsn` is what programs are told."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.refused: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def dsn(self) -> str:
        """The address, with a public key and a project."""
        return f"http://publickey@127.0.0.1:{self._server.server_port}/7"

    def items(self, kind: str) -> list[Any]:
        """The values of all items of a kind: `event`, `transaction`, `log` …"""
        return [item.json for envelope in self.envelopes for item in envelope.items if item.kind == kind]

    @property
    def raw(self) -> bytes:
        """Everything that was sent, as it was after decompression."""
        return b"\n".join(envelope.raw for envelope in self.envelopes)

    def __enter__(self) -> SentryPeer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)

    def _take(self, path: str, headers: Any, body: bytes) -> int:
        try:
            if not path.startswith("/api/7/envelope/"):
                raise ValueError(f"no such address: {path}")
            encoding = headers.get("Content-Encoding", "")
            raw = (
                gzip.decompress(body)
                if encoding == "gzip"
                else zlib.decompress(body)
                if encoding == "deflate"
                else body
            )
            auth = headers.get("X-Sentry-Auth", "")
            if "sentry_key=publickey" not in auth:
                raise ValueError(f"no key: {auth}")
            header, items = decode(raw)
        except (ValueError, OSError, KeyError) as error:
            self.refused.append(str(error))
            return 400
        self.envelopes.append(Envelope(header, items, "publickey", raw))
        return 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = peer._take(self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        return Handler
