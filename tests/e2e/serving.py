"""A furnished house served on a free port, and a browser to look at it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from tests.http import house

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


def chromium() -> str:
    """Where Chromium is. Raises RuntimeError naming the Debian package if it is not."""
    if not CHROMIUM.exists():
        raise RuntimeError("the pages are judged in Chromium: install the Debian package `chromium`")
    return str(CHROMIUM)


@contextlib.contextmanager
def served(folder: Path, mood: str = "busy", **settings: Any) -> Iterator[str]:
    """The address of the house in that mood; it is shut when the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ready, stop = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    async def live() -> None:
        from sereno.app.http import create_app

        control = await house.furnish(folder, mood, public_url=f"http://127.0.0.1:{port}", **settings)
        config = uvicorn.Config(create_app(control), host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.ensure_future(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.02)
        ready.set()
        while not stop.is_set() and not task.done():
            await asyncio.sleep(0.05)
        server.should_exit = True
        await task
        control.database.close()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(60)
    if failed:
        raise failed[0]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        thread.join(20)
