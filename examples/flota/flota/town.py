"""The whole town with one command, `python -m flota.town`: providers, services, drivers. Ctrl-C ends it all.

Services write their lines to files, one each; the addresses are those that the spec's environment `local` scrapes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .peers import NAMES as PROVIDERS
from .service import NEEDS
from .setting import FLAGS

START_SECONDS = 60.0
END_SECONDS = 15.0
ROOM = Path(__file__).parents[1]
"""Where `flota` can be imported from."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything runs, and how fast time passes."""

    folder: Path
    services_port: int = 9301
    peers_port: int = 9311
    day_seconds: float = 2.0
    per_second: float = 1.0
    flags: str = str(FLAGS)
    drain_seconds: float = 1.0
    traffic: bool = True
    seed: int = 7
    services: tuple[str, ...] = field(default=tuple(NEEDS))

    def address(self, name: str) -> str:
        """Where a service or a provider listens."""
        names, first = (self.services, self.services_port) if name in self.services else (PROVIDERS, self.peers_port)
        return f"http://127.0.0.1:{first + names.index(name)}"

    @property
    def database(self) -> Path:
        """The file they share."""
        return self.folder / "flota.sqlite"


@contextmanager
def running(plan: Plan) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The town while the block runs: its processes by name, all ready. At the end each ends before those whom it asks.

    Raises:
        RuntimeError: one did not start; the text says what it wrote.
    """
    with ExitStack() as stack:
        processes: dict[str, subprocess.Popen[bytes]] = {}

        def start(name: str, *arguments: str) -> None:
            log = stack.enter_context((plan.folder / f"{name}.log").open("ab"))
            paths = [str(ROOM), *filter(None, [os.environ.get("PYTHONPATH")])]
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, start_new_session=True,
            )  # fmt: skip
            processes[name] = process
            stack.callback(_end, process)

        start("proveedores", "flota.peers", "--port", str(plan.peers_port))
        _make_tables(plan)
        for name, needs in reversed(NEEDS.items()):  # the door last, so that it is closed first
            peers = [part for need in needs for part in ("--peer", f"{need}={plan.address(need)}")]
            start(
                name, "flota.service", "--name", name, "--port", plan.address(name).rpartition(":")[2],
                "--database", str(plan.database), "--day-seconds", str(plan.day_seconds), "--flags", plan.flags,
                "--drain-seconds", str(plan.drain_seconds), *peers,
            )  # fmt: skip
        for name in PROVIDERS:
            _wait(f"{plan.address(name)}/_ledger", "proveedores", processes, plan)
        for name in NEEDS:
            _wait(f"{plan.address(name)}/health/ready", name, processes, plan)
        if plan.traffic:
            start(
                "conductores", "flota.traffic", "--api", plan.address("api"), "--day-seconds", str(plan.day_seconds),
                "--per-second", str(plan.per_second), "--seed", str(plan.seed),
            )  # fmt: skip
        yield processes


def _make_tables(plan: Plan) -> None:
    """Once, before three processes do it at the same time."""
    from .store import connect

    connect(str(plan.database)).dispose()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(url: str, name: str, processes: dict[str, subprocess.Popen[bytes]], plan: Plan) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and processes[name].poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{name} did not start:\n{(plan.folder / f'{name}.log').read_text()[-4000:]}")


def main() -> None:
    """Run the town until it is told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="for the database and the logs; a new one, if not given")
    parser.add_argument("--port", type=int, default=9301, help="of the API; credits and payments follow")
    parser.add_argument("--peers-port", type=int, default=9311, help="of the first provider; the others follow")
    parser.add_argument("--day-seconds", type=float, default=2.0, help="how long a day of the business takes")
    parser.add_argument("--per-second", type=float, default=1.0, help="new drivers")
    parser.add_argument("--flags", default=str(FLAGS), help="a file, or the address of a Sereno")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp(prefix="flota-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        folder, services_port=args.port, peers_port=args.peers_port, day_seconds=args.day_seconds,
        per_second=args.per_second, flags=args.flags,
    )  # fmt: skip
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), running(plan) as processes:
        for name in (*NEEDS, *PROVIDERS):
            print(f"{name:<12}{plan.address(name)}")
        print(f"{'registros':<12}{plan.folder}/*.log", flush=True)
        while all(process.poll() is None for process in processes.values()):
            time.sleep(0.5)
        ended = ", ".join(name for name, process in processes.items() if process.poll() is not None)
        raise SystemExit(f"{ended} ended by itself; see its log")


if __name__ == "__main__":
    main()
