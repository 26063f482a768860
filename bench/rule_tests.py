"""A unit test of rules over one day and 40 series, two burn-rate alerts: CPU of `sereno test` beside promtool's."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.figure import Figure

ROUNDS = 3
STEP_SECONDS, DAY = 15, 86_400
RULES = """
groups:
  - name: burn
    rules:
      - alert: FastBurn
        expr: >-
          sum(rate(http_requests_total{status=~"5.."}[1h])) / sum(rate(http_requests_total[1h])) > 0.0144
          and sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.0144
        for: 2m
        labels: {severity: page}
      - alert: SlowBurn
        expr: >-
          sum(rate(http_requests_total{status=~"5.."}[6h])) / sum(rate(http_requests_total[6h])) > 0.006
          and sum(rate(http_requests_total{status=~"5.."}[30m])) / sum(rate(http_requests_total[30m])) > 0.006
        for: 15m
        labels: {severity: page}
"""


def tests() -> str:
    """Twelve hours of calm, an hour of errors, calm again; twenty instances, two statuses each."""
    steps = DAY // STEP_SECONDS
    half, hour = steps // 2, 3600 // STEP_SECONDS
    lines = ["rule_files: [rules.yml]", f"evaluation_interval: {STEP_SECONDS}s", "tests:"]
    lines += [f"  - interval: {STEP_SECONDS}s", "    input_series:"]
    for instance in range(20):
        for status, values in (
            ("200", f"0+150x{steps}"),
            ("500", f"0x{half - 1} 0+{10 + instance}x{hour} {(10 + instance) * hour}x{steps - half - hour - 1}"),
        ):
            lines.append(f'      - series: http_requests_total{{instance="i{instance}",status="{status}"}}')
            lines.append(f"        values: '{values}'")
    lines += ["    alert_rule_test:"]
    for alert, minute, firing in (
        ("FastBurn", 700, False), ("FastBurn", 740, True), ("FastBurn", 850, False), ("SlowBurn", 700, False),
        ("SlowBurn", 770, True), ("SlowBurn", 1439, False), ("FastBurn", 1440, False),
    ):  # fmt: skip
        expected = "[{exp_labels: {severity: page}}]" if firing else "[]"
        lines.append(f"      - {{eval_time: {minute}m, alertname: {alert}, exp_alerts: {expected}}}")
    return "\n".join(lines) + "\n"


def measure() -> list[Figure]:
    """CPU seconds of both commands, start-up included, in turn; and that both pass the test and fail a spoilt one."""
    promtool = shutil.which("promtool")
    if promtool is None:
        raise SystemExit("promtool is missing: install Debian's package `prometheus`")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "rules.yml").write_text(RULES)
        (path / "day.yml").write_text(tests())
        (path / "spoilt.yml").write_text(tests().replace("770m, alertname", "1000m, alertname"))
        ours_command = [sys.executable, "-m", "sereno", "test", "--prometheus", "2"]
        theirs_command = [promtool, "test", "rules"]
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(_cpu([*ours_command, "day.yml"], path, 0))
            theirs.append(_cpu([*theirs_command, "day.yml"], path, 0))
        _cpu([*ours_command, "spoilt.yml"], path, 1)
    mine, peer = statistics.median(ours), statistics.median(theirs)
    return [
        Figure("promtool's CPU over ours, one day, 40 series", peer / mine, "×", least=30,
               beside=f"{mine:.2f} s beside {peer:.2f} s"),
    ]  # fmt: skip


def _cpu(command: list[str], folder: Path, code: int) -> float:
    """CPU seconds of a command that must end with `code`."""
    before = os.times()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode != code:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    return after.children_user - before.children_user + after.children_system - before.children_system
