"""What a mail looks like when it arrives, and how it travels."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.certificates import certificate
from tests.peers.messages import FixedClock, a_message
from tests.peers.smtp_peer import SmtpPeer, smtp_peer

from sereno.adapters.notify.email import EmailNotifier, Smtp, mail_of
from sereno.kernel.errors import DeliveryError


async def test_a_page_by_mail() -> None:
    async with smtp_peer() as peer:
        notifier = EmailNotifier(Smtp("127.0.0.1", peer.port, "none", "Sereno <sereno@shop.example>"), FixedClock())
        reference = await notifier.send(a_message(subject="[SEV1] Búsqueda: caída", language="es"))
    (mail,) = peer.mails
    assert peer.recipients == ["ana@example.com"]
    assert mail["Subject"] == "[SEV1] Búsqueda: caída"
    assert mail["From"] == "Sereno <sereno@shop.example>"
    assert mail["Message-ID"] == reference
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "Sereno <sereno.shop.example>"
    assert mail["Date"] == "Mon, 02 Mar 2026 12:00:00 +0000"
    assert mail["Importance"] == "high"
    text, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert page is not None
    assert "Acknowledge: https://sereno.example/ack/t0ken" in text.get_content()
    assert '<a href="https://sereno.example/ack/t0ken"' in page.get_content()
    assert 'lang="es"' in page.get_content()
    assert ">Reconocer</a>" in page.get_content()


def test_a_repeat_is_recognised_and_a_page_is_one_thread() -> None:
    first, again = mail_of(a_message(id="1"), "s@x.example"), mail_of(a_message(id="2"), "s@x.example")
    other = mail_of(a_message(key="pg_1/0/1/bo/0-email/page"), "s@x.example")
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["References"] == other["References"]


def test_what_alerts_say_is_not_markup() -> None:
    mail = mail_of(a_message(text='<script>alert(1)</script>\n\nhttps://x.example/?a="><b>\n'), "s@x.example")
    page = mail.get_body(("html",))
    assert page is not None
    assert "<script>" not in page.get_content()
    assert "<b>" not in page.get_content()


@given(st.text(max_size=200), st.text(max_size=200))
def test_nothing_in_a_subject_becomes_a_header(subject: str, text: str) -> None:
    mail = mail_of(a_message(subject=f"{subject}\r\nBcc: eve@evil.example\n\nhello", text=text or "x"), "s@x.example")
    head = mail.as_bytes().partition(b"\r\n\r\n")[0]
    assert mail["Bcc"] is None
    assert not any(line.lower().startswith(b"bcc") for line in head.split(b"\r\n"))


@pytest.mark.parametrize(
    "address",
    ["", "ana", "ana@", "@example.com", "ana@example.com\nBcc: eve@evil.example", "ana@example.com, eve@evil.example",
     "ana@example.com>\r\nRCPT TO:<eve@evil.example", "Ana <ana@example.com>", "a b@example.com", "ana@exámple.com"],
)  # fmt: skip
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        mail_of(a_message(address=address), "s@x.example")
    assert caught.value.permanent


async def test_without_a_server_the_next_contact_is_tried_at_once() -> None:
    with pytest.raises(DeliveryError) as caught:
        await EmailNotifier(None, FixedClock()).send(a_message())
    assert caught.value.permanent


async def test_starttls_and_sign_in(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    async with smtp_peer(SmtpPeer(login=("sereno", "s3cret")), starttls=server) as peer:
        smtp = Smtp("127.0.0.1", peer.port, "starttls", "s@x.example", "sereno", "s3cret", tls=client)
        await EmailNotifier(smtp, FixedClock()).send(a_message())
    assert peer.encrypted == [True]
    assert peer.logins == ["sereno"]


async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    async with smtp_peer(tls=server) as peer:
        await EmailNotifier(Smtp("127.0.0.1", peer.port, "tls", "s@x.example", tls=client), FixedClock()).send(
            a_message()
        )
    assert len(peer.mails) == 1


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    server, _ = certificate(tmp_path)
    async with smtp_peer(starttls=server) as peer:
        with pytest.raises(DeliveryError):
            await EmailNotifier(Smtp("127.0.0.1", peer.port, "starttls", "s@x.example"), FixedClock()).send(a_message())
    assert peer.mails == []


async def test_no_mail_goes_out_in_clear_when_tls_was_asked_for() -> None:
    async with smtp_peer() as peer:
        with pytest.raises(DeliveryError) as caught:
            await EmailNotifier(Smtp("127.0.0.1", peer.port, "starttls", "s@x.example"), FixedClock()).send(a_message())
    assert peer.mails == []
    assert caught.value.permanent


async def test_a_wrong_password_is_not_repeated_and_not_shown(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    async with smtp_peer(SmtpPeer(login=("sereno", "s3cret")), starttls=server) as peer:
        smtp = Smtp("127.0.0.1", peer.port, "starttls", "s@x.example", "sereno", "wr0ng", tls=client)
        with pytest.raises(DeliveryError) as caught:
            await EmailNotifier(smtp, FixedClock()).send(a_message())
    assert caught.value.permanent
    assert "wr0ng" not in str(caught.value) + repr(smtp)
