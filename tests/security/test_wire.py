"""Connections that say too much, too slowly, or nothing at all, told on a real server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import httpx
import pytest
import uvicorn

from sereno.app.http import wire
from sereno.app.http.wire import Wire

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and says how long it was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = f"{size} bytes".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(echo, http=Wire, ws="none", lifespan="off", log_config=None, timeout_keep_alive=15)
        server = uvicorn.Server(config)
        server.capture_signals = nullcontext  # type: ignore[method-assign]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            await task


async def ended(opened: Opened, within: float = 3.0) -> bytes:
    """What came until the server closed the connection; TimeoutError if it did not."""
    try:
        return await asyncio.wait_for(opened[0].read(), within)
    except ConnectionError:
        return b""
    finally:
        opened[1].close()


async def test_ordinary_requests_pass_one_after_another_on_one_connection() -> None:
    async with serving() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for size in (0, 10, 300_000, 900_000, 5):
            assert (await client.post("/x", content=b"y" * size)).text == f"{size} bytes"
        assert (await client.get("/x?" + "q" * 30_000)).status_code == 200


@pytest.mark.parametrize(
    "piece",
    [b"a" * 8192, b"X-A: " + b"b" * 8000 + b"\r\n", b"\r\n" * 4096],
    ids=["an endless address", "endless headers", "blank lines for ever"],
)
async def test_a_head_without_end_is_cut_off(piece: bytes) -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if not piece.startswith(b"\r"):
            writer.write(b"GET /" if piece.startswith(b"a") else b"GET / HTTP/1.1\r\nHost: x\r\n")
        sent = 0
        try:
            while not writer.is_closing() and sent < 10_000_000:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)  # the server's turn
                sent += len(piece)
        except ConnectionError:
            pass
        assert sent < 2_000_000
        assert b"200 OK" not in await ended((reader, writer))


async def test_trailers_behind_a_body_count_too() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
        sent = 0
        try:
            while not writer.is_closing() and sent < 10_000_000:
                writer.write(b"T: " + b"t" * 4000 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)  # the server's turn
                sent += 4000
        except ConnectionError:
            pass
        assert sent < 2_000_000
        await ended((reader, writer))


SLOW: dict[str, Callable[[], list[bytes]]] = {
    "says nothing": lambda: [],
    "half a head": lambda: [b"GET / HT"],
    "a body that never comes": lambda: [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"],
    "a second request that never comes": lambda: [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / "],
    "blank lines after a request": lambda: [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n"],
}


@pytest.mark.parametrize("kind", SLOW)
async def test_whoever_is_too_slow_is_let_go(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_SECONDS", 0.2)
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in SLOW[kind]():
            writer.write(piece)
            await asyncio.sleep(0.05)
        await ended((reader, writer))  # a TimeoutError here means that it is still open


async def test_an_answer_that_takes_long_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "REQUEST_SECONDS", 0.1)
    async with serving() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/")).status_code == 200
        await asyncio.sleep(0.25)  # an idle connection is kept: the time runs from a request's first byte
        assert (await client.get("/")).status_code == 200


async def test_a_crowd_cannot_use_up_what_pages_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECTIONS_MAX", 5)
    async with serving() as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        await asyncio.sleep(0.05)
        late = await asyncio.open_connection("127.0.0.1", port)
        assert await ended(late) == b""
        held[0][1].close()
        await asyncio.sleep(0.05)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/")).status_code == 200
        for _, writer in held:
            writer.close()
