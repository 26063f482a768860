"""`sereno demo`."""

from __future__ import annotations

import asyncio
import contextlib
import json as json_module
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx

from sereno.adapters.clock import SystemClock
from sereno.kernel.errors import SerenoError

if TYPE_CHECKING:
    from sereno.app.demo.town import Town

WELCOME = """
  The shop is open, its customers are buying, and Sereno is watching.

  console      {control}   user {user}, password {password}
  status page  {control}/status/public
  mailbox      {mailbox}        what the people on call receive
  the shop     {shop}

  Press  b Enter  to break payments and watch what happens
         m Enter  to mend them
         q Enter  to leave

  The month before now is generated, so that budgets and bars are not empty; everything since is measured.
"""

LEAVE = "q"


def demo(*, outage: Literal["payments"] | None = None, json: bool = False, folder: Path | None = None) -> int:
    """Run a small shop with a month of history and watch it being watched.

    Parameters
    ----------
    outage
        Break this by yourself, follow the page, acknowledge, repair, and leave after the post-mortem.
    json
        Print one JSON line a stage.
    folder
        Keep everything here instead of in a folder that is thrown away.
    """
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_run(folder.resolve(), outage, json))
    with tempfile.TemporaryDirectory(prefix="sereno-demo-") as made:
        return asyncio.run(_run(Path(made), outage, json))


async def _run(folder: Path, outage: str | None, json: bool) -> int:
    from sereno.app.demo.town import Town

    town = Town.found(folder)
    print("Opening the shop …", file=sys.stderr, flush=True)
    try:
        await town.open()
        return await (_by_itself(town, json) if outage else _by_hand(town))
    finally:
        town.close()


async def _by_itself(town: Town, json: bool) -> int:
    from sereno.app.demo.outage import Outage

    # Let the scraper see the live shop for a moment, so that rates are measured and not guessed.
    await asyncio.sleep(20)
    try:
        async for stage in Outage(town, SystemClock()).stages():
            print(json_module.dumps(stage, ensure_ascii=False) if json else _line(stage), flush=True)
    except SerenoError as error:
        print(f"sereno: {error.message}", file=sys.stderr)
        return 1
    return 0


def _line(stage: dict[str, object]) -> str:
    rest = "  ".join(f"{k}={v}" for k, v in stage.items() if k not in ("stage", "seconds", "impacts", "draft"))
    line = f"{stage['seconds']:>7.1f} s  {stage['stage']:<16} {rest}".rstrip()
    return f"{line}\n\n{stage['draft']}" if "draft" in stage else line


async def _by_hand(town: Town) -> int:
    print(
        WELCOME.format(
            control=town.url("control"), mailbox=town.url("mailbox"), shop=town.url("api"),
            user="admin", password=town.password,
        ),
        flush=True,
    )  # fmt: skip
    keys, story = _keyboard(), None
    async with httpx.AsyncClient() as client:
        while (key := await keys.get()) != LEAVE:
            try:
                if key == "b" and (story is None or story.done()):
                    print("Payments break. Somebody is paged in half a minute: look at the mailbox.", flush=True)
                    story = asyncio.create_task(_tell(town))
                elif key == "m":
                    await client.delete(f"{town.url('pagos')}/_fault")
                    print("Payments are mended. The alert clears when its five-minute window is clean.", flush=True)
            except httpx.TransportError:
                print(f"Payments do not answer. {town.dead() or ''}", flush=True)
    return 0


async def _tell(town: Town) -> None:
    """The outage as it goes, while people answer and mend."""
    from sereno.app.demo.outage import Outage

    try:
        async for stage in Outage(town, SystemClock()).stages(by_itself=False):
            print(_line(stage), flush=True)
    except (SerenoError, httpx.HTTPError) as error:
        print(f"sereno: {error}", file=sys.stderr)


def _keyboard() -> asyncio.Queue[str]:
    """The characters that come in, as they come. Where nobody can type (no terminal, no pipe) none ever does.

    No thread reads them: a thread that waits for a key would hold up the end of the program.
    """
    loop, keys = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        typed = os.read(0, 1024)
        if not typed:
            loop.remove_reader(0)
        for key in typed.decode(errors="replace").lower() or (LEAVE if os.isatty(0) else ""):
            keys.put_nowait(key)

    with contextlib.suppress(OSError):
        loop.add_reader(0, read)
    return keys
