"""Token buckets in the database, so that replicas share them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sereno.adapters.sql.rows import insert_new
from sereno.adapters.sql.tables import throttle
from sereno.kernel.moment import to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

_MINUTE_US = 60_000_000


class SqlThrottle:
    """Token buckets: `burst` tokens at most, filled at `per_minute`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def take(self, key: str, now: datetime, per_minute: float, burst: float) -> bool:
        """Take one token of `key` if there is one. A clock that went back fills nothing and takes nothing away."""
        at = to_us(now)
        insert_new(self._unit, throttle, [{"key": key, "tokens": float(burst), "at_us": at}], key=("key",))
        query = sa.select(throttle).where(throttle.c.key == key).with_for_update()
        row = self._unit.connection.execute(query).one()
        filled = min(float(burst), row.tokens + max(0, at - row.at_us) * per_minute / _MINUTE_US)
        allowed = bool(filled >= 1)
        change = sa.update(throttle).where(throttle.c.key == key).values(tokens=filled - allowed, at_us=at)
        self._unit.connection.execute(change)
        return allowed

    def forget(self, before: datetime) -> int:
        """Drop buckets not used since `before`; returns how many."""
        return self._unit.connection.execute(sa.delete(throttle).where(throttle.c.at_us < to_us(before))).rowcount
