"""E-mail over SMTP: text and HTML, recognisable when repeated, threaded by page."""

from __future__ import annotations

import asyncio
import hashlib
import html
import re
import ssl
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Literal

import aiosmtplib

from sereno.kernel.clock import Clock
from sereno.kernel.errors import DeliveryError
from sereno.kernel.language import Phrases, say
from sereno.kernel.message import Message

SEND_SECONDS = 8.0
PHRASES: Phrases = {"acknowledge": {"es": "Reconocer", "en": "Acknowledge"}}
_LINK = re.compile(r"https?://[^\s<>\"']+")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Smtp:
    """The server that takes our mail. `security`: starttls (must succeed), tls (from the first byte) or none."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: str = "sereno@localhost"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = SEND_SECONDS
    tls: ssl.SSLContext | None = field(default=None, repr=False)


class EmailNotifier:
    """Hands messages to an SMTP server, one connection a message."""

    def __init__(self, smtp: Smtp | None, clock: Clock) -> None:
        self._smtp = smtp
        self._clock = clock

    async def send(self, message: Message) -> str:
        """Deliver; returns the Message-ID. 4xx is temporary, 5xx permanent. Raises DeliveryError."""
        if self._smtp is None:
            raise DeliveryError("no SMTP server is set", permanent=True)
        mail = mail_of(message, self._smtp.sender)
        mail["Date"] = format_datetime(self._clock.now())
        try:
            async with asyncio.timeout(self._smtp.timeout_seconds):
                await self._hand_over(self._smtp, mail)
        except aiosmtplib.SMTPException as error:
            raise _refusal(error) from None
        except TimeoutError:
            raise DeliveryError(f"the mail server did not answer within {self._smtp.timeout_seconds:g} s") from None
        except (OSError, ValueError) as error:
            raise DeliveryError(f"the mail server cannot be reached ({type(error).__name__})") from None
        return str(mail["Message-ID"])

    async def _hand_over(self, smtp: Smtp, mail: EmailMessage) -> None:
        await aiosmtplib.send(
            mail, hostname=smtp.host, port=smtp.port, username=smtp.user or None, password=smtp.password or None,
            use_tls=smtp.security == "tls", start_tls=smtp.security == "starttls", tls_context=smtp.tls,
            timeout=smtp.timeout_seconds,
        )  # fmt: skip


def mail_of(message: Message, sender: str) -> EmailMessage:
    """The mail, all but its date. Raises DeliveryError (permanent) if an address is not one.

    The Message-ID follows from the key, so a repeat is recognised; messages of one page refer to one root.
    """
    _, from_spec = parseaddr(sender)
    domain = from_spec.rpartition("@")[2] or "localhost"
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = _BREAKS.sub(" ", message.subject)
    mail["From"] = _address(from_spec, "Sereno")
    mail["To"] = _address(message.address, "")
    mail["Message-ID"] = f"<{_digest(message.key)}@{domain}>"
    if message.page:
        mail["References"] = f"<page.{_digest(message.page)}@{domain}>"
        mail["In-Reply-To"] = f"<page.{_digest(message.page)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = f"Sereno <sereno.{domain}>"
    if message.purpose == "page":
        mail["Importance"], mail["X-Priority"] = "high", "1"
    mail["Content-Language"] = message.language
    mail.set_content(message.text)
    mail.add_alternative(_page(message), subtype="html")
    return mail


def _address(address: str, name: str) -> Address:
    try:
        if _BREAKS.search(address) or not address.isascii():
            raise ValueError(address)
        made = Address(name, addr_spec=address)
    except (ValueError, IndexError, HeaderParseError):
        raise DeliveryError("the address is not an e-mail address", permanent=True) from None
    if not made.username or not made.domain:
        raise DeliveryError("the address is not an e-mail address", permanent=True)
    return made


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _page(message: Message) -> str:
    """The text as HTML: the same words, links that can be pressed, and the answer as a button."""
    title, *paragraphs = message.text.strip().split("\n\n")
    lines = [
        [_linked(line) for line in part.splitlines() if not (message.ack_url and message.ack_url in line)]
        for part in paragraphs
    ]
    body = "".join(f"<p>{'<br>'.join(part)}</p>\n" for part in lines if part)
    button = ""
    if message.ack_url:
        button = (
            f'<p style="margin:24px 0"><a href="{html.escape(message.ack_url)}" style="background:#14532d;color:#fff;'
            'padding:12px 24px;border-radius:6px;text-decoration:none;font-weight:600;display:inline-block">'
            f"{say(PHRASES, 'acknowledge', message.language)}</a></p>\n"
        )
    return (
        f'<!doctype html>\n<html lang="{message.language}"><head><meta charset="utf-8">'
        f"<title>{html.escape(message.subject)}</title></head>\n"
        '<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#1c1917;background:#fff">\n'
        f'<h1 style="font-size:20px;margin:0 0 16px">{_linked(title)}</h1>\n{button}{body}</body></html>\n'
    )


def _linked(line: str) -> str:
    """`line` escaped, its addresses turned into links."""
    made, last = "", 0
    for found in _LINK.finditer(line):
        url = found[0].rstrip(".,;:)")
        made += html.escape(line[last : found.start()]) + f'<a href="{html.escape(url)}">{html.escape(url)}</a>'
        last = found.start() + len(url)
    return made + html.escape(line[last:])


def _refusal(error: aiosmtplib.SMTPException) -> DeliveryError:
    """What an SMTP error means, without the server's words: they may quote addresses and credentials."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [one.code for one in error.recipients]
    elif isinstance(error, aiosmtplib.SMTPResponseException):
        codes = [error.code]
    elif type(error) in (aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported):
        return DeliveryError("the mail server does not offer what is asked of it (TLS or sign-in)", permanent=True)
    else:
        return DeliveryError(f"the mail server broke off ({type(error).__name__})")
    permanent = bool(codes) and all(500 <= code < 600 for code in codes)
    return DeliveryError(f"the mail server answered {codes[0] if codes else 'nothing'}", permanent=permanent)
