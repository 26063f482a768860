"""What may be forgotten once it is old enough. Pages, incidents, timelines and intervals are kept for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.tables import alert, audit, event, message, page
from sereno.kernel.moment import to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

Keys = Mapping[str, Sequence[Any]]
"""Keys of rows by the name of their table."""


class SqlRetention:
    """Finds and forgets heard events, finished messages of closed pages, audit lines and resolved alerts."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def expired(self, before: datetime, limit: int) -> dict[str, list[Any]]:
        """Up to `limit` rows of each table that are older than `before` and of no more use; tables without any are
        left out. It looks at whole tables: ask it in a reading unit, which holds nobody up.
        """
        found = {}
        for table, over in _over(before):
            (key,) = table.primary_key
            keys = self._unit.connection.execute(sa.select(key).where(over).order_by(key).limit(limit)).scalars()
            found[table.name] = list(keys)
        return {name: keys for name, keys in found.items() if keys}

    def forget(self, keys: Keys, before: datetime) -> int:
        """Delete those of `keys` that are still of no more use; returns how many."""
        count = 0
        for table, over in _over(before):
            (key,) = table.primary_key
            gone = sa.delete(table).where(key.in_(list(keys.get(table.name, ()))), over)
            count += self._unit.connection.execute(gone).rowcount
        return count


def _over(before: datetime) -> tuple[tuple[sa.Table, sa.ColumnElement[bool]], ...]:
    """Each table, and which of its rows are of no more use."""
    old = to_us(before)
    # A page that is open for that long still tells by its messages who is to hear of its end.
    unclosed = sa.select(page.c.id).where(page.c.state != "closed")
    ended = sa.or_(message.c.page.is_(None), message.c.page.not_in(unclosed))
    return (
        (event, sa.and_(event.c.due_us.is_(None), event.c.at_us < old)),
        (message, sa.and_(message.c.state != "pending", message.c.created_us < old, ended)),
        (audit, audit.c.at_us < old),
        (alert, sa.and_(alert.c.state == "resolved", alert.c.resolved_us < old)),
    )
