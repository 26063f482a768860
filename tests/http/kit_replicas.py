"""Replicas of a service with the kit: real ones under uvicorn, and peers that only pretend."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from sereno.app.control import Control
from sereno.spec.model import KitAdmin

TOKEN = "a-token-that-only-tests-know"
VARIABLE = "PAGOS_KIT_TOKEN"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Replica:
    """A real service in a process of its own."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """Where its admin endpoint is."""
        return f"http://127.0.0.1:{self.port}/-/kit"

    def pay(self) -> httpx.Response:
        """What a customer does."""
        return httpx.get(f"http://127.0.0.1:{self.port}/pay", timeout=20)


@contextmanager
def replicas(count: int, folder: Path) -> Iterator[list[Replica]]:
    """That many replicas of `kit_service`, started side by side."""
    with ExitStack() as stack:
        found = []
        for number in range(count):
            port = free_port()
            log = stack.enter_context(open(folder / f"replica{number}.log", "wb"))
            words = [sys.executable, "-m", "uvicorn", "tests.http.kit_service:app", "--port", str(port)]
            environment = {**os.environ, "SERENO_KIT_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
            for name in ("SERENO_KIT_SHARED_DIR", "PROMETHEUS_MULTIPROC_DIR"):
                environment.pop(name, None)
            process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)
            stack.callback(process.wait, 20)
            stack.callback(process.kill)
            found.append(Replica(port, process))
        for number, replica in enumerate(found):
            until_it_answers(replica, folder / f"replica{number}.log")
        yield found


def until_it_answers(replica: Replica, log: Path) -> None:
    for _ in range(600):
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{replica.port}/health/live").is_success:
                return
        assert replica.process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def at(control: Control, addresses: Sequence[str], *, service: str = "pagos", token: str = VARIABLE) -> None:
    """Declare where the replicas of `service` are."""
    spec = control.spec.current
    kit = KitAdmin(tuple(addresses), token)
    services = {**spec.services, service: replace(spec.services[service], kit=kit)}
    control.spec.current = replace(spec, services=services)


def view(**changes: Any) -> dict[str, Any]:
    """What a calm replica says, with changes."""
    breaker = {"state": "closed", "calls": 40, "failures": 2, "failure_ratio": 0.05, "opens_at_ratio": 0.5}
    policies = [
        {"kind": "bulkhead", "view": {"limit": 10, "in_use": 3, "queue": 5, "queued": 1}, "commands": []},
        {"kind": "retry", "view": {"attempts": 2, "budget_share": 0.2, "budget_left": 7.5}, "commands": []},
        {
            "kind": "circuit_breaker", "view": breaker,
            "commands": ["force_open", "force_closed", "isolate", "reset"],
        },
    ]  # fmt: skip
    told: dict[str, Any] = {
        "version": 1, "service": "pagos", "environment": "prod", "release": "1.4.2", "instance": "host-1:17",
        "scope": "Commands reach this process only.", "pipelines": [{"name": "banco", "policies": policies}],
        "features": [{"name": "recomendaciones", "state": "enabled", "description": "", "override": None}],
        "log_level": "INFO", "flags": {"source": "flags.json", "count": 4, "stale": False, "error": None}, "chaos": [],
    }  # fmt: skip
    return told | changes
