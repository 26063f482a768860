"""The service of this example: `python web.py` serves /, /health and /metrics on port 8080.

It can be broken on purpose: `curl -X POST localhost:8080/break` makes it answer 503, `…/mend` puts it right. A quarter
of a second apart it asks itself for `/`, so that there are customers.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, generate_latest

REGISTRY = CollectorRegistry()
REQUESTS = Counter("http_requests", "Requests answered", ["endpoint", "status"], registry=REGISTRY)
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
for status in ("200", "503"):
    REQUESTS.labels("/", status)  # a counter that is there from the start: its first failure counts too


class Web(BaseHTTPRequestHandler):
    """Answers, and counts its answers."""

    broken = False

    def do_GET(self) -> None:
        """Pages, health and metrics."""
        if self.path == "/metrics":
            self.answer(200, generate_latest(REGISTRY))
            return
        status = 503 if Web.broken and self.path == "/" else 200 if self.path in ("/", "/health") else 404
        REQUESTS.labels(self.path if status != 404 else "other", str(status)).inc()
        self.answer(status, b"ok\n" if status == 200 else b"no\n")

    def do_POST(self) -> None:
        """Break and mend."""
        if self.path in ("/break", "/mend"):
            Web.broken = self.path == "/break"
            self.answer(200, b"done\n")
        else:
            self.answer(404, b"no\n")

    def answer(self, status: int, body: bytes) -> None:
        """Send it."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def visit() -> None:
    """Be a customer, for ever."""
    while True:
        with contextlib.suppress(OSError):  # the answers 503 among them
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=5).read()
        time.sleep(0.25)


if __name__ == "__main__":
    threading.Thread(target=visit, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", PORT), Web).serve_forever()
