"""A backtest from the command line to its report: how long until one reads it, how much memory, the same bytes.

The first figure is of one service with 40 series over 30 days at 15 s, stepped by a minute, as a new process from its
start to the written report. The second is of 4,000 series over 7 days: the peak of resident memory of that process.
The last compare the JSON of one process with that of several, and of Ray if it is installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.figure import Figure
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms

UNTIL = datetime(2026, 3, 31, tzinfo=UTC)
SERVICE = """
service: {name}
team: pay
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli:
      events: {{total: 'http_requests_total{{job="{job}"}}', bad: 'status=~"5.."'}}
"""
PEOPLE = """
{team: pay, escalation: pay}
---
{person: ana, contacts: [{email: ana@shop.example}]}
---
{escalation: pay, steps: [{page: ana}]}
"""
RUN = """
import resource, sys, time
from sereno.app.cli import run
code = run(sys.argv[1:])
sys.stderr.write(f"{code} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}")
"""


def measure() -> list[Figure]:
    """Seconds to the report, megabytes, and whether many hands write what one does."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        figures = [_cold(folder / "cold"), *_hands(folder / "cold"), _large(folder / "large")]
    return figures


def _cold(folder: Path) -> Figure:
    _workspace(folder, 40, 30, ("shop",))
    best, walls = float("inf"), []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(_run(folder, 30, "--html", "report.html")[0])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    beside = f"by the wall clock {min(walls):.1f} s"
    return Figure("cold start to report, 40 series, 30 days", best, "CPU s", most=2.0, beside=beside)


def _large(folder: Path) -> Figure:
    series = int(os.environ.get("SERENO_BENCH_SERIES", "4000"))
    _workspace(folder, series, 7, ("shop",))
    wall, megabytes, _ = _run(folder, 7, "--json")
    return Figure(f"peak memory, {series} series, 7 days", megabytes, "MB", most=512, beside=f"{wall:.1f} s")


def _hands(folder: Path) -> list[Figure]:
    for number in range(3):
        text = SERVICE.format(name=f"more{number}", job="shop")
        (folder / "reliability" / f"more{number}.yaml").write_text(text)
    one = _run(folder, 3, "--json", "--jobs", "1")[2]
    json.loads(one)
    many = _run(folder, 3, "--json", "--jobs", "2")[2]
    figures = [Figure("bytes of 2 processes that differ from 1", float(many != one), "", most=0)]
    if importlib.util.find_spec("ray") is None:
        return figures
    ray = _run(folder, 3, "--json", "--ray", "local")[2]
    return [*figures, Figure("bytes of Ray that differ from 1 process", float(ray != one), "", most=0)]


def _run(folder: Path, days: int, *arguments: str) -> tuple[float, float, str]:
    """Wall seconds, megabytes and what was written, of one command in a new process."""
    command = [sys.executable, "-c", RUN, "backtest", "--since", f"{days}d", "--until", UNTIL.isoformat()]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--interval", "1m", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    wall = time.perf_counter() - began
    code, megabytes = done.stderr.split()[-2:]
    if code != "0":
        raise RuntimeError(done.stderr)
    return wall, float(megabytes), done.stdout


def _workspace(folder: Path, series: int, days: int, services: tuple[str, ...]) -> None:
    """A spec and a store with `series` counters of one job over `days`, every 15 s: a twentieth of them errors."""
    (folder / "reliability").mkdir(parents=True)
    (folder / ".sereno").mkdir()
    text = "---\n".join(SERVICE.format(name=name, job=name) for name in services)
    (folder / "reliability" / "all.yaml").write_text(f"{text}---\n{PEOPLE}")
    times = np.arange(to_ms(UNTIL - timedelta(days=days)), to_ms(UNTIL), 15_000, dtype=np.int64)
    outage = (times > times[len(times) // 2]) & (times <= times[len(times) // 2] + 25 * 60_000)
    dice = np.random.default_rng(1)
    store = SampleStore(folder / ".sereno" / "samples.db", retention=timedelta(days=36500))
    for name in services:
        for first in range(0, series, 200):
            rows = []
            for number in range(first, min(first + 200, series)):
                bad = number % 20 == 0
                rate = dice.poisson(0.02 if bad else 30.0, len(times)) + (outage * 60 if bad else 0)
                labels = Labels(
                    __name__="http_requests_total", job=name, instance=f"h{number % 40}:80", path=f"/p{number}",
                    status="503" if bad else "200",
                )  # fmt: skip
                rows.append((labels, times, np.cumsum(rate).astype(np.float64)))
            store.backfill_sync(rows, stream=f"{name}/{first}")
    store.close()
