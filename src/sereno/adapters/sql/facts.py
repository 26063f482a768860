"""Small facts about this installation."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.rows import insert_new, upsert
from sereno.adapters.sql.tables import fact
from sereno.kernel.moment import to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit


class SqlFacts:
    """Named JSON values."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def get(self, name: str) -> Any:
        """The value of that name, or None."""
        return self._unit.connection.execute(sa.select(fact.c.value).where(fact.c.name == name)).scalar_one_or_none()

    def set(self, name: str, value: Any, now: datetime) -> None:
        """Insert or replace."""
        upsert(self._unit, fact, [{"name": name, "value": value, "at_us": to_us(now)}], key="name")

    def agree(self, name: str, value: Any, now: datetime) -> Any:
        """The value of that name; `value` if there was none. Of several who propose at once, one is taken by all."""
        insert_new(self._unit, fact, [{"name": name, "value": value, "at_us": to_us(now)}], key=("name",))
        return self.get(name)

    def drop(self, name: str) -> bool:
        """Forget; says whether it was there."""
        return self._unit.connection.execute(sa.delete(fact).where(fact.c.name == name)).rowcount == 1
