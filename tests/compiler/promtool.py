"""Debian's promtool, the judge of what is written for Prometheus. A machine without it fails: it never skips."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool; its exit code, and what it said on both streams as `stdout`."""
    found = shutil.which("promtool")
    if found is None:
        pytest.fail("promtool is missing: install Debian's package `prometheus` (apt-get install prometheus)")
    return subprocess.run(
        [found, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )


def accepts(*arguments: str | Path) -> None:
    """Assert that promtool finds nothing wrong."""
    done = promtool(*arguments)
    assert done.returncode == 0, done.stdout
