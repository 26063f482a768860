"""What receivers of webhooks get: signed, recognisable, harmless."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from tests.peers.http_peer import Reply, http_peer
from tests.peers.messages import NOON, FixedClock, a_message

from sereno.adapters.notify import notifiers_of
from sereno.adapters.notify.egress import Policy
from sereno.adapters.notify.slack import SlackNotifier, payload_of
from sereno.adapters.notify.webhook import WebhookNotifier
from sereno.kernel.errors import DeliveryError

ALLOWED = Policy.of(["127.0.0.1"])


async def test_the_signature_can_be_checked_by_others() -> None:
    async with http_peer() as peer:
        await WebhookNotifier(ALLOWED, FixedClock(), b"shared").send(a_message(address=peer.url))
    (request,) = peer.requests
    moment, made = (part.partition("=")[2] for part in request.headers["sereno-signature"].split(","))
    assert int(moment) == NOON.timestamp()
    assert made == hmac.new(b"shared", moment.encode() + b"." + request.body, hashlib.sha256).hexdigest()


async def test_a_repeat_has_the_same_key_and_body() -> None:
    async with http_peer() as peer:
        notifier = WebhookNotifier(ALLOWED, FixedClock())
        for attempt in (1, 2):
            await notifier.send(a_message(address=peer.url, attempt=attempt))
    first, again = peer.requests
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == a_message().key
    assert first.body == again.body
    assert "sereno-signature" not in first.headers
    body = json.loads(first.body)
    assert body["ack_url"] == "https://sereno.example/ack/t0ken"
    assert body["data"]["event"] == "page"


async def test_the_receivers_own_name_for_it_is_kept() -> None:
    async with http_peer(Reply(201, headers={"X-Request-Id": "abc-1"})) as peer:
        assert await WebhookNotifier(ALLOWED, FixedClock()).send(a_message(address=peer.url)) == "abc-1"


async def test_slack_gets_blocks_and_a_button() -> None:
    async with http_peer() as peer:
        assert await SlackNotifier(ALLOWED, FixedClock()).send(a_message(address=peer.url, language="es")) == "ok"
    body = json.loads(peer.requests[0].body)
    assert body["text"] == "[SEV1] Checkout: nobody can pay"
    header, section, actions = body["blocks"]
    assert header["text"]["type"] == "plain_text"
    assert "Severity: SEV1" in section["text"]["text"]
    assert "ack/" not in section["text"]["text"]
    answer, see = actions["elements"]
    assert (answer["text"]["text"], answer["url"]) == ("Reconocer", "https://sereno.example/ack/t0ken")
    assert see["url"] == "https://sereno.example/pages/pg_1"


def test_an_alert_cannot_call_everybody() -> None:
    payload = payload_of(a_message(subject="<!channel> & more", text="<!here> <https://evil|click>\n"))
    assert payload["text"] == "&lt;!channel&gt; &amp; more"
    assert "<" not in payload["blocks"][1]["text"]["text"]


def test_slacks_limits_are_kept() -> None:
    payload = payload_of(a_message(subject="s" * 500, text="t" * 9000))
    assert len(payload["blocks"][0]["text"]["text"]) <= 150
    assert len(payload["blocks"][1]["text"]["text"]) <= 3000
    assert payload_of(a_message(text="\n", ack_url=None, data={}))["blocks"][1]["text"]["text"]


async def test_whoever_says_200_without_ok_is_not_slack() -> None:
    """A captive portal answers 200 to anything: nobody was told."""
    async with http_peer(Reply(200, b"<html>Welcome to the airport")) as peer:
        with pytest.raises(DeliveryError) as caught:
            await SlackNotifier(ALLOWED, FixedClock()).send(a_message(address=peer.url))
    assert not caught.value.permanent


class PlainSettings:
    smtp_host = None
    smtp_port = 587
    smtp_security = "starttls"
    smtp_user = None
    smtp_password = None
    smtp_from = "sereno@localhost"
    webhook_secret = None
    sms_gateway = phone_gateway = push_gateway = gateway_token = None
    allow_private = False
    allowed_hosts: tuple[str, ...] = ()


async def test_every_channel_has_a_notifier_whatever_is_set() -> None:
    notifiers = notifiers_of(PlainSettings())  # type: ignore[arg-type]
    assert set(notifiers) == {"terminal", "email", "webhook", "slack", "sms", "phone", "push"}
    with pytest.raises(DeliveryError):
        await notifiers["email"].send(a_message())
