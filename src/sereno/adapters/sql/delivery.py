"""Overrides of switches in the state store."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.rows import instant, upsert, us
from sereno.adapters.sql.tables import flag_override as table
from sereno.delivery.model import Override
from sereno.kernel.moment import from_us, to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit


class SqlOverrides:
    """Implements `delivery.ports.Overrides`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def all(self) -> tuple[Override, ...]:
        """All of them, those that have expired too, by their flags."""
        rows = self._unit.connection.execute(sa.select(table).order_by(table.c.flag))
        return tuple(sorted((_override(row) for row in rows), key=lambda one: one.flag))

    def find(self, flag: str) -> Override | None:
        """The one of that switch."""
        row = self._unit.connection.execute(sa.select(table).where(table.c.flag == flag)).one_or_none()
        return None if row is None else _override(row)

    def put(self, override: Override) -> None:
        """Set it, in place of the one before."""
        row = {
            "flag": override.flag, "state": override.state,
            "share": None if override.share is None else f"{override.share:f}",
            "reason": override.reason, "author": override.author, "at_us": to_us(override.at),
            "expires_us": us(override.expires_at),
        }  # fmt: skip
        upsert(self._unit, table, [row], key="flag")
        self._unit.topics.add("flags")

    def drop(self, flag: str) -> bool:
        """Forget it; says whether there was one."""
        gone = self._unit.connection.execute(sa.delete(table).where(table.c.flag == flag)).rowcount == 1
        if gone:
            self._unit.topics.add("flags")
        return gone


def _override(row: Any) -> Override:
    share = None if row.share is None else Decimal(row.share)
    return Override(
        row.flag, row.state, share, row.reason, row.author, from_us(row.at_us), instant(row.expires_us)
    )  # fmt: skip
