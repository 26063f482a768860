"""What the on-call slice needs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sereno.kernel.message import Message
from sereno.oncall.model import Page


class Pages(Protocol):
    """Pages and their next moments."""

    def get(self, page_id: str) -> Page | None:
        """The page, locked against other writers until the transaction ends."""
        ...

    def unclosed_in(self, service: str, severity: str) -> Page | None:
        """The open or acknowledged page of that group, if there is one."""
        ...

    def unclosed(self, service: str | None = None) -> tuple[Page, ...]:
        """Open and acknowledged pages, oldest first."""
        ...

    def holding(self, fingerprint: str) -> tuple[Page, ...]:
        """Unclosed pages whose group the alert is in."""
        ...

    def due(self, now: datetime, limit: int) -> tuple[Page, ...]:
        """Open pages whose moment has come, oldest moment first; locked, skipping those that another holds."""
        ...

    def next_due(self) -> datetime | None:
        """The earliest moment of any open page."""
        ...

    def add(self, page: Page) -> None:
        """Insert. Raises Conflict if the group already has an unclosed page."""
        ...

    def save(self, page: Page, *, seen: int) -> bool:
        """Replace if the stored version is still `seen`; False means someone got there first."""
        ...

    def recent(self, limit: int = 50) -> tuple[Page, ...]:
        """Pages, newest first."""
        ...


class Outbox(Protocol):
    """Outgoing messages."""

    def add(self, messages: Sequence[Message]) -> None:
        """Insert those whose key is not there yet; a key already there is left as it is."""
        ...

    def of_page(self, page_id: str) -> tuple[Message, ...]:
        """All messages of a page, oldest first."""
        ...

    def cancel(self, page_id: str, purpose: str, now: datetime, reason: str) -> int:
        """Cancel the pending messages of that purpose; returns how many. One being sent may still arrive."""
        ...


class Links(Protocol):
    """Makes the addresses that messages carry."""

    def page_url(self, page_id: str) -> str:
        """Where the page is seen in the console."""
        ...

    def ack_url(self, page_id: str, person: str) -> str:
        """The signed link by which that person acknowledges the page."""
        ...
