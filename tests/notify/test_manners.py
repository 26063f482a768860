"""One table of manners for every notifier that speaks to a peer: what each answer makes of a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from tests.peers.http_peer import Reply, http_peer
from tests.peers.messages import FixedClock, a_message
from tests.peers.smtp_peer import SmtpPeer, smtp_peer

from sereno.adapters.notify.egress import Policy
from sereno.adapters.notify.email import EmailNotifier, Smtp
from sereno.adapters.notify.slack import SlackNotifier
from sereno.adapters.notify.webhook import WebhookNotifier
from sereno.kernel.errors import DeliveryError

PATIENCE = 0.4
ALLOWED = Policy.of(["127.0.0.0/8"])
SECRET = "hunter2-in-the-url"


@dataclass(frozen=True)
class Manner:
    """What the peer does over HTTP and over SMTP, and what is to become of the message."""

    http: Reply
    smtp: SmtpPeer | None
    taken: bool = False
    permanent: bool = False
    retry_after: float | None = None


MANNERS: dict[str, Callable[[], Manner]] = {
    "taken": lambda: Manner(Reply(200), SmtpPeer(), taken=True),
    "taken, 202": lambda: Manner(Reply(202), None, taken=True),
    "too many, wait 7": lambda: Manner(Reply(429, headers={"Retry-After": "7"}), None, retry_after=7),
    "too many": lambda: Manner(Reply(429), SmtpPeer(rcpt="450 slow down")),
    "wait until a date": lambda: Manner(
        Reply(503, headers={"Retry-After": "Mon, 02 Mar 2026 12:00:30 GMT"}), None, retry_after=30
    ),
    "wait for nonsense": lambda: Manner(Reply(503, headers={"Retry-After": "soon"}), None),
    "wait for ever": lambda: Manner(Reply(503, headers={"Retry-After": "1e308"}), None, retry_after=3600),
    "wait for not a number": lambda: Manner(Reply(503, headers={"Retry-After": "nan"}), None),
    "broken": lambda: Manner(Reply(500), SmtpPeer(data="451 disk full")),
    "unavailable": lambda: Manner(Reply(503), SmtpPeer(rcpt="421 closing")),
    "request timeout": lambda: Manner(Reply(408), None),
    "refused": lambda: Manner(Reply(400), SmtpPeer(rcpt="550 no such user"), permanent=True),
    "unknown": lambda: Manner(Reply(404), SmtpPeer(data="554 spam"), permanent=True),
    "gone": lambda: Manner(Reply(410), None, permanent=True),
    "moved": lambda: Manner(Reply(302, headers={"Location": "http://127.0.0.1:1/"}), None, permanent=True),
    "hangs": lambda: Manner(Reply(kind="hang"), SmtpPeer(kind="hang")),
    "resets": lambda: Manner(Reply(kind="reset"), SmtpPeer(kind="reset")),
    "babbles": lambda: Manner(Reply(kind="garbage"), SmtpPeer(kind="garbage")),
}  # fmt: skip


@asynccontextmanager
async def standing(name: str, manner: Manner) -> AsyncIterator[tuple[object, str]]:
    """The notifier with its peer behind it, and the address to send to."""
    patience = PATIENCE if manner.http.kind == "hang" else 5.0
    if name == "email":
        assert manner.smtp is not None
        async with smtp_peer(manner.smtp) as peer:
            smtp = Smtp("127.0.0.1", peer.port, "none", timeout_seconds=patience, user=None, password=None)
            yield EmailNotifier(smtp, FixedClock()), "ana@example.com"
    else:
        kind = {"webhook": WebhookNotifier, "slack": SlackNotifier}[name]
        async with http_peer(manner.http) as http:
            notifier = kind(ALLOWED, FixedClock(), timeout_seconds=patience)
            yield notifier, f"{http.url}/{SECRET}"
            await notifier.aclose()


CASES = [
    pytest.param(name, manner, id=f"{name}-{label}")
    for name in ("webhook", "slack", "email")
    for label, manner in MANNERS.items()
    if name != "email" or manner().smtp is not None
]


@pytest.mark.parametrize(("name", "make"), CASES)
async def test_manners(name: str, make: Callable[[], Manner]) -> None:
    manner = make()
    async with standing(name, manner) as (notifier, address):
        message = a_message(channel=name, address=address)
        if manner.taken:
            assert await notifier.send(message)  # type: ignore[attr-defined]
            return
        with pytest.raises(DeliveryError) as caught:
            await asyncio.wait_for(notifier.send(message), timeout=20)  # type: ignore[attr-defined]
    assert caught.value.permanent is manner.permanent
    assert caught.value.retry is not manner.permanent
    assert caught.value.retry_after_seconds == manner.retry_after
    assert SECRET not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


async def test_nobody_listens() -> None:
    """A port where nothing listens: worth another try."""
    for notifier in (
        WebhookNotifier(ALLOWED, FixedClock(), timeout_seconds=PATIENCE),
        SlackNotifier(ALLOWED, FixedClock(), timeout_seconds=PATIENCE),
        EmailNotifier(Smtp("127.0.0.1", 1, "none", timeout_seconds=PATIENCE), FixedClock()),
    ):
        address = "ana@example.com" if isinstance(notifier, EmailNotifier) else "http://127.0.0.1:1/"
        with pytest.raises(DeliveryError) as caught:
            await notifier.send(a_message(address=address))
        assert not caught.value.permanent


@pytest.mark.parametrize("address", ["", "nonsense", "ftp://example.com/x", "http://", "http://[::1", "//x"])
@pytest.mark.parametrize("name", ["webhook", "slack"])
async def test_addresses_that_are_none(name: str, address: str) -> None:
    kind = {"webhook": WebhookNotifier, "slack": SlackNotifier}[name]
    with pytest.raises(DeliveryError) as caught:
        await kind(ALLOWED, FixedClock(), timeout_seconds=PATIENCE).send(a_message(address=address))
    assert caught.value.permanent


async def test_a_body_without_end_is_not_read_for_ever() -> None:
    async with http_peer(Reply(200, kind="drip")) as peer:
        notifier = SlackNotifier(ALLOWED, FixedClock(), timeout_seconds=PATIENCE)
        with pytest.raises(DeliveryError) as caught:
            await asyncio.wait_for(notifier.send(a_message(address=peer.url)), timeout=5)
    assert not caught.value.permanent
