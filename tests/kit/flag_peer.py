"""A Sereno, as far as flags go: definitions with an ETag, a stream, and the ways in which it can fail."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def switch(on: bool) -> dict[str, Any]:
    variants = {"on": True, "off": False}
    return {"flags": {"new": {"state": "ENABLED", "variants": variants, "defaultVariant": "on" if on else "off"}}}


class Peer(ThreadingHTTPServer):
    """Serves `content`; `publish` changes it and tells the streams. `mode`: well, broken, silent, garbage, no_stream."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, _Handler)
        self.mode = "well"
        self.content = json.dumps(switch(False)).encode()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.streams: list[queue.Queue[bytes | None]] = []
        self.arrived = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def etag(self) -> str:
        return f'"{abs(hash(self.content))}"'

    def publish(self, on: bool) -> None:
        self.content = json.dumps(switch(on)).encode()
        self.tell(b"event: definitions\nid: %b\ndata: %b\n\n" % (self.etag.encode(), self.content))

    def tell(self, event: bytes | None) -> None:
        for stream in list(self.streams):
            stream.put(event)

    def stop(self) -> None:
        self.tell(None)
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Peer
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        peer = self.server
        peer.asked.append((self.path, dict(self.headers)))
        if peer.mode == "broken":
            self._answer(500, b"no")
        elif peer.mode == "silent":
            peer.arrived.set()
            threading.Event().wait(3)
            self.close_connection = True
        elif "/stream" in self.path:
            self._stream()
        elif peer.mode == "garbage":
            self._answer(200, b"<html>")
        elif self.headers.get("If-None-Match") == peer.etag:
            self._answer(304, b"")
        else:
            self._answer(200, peer.content)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("ETag", self.server.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        if self.server.mode == "no_stream":
            self._answer(503, b"")
            return
        mine: queue.Queue[bytes | None] = queue.Queue()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        mine.put(b": hello\n\n")
        self.server.streams.append(mine)
        self.server.arrived.set()
        try:
            while (event := mine.get()) is not None:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass
        self.server.streams.remove(mine)
        self.close_connection = True


@contextmanager
def peering() -> Iterator[Peer]:
    peer = Peer()
    try:
        yield peer
    finally:
        peer.stop()
