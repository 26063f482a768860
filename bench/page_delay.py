"""Internal delay: from the write of the evaluation that fires to the first byte of the page at its peer.

The real store (a SQLite file, synchronous=FULL), loops, on-call service and webhook notifier, in one process; 300
pages, one after another at random distances, as alerts come.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from pathlib import Path

import structlog
from tests.chaos.program import Plan, Program, fire

from bench.figure import Figure
from sereno.adapters.sql.database import open_database

PAGES = 300


class Phone:
    """Notes when the first byte of each page arrives, by the service that it is about."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.news = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await self._hear(reader, writer)
        writer.close()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while first := await reader.read(1):
            at = time.perf_counter()
            head = first + await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(int(length.split(b":")[1]))
            service = body.split(b'"service":"', 1)[1].split(b'"', 1)[0].decode()
            self.arrived.setdefault(service, at)
            self.news.set()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def delays() -> list[float]:
    """Seconds from firing to the first byte, for every page, shortest first."""
    phone = Phone()
    server = await asyncio.start_server(phone.serve, "127.0.0.1", 0)
    peer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    chance = random.Random(1)
    fired: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        database = await open_database(Path(folder) / "state.db", owner="bench")
        program = Program(Plan(folder, "bench", 0, peer, send_seconds=10, lease_seconds=30), database)
        loops = [asyncio.create_task(loop.run()) for loop in program.loops()]
        for number in range(PAGES):
            service = f"s{number}"
            fired[service] = time.perf_counter()
            await database.write(lambda unit, service=service: fire(unit, service, program.clock.now()))
            await asyncio.sleep(chance.uniform(0, 0.05))
        async with asyncio.timeout(60):
            while len(phone.arrived) < PAGES:
                await phone.news.wait()
                phone.news.clear()
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await program.notifier.aclose()
        database.close()
    server.close()
    return sorted(phone.arrived[service] - began for service, began in fired.items())


def measure() -> list[Figure]:
    """p50 and p99 of the delay, in seconds."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    found = asyncio.run(delays())
    beside = f"{len(found)} pages, longest {found[-1]:.3f} s"
    return [
        Figure("delay from firing to the first byte, p50", found[len(found) // 2], "s", most=0.1, beside=beside),
        Figure("delay from firing to the first byte, p99", found[int(len(found) * 0.99)], "s", most=1.0),
    ]
