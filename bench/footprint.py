"""What the base install weighs: distributions and megabytes in a new environment."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from bench.figure import Figure

ROOT = Path(__file__).parents[1]


def measure() -> list[Figure]:
    """Install the base into a new environment, without extras, and weigh it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"UV_PROJECT_ENVIRONMENT": f"{folder}/venv"}
        began = time.perf_counter()
        subprocess.run(
            ["uv", "sync", "-q", "--frozen", "--no-dev", "--no-editable"], cwd=ROOT, env=environment, check=True
        )
        seconds = time.perf_counter() - began
        packages = next(Path(folder, "venv", "lib").glob("python*/site-packages"))
        count = len(list(packages.glob("*.dist-info")))
        size = sum(f.stat().st_blocks * 512 for f in packages.rglob("*") if f.is_file() and f.suffix != ".pyc")
    return [
        Figure("distributions in the base install", count, "", most=55),
        Figure("base install on disk", size / 1e6, "MB", most=150, beside=f"installed in {seconds:.1f} s"),
    ]
