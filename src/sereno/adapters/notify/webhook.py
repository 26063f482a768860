"""A signed webhook: JSON, an idempotency key, and a signature that the receiver can check.

`Sereno-Signature: t=<unix seconds>,v1=<hex>` where v1 is HMAC-SHA256(secret, "<t>." + body). A repeat carries the
same `Idempotency-Key`.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from sereno.adapters.notify.egress import Policy, Resolve, resolve_host
from sereno.adapters.notify.http import SEND_SECONDS, Caller
from sereno.kernel.clock import Clock
from sereno.kernel.message import Message
from sereno.kernel.moment import iso


class WebhookNotifier:
    """Posts messages to the address of the contact. Without a secret they are not signed."""

    def __init__(
        self,
        policy: Policy,
        clock: Clock,
        secret: bytes = b"",
        *,
        timeout_seconds: float = SEND_SECONDS,
        resolve: Resolve = resolve_host,
    ) -> None:
        self._caller = Caller(policy, clock, timeout_seconds=timeout_seconds, resolve=resolve)
        self._clock = clock
        self._secret = secret

    async def send(self, message: Message) -> str:
        """Deliver; returns the receiver's request id, or its status. Raises DeliveryError."""
        body = body_of(message)
        headers = {"Idempotency-Key": message.key}
        if self._secret:
            headers["Sereno-Signature"] = signature(self._secret, body, int(self._clock.now().timestamp()))
        answer = await self._caller.post(message.address, body, headers)
        return answer.reference or str(answer.status)

    async def aclose(self) -> None:
        """Close idle connections."""
        await self._caller.aclose()


def body_of(message: Message) -> bytes:
    """The message for machines."""
    return msgspec.json.encode(
        {
            "key": message.key, "purpose": message.purpose, "person": message.person, "subject": message.subject,
            "text": message.text, "language": message.language, "ack_url": message.ack_url,
            "created_at": iso(message.created_at or message.due_at), "data": message.data,
        }
    )  # fmt: skip


def signature(secret: bytes, body: bytes, unix_seconds: int) -> str:
    """The value of `Sereno-Signature` for `body` sent at that moment."""
    made = hmac.new(secret, f"{unix_seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={unix_seconds},v1={made}"
