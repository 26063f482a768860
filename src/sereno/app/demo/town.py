"""The demo's processes: shop, customers, mailbox and control plane, started together and ended together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from sereno.adapters.clock import SystemClock
from sereno.adapters.sql.unit import Unit
from sereno.app.demo.history import generate, past_intervals
from sereno.kernel.errors import UsageError
from sereno.kernel.moment import iso

if TYPE_CHECKING:
    from sereno.app.control import Control

SHOP = {"api": 9101, "catalogo": 9102, "carrito": 9103, "pagos": 9104}
JOBS = {"api": "tienda-api"}
"""Scrape jobs whose name differs from the process's."""
CONTROL, MAILBOX, SMTP = 8420, 8425, 8426
STATUS_PAGE = "public"


def example_folder(name: str) -> Path:
    """Where the example `name` lies: in the installed package, or in the checkout."""
    here = Path(__file__).resolve()
    for folder in (here.parents[2] / "_examples" / name, here.parents[4] / "examples" / name):
        if folder.is_dir():
            return folder
    raise UsageError(f"the example {name!r} is not part of this installation")


def port_near(wanted: int) -> int:
    """`wanted` if nobody listens there, otherwise a free port."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise UsageError("no free port on 127.0.0.1")


@dataclass
class Town:
    """Everything the demo runs, under one folder that is thrown away with it."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    password: str = ""
    kit_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """With it the control plane looks into the shop's pipelines, and overrides them."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @staticmethod
    def found(folder: Path) -> Town:
        """A town in `folder`, with ports that are free now."""
        wanted = {**SHOP, "control": CONTROL, "mailbox": MAILBOX, "smtp": SMTP}
        return Town(folder, {name: port_near(port) for name, port in wanted.items()})

    def url(self, name: str) -> str:
        """The address of one of its processes."""
        return f"http://127.0.0.1:{self.ports[name]}"

    async def open(self) -> None:
        """Start everything, wait until it answers."""
        from sereno.app.control import open_control
        from sereno.app.http.auth import add_token, ensure_admin
        from sereno.app.settings import Settings

        self._copy_spec()
        os.environ.update(self.environment())
        control = await open_control(Settings(), clock=SystemClock())
        try:
            self.password = await ensure_admin(control) or ""
            self._start_shop(await add_token(control, name="tienda", role="viewer", kind="api"))
            await self._answering(*(f"{self.url(name)}/health" for name in SHOP), f"{self.url('mailbox')}/mails.json")
            self.start_customers()
            await self._remember(control)
        finally:
            await control.close()
        self._start("sereno", [sys.executable, "-m", "sereno", "up"], env=self.environment())
        await self._answering(f"{self.url('control')}/health/ready")

    def environment(self) -> dict[str, str]:
        """What the control plane of the town is told."""
        return {
            "SERENO_SPEC": str(self.folder / "reliability"),
            "SERENO_DATA_DIR": str(self.folder / "data"),
            "SERENO_PORT": str(self.ports["control"]),
            "SERENO_EVALUATION_INTERVAL": "5s",
            "SERENO_BUDGET_INTERVAL": "20s",
            "SERENO_SETTLE": "15s",
            "SERENO_LANGUAGE": "es",
            "SERENO_KIT_TOKEN": self.kit_token,
            "SERENO_SMTP_HOST": "127.0.0.1",
            "SERENO_SMTP_PORT": str(self.ports["smtp"]),
            "SERENO_SMTP_SECURITY": "none",
        }

    def close(self) -> None:
        """End every process, the control plane first."""
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def dead(self) -> str | None:
        """The name of a process that has ended by itself, with the end of its log."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                tail = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
                return f"{name} ended with {process.returncode}:\n{tail}"
        return None

    def _copy_spec(self) -> None:
        target = self.folder / "reliability"
        shutil.copytree(example_folder("tienda") / "reliability", target, dirs_exist_ok=True)
        for path in target.rglob("*.y*ml"):
            text = path.read_text()
            for name, port in SHOP.items():
                text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.ports[name]}")
            path.write_text(text)

    def _start_shop(self, token: str = "") -> None:
        """Start the shop's services. With a token of the control plane they follow its flags."""
        shop = [sys.executable, "-m", "shop.service", "--drain-seconds", "0"]
        shop += ["--sereno", self.url("control")] if token else []
        environment = {"SERENO_KIT_TOKEN": self.kit_token, "SHOP_SERENO_TOKEN": token}
        for name in SHOP:
            arguments = ["--name", name, "--port", str(self.ports[name]), "--database", str(self.folder / "shop.db")]
            arguments += ["--neighbour", f"pagos={self.url('pagos')}"]
            self._start(name, shop + arguments, cwd=example_folder("tienda"), env=environment)
        sink = f"from sereno.app.demo.mailsink import main; main({self.ports['smtp']}, {self.ports['mailbox']})"
        self._start("mailbox", [sys.executable, "-c", sink])

    def start_customers(self) -> None:
        """Let customers in."""
        arguments = [item for name in ("api", "catalogo", "carrito") for item in (f"--{name}", self.url(name))]
        self._start("customers", [sys.executable, "-m", "shop.traffic", *arguments], cwd=example_folder("tienda"))

    def _start(
        self, name: str, command: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SERENO_")}
        with open(self.folder / f"{name}.log", "ab") as output:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own programs
                command, cwd=cwd, env={**kept, **(env or {})}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip

    async def _answering(self, *urls: str, seconds: float = 60) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        async with httpx.AsyncClient(timeout=2) as client:
            for url in urls:
                while not await _answers(client, url):
                    if problem := self.dead():
                        raise UsageError(f"the demo could not start: {problem}")
                    if loop.time() > until:
                        raise UsageError(f"the demo could not start: {url} does not answer")
                    await asyncio.sleep(0.1)

    async def _remember(self, control: Control) -> None:
        """Write the generated month into the stores, before the control plane starts."""
        from sereno.adapters.samples.store import SampleStore

        now = control.clock.now()
        instances = {JOBS.get(name, name): f"127.0.0.1:{self.ports[name]}" for name in SHOP}
        store = control.store
        assert isinstance(store, SampleStore)
        await store.backfill(generate(now, instances))
        pages = control.spec.current.status_pages
        intervals = [
            interval
            for page in pages.values()
            for interval in past_intervals(now, page.name, [component.name for component in page.components])
        ]

        def write(unit: Unit) -> None:
            for interval in intervals:
                unit.intervals.record(interval)
            unit.facts.set("generated", {"until": iso(now)}, now)
            unit.facts.set("heartbeat", iso(now), now)

        await control.database.write(write)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False


def _die_with_parent() -> None:
    """Ask Linux to end the child when the demo is killed; elsewhere `close` alone has to do."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
