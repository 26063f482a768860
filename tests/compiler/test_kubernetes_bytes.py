"""The same spec gives the same bytes, whatever Python's hash seed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGETS = (
    "kubernetes", "prometheus-operator", "istio", "argo-rollouts", "flagger", "litmus", "otel-collector", "fluent-bit",
    "vector", "logstash", "tracing-compose",
)  # fmt: skip


def digest_of_everything() -> str:
    """What all targets write for a workspace with everything in it, as one number."""
    from tests.compiler import delivered
    from tests.compiler.test_kubernetes_delivery import CANARY, CHAOS, FLAGGER
    from tests.compiler.test_pipelines import PAY_LOGS, PIPELINES, WEB_LOGS

    delivered.SHARED = delivered.SHARED.replace("workspace: shop\n", f"workspace: shop\n{PIPELINES}", 1)
    total = hashlib.sha256()
    for canary in (CANARY, FLAGGER):
        pay = PAY_LOGS.replace("logs: {files", canary + "logs: {files", 1)
        for target in TARGETS:
            for path, text in delivered.made(target, pay, WEB_LOGS, CHAOS).files.items():
                total.update(f"{path}\0{text}\0".encode())
    return total.hexdigest()


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    code = "from tests.compiler.test_kubernetes_bytes import digest_of_everything as d; print(d())"
    found = set()
    for seed in ("0", "1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-1500:]
        found.add(done.stdout.strip())
    assert len(found) == 1
