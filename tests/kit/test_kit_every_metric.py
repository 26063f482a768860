"""The page of the kit's metrics is what a service that uses all of the kit shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "kit-metrics.md").read_text(encoding="utf-8")
SOURCE = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "kit" / "src").rglob("*.py"))


def test_the_page_is_what_a_service_shows() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.kit.every_metric"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    shown = [line for line in done.stdout.splitlines() if line.startswith("| `")]
    assert len(shown) > 50, done.stderr
    assert [line for line in PAGE.splitlines() if line.startswith("| `")] == shown


def test_every_metric_that_the_code_names_is_on_the_page() -> None:
    kinds = "total|seconds|ratio|bytes|state|info|max|active|idle|waiting|queued|in_use|in_progress|up|stale|limit"
    family = "http|websocket|db|redis|cache|integration|health_check|feature|flags|event_loop|thread_pool|process"
    others = "python|sereno|rate_limit_store"
    named = set(re.findall(rf'"((?:{family}|{others})_(?:\w+_)?(?:{kinds}))"', SOURCE))
    listed = set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE))
    assert len(named) > 40
    assert named <= listed
