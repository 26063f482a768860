"""The ledger of corrections in the state store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.rows import inserted, instant
from sereno.adapters.sql.tables import correction
from sereno.kernel.errors import Conflict, NotFound
from sereno.kernel.moment import from_us, to_us
from sereno.slo.model import Correction, Effect

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

_undone = correction.alias("undone")


class SqlCorrections:
    """Implements `slo.ports.Corrections`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, new: Correction) -> None:
        """Append an entry. Raises Conflict if its identity is taken."""
        self._append(new, None)

    def withdraw(self, correction_id: str, entry_id: str, *, at: datetime, by: str, why: str) -> Correction:
        """Append the entry `entry_id` that withdraws another, and return that one as it is now."""
        found = self.find(correction_id)
        if found is None:
            raise NotFound(f"there is no correction {correction_id!r}", hint="see `sereno budget corrections`")
        if found.withdrawn_at is not None:
            raise Conflict(f"{found.withdrawn_by} has withdrawn it already")
        self._append(replace(found, id=entry_id, reason=why, author=by, at=at, effects=()), correction_id)
        return replace(found, withdrawn_at=at, withdrawn_by=by, withdrawn_why=why)

    def find(self, correction_id: str) -> Correction | None:
        """The entry, with what withdrew it."""
        row = self._unit.connection.execute(_entries().where(correction.c.id == correction_id)).one_or_none()
        return None if row is None else _correction(row)

    def all(self, service: str | None = None, *, limit: int | None = None) -> tuple[Correction, ...]:
        """All entries (of one service), withdrawn or not, newest first."""
        query = _entries().order_by(correction.c.at_us.desc(), correction.c.id.desc()).limit(limit)
        if service is not None:
            query = query.where(correction.c.service == service)
        return tuple(_correction(row) for row in self._unit.connection.execute(query))

    def standing(self) -> tuple[Correction, ...]:
        """The entries that count, oldest first."""
        query = _entries().where(_undone.c.id.is_(None)).order_by(correction.c.at_us, correction.c.id)
        return tuple(_correction(row) for row in self._unit.connection.execute(query))

    def _append(self, new: Correction, withdraws: str | None) -> None:
        row = {
            "id": new.id,
            "service": new.service,
            "slo": new.slo,
            "start_us": to_us(new.start),
            "end_us": to_us(new.end),
            "reason": new.reason,
            "author": new.author,
            "at_us": to_us(new.at),
            "effects": [[one.slo, _text(one.before), _text(one.after)] for one in new.effects],
            "withdraws": withdraws,
        }
        # Of two who withdraw the same at once, one is told so: the column is unique.
        if not inserted(self._unit, correction, row):
            raise Conflict(f"correction {withdraws or new.id} is already there")


def _entries() -> sa.Select[Any]:
    """What was corrected, beside what withdrew it."""
    undone = (_undone.c.at_us.label("undone_us"), _undone.c.author.label("undone_by"), _undone.c.reason.label("why"))
    joined = correction.outerjoin(_undone, _undone.c.withdraws == correction.c.id)
    return sa.select(correction, *undone).select_from(joined).where(correction.c.withdraws.is_(None))


def _correction(row: Any) -> Correction:
    return Correction(
        row.id, row.service, row.slo, from_us(row.start_us), from_us(row.end_us), row.reason, row.author,
        from_us(row.at_us), tuple(Effect(slo, _figure(before), _figure(after)) for slo, before, after in row.effects),
        instant(row.undone_us), row.undone_by, row.why,
    )  # fmt: skip


def _text(figure: Decimal | None) -> str | None:
    return None if figure is None else f"{figure:f}"


def _figure(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
