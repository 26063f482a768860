"""Work that recurs: who does it now, and when it is next due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sereno.adapters.sql.rows import insert_new, instant
from sereno.adapters.sql.tables import duty
from sereno.kernel.moment import to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to do a duty once. `number` grows with every claim: an older holder's word no longer counts."""

    name: str
    owner: str
    number: int


class SqlDuties:
    """Recurring work that exactly one process should do at a time."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def ensure(self, name: str, due: datetime) -> None:
        """Note the duty, first due at `due`, unless it is there."""
        insert_new(self._unit, duty, [{"name": name, "due_us": to_us(due), "fence": 0}], key=("name",))

    def claim(
        self, name: str, owner: str, now: datetime, lease: timedelta, *, period: timedelta | None = None
    ) -> Fence | None:
        """The right to do it for `lease`, if it is due and in nobody's hands.

        `period` is how often it is done: a moment more than twice that away was named before the clock went back,
        and counts as come.
        """
        at = to_us(now)
        # What we hold ourselves is a round whose end could not be written (a full disk): we may begin again at once.
        free = sa.or_(
            duty.c.lease_us.is_(None), duty.c.lease_us <= at, duty.c.lease_us > to_us(now + 2 * lease),
            duty.c.lease_owner == owner,
        )  # fmt: skip
        due = duty.c.due_us <= at
        if period is not None:
            due = sa.or_(due, duty.c.due_us > to_us(now + 2 * period))
        change = (
            sa.update(duty)
            .where(duty.c.name == name, due, free)
            .values(lease_owner=owner, lease_us=to_us(now + lease), fence=duty.c.fence + 1)
            .returning(duty.c.fence)
        )
        number = self._unit.connection.execute(change).scalar_one_or_none()
        return None if number is None else Fence(name, owner, number)

    def done(self, fence: Fence, next_due: datetime) -> bool:
        """It is done; next at `next_due`. False: someone else has it by now."""
        change = (
            sa.update(duty)
            .where(duty.c.name == fence.name, duty.c.fence == fence.number, duty.c.lease_owner == fence.owner)
            .values(due_us=to_us(next_due), lease_owner=None, lease_us=None)
        )
        return self._unit.connection.execute(change).rowcount == 1

    def renew(self, fence: Fence, now: datetime, lease: timedelta) -> bool:
        """Keep the right for `lease` more, as one does who holds it for long. False: someone else has it by now."""
        change = (
            sa.update(duty)
            .where(duty.c.name == fence.name, duty.c.fence == fence.number, duty.c.lease_owner == fence.owner)
            .values(lease_us=to_us(now + lease))
        )
        return self._unit.connection.execute(change).rowcount == 1

    def hold(self, name: str) -> None:
        """Keep others from claiming or ending the duty until this transaction ends."""
        query = sa.select(duty.c.name).where(duty.c.name == name).with_for_update()
        self._unit.connection.execute(query).all()

    def next_due(self, name: str) -> datetime | None:
        """When it is next due, or None if there is no such duty."""
        query = sa.select(duty.c.due_us).where(duty.c.name == name)
        return instant(self._unit.connection.execute(query).scalar_one_or_none())

    def release(self, owner: str | None = None) -> int:
        """End the leases of `owner` (None: of all), which is dead; returns how many."""
        change = sa.update(duty).where(duty.c.lease_owner.is_not(None)).values(lease_owner=None, lease_us=None)
        if owner is not None:
            change = change.where(duty.c.lease_owner == owner)
        return self._unit.connection.execute(change).rowcount
