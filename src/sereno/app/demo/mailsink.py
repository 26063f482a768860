"""A mailbox for the demo: takes mail over SMTP on loopback, shows it in the browser, keeps nothing on disk."""

from __future__ import annotations

import asyncio
import contextlib
import html
import re
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

KEPT = 500
_LINK = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as it arrived."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    headers: dict[str, str]

    @property
    def links(self) -> tuple[str, ...]:
        """The addresses in its text."""
        return tuple(_LINK.findall(self.text))


class MailSink:
    """Takes mail and shows it. Implements what aiosmtpd calls a handler."""

    def __init__(self) -> None:
        self.mails: deque[Mail] = deque(maxlen=KEPT)
        self.taken = 0

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        """Keep one message."""
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        body = parsed.get_body(("plain", "html"))
        self.taken += 1
        self.mails.appendleft(
            Mail(
                self.taken,
                str(envelope.mail_from),
                tuple(envelope.rcpt_tos),
                str(parsed["subject"] or ""),
                str(body.get_content()) if body else "",
                {name: str(value) for name, value in parsed.items()},
            )
        )
        return "250 OK"

    async def list_json(self, request: Request) -> Response:
        """All mails, newest first, for machines."""
        return JSONResponse(
            [
                {"number": m.number, "to": m.recipients, "subject": m.subject, "text": m.text, "links": m.links}
                for m in self.mails
            ]
        )

    async def index(self, request: Request) -> Response:
        """The mailbox."""
        rows = "".join(
            f'<li><a href="/mail/{m.number}">{html.escape(m.subject)}</a> <small>{html.escape(", ".join(m.recipients))}'
            "</small></li>"
            for m in self.mails
        )
        return _page("Buzón · Mailbox", f"<ul>{rows}</ul>" if rows else "<p>Vacío · Empty</p>", refresh=True)

    async def show(self, request: Request) -> Response:
        """One message, its links alive, everything else as text."""
        found = next((m for m in self.mails if m.number == request.path_params["number"]), None)
        if found is None:
            return PlainTextResponse("No such mail", 404)
        text = _LINK.sub(lambda link: f'<a href="{link[0]}">{link[0]}</a>', html.escape(found.text))
        to = html.escape(", ".join(found.recipients))
        return _page(found.subject, f'<p><a href="/">←</a> {to}</p><pre>{text}</pre>')

    def app(self) -> Starlette:
        """The pages."""
        return Starlette(
            routes=[
                Route("/", self.index),
                Route("/mails.json", self.list_json),
                Route("/mail/{number:int}", self.show),
            ]
        )


def _page(title: str, body: str, *, refresh: bool = False) -> HTMLResponse:
    meta = '<meta http-equiv="refresh" content="3">' if refresh else ""
    style = (
        ":root{color-scheme:light dark;font:1rem/1.5 system-ui}body{max-width:46rem;margin:2rem auto;padding:0 1rem}"
        "pre{white-space:pre-wrap;overflow-wrap:anywhere}li{padding:.4rem 0}small{opacity:.75}"
    )
    return HTMLResponse(
        '<!doctype html><html lang="es"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"{meta}"
        f"<title>{html.escape(title)}</title><style>{style}</style><h1>{html.escape(title)}</h1>{body}</html>",
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


async def serve(smtp_port: int, http_port: int) -> None:
    """Take mail on `smtp_port` and show it on `http_port`, both on loopback, until cancelled."""
    from aiosmtpd.smtp import SMTP

    sink = MailSink()
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(sink, hostname="localhost"), "127.0.0.1", smtp_port)
    config = uvicorn.Config(sink.app(), host="127.0.0.1", port=http_port, log_level="warning", access_log=False)
    async with smtp:
        await uvicorn.Server(config).serve()


def main(smtp_port: int, http_port: int) -> None:
    """Run the mailbox until killed."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(smtp_port, http_port))
