"""Alerts, pages and messages in memory, with the manners of the SQL stores: transactions, versions, leases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from sereno.alerts.model import Alert
from sereno.kernel.errors import Conflict
from sereno.kernel.message import Message
from sereno.oncall.model import Page


class MemoryAlerts:
    """Alerts by fingerprint."""

    def __init__(self) -> None:
        self.rows: dict[str, Alert] = {}

    def active(self) -> tuple[Alert, ...]:
        """Pending and firing alerts, oldest first."""
        return tuple(sorted((a for a in self.rows.values() if a.state != "resolved"), key=lambda a: a.active_at))

    def find(self, fingerprint: str) -> Alert | None:
        """The alert of that fingerprint, in whatever state it is."""
        return self.rows.get(fingerprint)

    def save(self, alerts: Iterable[Alert]) -> None:
        """Insert or replace by fingerprint."""
        self.rows.update({alert.fingerprint: alert for alert in alerts})

    def drop(self, fingerprints: Iterable[str]) -> None:
        """Forget."""
        for fingerprint in fingerprints:
            self.rows.pop(fingerprint, None)

    def resolved_since(self, since: datetime, limit: int = 100) -> tuple[Alert, ...]:
        """Alerts resolved at or after `since`, newest first."""
        gone = [(a.resolved_at, a) for a in self.rows.values() if a.resolved_at is not None and a.resolved_at >= since]
        return tuple(alert for _, alert in sorted(gone, key=lambda pair: pair[0], reverse=True))[:limit]


class MemoryPages:
    """Pages by identity; at most one unclosed page a group."""

    def __init__(self) -> None:
        self.rows: dict[str, Page] = {}

    def get(self, page_id: str) -> Page | None:
        """The page. There is one writer, so nothing needs locking."""
        return self.rows.get(page_id)

    def unclosed_in(self, service: str, severity: str) -> Page | None:
        """The open or acknowledged page of that group, if there is one."""
        return next((p for p in self.unclosed(service) if p.severity == severity), None)

    def unclosed(self, service: str | None = None) -> tuple[Page, ...]:
        """Open and acknowledged pages, oldest first."""
        found = (p for p in self.rows.values() if p.state != "closed" and service in (None, p.service))
        return tuple(sorted(found, key=lambda p: (p.opened_at, p.id)))

    def holding(self, fingerprint: str) -> tuple[Page, ...]:
        """Unclosed pages whose group the alert is in."""
        return tuple(page for page in self.unclosed() if fingerprint in page.alerts)

    def due(self, now: datetime, limit: int) -> tuple[Page, ...]:
        """Open pages whose moment has come, oldest moment first."""
        return tuple(page for moment, page in self._moments() if moment <= now)[:limit]

    def next_due(self) -> datetime | None:
        """The earliest moment of any open page."""
        return next((moment for moment, _ in self._moments()), None)

    def _moments(self) -> list[tuple[datetime, Page]]:
        waiting = [(p.due_at, p) for p in self.rows.values() if p.state == "open" and p.due_at is not None]
        return sorted(waiting, key=lambda pair: (pair[0], pair[1].id))

    def add(self, page: Page) -> None:
        """Insert. Raises Conflict if the group already has an unclosed page."""
        if page.id in self.rows or (page.state != "closed" and self.unclosed_in(page.service, page.severity)):
            raise Conflict(f"{page.group} already has an unclosed page")
        self.rows[page.id] = page

    def save(self, page: Page, *, seen: int) -> bool:
        """Replace if the stored version is still `seen`; False means someone got there first."""
        stored = self.rows.get(page.id)
        if stored is None or stored.version != seen:
            return False
        self.rows[page.id] = page
        return True

    def recent(self, limit: int = 50) -> tuple[Page, ...]:
        """Pages, newest first."""
        return tuple(sorted(self.rows.values(), key=lambda p: (p.opened_at, p.id), reverse=True))[:limit]


class MemoryOutbox:
    """Outgoing messages by identity, with leases."""

    def __init__(self) -> None:
        self.rows: dict[str, Message] = {}
        self._keys: set[str] = set()

    def add(self, messages: Sequence[Message]) -> None:
        """Insert those whose key is not there yet."""
        for message in messages:
            if message.key not in self._keys:
                self._keys.add(message.key)
                self.rows[message.id] = message

    def of_page(self, page_id: str) -> tuple[Message, ...]:
        """All messages of a page, oldest first."""
        return tuple(message for message in self.rows.values() if message.page == page_id)

    def cancel(self, page_id: str, purpose: str, now: datetime, reason: str) -> int:
        """Cancel the pending messages of that purpose; returns how many. One being sent may still arrive."""
        pending = [m for m in self.of_page(page_id) if m.purpose == purpose and m.state == "pending"]
        for message in pending:
            self._put(replace(message, state="cancelled", error=reason))
        return len(pending)

    def claim(self, owner: str, now: datetime, lease: timedelta, limit: int) -> tuple[Message, ...]:
        """Take due messages that nobody holds, or whose lease has run out; each claim is one more attempt."""
        due = [m for m in self.pending(now) if m.lease_until is None or m.lease_until <= now][:limit]
        taken = [replace(m, lease_owner=owner, lease_until=now + lease, attempt=m.attempt + 1) for m in due]
        for message in taken:
            self._put(message)
        return tuple(taken)

    def sent(self, message: Message, now: datetime) -> bool:
        """The peer took it. False if the claim is no longer ours."""
        return self._end(message, replace(message, state="sent", sent_at=now, error=None))

    def retry(self, message: Message, at: datetime, error: str) -> bool:
        """Try again at `at`. False if the claim is no longer ours."""
        return self._end(message, replace(message, due_at=at, error=error))

    def failed(self, message: Message, error: str, now: datetime) -> bool:
        """Give it up. False if the claim is no longer ours."""
        return self._end(message, replace(message, state="failed", error=error))

    def release(self, owner: str) -> int:
        """End all leases of `owner`; returns how many."""
        held = [m for m in self.rows.values() if m.state == "pending" and m.lease_owner == owner]
        for message in held:
            self._put(replace(message, lease_owner=None, lease_until=None))
        return len(held)

    def next_due(self) -> datetime | None:
        """The earliest moment at which a pending message may be claimed."""
        pending = [m for m in self.rows.values() if m.state == "pending"]
        return min((max(m.due_at, m.lease_until or m.due_at) for m in pending), default=None)

    def pending(self, now: datetime) -> tuple[Message, ...]:
        """Pending messages due at `now`, leased or not, oldest moment first."""
        due = [m for m in self.rows.values() if m.state == "pending" and m.due_at <= now]
        return tuple(sorted(due, key=lambda m: (m.due_at, m.id)))

    def _end(self, claim: Message, after: Message) -> bool:
        stored = self.rows.get(claim.id)
        ours = stored is not None and stored.state == "pending"
        if not ours or stored is None or (stored.lease_owner, stored.attempt) != (claim.lease_owner, claim.attempt):
            return False
        self._put(replace(after, lease_owner=None, lease_until=None))
        return True

    def _put(self, message: Message) -> None:
        self.rows[message.id] = message


class MemoryPaging:
    """The three stores together; `transaction()` undoes everything if its body raises."""

    def __init__(self) -> None:
        self.alerts = MemoryAlerts()
        self.pages = MemoryPages()
        self.outbox = MemoryOutbox()

    @contextmanager
    def transaction(self) -> Iterator[MemoryPaging]:
        """All of the body's writes, or none."""
        # Every value is frozen: copying the dictionaries is a whole snapshot.
        before = (dict(self.alerts.rows), dict(self.pages.rows), dict(self.outbox.rows), set(self.outbox._keys))
        try:
            yield self
        except BaseException:
            self.alerts.rows, self.pages.rows, self.outbox.rows, self.outbox._keys = before
            raise
