"""The switches as this replica hands them out: definitions prepared, overrides followed, streams told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from sereno.app.outlive import outlive
from sereno.delivery.model import Document, Override, Switch
from sereno.delivery.rules import body_of, document, of_service, switches
from sereno.kernel.errors import Unavailable
from sereno_kit.flags.definitions import build
from sereno_kit.flags.evaluation import FlagSet

if TYPE_CHECKING:
    from sereno.app.control import Control
    from sereno.spec.model import Spec

LOOK_SECONDS = 1.0
"""How old what is known of the overrides may be; a change is heard of sooner."""
KEEP_ALIVE_SECONDS = 10.0
STREAM_SECONDS_MAX = 900.0
"""A stream ends after that: whose token was withdrawn is not told for ever."""
STREAMS_MAX = 500


@dataclass(frozen=True)
class Prepared:
    """Definitions as they travel, and ready to be evaluated."""

    document: Document
    body: bytes
    etag: str

    @cached_property
    def flags(self) -> FlagSet:
        """For evaluating here."""
        return build([self.document])


class FlagBoard:
    """What is known of the switches. It belongs to the event loop."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._overrides: tuple[Override, ...] = ()
        self._read_at: datetime | None = None
        self._spec: Spec | None = None
        self._switches: tuple[Switch, ...] = ()
        self._prepared: dict[str, Prepared] = {}
        self._changed = asyncio.Event()
        self._closed = False
        self.streams = 0

    async def switches(self) -> tuple[Switch, ...]:
        """Every switch as it stands now."""
        await self._look()
        return self._switches

    async def prepared(self, service: str = "") -> Prepared:
        """The definitions for `service`, or for all."""
        await self._look()
        return self._prepare(service)

    async def refresh(self) -> None:
        """Read the overrides now."""
        self._overrides = await self._control.database.read(lambda unit: unit.overrides.all())
        self._read_at = self._control.clock.now()
        self._settle()

    async def run(self) -> None:
        """Follow the overrides and the spec for ever."""
        heard = self._control.database.wake.listen("flags")
        while True:
            with outlive("flags", self._control.metrics):
                await self.refresh()
            await heard.wait(LOOK_SECONDS)

    def close(self) -> None:
        """End the streams: the program ends."""
        self._closed = True
        self._tell()

    async def stream(self, service: str, known: str) -> AsyncIterator[bytes]:
        """Server-sent events: the definitions, unless `known` is their ETag, and again whenever they change.

        Raises Unavailable when as many listen as may.
        """
        if self._closed or self.streams >= STREAMS_MAX:
            raise Unavailable("too many streams are open", hint="ask /api/v1/flags/definitions instead")
        await self._look()
        return self._events(service, known)

    async def _events(self, service: str, known: str) -> AsyncIterator[bytes]:
        self.streams += 1
        try:
            yield b"retry: 1000\n\n"
            loop = asyncio.get_running_loop()
            until = loop.time() + STREAM_SECONDS_MAX
            while not self._closed and loop.time() < until:
                changed, found = self._changed, self._prepare(service)
                if found.etag != known:
                    known = found.etag
                    yield b"event: definitions\nid: %b\ndata: %b\n\n" % (known.encode(), found.body)
                    continue
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        await changed.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self.streams -= 1

    async def _look(self) -> None:
        now = self._control.clock.now()
        old = self._read_at is None or not timedelta() <= now - self._read_at < timedelta(seconds=LOOK_SECONDS)
        if old:
            await self.refresh()
        elif self._spec is not self._control.spec.current:
            self._settle()

    def _settle(self) -> None:
        """Work out what holds now; whoever streams is told if that is another."""
        spec, now = self._control.spec.current, self._control.clock.now()
        found = switches(spec, self._overrides, now)
        if found != self._switches or self._spec is None:
            self._switches, self._prepared = found, {}
            self._spec = spec
            self._tell()
        self._spec = spec

    def _tell(self) -> None:
        told, self._changed = self._changed, asyncio.Event()
        told.set()

    def _prepare(self, service: str) -> Prepared:
        spec = self._control.spec.current
        known = service if not service or service in spec.services else "\0nobody's"
        found = self._prepared.get(known)
        if found is None:
            made = document(of_service(self._switches, known))
            found = self._prepared[known] = Prepared(made, *body_of(made))
        return found
