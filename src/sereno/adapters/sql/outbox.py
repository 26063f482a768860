"""Outgoing messages in the state store, and their leases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sereno.adapters.sql.rows import insert_new, instant, us
from sereno.adapters.sql.tables import message
from sereno.kernel.message import Message
from sereno.kernel.moment import from_us, to_us

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit

_PENDING = message.c.state == "pending"
_FREE = {"lease_owner": None, "lease_us": None}


class SqlOutbox:
    """Implements `oncall.ports.Outbox`, and what the delivery loop needs.

    A lease says who is sending. What its holder reports later counts only while the lease is still its own
    (same owner, same attempt). An expired lease means: try again.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, messages: Sequence[Message]) -> None:
        """Insert those whose key is not there yet; a key already there is left as it is."""
        insert_new(self._unit, message, [_row(each) for each in messages], key=("key",))
        if messages:
            self._unit.topics.add("messages")

    def get(self, message_id: str) -> Message | None:
        """The message of that identity."""
        found = self._many(sa.select(message).where(message.c.id == message_id))
        return found[0] if found else None

    def of_page(self, page_id: str) -> tuple[Message, ...]:
        """All messages of a page, oldest first."""
        return self._many(
            sa.select(message).where(message.c.page == page_id).order_by(message.c.created_us, message.c.id)
        )

    def recent(self, limit: int = 50) -> tuple[Message, ...]:
        """Messages, newest first."""
        return self._many(sa.select(message).order_by(message.c.created_us.desc(), message.c.id.desc()).limit(limit))

    def cancel(self, page_id: str, purpose: str, now: datetime, reason: str) -> int:
        """Cancel the pending messages of that purpose; returns how many. One being sent may still arrive."""
        change = (
            sa.update(message)
            .where(message.c.page == page_id, message.c.purpose == purpose, _PENDING)
            .values(state="cancelled", error=reason)
        )
        return self._unit.connection.execute(change).rowcount

    def claim(self, owner: str, now: datetime, lease: timedelta, limit: int) -> tuple[Message, ...]:
        """Take up to `limit` pending messages whose moment has come, each for `lease`; counts one attempt.

        A lease that ends later than any given now could (twice `lease` away) was made before the clock went
        back, and counts as expired.
        """
        at, until = to_us(now), to_us(now + lease)
        unleased = sa.or_(
            message.c.lease_us.is_(None), message.c.lease_us <= at, message.c.lease_us > to_us(now + 2 * lease)
        )
        query = (
            sa.select(message)
            .where(_PENDING, message.c.due_us <= at, unleased)
            .order_by(message.c.due_us, message.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = self._unit.connection.execute(query).all()
        if not rows:
            return ()
        change = sa.update(message).where(message.c.id.in_([row.id for row in rows]))
        leased = {"lease_owner": owner, "lease_us": until}
        self._unit.connection.execute(change.values(attempt=message.c.attempt + 1, **leased))
        return tuple(_message({**row._mapping, **leased, "attempt": row.attempt + 1}) for row in rows)

    def sent(self, sent: Message, now: datetime) -> bool:
        """A peer took it. False: the lease is no longer ours. One cancelled meanwhile was sent all the same."""
        states = message.c.state.in_(("pending", "cancelled"))
        return self._finish(sent, states, state="sent", sent_us=to_us(now), error=None)

    def retry(self, tried: Message, at: datetime, error: str) -> bool:
        """Try again at `at`. False: the lease is no longer ours, or it was cancelled."""
        return self._finish(tried, _PENDING, due_us=to_us(at), error=error)

    def failed(self, tried: Message, error: str, now: datetime) -> bool:
        """Give up. False: the lease is no longer ours, or it was cancelled."""
        return self._finish(tried, _PENDING, state="failed", error=error)

    def drop(self, tried: Message, reason: str) -> bool:
        """Cancel this one, which is leased by us; it is no longer wanted."""
        return self._finish(tried, _PENDING, state="cancelled", error=reason)

    def release(self, owner: str | None = None) -> int:
        """End the leases of `owner` (None: of all), which is dead; returns how many."""
        change = sa.update(message).where(_PENDING, message.c.lease_owner.is_not(None)).values(**_FREE)
        if owner is not None:
            change = change.where(message.c.lease_owner == owner)
        return self._unit.connection.execute(change).rowcount

    def next_due(self) -> datetime | None:
        """The earliest moment at which some message can be claimed."""
        free = sa.select(sa.func.min(message.c.due_us)).where(_PENDING, message.c.lease_owner.is_(None))
        held = sa.select(sa.func.min(message.c.lease_us)).where(_PENDING, message.c.lease_owner.is_not(None))
        row = self._unit.connection.execute(sa.select(free.scalar_subquery(), held.scalar_subquery())).one()
        return instant(min((moment for moment in row if moment is not None), default=None))

    def pending(self, now: datetime) -> int:
        """How many messages whose moment has come are not yet delivered."""
        query = sa.select(sa.func.count()).select_from(message).where(_PENDING, message.c.due_us <= to_us(now))
        return self._unit.connection.execute(query).scalar_one()

    def pending_pages(self) -> frozenset[str]:
        """Identities of the pages that have an undelivered demand on a person."""
        query = sa.select(message.c.page).distinct().where(_PENDING, message.c.purpose == "page")
        return frozenset(self._unit.connection.execute(query).scalars())

    def overdue(self, before: datetime, now: datetime) -> int:
        """How many have been waiting since `before` and are in nobody's hands."""
        query = sa.select(sa.func.count()).select_from(message).where(_PENDING, message.c.due_us < to_us(before))
        unleased = sa.or_(message.c.lease_us.is_(None), message.c.lease_us <= to_us(now))
        return self._unit.connection.execute(query.where(unleased)).scalar_one()

    def hasten(self, beyond: datetime, now: datetime, *, pages: bool) -> int:
        """Make due now whatever waits for a moment after `beyond`; returns how many (the clock went back).

        `pages` chooses between the demands on people and all the rest.
        """
        which = message.c.purpose == "page" if pages else message.c.purpose != "page"
        change = sa.update(message).where(_PENDING, which, message.c.due_us > to_us(beyond)).values(due_us=to_us(now))
        return self._unit.connection.execute(change).rowcount

    def _finish(self, held: Message, states: sa.ColumnElement[bool], **values: Any) -> bool:
        ours = (message.c.id == held.id, message.c.lease_owner == held.lease_owner, message.c.attempt == held.attempt)
        change = sa.update(message).where(*ours, states).values(**_FREE, **values)
        self._unit.topics.add("messages")
        return self._unit.connection.execute(change).rowcount == 1

    def _many(self, query: sa.Select[Any]) -> tuple[Message, ...]:
        return tuple(_message(row._mapping) for row in self._unit.connection.execute(query))


def _row(value: Message) -> dict[str, Any]:
    return {
        "id": value.id,
        "key": value.key,
        "page": value.page,
        "purpose": value.purpose,
        "channel": value.channel,
        "address": value.address,
        "person": value.person,
        "contact": value.contact,
        "body": {
            "subject": value.subject,
            "text": value.text,
            "ack_url": value.ack_url,
            "language": value.language,
            "data": value.data,
        },
        "state": value.state,
        "attempt": value.attempt,
        "due_us": to_us(value.due_at),
        "lease_owner": value.lease_owner,
        "lease_us": us(value.lease_until),
        "error": value.error,
        "created_us": to_us(value.created_at or value.due_at),
        "sent_us": us(value.sent_at),
    }


def _message(row: Any) -> Message:
    return Message(
        id=row["id"],
        key=row["key"],
        page=row["page"],
        purpose=row["purpose"],
        channel=row["channel"],
        address=row["address"],
        person=row["person"],
        contact=row["contact"],
        state=row["state"],
        attempt=row["attempt"],
        due_at=from_us(row["due_us"]),
        lease_owner=row["lease_owner"],
        lease_until=instant(row["lease_us"]),
        error=row["error"],
        created_at=from_us(row["created_us"]),
        sent_at=instant(row["sent_us"]),
        **row["body"],
    )
