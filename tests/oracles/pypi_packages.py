"""Engines of the pipelines' own programs, from PyPI, each in a folder of its own in the user's cache.

They run in a process apart: none of them is a dependency, and none meets another's libraries.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.oracles.npm_packages import Unreachable

ROOT = Path(__file__).parents[2]


@cache
def installed(*packages: str) -> Path:
    """A folder that holds `packages` (each `name==version`). Raises Unreachable."""
    uv = shutil.which("uv")
    if uv is None:
        raise Unreachable("uv is missing")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sereno-oracles"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = base / f"py{version}-{'-'.join(packages).replace('=', '')}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            command = [uv, "pip", "install", "-q", "--python", sys.executable, "--only-binary", ":all:",
                       "--target", str(folder / "packages"), *packages]  # fmt: skip
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            except subprocess.TimeoutExpired:
                raise Unreachable("PyPI does not answer") from None
            if done.returncode:
                raise Unreachable(f"uv could not install {' '.join(packages)}: {done.stderr.strip()[-300:]}")
            (folder / "complete").touch()
    return folder / "packages"


def run(function: str, given: Any, *packages: str, timeout: float = 120) -> Any:
    """What `tests.oracles.engines.FUNCTION(given)` returns in a process that has `packages`; values are JSON.

    Raises Unreachable, and AssertionError with its words when it fails.
    """
    code = (
        "import json, sys; from tests.oracles import engines;"
        f"print(json.dumps(engines.{function}(json.load(sys.stdin))))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed(*packages)), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(given), capture_output=True, text=True, timeout=timeout,
        env=environment, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
