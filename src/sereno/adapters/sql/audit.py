"""Who did what, when, to what. Appended in the transaction of the deed itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.tables import audit
from sereno.kernel.moment import from_us, to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    details: dict[str, Any] = field(default_factory=dict)


class SqlAudit:
    """The audit log. Lines are never changed."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def write(
        self, at: datetime, actor: str, action: str, object: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Append a line. `details` must be JSON and hold no secret."""
        row = {
            "at_us": to_us(at),
            "actor": actor,
            "action": action,
            "object": object,
            "details": dict(details or {}),
        }
        self._unit.connection.execute(sa.insert(audit), [row])

    def recent(self, limit: int = 100) -> tuple[Deed, ...]:
        """The last lines, newest first."""
        query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
        return tuple(
            Deed(row.id, from_us(row.at_us), row.actor, row.action, row.object, row.details)
            for row in self._unit.connection.execute(query)
        )
