"""Exactly once, on the servers that people run: what `/metrics` counts is what was asked, whatever became of it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from tests.kit.serving_kit import ASGI, DJANGO, FLASK, Reply, Server, serving

OK, HANDLED, MISSING, UNHANDLED, AWAY, STREAM, BROKEN, LEFT, TOGETHER = 5, 2, 2, 3, 1, 2, 2, 2, 8


def ask_everything(server: Server) -> list[Reply]:
    """Some of each fate, one after the other and some together."""
    replies = [server.get(f"/ok/{number}", {"X-Request-ID": f"request-{number}"}) for number in range(OK)]
    assert [reply.headers["x-request-id"] for reply in replies] == [[f"request-{n}"] for n in range(OK)]
    replies += [server.get("/handled") for _ in range(HANDLED)]
    replies += [server.get(f"/nowhere/{number}") for number in range(MISSING)]
    unhandled = [server.get("/unhandled", {"Accept-Language": "es"}) for _ in range(UNHANDLED)]
    assert {reply.status for reply in unhandled} == {500}
    assert all(b"Error interno" in reply.body and b"secret" not in reply.body for reply in unhandled)
    away = [server.get("/transient") for _ in range(AWAY)]
    assert [(reply.status, reply.headers["retry-after"]) for reply in away] == [(503, ["3"])]
    streams = [server.get("/stream") for _ in range(STREAM)]
    assert [reply.body for reply in streams] == [b"one,two,three"] * STREAM
    broken = [server.get("/broken") for _ in range(BROKEN)]
    assert [(reply.status, reply.body) for reply in broken] == [(200, b"one,")] * BROKEN
    for _ in range(LEFT):
        server.leave_amid("/endless")
    together: list[Reply] = []
    threads = [threading.Thread(target=lambda: together.append(server.get("/slow/0.05"))) for _ in range(TOGETHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    replies += [*unhandled, *away, *streams, *broken, *together]
    return replies


def expected(ok: str, slow: str) -> dict[tuple[str, str, str], float]:
    return {
        (ok, "GET", "200"): OK,
        ("/handled", "GET", "409"): HANDLED,
        ("__unmatched__", "GET", "404"): MISSING,
        ("/unhandled", "GET", "500"): UNHANDLED,
        ("/transient", "GET", "503"): AWAY,
        ("/stream", "GET", "200"): STREAM,
        ("/broken", "GET", "500"): BROKEN,
        ("/endless", "GET", "200"): LEFT,
        (slow, "GET", "200"): TOGETHER,
    }


ROUTES = {
    ASGI: ("/ok/{number}", "/slow/{seconds}"),
    FLASK: ("/ok/<int:number>", "/slow/<float:seconds>"),
    DJANGO: ("/ok/<int:number>", "/slow/<str:seconds>"),
}
MATRIX = [
    ("uvicorn", ASGI, False),
    ("uvicorn-h11", ASGI, False),
    ("uvicorn-2", ASGI, True),
    ("granian", ASGI, False),
    ("hypercorn", ASGI, False),
    ("gunicorn-uvicorn", ASGI, False),
    ("gunicorn-uvicorn-2", ASGI, True),
    ("gunicorn-sync", FLASK, False),
    ("gunicorn-sync-2", DJANGO, True),
    ("gunicorn-gthread", DJANGO, False),
    ("gunicorn-gthread-preload", FLASK, True),
    ("granian-wsgi", FLASK, False),
]


@pytest.mark.parametrize(("kind", "app", "several"), MATRIX, ids=[f"{kind}-{app[21:]}" for kind, app, _ in MATRIX])
def test_each_request_is_counted_exactly_once(kind: str, app: str, several: bool, tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(folder)} if several else {}
    with serving(kind, app, tmp_path, **environment) as server:
        replies = ask_everything(server)
        assert all(len(reply.headers.get("x-request-id", ())) == 1 for reply in replies)
        assert all(reply.whole for reply in replies if reply.body != b"one,")
        wanted = expected(*ROUTES[app])
        for _ in range(100):  # who has left is noticed at the next piece
            samples = server.samples()
            if server.requests() == wanted and samples["http_requests_in_progress",] == 0:
                break
            time.sleep(0.05)
        assert server.requests() == wanted
        assert samples["http_requests_in_progress",] == 0
        assert not [key for key, value in samples.items() if key[0] == "sereno_kit_errors_total" and value]
        errors = {key[1:]: value for key, value in samples.items() if key[0] == "http_errors_total" and value}
        assert errors["/endless", "client_disconnect", "GET"] == LEFT
        assert errors["/broken", "server_error", "GET"] == BROKEN
        lines = [json.loads(line) for line in server.log.splitlines() if '"http.route"' in line]
        assert len(lines) == sum(wanted.values())
        assert {reply.headers["x-request-id"][0] for reply in replies} <= {line["request_id"] for line in lines}
