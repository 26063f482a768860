"""Slack's incoming webhooks. The address is a secret: whoever has it can write to the channel."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from sereno.adapters.notify.egress import Policy, Resolve, resolve_host
from sereno.adapters.notify.http import SEND_SECONDS, Caller
from sereno.kernel.clock import Clock
from sereno.kernel.errors import DeliveryError
from sereno.kernel.language import Phrases, say
from sereno.kernel.message import Message

PHRASES: Phrases = {
    "acknowledge": {"es": "Reconocer", "en": "Acknowledge"},
    "see": {"es": "Ver el aviso", "en": "See the page"},
}
HEADER_MAX, SECTION_MAX, URL_MAX = 150, 2900, 3000
_EVERYBODY = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)


class SlackNotifier:
    """Posts messages with an acknowledge button, which is a link: it works without a Slack application."""

    def __init__(
        self, policy: Policy, clock: Clock, *, timeout_seconds: float = SEND_SECONDS, resolve: Resolve = resolve_host
    ) -> None:
        self._caller = Caller(policy, clock, timeout_seconds=timeout_seconds, resolve=resolve)

    async def send(self, message: Message) -> str:
        """Deliver; Slack gives no identity, only `ok`. Raises DeliveryError."""
        answer = await self._caller.post(message.address, msgspec.json.encode(payload_of(message)), {})
        if answer.body.strip() != "ok":
            raise DeliveryError("whoever answered was not Slack: its body was not `ok`")
        return answer.reference or "ok"

    async def aclose(self) -> None:
        """Close idle connections."""
        await self._caller.aclose()


def payload_of(message: Message) -> dict[str, Any]:
    """The message as blocks, and as plain text for notifications and screen readers."""
    lines = [line for line in message.text.splitlines() if not (message.ack_url and message.ack_url in line)]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.subject[:HEADER_MAX], "emoji": False}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": _escaped("\n".join(lines).strip())[:SECTION_MAX] or "–"},
        },
    ]
    buttons = [
        _button(say(PHRASES, name, message.language), url, name)
        for name, url in (("acknowledge", message.ack_url), ("see", message.data.get("url")))
        if isinstance(url, str) and 0 < len(url) <= URL_MAX
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": _escaped(message.subject), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _button(label: str, url: str, name: str) -> dict[str, Any]:
    button = {"type": "button", "text": {"type": "plain_text", "text": label}, "url": url, "action_id": name}
    return {**button, "style": "primary"} if name == "acknowledge" else button


def _escaped(text: str) -> str:
    """Slack's own escaping, and a seam in plain mentions: no label, `<!channel>` or `@here`, may call everybody."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _EVERYBODY.sub("@\u200b", text)
