"""A real `sereno up` in a process of its own, and a neighbour that it scrapes and that takes its pages."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
CALM = {name: value for name, value in os.environ.items() if not name.startswith("SERENO_")}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(question: Callable[[], T | None], what: str, seconds: float = 30) -> T:
    """The first answer to `question` that says something; fails naming `what` if there is none in time."""
    until = time.monotonic() + seconds
    while True:
        if answer := question():
            return answer
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Running:
    """A control plane under `folder`; `settings` are told as SERENO_… variables."""

    folder: Path
    spec: str
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        (self.folder / "reliability").mkdir(parents=True, exist_ok=True)
        self.write(self.spec)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def write(self, text: str, name: str = "all.yaml") -> Path:
        """Put a file of the spec in its place, whole."""
        path = self.folder / "reliability" / name
        draft = path.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(path)
        return path

    def environment(self) -> dict[str, str]:
        told = {
            "SPEC": str(self.folder / "reliability"), "DATA_DIR": str(self.data), "PORT": str(self.port),
            "EVALUATION_INTERVAL": "1s", "BUDGET_INTERVAL": "2s", "SETTLE": "2s", "ALLOW_PRIVATE": "true",
        } | self.settings  # fmt: skip
        return CALM | {f"SERENO_{name}": value for name, value in told.items()} | {"COLUMNS": "200", "NO_COLOR": "1"}

    def command(self, *words: str, timeout: float = 60, **environment: str) -> Done:
        """Run `sereno WORDS…` beside it and wait for its end."""
        done = subprocess.run(
            [sys.executable, "-m", "sereno", *words], cwd=self.folder, env=self.environment() | environment,
            capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self) -> Running:
        """Begin; does not wait."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sereno", "up"], cwd=self.folder, env=self.environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        return self

    def ready(self, seconds: float = 60) -> Running:
        """Wait until it answers."""

        def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
            return False

        wait_for(answers, "the control plane is ready", seconds)
        return self

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return its exit code."""
        assert self.process is not None
        self.process.send_signal(with_signal)
        code = self.process.wait(30)
        self.process = None
        return code

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def api(self, timeout: float = 10) -> httpx.Client:
        """Its API, as the operator."""
        token = (self.data / "operator.token").read_text().strip()
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=timeout
        )

    def get(self, path: str) -> Any:
        """What the API says at `path`."""
        with self.api() as api:
            answer = api.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metric(self, name: str) -> float | None:
        """The value of one of its own series, by its whole name with labels."""
        text = httpx.get(f"{self.url}/metrics", timeout=10).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    def browser(self) -> httpx.Client:
        """Someone signed in as the first administrator."""
        password = re.search(r"password (\S+)", self.log())
        assert password, self.log()
        headers = {"Accept": "text/html", "Origin": self.url}
        answer = httpx.post(
            f"{self.url}/sign-in", data={"name": "admin", "password": password[1]}, headers=headers, timeout=20
        )
        assert answer.status_code == 303, answer.text
        return httpx.Client(base_url=self.url, headers=headers, cookies=answer.cookies, timeout=20)


@contextlib.contextmanager
def running(folder: Path, spec: str, *, start: bool = True, **settings: str) -> Iterator[Running]:
    """A control plane that answers; it is gone with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    one = Running(folder, spec, settings)
    try:
        yield one.start().ready() if start else one
    finally:
        if one.process is not None:
            one.process.kill()
            one.process.wait(30)


class Neighbour:
    """A service with /metrics, which fails when told to, and a phone at /hook that remembers what it was told."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.calls: list[dict[str, Any]] = []
        self.keys: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.jobs: tuple[str, ...] = ("shop",)
        self.phone_status = 200
        neighbour = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200, neighbour.metrics(self.path.strip("/").partition("/")[0]))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with neighbour.lock:
                    status = neighbour.phone_status
                    if status == 200:
                        neighbour.calls.append(json.loads(body))
                        neighbour.keys[self.headers["Idempotency-Key"]] += 1
                self._answer(status, b"ok")

            def _answer(self, status: int, body: bytes) -> None:
                with contextlib.suppress(ConnectionError):
                    self.send_response(status)
                    self.send_header("Content-Type", "text/plain; version=0.0.4")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def hook(self) -> str:
        return f"{self.address}/hook"

    def metrics(self, name: str) -> bytes:
        """Ten requests more than the last time; they fail while the service is broken."""
        with self.lock:
            self.counts[name, "500" if name in self.broken else "200"] += 10
            lines = [f'http_requests_total{{status="{code}"}} {self.counts[name, code]}' for code in ("200", "500")]
        return ("# TYPE http_requests_total counter\n" + "\n".join(lines) + "\n").encode()

    def told(self, purpose: str = "page") -> list[dict[str, Any]]:
        """The messages taken, of one purpose."""
        with self.lock:
            return [call for call in self.calls if call["purpose"] == purpose]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def spec_of(neighbour: Neighbour, *names: str, **more: str) -> str:
    """Services that are scraped every second and page ana (and after two seconds bo) when a request fails."""
    services = "".join(_SERVICE.format(name=name, address=neighbour.address) for name in names)
    components = ", ".join(f"{{component: {name}}}" for name in names)
    return services + _PEOPLE.format(hook=neighbour.hook, after=more.get("after", "2s"), components=components)


_SERVICE = """
service: {name}
team: shop
scrape: [{{job: {name}, targets: ["{address}/{name}/metrics"], every: 1s, timeout: 1s}}]
slos:
  - name: availability
    objective: 99.9%
    window: 30d
    sli:
      events: {{total: 'http_requests_total{{job="{name}"}}', bad: 'status=~"5.."'}}
    severity: SEV4
    ticket: SEV4
alerts:
  - alert: Failing
    expr: sum(rate(http_requests_total{{job="{name}",status="500"}}[10s])) > 0
    severity: SEV1
    summary: '{name} fails'
status: {{page: public, component: {name}}}
---
"""
_PEOPLE = """
{{team: shop, escalation: shop}}
---
{{person: ana, title: Ana Torres, language: es, contacts: [{{webhook: '{hook}'}}]}}
---
{{person: bo, title: Bo Díaz, contacts: [{{webhook: '{hook}'}}]}}
---
schedule: shop
zone: America/Lima
handover: monday 09:00
start: 2026-03-02
people: [ana, bo]
roles: [primary, secondary]
---
{{escalation: shop, schedule: shop, steps: [{{page: primary}}, {{page: secondary, after: {after}}}], repeat_every: 1h}}
---
{{status_page: public, title: Shop, language: en, components: [{components}]}}
"""
