"""Pages in the state store."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import sqlalchemy.exc as sa_exc

from sereno.adapters.sql.rows import instant, pack, unpack, us
from sereno.adapters.sql.tables import page
from sereno.kernel.errors import Conflict
from sereno.kernel.moment import from_us, to_us
from sereno.oncall.model import Page, PageState

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

_COLUMNS = ("id", "service", "severity", "state", "opened_at", "due_at", "version")
_UNCLOSED = page.c.state != "closed"


class SqlPages:
    """Implements `oncall.ports.Pages`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def get(self, page_id: str) -> Page | None:
        """The page, locked against other writers until the transaction ends."""
        return self._one(sa.select(page).where(page.c.id == page_id))

    def state(self, page_id: str) -> PageState | None:
        """Only the state, locking nothing."""
        return self._unit.connection.execute(sa.select(page.c.state).where(page.c.id == page_id)).scalar_one_or_none()

    def unclosed_in(self, service: str, severity: str) -> Page | None:
        """The open or acknowledged page of that group, if there is one; locked as with `get`."""
        return self._one(sa.select(page).where(page.c.service == service, page.c.severity == severity, _UNCLOSED))

    def unclosed(self, service: str | None = None) -> tuple[Page, ...]:
        """Open and acknowledged pages, oldest first."""
        query = sa.select(page).where(_UNCLOSED).order_by(page.c.opened_us, page.c.id)
        if service is not None:
            query = query.where(page.c.service == service)
        return self._many(query)

    def holding(self, fingerprint: str) -> tuple[Page, ...]:
        """Unclosed pages whose group the alert is in."""
        # Few pages are unclosed at any time, one a service and severity: reading them all is the cheap way.
        return tuple(each for each in self.unclosed() if fingerprint in each.alerts)

    def due(self, now: datetime, limit: int) -> tuple[Page, ...]:
        """Open pages whose moment has come, oldest moment first; locked, skipping those that another holds."""
        query = (
            sa.select(page)
            .where(page.c.state == "open", page.c.due_us <= to_us(now))
            .order_by(page.c.due_us, page.c.id)
            .limit(limit)
        )
        return self._many(query.with_for_update(skip_locked=True) if self._unit.writing else query)

    def next_due(self) -> datetime | None:
        """The earliest moment of any open page."""
        query = sa.select(sa.func.min(page.c.due_us)).where(page.c.state == "open")
        return instant(self._unit.connection.execute(query).scalar_one())

    def add(self, new: Page) -> None:
        """Insert. Raises Conflict if the group already has an unclosed page."""
        try:
            with self._unit.savepoint():
                self._unit.connection.execute(sa.insert(page), [_row(new)])
        except sa_exc.IntegrityError:
            raise Conflict(f"{new.group} already has an unclosed page") from None
        self._unit.topics.add("pages")

    def save(self, changed: Page, *, seen: int) -> bool:
        """Replace if the stored version is still `seen`; False means someone got there first."""
        change = sa.update(page).where(page.c.id == changed.id, page.c.version == seen).values(**_row(changed))
        self._unit.topics.add("pages")
        return self._unit.connection.execute(change).rowcount == 1

    def recent(self, limit: int = 50) -> tuple[Page, ...]:
        """Pages, newest first."""
        return self._many(sa.select(page).order_by(page.c.opened_us.desc(), page.c.id.desc()).limit(limit))

    def overdue(self, before: datetime) -> int:
        """How many open pages have been waiting for a worker since `before`."""
        query = sa.select(sa.func.count()).select_from(page)
        return self._unit.connection.execute(
            query.where(page.c.state == "open", page.c.due_us < to_us(before))
        ).scalar_one()

    def last_in(self, service: str, severity: str) -> Page | None:
        """The newest page of the group, closed or not."""
        query = sa.select(page).where(page.c.service == service, page.c.severity == severity)
        found = self._many(query.order_by(page.c.opened_us.desc(), page.c.id.desc()).limit(1))
        return found[0] if found else None

    def _one(self, query: sa.Select[Any]) -> Page | None:
        if self._unit.writing:
            query = query.with_for_update()
        row = self._unit.connection.execute(query).one_or_none()
        return None if row is None else _page(row)

    def _many(self, query: sa.Select[Any]) -> tuple[Page, ...]:
        return tuple(_page(row) for row in self._unit.connection.execute(query))


def _row(value: Page) -> dict[str, Any]:
    return {
        "id": value.id,
        "service": value.service,
        "severity": value.severity,
        "state": value.state,
        "opened_us": to_us(value.opened_at),
        "due_us": us(value.due_at),
        "version": value.version,
        "body": pack(value, _COLUMNS),
    }


def _page(row: Any) -> Page:
    return unpack(
        Page,
        row.body,
        id=row.id,
        service=row.service,
        severity=row.severity,
        state=row.state,
        opened_at=from_us(row.opened_us),
        due_at=instant(row.due_us),
        version=row.version,
    )
