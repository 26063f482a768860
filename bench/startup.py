"""How soon it answers: `--version`, `--help`, and from `up` to the first page."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from bench.figure import Figure
from sereno.app.demo.town import port_near

ROOT = Path(__file__).parents[1]


def cpu_seconds(command: list[str], runs: int = 7) -> float:
    """The median CPU time of `command` over `runs`, after one that warms up."""
    taken = []
    for _ in range(runs + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return sorted(taken[1:])[runs // 2]


def first_page_seconds() -> float:
    """Wall time from `sereno up` to its sign-in page, on a new data folder."""
    with tempfile.TemporaryDirectory() as folder:
        port = port_near(8420)
        environment = os.environ | {
            "SERENO_SPEC": str(ROOT / "examples" / "minimal" / "reliability"),
            "SERENO_DATA_DIR": folder,
            "SERENO_PORT": str(port),
        }
        began = time.perf_counter()
        process = subprocess.Popen([_sereno(), "up"], env=environment, stdout=subprocess.DEVNULL)
        try:
            while time.perf_counter() - began < 60:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=2) as answer:
                        if answer.status == 200:
                            return time.perf_counter() - began
                except OSError:  # nobody listens yet, or a machine that is busy answers late
                    time.sleep(0.01)
            return 60.0
        finally:
            process.terminate()
            process.wait(10)


def _sereno() -> str:
    return shutil.which("sereno", path=str(Path(sys.executable).parent)) or "sereno"


def measure() -> list[Figure]:
    """CPU of the quick commands, wall time of a warm start."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(ROOT / "src")], check=True)
    python = cpu_seconds([sys.executable, "-c", "pass"])
    beside = f"python -c pass: {python * 1000:.0f} ms"
    warm = sorted(first_page_seconds() for _ in range(3))[1]
    return [
        Figure("sereno --version, CPU", cpu_seconds([_sereno(), "--version"]) * 1000, "ms", most=50, beside=beside),
        Figure("sereno --help, CPU", cpu_seconds([_sereno(), "--help"]) * 1000, "ms", most=300, beside=beside),
        Figure("sereno up to the first page, warm", warm, "s", most=2),
    ]
