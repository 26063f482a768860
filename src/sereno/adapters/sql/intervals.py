"""State intervals of public components in the state store."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.rows import instant, us
from sereno.adapters.sql.tables import interval
from sereno.kernel.moment import from_us, to_us
from sereno.status.model import Interval

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit


class SqlIntervals:
    """Implements `status.ports.Intervals`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def current(self, status_page: str, component: str) -> Interval | None:
        """The open interval."""
        row = self._open(status_page, component)
        return None if row is None else _interval(row)

    def change(self, new: Interval) -> None:
        """Close the open interval at `new.started_at` and open this one.

        If the clock went back meanwhile, the change happens where the open interval began: they never overlap.
        """
        row = self._open(new.status_page, new.component)
        started = to_us(new.started_at)
        if row is not None:
            started = max(started, row.started_us)
            self._end(row, started)
        self._insert(new, started, us(new.ended_at))

    def record(self, past: Interval) -> None:
        """Insert a closed interval of the past (history, or a gap found at start)."""
        self._insert(past, to_us(past.started_at), us(past.ended_at))

    def between(self, status_page: str, start: datetime, end: datetime) -> tuple[Interval, ...]:
        """Every interval of the page's components that touches [start, end), oldest first."""
        unfinished = sa.or_(interval.c.ended_us.is_(None), interval.c.ended_us > to_us(start))
        query = (
            sa.select(interval)
            .where(interval.c.status_page == status_page, interval.c.started_us < to_us(end), unfinished)
            .order_by(interval.c.started_us, interval.c.id)
        )
        return tuple(_interval(row) for row in self._unit.connection.execute(query))

    def _open(self, status_page: str, component: str) -> Any:
        here = (interval.c.status_page == status_page, interval.c.component == component)
        query = sa.select(interval).where(*here, interval.c.ended_us.is_(None))
        return self._unit.connection.execute(query.with_for_update() if self._unit.writing else query).one_or_none()

    def _end(self, row: Any, ended: int) -> None:
        if row.started_us == ended:  # it lasted no time at all
            self._unit.connection.execute(sa.delete(interval).where(interval.c.id == row.id))
        else:
            self._unit.connection.execute(sa.update(interval).where(interval.c.id == row.id).values(ended_us=ended))

    def _insert(self, value: Interval, started: int, ended: int | None) -> None:
        row = {
            "status_page": value.status_page,
            "component": value.component,
            "state": value.state,
            "started_us": started,
            "ended_us": ended,
            "cause": value.cause,
        }
        self._unit.connection.execute(sa.insert(interval), [row])


def _interval(row: Any) -> Interval:
    return Interval(
        row.status_page, row.component, row.state, from_us(row.started_us), instant(row.ended_us), row.cause
    )
