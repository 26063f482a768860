"""Starts real servers on free ports, talks to them, and reads what they count."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ASGI = "tests.kit.served_kit:asgi_app"
FLASK = "tests.kit.served_kit:flask_app"
DJANGO = "tests.kit.served_kit:django_app"


def command(kind: str, app: str, port: int) -> list[str]:
    """How people start the server called `kind`."""
    bind = f"127.0.0.1:{port}"
    called = app.removesuffix("_app") + "()"  # hypercorn evaluates what it is given
    ways = {
        "uvicorn": ["uvicorn", app, "--port", str(port), "--log-level", "warning"],
        "uvicorn-h11": ["uvicorn", app, "--port", str(port), "--http", "h11", "--loop", "asyncio"],
        "uvicorn-2": ["uvicorn", app, "--port", str(port), "--workers", "2"],
        "granian": ["granian", "--interface", "asgi", app, "--port", str(port)],
        "granian-2": ["granian", "--interface", "asgi", app, "--port", str(port), "--workers", "2"],
        "granian-wsgi": ["granian", "--interface", "wsgi", app, "--port", str(port), "--blocking-threads", "16"],
        "hypercorn": ["hypercorn", called, "-b", bind, "--graceful-timeout", "20"],
        "hypercorn-0": ["hypercorn", called, "-b", bind, "-w", "0", "--graceful-timeout", "20"],
        "gunicorn-uvicorn": ["gunicorn", app, "-b", bind, "-k", "uvicorn_worker.UvicornWorker"],
        "gunicorn-uvicorn-2": ["gunicorn", app, "-b", bind, "-k", "uvicorn_worker.UvicornWorker", "-w", "2"],
        "gunicorn-sync": ["gunicorn", app, "-b", bind],
        "gunicorn-sync-4": ["gunicorn", app, "-b", bind, "-w", "4"],
        "gunicorn-sync-2": ["gunicorn", app, "-b", bind, "-w", "2"],
        "gunicorn-gthread": ["gunicorn", app, "-b", bind, "-k", "gthread", "--threads", "16"],
        "gunicorn-gthread-preload": [
            *("gunicorn", app, "-b", bind, "-k", "gthread", "--threads", "16", "-w", "2", "--preload"),
            *("-c", "python:sereno_kit.gunicorn"),
        ],
    }  # fmt: skip
    words = ways[kind]
    return [str(BIN / words[0]), *words[1:]]


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, list[str]]
    body: bytes
    whole: bool = True
    """Whether the body came to its proper end."""


class Server:
    """A server under way, in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace")

    def get(self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET") -> Reply:
        """Ask over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            return reply_of(connection.getresponse())
        finally:
            connection.close()

    def leave_amid(self, path: str) -> None:
        """Ask for something long, read a little, and hang up."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def samples(self) -> dict[tuple[str, ...], float]:
        """What `/metrics` says, by name and label values."""
        text = self.get("/metrics").body.decode()
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def requests(self) -> dict[tuple[str, str, str], float]:
        """Requests counted by endpoint, method and status."""
        return {
            (key[1], key[2], key[3]): value
            for key, value in self.samples().items()
            if key[0] == "http_requests_total" and value
        }

    def terminate(self) -> None:
        """SIGTERM to the server's own process, as an orchestrator sends it."""
        self.process.send_signal(signal.SIGTERM)


def reply_of(response: http.client.HTTPResponse) -> Reply:
    """The reply, also where the body breaks off."""
    headers: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        headers.setdefault(name.lower(), []).append(value)
    try:
        body, whole = response.read(), True
    except (http.client.IncompleteRead, ConnectionError) as error:
        body, whole = getattr(error, "partial", b""), False
    return Reply(response.status, headers, body, whole)


@contextlib.contextmanager
def serving(kind: str, app: str, folder: Path, **environment: str) -> Iterator[Server]:
    """The server called `kind` with `app`, until the block ends."""
    port = _free_port()
    log = folder / f"{kind}-{port}.log"
    told = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment}
    with log.open("wb") as out:
        process = _started(command(kind, app, port), told, folder, out)
        server = Server(process, port, log)
        try:
            _wait_until_it_answers(server)
            yield server
        finally:
            _end(process)


def _started(words: list[str], told: dict[str, str], folder: Path, out: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, env=told, cwd=folder, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)


def _wait_until_it_answers(server: Server) -> None:
    for _ in range(400):
        if server.process.poll() is not None:
            break
        try:
            if server.get("/health/live").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the server does not answer; it says:\n{server.log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The server and all its workers: they are a session of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
