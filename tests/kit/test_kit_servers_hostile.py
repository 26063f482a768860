"""What anybody may send to a real server: it is answered or refused, counted once, and adds nothing to the metrics."""

from __future__ import annotations

import re
import socket
import struct
import time
from pathlib import Path

import pytest
from tests.kit.serving_kit import ASGI, DJANGO, FLASK, Server, serving

WELL_FORMED = re.compile(rb"[A-Za-z0-9._-]{8,128}")
HOSTILE = [
    b"GET /ok/1 HTTP/1.1\r\nHost: x\r\nX-Request-ID: " + b"a" * 10_000 + b"\r\nConnection: close\r\n\r\n",
    b"GET /ok/1 HTTP/1.1\r\nHost: x\r\nX-Request-ID: \xff\xfe\xfd\xfc\xff\xfe\xfd\xfc\r\nConnection: close\r\n\r\n",
    b"GET /ok/1 HTTP/1.1\r\nHost: x\r\nX-Request-ID: aaaaaaaa\r\nX-Request-ID: bbbbbbbb\r\nConnection: close\r\n\r\n",
    b"GET /ok/1 HTTP/1.1\r\nHost: x\r\nX-Request-ID: a%0d%0aSet-Cookie:x=1\r\nConnection: close\r\n\r\n",
    b"GET /ok/1 HTTP/1.1\r\nHost: x\r\ntraceparent: 00-zz-\xff\r\nConnection: close\r\n\r\n",
    b"GET /%ff%fe/%00/%0d%0aX:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /" + b"x" * 6_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET //ok//1/../../health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"FOO /ok/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"HEAD /ok/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /ok/1 HTTP/1.0\r\n\r\n",
    b"POST /ok/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    b"GET /ok/1 HTTP/1.1\r\nHost: x\r\nAccept-Language: " + b"es;q=," * 400 + b"\r\nConnection: close\r\n\r\n",
]
GARBAGE = [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", b"X" * 70_000]


def send(server: Server, raw: bytes, seconds: float = 10) -> bytes:
    """Whatever comes back within so many seconds."""
    heard = b""
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.settimeout(seconds)
        try:
            connection.sendall(raw)
            while piece := connection.recv(65536):
                heard += piece
        except OSError:
            pass
    return heard


def hang_up(server: Server, raw: bytes) -> None:
    """Send, and reset the connection without waiting."""
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.sendall(raw)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def settled(server: Server, count: float) -> dict[tuple[str, str, str], float]:
    """What is counted once nothing is in progress any more and there are `count` requests."""
    for _ in range(100):
        samples = server.samples()
        counted = server.requests()
        if samples["http_requests_in_progress",] == 0 and sum(counted.values()) >= count:
            return counted
        time.sleep(0.1)
    raise AssertionError(f"in progress {samples['http_requests_in_progress',]}, counted {counted}")


@pytest.mark.parametrize(
    ("kind", "app"),
    [
        ("uvicorn", ASGI),
        ("uvicorn-h11", ASGI),
        ("granian", ASGI),
        ("hypercorn", ASGI),
        ("gunicorn-sync", FLASK),
        ("gunicorn-gthread", DJANGO),
        ("granian-wsgi", FLASK),
    ],
)
def test_hostile_requests_are_counted_once_and_add_no_series(kind: str, app: str, tmp_path: Path) -> None:
    with serving(kind, app, tmp_path) as server:
        answered = 0
        for raw in HOSTILE:
            head = send(server, raw).partition(b"\r\n\r\n")[0]
            ids = re.findall(rb"(?im)^x-request-id: (.*?)\r?$", head)
            if ids:  # and not refused by the server before the application heard of it
                answered += 1
                assert len(ids) == 1, raw[:80]
                assert WELL_FORMED.fullmatch(ids[0]), raw[:80]
                assert b"Set-Cookie" not in head
        counted = settled(server, answered)
        assert sum(counted.values()) == answered, counted
        for raw in GARBAGE:
            send(server, raw, 0.2)
        time.sleep(0.2)  # h11 takes HTTP/9.9 for HTTP
        before = sum(server.requests().values())
        for _ in range(3):
            hang_up(server, b"GET /slow/0.3 HTTP/1.1\r\nHost: x\r\n\r\n")
        hang_up(server, b"POST /ok/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc")
        counted = settled(server, before + 3)
        assert before + 3 <= sum(counted.values()) <= before + 4, counted
        samples = server.samples()
        assert len({route for route, _, _ in counted}) == 3  # ok, slow, and everything else
        assert {method for _, method, _ in counted} <= {"GET", "HEAD", "POST", "_OTHER"}
        assert not [key for key, value in samples.items() if key[0] == "sereno_kit_errors_total" and value]
        assert server.get("/ok/1").status == 200
