"""The public page at 50 connections: the whole HTTP stack of `sereno up`, twenty components over ninety days.

Beside it, in the same process and in turns, a bare Starlette route that answers the same bytes and does nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bench.figure import Figure

CONNECTIONS = 50
SECONDS = 3
ROUNDS = 5
COMPONENTS = 20
PAGE = "/status/public?lang=es"
BARE = "/static-peer"
SPEC = """
team: owners
escalation: owners
---
person: ana
contacts: [{email: ana@shop.example}]
---
escalation: owners
steps: [{page: ana}]
---
status_page: public
title: Tienda
language: es
zone: America/Lima
components: [COMPONENTS]
---
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one round of load found."""

    per_second: float
    p99_ms: float
    errors: int


def measure() -> list[Figure]:
    """Requests per second, 99th percentile and errors of the page, beside the bare route.

    Rates are medians of the rounds; the percentile is that of the quietest round, since whatever else the machine
    does can only add to it.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("bench: the load comes from wrk; install the Debian package `wrk`")
    with _serving() as address:
        pairs = [(_load(wrk, address + PAGE), _load(wrk, address + BARE)) for _ in range(ROUNDS)]
    page, bare = zip(*pairs, strict=True)
    rate, peer = _median([p.per_second for p in page]), _median([b.per_second for b in bare])
    p99, peer_p99 = min(p.p99_ms for p in page), min(b.p99_ms for b in bare)
    errors = sum(p.errors for p in page)
    return [
        Figure("status page, requests per second", rate, "1/s", least=1000, beside=f"bare route: {peer:.0f} 1/s"),
        Figure("status page, p99 at 50 connections", p99, "ms", most=50, beside=f"bare route: {peer_p99:.1f} ms"),
        Figure("status page, share of the bare route's rate", rate / peer, "", least=0.1),
        Figure("status page, errors", errors, "", most=0),
    ]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _load(wrk: str, url: str) -> Load:
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-H", "Accept-Encoding: gzip", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate, tail = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    assert rate is not None
    assert tail is not None
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[tail[2]]
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.findall(r"(?:connect|read|write|timeout) (\d+)", said)
    return Load(float(rate[1]), float(tail[1]) * scale, sum(map(int, broken)) + (int(refused[1]) if refused else 0))


@contextlib.contextmanager
def _serving() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([sys.executable, "-m", "bench.status_page", folder, str(port)])
        try:
            _wait(f"http://127.0.0.1:{port}{PAGE}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit("bench: the server did not start")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise SystemExit("bench: the server did not answer in 30 s")


async def _serve(folder: Path, port: int) -> None:
    import uvicorn
    from starlette.responses import Response

    from sereno.app.control import open_control
    from sereno.app.http import create_app
    from sereno.app.http.status import Shelf
    from sereno.app.settings import Settings
    from sereno.status.model import Interval

    names = [f"Servicio {i}" for i in range(COMPONENTS)]
    spec = folder / "reliability"
    spec.mkdir()
    components = ", ".join(f"{{component: {name}}}" for name in names)
    services = "---\n".join(
        f"service: s{i}\nteam: owners\nstatus: {{page: public, component: {name}}}\n" for i, name in enumerate(names)
    )
    (spec / "spec.yaml").write_text(SPEC.replace("COMPONENTS", components) + services)
    control = await open_control(Settings(spec=spec, data_dir=folder / "data", port=port))
    now = control.clock.now()

    def record(at: datetime, ended: datetime, name: str, state: str) -> Interval:
        return Interval("public", name, state, at, ended, "bench")  # type: ignore[arg-type]

    def history(unit: object) -> None:
        for i, name in enumerate(names):
            at = now - timedelta(days=91)
            for days, state in ((7 + i, "degraded"), (33 + i, "partial_outage"), (60 + i, "major_outage")):
                bad = now - timedelta(days=91 - days)
                unit.intervals.record(record(at, bad, name, "operational"))  # type: ignore[attr-defined]
                at = bad + timedelta(minutes=40 + i)
                unit.intervals.record(record(bad, at, name, state))  # type: ignore[attr-defined]
            unit.intervals.change(Interval("public", name, "operational", at, None, "bench"))  # type: ignore[attr-defined]

    await control.database.write(history)
    control.status_version += 1
    app = create_app(control)
    body = (await Shelf(control).take("public", "html", "es")).zipped

    async def bare(scope, receive, send):  # type: ignore[no-untyped-def]
        if scope["type"] == "http" and scope["path"] == BARE:
            await Response(body, media_type="text/html")(scope, receive, send)
        else:
            await app(scope, receive, send)

    config = uvicorn.Config(bare, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off")
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
