"""An outgoing message: written in the transaction that decided it, delivered afterwards, at least once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Channel = Literal["terminal", "email", "webhook", "slack", "sms", "phone", "push"]
Purpose = Literal["page", "closed", "notice"]
MessageState = Literal["pending", "sent", "failed", "cancelled"]
Language = Literal["es", "en"]


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell someone.

    `key` is unique and goes outward wherever the peer can use it (Message-ID, Idempotency-Key), so that a
    repeat can be recognised. `subject` and `text` are ready to read in `language`; `data` is the same for
    machines (webhooks). `ack_url` is the signed link by which the reader answers, if the message asks that.
    `contact` is the index of the address in the person's list: what failed is followed by the next one.
    """

    id: str
    key: str
    channel: Channel
    address: str
    purpose: Purpose
    subject: str
    text: str
    due_at: datetime
    person: str | None = None
    contact: int = 0
    page: str | None = None
    ack_url: str | None = None
    language: Language = "en"
    data: dict[str, object] = field(default_factory=dict)
    state: MessageState = "pending"
    attempt: int = 0
    error: str | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = None
