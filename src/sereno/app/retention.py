"""Forgetting: once a day, what is older than `state_retention` goes, a few hundred rows at a time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from functools import partial

import structlog

from sereno.adapters.sql.retention import Keys
from sereno.adapters.sql.unit import Unit
from sereno.app.control import Control
from sereno.app.outlive import outlive

log = structlog.get_logger()
DUTY = "retention"
EVERY = timedelta(days=1)
LEASE = timedelta(minutes=10)
BATCH = 500
PAUSE_SECONDS = 0.05
LOOK_SECONDS = 300.0


class Retention:
    """Forgets what is of no more use, on whichever replica holds the duty."""

    def __init__(self, control: Control) -> None:
        self.control = control

    async def run(self) -> None:
        """Look every few minutes whether it is due, until cancelled."""
        while True:
            with outlive("retention", self.control.metrics):
                await self.once(self.control.clock.now())
            await asyncio.sleep(LOOK_SECONDS)

    async def once(self, now: datetime) -> int:
        """Forget, if it is due and nobody else does it; returns how many rows. What fails is due again in an hour."""
        control, database = self.control, self.control.database
        fence = await database.write(lambda unit: unit.duties.claim(DUTY, control.owner, now, LEASE, period=EVERY))
        if fence is None:
            return 0
        next_due = now + timedelta(hours=1)
        try:
            count = await self._forget(now - control.settings.state_retention)
            next_due = now + EVERY
        finally:
            await database.write(lambda unit: unit.duties.done(fence, next_due))
        if count:
            log.info("state_forgotten", rows=count)
        return count

    async def _forget(self, before: datetime) -> int:
        database, count = self.control.database, 0
        while keys := await database.read(lambda unit: unit.retention.expired(before, BATCH)):
            count += await database.write(partial(_forget, keys, before))
            await asyncio.sleep(PAUSE_SECONDS)  # others write meanwhile
        return count


def _forget(keys: Keys, before: datetime, unit: Unit) -> int:
    return unit.retention.forget(keys, before)
