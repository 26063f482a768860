"""A control plane that watches five services at 15 s intervals and has nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.figure import Figure
from sereno.app.demo.town import port_near

SECONDS = 90
SERVICE = """
---
service: service{n}
team: team
scrape: [{{job: service{n}, targets: [http://127.0.0.1:{port}/metrics/{n}], every: 15s, timeout: 5s}}]
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli: {{events: {{total: 'http_requests_total{{job="service{n}"}}', bad: 'status=~"5.."'}}}}
  - name: latency
    objective: 95%
    window: 7d
    sli: {{latency: {{histogram: 'http_request_duration_seconds{{job="service{n}"}}', within: 500ms}}}}
alerts:
  - {{alert: Service{n}Down, expr: 'max(up{{job="service{n}"}}) == 0', for: 1m, severity: SEV1, summary: Down}}
"""
PEOPLE = """
person: ana
contacts: [{terminal: true}]
---
schedule: week
zone: UTC
handover: monday 09:00
start: 2026-01-05
people: [ana]
roles: [primary]
---
escalation: default
schedule: week
steps: [{page: primary}]
---
team: team
escalation: default
"""


def exposition(rounds: int) -> bytes:
    """About 300 series a service, all growing."""
    lines = ["# TYPE http_requests counter"]
    for endpoint in range(20):
        for status in ("200", "404", "500"):
            value = 0 if status == "500" else rounds * 100
            lines.append(f'http_requests_total{{endpoint="/e{endpoint}",method="GET",status="{status}"}} {value}')
        for le in ("0.005", "0.01", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "+Inf"):
            lines.append(f'http_request_duration_seconds_bucket{{endpoint="/e{endpoint}",le="{le}"}} {rounds * 90}')
        lines.append(f'http_request_duration_seconds_count{{endpoint="/e{endpoint}"}} {rounds * 90}')
        lines.append(f'http_request_duration_seconds_sum{{endpoint="/e{endpoint}"}} {rounds * 9}')
    return ("\n".join(lines) + "\n").encode()


class Target(BaseHTTPRequestHandler):
    """Something to scrape."""

    rounds = 0

    def do_GET(self) -> None:
        Target.rounds += 1
        body = exposition(Target.rounds)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def measure() -> list[Figure]:
    """CPU share and resident memory over a minute and a half, after a minute of settling."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "reliability")
        spec.mkdir()
        port = server.server_address[1]
        spec.joinpath("all.yaml").write_text(PEOPLE + "".join(SERVICE.format(n=n, port=port) for n in range(5)))
        environment = os.environ | {
            "SERENO_SPEC": str(spec), "SERENO_DATA_DIR": f"{folder}/data", "SERENO_PORT": str(port_near(8420)),
        }  # fmt: skip
        process = subprocess.Popen([sys.executable, "-m", "sereno", "up"], env=environment, stdout=subprocess.DEVNULL)
        try:
            time.sleep(60)
            before = _cpu_seconds(process.pid)
            time.sleep(SECONDS)
            share = (_cpu_seconds(process.pid) - before) / SECONDS
            resident = _resident_bytes(process.pid)
        finally:
            process.terminate()
            process.wait(10)
            server.shutdown()
    return [
        Figure("idle CPU, of one core", share * 100, "%", most=3),
        Figure("idle resident memory", resident / 2**20, "MiB", most=150),
    ]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
