"""What to do with a message that did not get through, as a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sereno.kernel.errors import DeliveryError
from sereno.kernel.events import MessageFailed, MessageSent
from sereno.kernel.message import Message, Purpose


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and for how long after it was written, a message is tried."""

    attempts: int
    within: timedelta


# A page that does not get through goes to the next address soon; other news has no second address, and can wait.
PATIENCE: Mapping[Purpose, Patience] = {
    "page": Patience(3, timedelta(seconds=30)),
    "closed": Patience(10, timedelta(minutes=10)),
    "notice": Patience(10, timedelta(minutes=10)),
}
_WAIT_MAX_SECONDS = 60.0


def next_try(message: Message, error: DeliveryError, now: datetime, chance: float) -> datetime | None:
    """When to try again, or None to give up.

    Full jitter: a share `chance` (0 to 1) of 1 s, 2 s, 4 s … 60 s, but no sooner than the peer asked. Source: AWS
    Architecture Blog, "Exponential Backoff And Jitter" (2015).
    """
    patience = PATIENCE[message.purpose]
    if error.permanent or message.attempt >= patience.attempts:
        return None
    wait = chance * min(2.0 ** (message.attempt - 1), _WAIT_MAX_SECONDS)
    at = now + timedelta(seconds=max(wait, error.retry_after_seconds or 0.0))
    return at if at - (message.created_at or message.due_at) <= patience.within else None


def sent_event(message: Message, now: datetime) -> MessageSent:
    """What happened when a peer took it."""
    return MessageSent(
        at=now,
        message=message.id,
        page=message.page,
        purpose=message.purpose,
        person=message.person,
        channel=message.channel,
        attempt=message.attempt,
    )


def failed_event(message: Message, error: str, now: datetime) -> MessageFailed:
    """What happened when it was given up."""
    return MessageFailed(
        at=now,
        message=message.id,
        page=message.page,
        purpose=message.purpose,
        person=message.person,
        contact=message.contact,
        channel=message.channel,
        error=error,
    )
