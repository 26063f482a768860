"""A peer over HTTP that behaves as told: answers, stalls, breaks off, or talks nonsense."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser


@dataclass(frozen=True)
class Reply:
    """One behaviour. `kind`: answer, hang, reset, garbage or drip (a body that never ends)."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "answer"


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpPeer:
    """Listens on a free port of 127.0.0.1; `reply` is its behaviour now, a value or a function of the request."""

    reply: Reply | Callable[[Request], Reply] = field(default_factory=Reply)
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = (await reader.readuntil(b"\r\n")).decode().split()
        head = await reader.readuntil(b"\r\n\r\n") if first else b""
        headers = {k.lower(): v for k, v in BytesHeaderParser().parsebytes(head).items()}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Request(first[0], first[1], headers, body)
        self.requests.append(request)
        reply = self.reply(request) if callable(self.reply) else self.reply
        return await self._behave(reply, writer)

    async def _behave(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        if reply.kind == "hang":
            await asyncio.sleep(60)
        if reply.kind == "reset":
            writer.transport.get_extra_info("socket").setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0
            writer.transport.abort()
            return False
        if reply.kind == "garbage":
            writer.write(b"\x16\x03\x01\x00 this is not HTTP\r\n\r\n\x00\xff")
            await writer.drain()
            return False
        head = {"Content-Type": "text/plain", **reply.headers}
        if reply.kind != "drip":
            head["Content-Length"] = str(len(reply.body))
        lines = [f"HTTP/1.1 {reply.status} X", *(f"{k}: {v}" for k, v in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + reply.body)
        await writer.drain()
        while reply.kind == "drip":
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)
        return True


@asynccontextmanager
async def http_peer(reply: Reply | Callable[[Request], Reply] | None = None) -> AsyncIterator[HttpPeer]:
    """A running peer, gone with the block."""
    peer = HttpPeer(reply or Reply())
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    tasks = asyncio.all_tasks()
    try:
        yield peer
    finally:
        server.close()
        for task in asyncio.all_tasks() - tasks - {asyncio.current_task()}:
            if "HttpPeer.serve" in repr(task.get_coro()):
                task.cancel()
