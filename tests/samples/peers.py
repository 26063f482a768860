"""Targets for tests: a server in a thread that behaves as told, well or badly."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import socket
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.peer.asked.append((self.path, dict(self.headers)))
        behaviour = self.server.peer.behaviours.get(path)
        if behaviour is None:
            self.send_error(404)
            return
        with contextlib.suppress(ConnectionError):
            behaviour(self)

    def log_message(self, *args):
        pass

    def answer(self, body: bytes, kind="text/plain; version=0.0.4", *, status=200, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class Peer:
    """`peer.serve("/metrics", behaviour)`; `peer.address` is host:port; `asked` holds paths and headers."""

    def __init__(self):
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.server.peer = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def serve(self, path: str, behaviour: Behaviour | bytes) -> str:
        body = behaviour
        self.behaviours[path] = (lambda handler: handler.answer(body)) if isinstance(body, bytes) else body
        return self.url(path)

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def hangs(handler: Handler) -> None:
    handler.server.peer.over.wait(30)


def drips(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.server.peer.over.wait(0.02):
        handler.wfile.write(b"a")
        handler.wfile.flush()


def garbage(handler: Handler) -> None:
    handler.answer(bytes(range(256)) * 40)


def fifty_megabytes(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(50_000_000))
    handler.end_headers()
    line = b'big_metric{padding="' + b"x" * 500 + b'"} 1\n'
    for _ in range(50_000_000 // len(line)):
        handler.wfile.write(line)


def many_series(handler: Handler) -> None:
    handler.answer(b"".join(b'm{i="%d"} 1\n' % i for i in range(200_000)))


def too_short(handler: Handler) -> None:
    handler.answer(b"a 1\n", length=1000)
    handler.close_connection = True


def elsewhere(handler: Handler) -> None:
    handler.answer(b"", status=302, Location="http://metadata.internal/latest")


def in_circles(handler: Handler) -> None:
    handler.answer(b"", status=302, Location=handler.path)


def gzip_bomb(handler: Handler) -> None:
    """100 kB that unpack to 100 MB: one block, a hundred times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b"#" * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    handler.answer(b"\x1f\x8b\x08" + bytes(6) + b"\xff" + block * 100, Content_Encoding="gzip")


def broken_gzip(handler: Handler) -> None:
    handler.answer(gzip.compress(b"a 1\n" * 1000)[:-9], Content_Encoding="gzip")


def not_gzip(handler: Handler) -> None:
    handler.answer(b"a 1\n", Content_Encoding="gzip")


def not_http(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    handler.close_connection = True


def error_page(handler: Handler) -> None:
    handler.answer(b"a 1\n", status=503)


def web_page(handler: Handler) -> None:
    handler.answer(b"<!doctype html><title>Shop</title>", "text/html")


def cut_openmetrics(handler: Handler) -> None:
    handler.answer(b"a 1\n", "application/openmetrics-text; version=1.0.0; charset=utf-8")


BAD: dict[str, Behaviour] = {
    one.__name__: one
    for one in (
        hangs, drips, garbage, fifty_megabytes, many_series, too_short, elsewhere, in_circles, gzip_bomb, broken_gzip,
        not_gzip, not_http, error_page, web_page, cut_openmetrics,
    )
}  # fmt: skip


def program(name: str, package: str) -> str:
    """The path of a program; the test fails, naming the Debian package, if it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing: apt-get install {package}", pytrace=False)
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(true: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            pytest.fail(f"{what}: not within {seconds} s")
        time.sleep(0.05)
