"""A mail server that behaves as told: aiosmtpd in the test's own loop, or a socket that stalls, resets, babbles."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class SmtpPeer:
    """Listens on a free port of 127.0.0.1.

    `greet`, `rcpt` and `data` are the answers at those points; `kind`: answer, hang, reset or garbage.
    """

    rcpt: str = "250 OK"
    data: str = "250 taken"
    kind: str = "answer"
    login: tuple[str, str] | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list) -> str:  # type: ignore[type-arg]
        if self.rcpt.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data.startswith("2"):
            content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
            self.mails.append(message_from_bytes(content, policy=policy.default))  # type: ignore[arg-type]
            self.recipients += envelope.rcpt_tos
            self.encrypted.append(session.ssl is not None)
        return self.data

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login.decode())
        return AuthResult(success=(data.login.decode(), data.password.decode()) == self.login, handled=False)


@asynccontextmanager
async def smtp_peer(
    peer: SmtpPeer | None = None, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[SmtpPeer]:
    """A running mail server, gone with the block. `starttls` offers it; `tls` encrypts from the first byte."""
    peer = peer or SmtpPeer()
    loop = asyncio.get_running_loop()

    def speak() -> asyncio.Protocol:
        if peer.kind != "answer":
            return _Misbehaving(peer.kind)
        return SMTP(
            peer, loop=loop, hostname="peer.test", tls_context=starttls, require_starttls=starttls is not None,
            authenticator=peer.authenticate if peer.login else None, auth_require_tls=False,
            auth_required=bool(peer.login),
        )  # fmt: skip

    server = await loop.create_server(speak, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


class _Misbehaving(asyncio.Protocol):
    def __init__(self, kind: str) -> None:
        self._kind = kind

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._kind == "reset":
            transport.abort()
        elif self._kind == "garbage":
            transport.write(b"\x00\xff\xfe what? \r\n" * 3)
            transport.close()
