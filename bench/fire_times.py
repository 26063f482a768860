"""When alerts fire and resolve: a replay beside the rule manager of a live Prometheus, on the samples that it scraped.

Windows are scaled down so that a burn-rate alert of hours takes seconds: scraped and evaluated every second.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from bench.figure import Figure
from sereno.alerts.replay import replay
from sereno.app.promql_checker import Checker
from sereno.kernel.labels import Labels
from sereno.promql import Columns, Select, Selection, Settings, matches
from sereno.spec.rule_files import read_rules

SECONDS = 80
INTERVAL_MS = 1000


@dataclass(frozen=True)
class Scenario:
    """How a service fails: the ratio of errors by the second, and whether it answers at all."""

    name: str
    bad: tuple[tuple[int, float], ...]
    silent: tuple[tuple[int, int], ...] = ()

    def ratio(self, second: float) -> float:
        """The ratio of errors at one moment."""
        return next((ratio for begin, ratio in reversed(self.bad) if second >= begin), 0.0)


def scenarios() -> list[Scenario]:
    """Two dozen bad days."""
    told = [Scenario("calm", ()), Scenario("total", ((20, 1.0), (40, 0.0))), Scenario("never_ends", ((30, 0.5),))]
    for index, ratio in enumerate((0.015, 0.02, 0.05, 0.1, 0.3, 0.7)):
        told.append(Scenario(f"steady_{index}", ((15, ratio), (45, 0.0))))
    for index, length in enumerate((1, 2, 4, 8, 12)):
        told.append(Scenario(f"short_{index}", ((25, 1.0), (25 + length, 0.0))))
    for index, period in enumerate((3, 5, 8, 12)):
        steps = tuple((begin, 0.4 if number % 2 else 0.0) for number, begin in enumerate(range(10, 60, period)))
        told.append(Scenario(f"flapping_{index}", (*steps, (60, 0.0))))
    for index in range(3):
        told.append(Scenario(f"ramp_{index}", (*tuple((10 + n, n * 0.01 * (index + 1)) for n in range(30)), (45, 0.0))))
    told.append(Scenario("comes_back", ((15, 0.5), (22, 0.0), (28, 0.5), (50, 0.0))))
    told.append(Scenario("slow_recovery", ((15, 0.8), (25, 0.2), (35, 0.05), (45, 0.01), (55, 0.0))))
    told.append(Scenario("silent", ((15, 0.5),), ((30, 50),)))
    return told


RULES = """
groups:
  - name: beat
    rules: [{record: beat, expr: vector(1)}]
  - name: burn
    rules:
      - record: service:errors:ratio20s
        expr: sum by (service) (rate(bad_total[20s])) / sum by (service) (rate(all_total[20s]))
      - record: service:errors:ratio5s
        expr: sum by (service) (rate(bad_total[5s])) / sum by (service) (rate(all_total[5s]))
      - alert: FastBurn
        expr: service:errors:ratio20s > 0.0144 and service:errors:ratio5s > 0.0144
        for: 2s
      - alert: SlowBurn
        expr: service:errors:ratio20s > 0.1 and service:errors:ratio5s > 0.1
        for: 5s
        keep_firing_for: 4s
      - alert: Direct
        expr: sum by (service) (rate(bad_total[10s])) / sum by (service) (rate(all_total[10s])) > 0.25
"""


class _Target(BaseHTTPRequestHandler):
    began = 0.0
    counts: dict[str, list[float]] = {}  # noqa: RUF012 - one target a run
    seen = 0.0

    def do_GET(self) -> None:
        now = time.monotonic() - self.began
        lines = []
        for scenario in scenarios():
            good, bad = self.counts.setdefault(scenario.name, [0.0, 0.0])
            amount = (now - type(self).seen) * 100
            self.counts[scenario.name] = [good + amount, bad + amount * scenario.ratio(now)]
            if not any(begin <= now < end for begin, end in scenario.silent):
                lines.append(f'all_total{{service="{scenario.name}"}} {self.counts[scenario.name][0]!r}')
                lines.append(f'bad_total{{service="{scenario.name}"}} {self.counts[scenario.name][1]!r}')
        type(self).seen = now
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def measure() -> list[Figure]:
    """Run Prometheus for a while, replay what it scraped, and compare when alerts fired and resolved."""
    program = shutil.which("prometheus")
    if program is None:
        raise SystemExit("prometheus is missing: install Debian's package `prometheus`")
    with tempfile.TemporaryDirectory() as folder:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
        _Target.began, _Target.counts, _Target.seen = time.monotonic(), {}, 0.0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        process, url = _started(program, Path(folder), server.server_port)
        try:
            time.sleep(SECONDS)
            raw = [_range(url, name) for name in ("all_total", "bad_total", "ALERTS", "beat")]
        finally:
            process.terminate()
            process.wait(30)
            server.shutdown()
            server.server_close()
    return compared([*raw[0], *raw[1]], raw[2], raw[3])


Matrix = list[dict[str, Any]]


def compared(scraped: Matrix, alerts: Matrix, beats: Matrix) -> list[Figure]:
    """The figures: how many alerts there were, and the greatest distance in intervals."""
    evaluations = np.array([round(float(at) * 1000) for at, _ in beats[0]["values"]], dtype=np.int64)
    groups = read_rules("rules.yml", RULES, promql=Checker()).groups[1:]
    burn = np.array(sorted({round(float(at) * 1000) for one in alerts for at, _ in one["values"]}), dtype=np.int64)
    start = int(burn[0]) - (int(burn[0]) - int(evaluations[0])) // INTERVAL_MS * INTERVAL_MS
    replayed = replay(
        groups, start, int(burn[-1]), _select(scraped), interval_ms=INTERVAL_MS, settings=Settings(dialect=2)
    )
    theirs: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for one in alerts:
        if one["metric"]["alertstate"] == "firing":
            times = [round(float(at) * 1000) for at, _ in one["values"]]
            key = (one["metric"]["alertname"], one["metric"]["service"])
            theirs[key] = _stretches(times)
    ours: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for firing in replayed.firings:
        if firing.fired_at_ms is not None:
            end = firing.resolved_at_ms or int(burn[-1]) + INTERVAL_MS
            ours.setdefault((firing.labels["alertname"], firing.labels["service"]), []).append(
                (firing.fired_at_ms, end)
            )
    worst, total = 0.0, 0
    for key in sorted(theirs.keys() | ours.keys()):
        mine, peer = ours.get(key, []), theirs.get(key, [])
        total += len(peer)
        if len(mine) != len(peer):
            print(f"{key}: {len(mine)} alerts, Prometheus had {len(peer)}")
            worst = max(worst, 1000.0)
            continue
        for one, other in zip(sorted(mine), sorted(peer), strict=True):
            apart = max(abs(one[0] - other[0]), abs(one[1] - other[1])) / INTERVAL_MS
            if apart > 1:
                print(f"{key}: {one} beside {other}")
            worst = max(worst, apart)
    services = len(scenarios())
    return [
        Figure("furthest from Prometheus, fired or resolved", worst, "intervals", most=1, beside=f"{total} alerts"),
        Figure("scenarios", services, "services", least=20),
        Figure("alerts compared", total, "alerts", least=20),
    ]


def _stretches(times: Sequence[int]) -> list[tuple[int, int]]:
    """Instants a step apart as stretches: first, and the one after the last."""
    found: list[tuple[int, int]] = []
    for at in times:
        if found and at - found[-1][1] <= INTERVAL_MS // 2:
            found[-1] = (found[-1][0], at + INTERVAL_MS)
        else:
            found.append((at, at + INTERVAL_MS))
    return found


def _select(matrix: Matrix) -> Select:
    series = [
        (
            Labels(one["metric"]),
            np.array([round(float(at) * 1000) for at, _ in one["values"]], dtype=np.int64),
            np.array([float(value) for _, value in one["values"]]),
        )
        for one in matrix
    ]

    def select(selection: Selection) -> Columns:
        return Columns.of([one for one in series if matches(selection.matchers, one[0])])

    return select


def _started(program: str, folder: Path, target: int) -> tuple[subprocess.Popen[bytes], str]:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "rules.yml").write_text(RULES)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "t", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = [program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=5):
                return process, url
        except OSError:
            time.sleep(0.1)
    process.terminate()
    raise SystemExit("prometheus did not begin")


def _range(url: str, name: str) -> Matrix:
    query = urllib.parse.urlencode({"query": f"{name}[{2 * SECONDS}s]"})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=60) as answer:
        found: Matrix = json.load(answer)["data"]["result"]
    return found
