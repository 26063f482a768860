"""What gateways of SMS, calls and notifications are told, and what happens without one."""

from __future__ import annotations

import json

import pytest
from tests.peers.http_peer import Reply, http_peer
from tests.peers.messages import FixedClock, a_message

from sereno.adapters.notify import notifiers_of
from sereno.adapters.notify.egress import Policy
from sereno.adapters.notify.gateway import SMS_CHARACTERS_MAX, GatewayNotifier
from sereno.app.settings import load_settings
from sereno.kernel.errors import DeliveryError
from sereno.kernel.message import Channel, Message

ALLOWED = Policy.of(["127.0.0.1"])
NUMBER = "+51999000111"


async def told(channel: Channel, message: Message, token: str = "") -> tuple[dict[str, str], dict[str, str]]:
    """What a carrier's gateway gets."""
    async with http_peer(Reply(202, headers={"X-Request-Id": "call-7"})) as peer:
        assert await GatewayNotifier(channel, peer.url, token, ALLOWED, FixedClock()).send(message) == "call-7"
    (request,) = peer.requests
    return json.loads(request.body), {name.lower(): value for name, value in request.headers.items()}


async def test_a_short_text_says_what_and_where_to_answer() -> None:
    body, headers = await told("sms", a_message(channel="sms", address=NUMBER), token="t0p")
    assert (body["channel"], body["to"]) == ("sms", NUMBER)
    assert body["text"] == "[SEV1] Checkout: nobody can pay https://sereno.example/ack/t0ken"
    assert headers["authorization"] == "Bearer t0p"
    assert headers["idempotency-key"] == body["key"] == a_message().key


async def test_a_long_text_loses_words_but_never_the_link() -> None:
    body, _ = await told("sms", a_message(channel="sms", address=NUMBER, subject="x" * 900))
    assert len(body["text"]) == SMS_CHARACTERS_MAX
    assert body["text"].endswith("… https://sereno.example/ack/t0ken")


async def test_a_call_speaks_one_line_without_addresses() -> None:
    body, headers = await told("phone", a_message(channel="phone", address=NUMBER, subject="[SEV1]\x1b Checkout"))
    assert body["text"] == "[SEV1] Checkout"
    assert "authorization" not in headers


async def test_a_notification_has_title_text_and_link() -> None:
    body, _ = await told("push", a_message(channel="push", address="device-7"))
    assert body["title"] == "[SEV1] Checkout: nobody can pay"
    assert body["url"] == "https://sereno.example/ack/t0ken"
    assert body["text"] == a_message().text


@pytest.mark.parametrize("channel", ["sms", "phone", "push"])
async def test_without_a_gateway_the_next_contact_is_tried_at_once(channel: Channel) -> None:
    notifier = notifiers_of(load_settings({}), clock=FixedClock())[channel]
    with pytest.raises(DeliveryError, match=f"no gateway is set for {channel}") as refused:
        await notifier.send(a_message(channel=channel, address=NUMBER))
    assert refused.value.permanent


async def test_a_gateway_is_subject_to_the_policy_of_addresses() -> None:
    async with http_peer() as peer:
        notifier = GatewayNotifier("sms", peer.url, "", Policy.of([]), FixedClock())
        with pytest.raises(DeliveryError):
            await notifier.send(a_message(channel="sms", address=NUMBER))
    assert not peer.requests
