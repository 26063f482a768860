"""Messages to send in tests."""

from __future__ import annotations

from datetime import UTC, datetime

from sereno.kernel.message import Message

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class FixedClock:
    """A clock that stands still until moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant

    def monotonic(self) -> float:
        return self.instant.timestamp()


def a_message(**changes: object) -> Message:
    """A page for Ana about checkout, with `changes`."""
    values: dict[str, object] = {
        "id": "msg_1", "key": "pg_1/0/0/ana/0-webhook/page", "channel": "webhook", "address": "ana@example.com",
        "purpose": "page", "subject": "[SEV1] Checkout: nobody can pay",
        "text": "Nobody can pay\n\nService: Checkout\nSeverity: SEV1\n\n"
        "Acknowledge: https://sereno.example/ack/t0ken\nSee the page: https://sereno.example/pages/pg_1\n",
        "due_at": NOON, "person": "ana", "page": "pg_1", "ack_url": "https://sereno.example/ack/t0ken",
        "created_at": NOON, "data": {"event": "page", "url": "https://sereno.example/pages/pg_1"},
    }  # fmt: skip
    return Message(**{**values, **changes})  # type: ignore[arg-type]
