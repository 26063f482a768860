"""Short texts, calls and notifications on devices: posted to a gateway of the installation, which knows a carrier.

One JSON object a message: `channel` (sms, phone or push), `to`, `text` (for sms at most 320 characters with the link
that answers; for a call what is to be spoken), and with push also `title` and `url`. A repeat carries the same
`Idempotency-Key`, so that nobody is called twice for one page.
"""

from __future__ import annotations

import msgspec

from sereno.adapters.notify.egress import Policy, Resolve, resolve_host
from sereno.adapters.notify.http import SEND_SECONDS, Caller
from sereno.kernel.clock import Clock
from sereno.kernel.errors import DeliveryError
from sereno.kernel.inert import inert_line
from sereno.kernel.message import Channel, Message

SMS_CHARACTERS_MAX = 320


class GatewayNotifier:
    """Posts the messages of one channel to `url`; without one they fail for good, so that the next contact is tried."""

    def __init__(
        self,
        channel: Channel,
        url: str | None,
        token: str,
        policy: Policy,
        clock: Clock,
        *,
        timeout_seconds: float = SEND_SECONDS,
        resolve: Resolve = resolve_host,
    ) -> None:
        self._channel, self._url, self._token = channel, url, token
        self._caller = Caller(policy, clock, timeout_seconds=timeout_seconds, resolve=resolve)

    async def send(self, message: Message) -> str:
        """Deliver; returns the gateway's request id, or its status. Raises DeliveryError."""
        if not self._url:
            raise DeliveryError(f"no gateway is set for {self._channel}", permanent=True)
        headers = {"Idempotency-Key": message.key}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        answer = await self._caller.post(self._url, body_of(self._channel, message), headers)
        return answer.reference or str(answer.status)

    async def aclose(self) -> None:
        """Close idle connections."""
        await self._caller.aclose()


def body_of(channel: Channel, message: Message) -> bytes:
    """What the gateway is told of `message`."""
    body = {"channel": channel, "to": message.address, "key": message.key, "purpose": message.purpose,
            "language": message.language}  # fmt: skip
    if channel == "sms":
        body["text"] = _short(message)
    elif channel == "phone":
        body["text"] = inert_line(message.subject)
    else:
        body |= {"title": inert_line(message.subject), "text": message.text, "url": message.ack_url or ""}
    return msgspec.json.encode(body)


def _short(message: Message) -> str:
    """Subject and link; the link is never cut."""
    link = f" {message.ack_url}" if message.ack_url else ""
    room = max(0, SMS_CHARACTERS_MAX - len(link))
    subject = inert_line(message.subject)
    return (subject if len(subject) <= room else subject[: max(0, room - 1)] + "…") + link
