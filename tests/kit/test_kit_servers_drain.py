"""SIGTERM to real servers under traffic: nobody loses a request. `bench/run drain` does it with all, and often."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import pytest
from tests.kit.balancing_kit import ended
from tests.kit.serving_kit import ASGI, DJANGO, FLASK, serving


@pytest.mark.parametrize(
    ("kind", "app", "pre_stop", "slow"),
    [
        ("uvicorn", ASGI, False, 5),
        ("gunicorn-uvicorn-2", ASGI, False, 5),
        ("gunicorn-sync-4", FLASK, False, 2),
        ("gunicorn-gthread-preload", DJANGO, False, 5),
        ("granian", ASGI, False, 5),
        ("hypercorn", ASGI, True, 5),
    ],
)
def test_no_request_is_lost_and_what_is_kept_is_flushed(
    kind: str, app: str, pre_stop: bool, slow: int, tmp_path: Path
) -> None:
    file = tmp_path / "drain"
    told = {"SERVED_DELAY_SECONDS": "2", "SERVED_DRAIN_FILE": str(file)}
    with serving(kind, app, tmp_path, **told) as server:
        end = ended(server, slow=slow, slow_seconds=1.6, pre_stop=file if pre_stop else None, pre_stop_seconds=2)
        log = server.log
    assert set(end.fates) == {"ok"}, (end, log[-2000:])
    assert end.polls_until_503 in (0, 1, 2)  # 1 by `bench/run drain`; here others use the machine, too
    assert end.live_until_exit
    assert "FLUSHED" in log
    if pre_stop is False:
        told_of = [json.loads(line) for line in log.splitlines() if '"draining"' in line]
        assert {(line["message"], line["level"], line["delay_seconds"]) for line in told_of} == {
            ("draining", "INFO", 2.0)
        }


def test_without_the_delay_requests_are_lost(tmp_path: Path) -> None:
    """The traffic does find what it looks for."""
    with serving("uvicorn", ASGI, tmp_path, SERVED_DELAY_SECONDS="0") as server:
        assert ended(server, slow=1, slow_seconds=1.0).lost > 0


def test_while_draining_connections_are_not_kept(tmp_path: Path) -> None:
    with serving("uvicorn", ASGI, tmp_path, SERVED_DELAY_SECONDS="10") as server:
        assert "connection" not in server.get("/ok/1").headers
        server.terminate()
        while server.get("/health/ready").status == 200:
            time.sleep(0.02)
        assert server.get("/ok/1").headers["connection"] == ["close"]
        assert server.get("/health/live").status == 200


def test_a_second_signal_and_control_c_do_not_wait(tmp_path: Path) -> None:
    for signals in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT,)):
        with serving("uvicorn", ASGI, tmp_path, SERVED_DELAY_SECONDS="30") as server:
            for number in signals:
                server.process.send_signal(number)
                time.sleep(1.2)
            server.process.wait(10)


@pytest.mark.parametrize(("kind", "app"), [("uvicorn", ASGI), ("gunicorn-sync-2", FLASK), ("granian", ASGI)])
def test_the_end_is_bounded_whatever_is_under_way(kind: str, app: str, tmp_path: Path) -> None:
    told = {"SERVED_DELAY_SECONDS": "0.5", "SERVED_TIMEOUT_SECONDS": "2"}
    with serving(kind, app, tmp_path, **told) as server:
        asking = threading.Thread(target=lambda: _hang(server.port), daemon=True)
        asking.start()
        time.sleep(0.5)
        began = time.monotonic()
        server.terminate()
        server.process.wait(15)
        assert time.monotonic() - began < 8
        assert "FLUSHED" in server.log


def _hang(port: int) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/slow/50.0")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
