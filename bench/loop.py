"""The demo's stages in real time: a total outage of payments, from the fault to the post-mortem."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.figure import Figure

INTERVAL_SECONDS = 5.0
WINDOW_SECONDS, FACTOR, BUDGET = 3600.0, 14.4, 0.0005
"""The fast tier of a 99.95 % objective over 30 days; an outage of all payments has an error ratio of 1."""


def measure() -> list[Figure]:
    """Run `sereno demo --outage payments --json` and read its lines."""
    command = [sys.executable, "-m", "sereno", "demo", "--outage", "payments", "--json"]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=1200)
    stages = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    seconds = {stage["stage"]: stage["seconds"] for stage in stages}
    for stage in stages:
        print(json.dumps(stage, ensure_ascii=False), file=sys.stderr)
    expected = WINDOW_SECONDS * FACTOR * BUDGET
    reached = [
        "fault", "alert_firing", "page_sent", "incident_opened", "status_changed", "acknowledged", "fault_cleared",
        "resolved", "postmortem",
    ]  # fmt: skip
    return [
        Figure("stages reached", sum(name in seconds for name in reached), "of 9", least=9),
        Figure("fault to page sent", seconds.get("page_sent", 9e9), "s", most=90),
        Figure(
            "detection less the formula", abs(seconds.get("alert_firing", 9e9) - expected), "s",
            most=2 * INTERVAL_SECONDS, beside=f"long·factor·budget/error = {expected:.1f} s",
        ),
        Figure("alert to page sent", seconds.get("page_sent", 9e9) - seconds.get("alert_firing", 0), "s", most=2),
    ]  # fmt: skip
