"""What pipelines count in several processes is added up in one scrape."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, sys
from sereno_kit import Bulkhead, CircuitBreaker, Rejected, Retry, Transient, pipeline
from sereno_kit.metrics.registry import current

breaker = CircuitBreaker(minimum=2)
made = pipeline("ledger", Bulkhead(3), Retry(2), breaker)   # before the fork, as gunicorn's preload does

def fails():
    raise Transient("down")

for number in range(2):
    if os.fork() == 0:
        for _ in range(10):
            made.call(int)
        if number:
            for _ in range(20):
                try:
                    made.call(fails)
                except (Transient, Rejected):
                    pass
        current().writer.write()
        os._exit(0)
for _ in range(2):
    assert os.wait()[1] == 0

current().writer.write()
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def test_two_workers_are_one_service(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    samples = dict(line.rsplit(" ", 1) for line in run.stdout.splitlines() if not line.startswith("#") and line)
    calls = {
        outcome: float(samples[f'sereno_pipeline_calls_total{{outcome="{outcome}",pipeline="ledger"}}'])
        for outcome in ("ok", "error", "rejected")
    }
    assert calls == {"ok": 20, "error": 10, "rejected": 10}
    opened = 'sereno_pipeline_events_total{event="opened",pipeline="ledger",policy="circuit_breaker"}'
    assert float(samples[opened]) == 1
    assert float(samples['sereno_circuit_state{pipeline="ledger",state="open"}']) == 1
    assert float(samples['sereno_circuit_state{pipeline="ledger",state="closed"}']) == 2, "the parent and one worker"
    assert float(samples['sereno_retry_budget_ratio{pipeline="ledger"}']) == 1
