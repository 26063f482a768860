"""The public status page and its documents: built once a version, served from memory.

A visitor costs a dictionary look-up. Bytes are built when the state changed, or are a few seconds old; however many
ask at once, they are built once. When the state cannot be read, what was last known is served for five minutes,
with the moment it was true written on it; after that the answer is 503, for unknown is not fine.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import jinja2
import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sereno.app.http.pages import language_of, shown
from sereno.app.public import PublicRecord, public_board, read_record
from sereno.kernel.clock import Clock
from sereno.kernel.errors import NotFound, Unavailable
from sereno.kernel.language import say
from sereno.kernel.message import Language
from sereno.spec.model import Spec, StatusPage
from sereno.status.document import document, feed
from sereno.status.model import Board
from sereno.status.statuspage import DOCUMENTS
from sereno.status.views import page_view
from sereno.status.words import PAGE

FRESH = timedelta(seconds=5)
STALE_MAX = timedelta(minutes=5)
CACHE_CONTROL = "public, max-age=5, stale-while-revalidate=30, stale-if-error=86400"
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
GUARDED = {"content-security-policy": CSP}
SHARED = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
SPOKEN = {"vary": "Accept-Encoding, Accept-Language, Cookie"}
_HERE = Path(__file__).resolve().parent.parent
T = TypeVar("T")


class _Database(Protocol):
    def read(self, work: Callable[[Any], T]) -> Awaitable[T]:
        """Run `work` on one consistent view of the stores."""
        ...


class _SpecHolder(Protocol):
    @property
    def current(self) -> Spec:
        """The spec in force."""
        ...


class _Settings(Protocol):
    @property
    def address(self) -> str:
        """The address that people use, without a slash at its end."""
        ...


class StatusView(Protocol):
    """What the public pages need of the control plane."""

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        ...

    @property
    def database(self) -> _Database:
        """Where the stores are."""
        ...

    @property
    def spec(self) -> _SpecHolder:
        """The spec in force."""
        ...

    @property
    def settings(self) -> _Settings:
        """How the installation is set."""
        ...

    @property
    def status_version(self) -> int:
        """Grows whenever something that the public sees may have changed."""
        ...


def router(control: StatusView) -> APIRouter:
    """The routes under `/status/`: open to everyone, they only read."""
    shelf, routes = Shelf(control), APIRouter()

    def html(name: str, page: StatusPage, request: Request) -> Awaitable[Document]:
        return shelf.take(name, "html", language_of(request, page.language))

    def own(name: str, page: StatusPage, request: Request) -> Awaitable[Document]:
        return shelf.take(name, "json", language_of(request, page.language))

    def atom(name: str, page: StatusPage, request: Request) -> Awaitable[Document]:
        return shelf.take(name, "atom", page.language)

    def statuspage(name: str, page: StatusPage, request: Request) -> Awaitable[Document]:
        kind = request.path_params["document"]
        if kind not in DOCUMENTS:
            raise NotFound(f"there is no document {kind}.json", hint="documents: " + ", ".join(DOCUMENTS))
        return shelf.take(name, kind, page.language)

    def serve(path: str, find: Callable[[str, StatusPage, Request], Awaitable[Document]]) -> None:
        async def endpoint(request: Request) -> Response:
            name = request.path_params["page"]
            page = control.spec.current.status_pages.get(name)
            if page is None:
                raise NotFound(f"there is no status page {name!r}")
            return answer(await find(name, page, request), request)

        routes.add_route(path, endpoint, methods=["GET", "HEAD"], include_in_schema=False)

    serve("/status/{page}/api/v2/{document:path}.json", statuspage)
    serve("/status/{page}/history.atom", atom)
    serve("/status/{page}.json", own)
    serve("/status/{page}", html)
    return routes


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes ready to send, as they are and compressed."""

    body: bytes
    zipped: bytes
    etag: str
    headers: dict[str, str]


def answer(document: Document, request: Request) -> Response:
    """`document` as this client wants it: compressed or not, or 304 if it has it already."""
    zipped = _takes_gzip(request.headers.get("accept-encoding", ""))
    etag = f'"{document.etag}-gz"' if zipped else f'"{document.etag}"'
    headers = {**document.headers, "etag": etag}
    wanted = request.headers.get("if-none-match")
    if wanted is not None and _matches(wanted, etag):
        return Response(status_code=304, headers={k: v for k, v in headers.items() if k != "content-type"})
    if zipped:
        headers["content-encoding"] = "gzip"
    return Response(document.zipped if zipped else document.body, headers=headers)


def _takes_gzip(header: str) -> bool:
    for part in header.split(","):
        coding, _, weight = part.strip().replace(" ", "").partition(";")
        if coding.lower() in ("gzip", "*"):
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _matches(header: str, etag: str) -> bool:
    return any(one.strip().removeprefix("W/") in (etag, "*") for one in header.split(","))


@dataclass(slots=True)
class _Snapshot:
    """What was read at `at`, and the documents made of it so far."""

    version: int
    spec: Spec
    at: datetime
    page: StatusPage
    record: PublicRecord
    boards: dict[Language, Board] = field(default_factory=dict)
    documents: dict[tuple[str, Language], Document] = field(default_factory=dict)


class Shelf:
    """The documents of every status page, each built once a version."""

    def __init__(self, control: StatusView) -> None:
        self._control = control
        self._snapshots: dict[str, _Snapshot] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    async def take(self, page: str, kind: str, language: Language) -> Document:
        """The document `kind` (html, json, atom, or a name of Statuspage's) of `page`.

        Raises Unavailable when the state cannot be read and what was last read is too old.
        """
        snapshot = await self._current(page)
        found = snapshot.documents.get((kind, language))
        if found is None:
            found = snapshot.documents[kind, language] = self._make(snapshot, kind, language)
        return found

    async def _current(self, name: str) -> _Snapshot:
        control, read = self._control, False
        version = control.status_version
        while True:
            snapshot, now = self._snapshots.get(name), control.clock.now()
            valid = snapshot and snapshot.version >= version and snapshot.spec is control.spec.current
            # A snapshot from the future means that the clock went back: as good as old.
            if snapshot and valid and (read or timedelta(0) <= now - snapshot.at < FRESH):
                return snapshot
            try:
                await self._read_once(name)
            except Unavailable:
                if snapshot is None or abs(now - snapshot.at) > STALE_MAX:
                    raise
                return snapshot
            read = True

    async def _read_once(self, name: str) -> None:
        """Read the state; whoever asks while it is being read waits for the same reading."""
        task = self._reading.get(name)
        if task is None:
            task = self._reading[name] = asyncio.create_task(self._read(name))
            task.add_done_callback(lambda _: self._reading.pop(name, None))
        await asyncio.shield(task)

    async def _read(self, name: str) -> None:
        control = self._control
        version, spec, now = control.status_version, control.spec.current, control.clock.now()
        page = spec.status_pages.get(name)
        if page is None:
            raise NotFound(f"there is no status page {name!r}")
        record = await control.database.read(lambda unit: read_record(unit.intervals, unit.incidents, spec, page, now))
        self._snapshots[name] = _Snapshot(version, spec, now, page, record)

    def _make(self, snapshot: _Snapshot, kind: str, language: Language) -> Document:
        board = snapshot.boards.get(language)
        if board is None:
            board = snapshot.boards[language] = public_board(
                snapshot.page, snapshot.record, snapshot.spec, snapshot.at, language
            )
        root = self._control.settings.address
        address = f"{root}/status/{quote(snapshot.page.name)}"
        if kind == "html":
            return _shelve(render(board, language).encode(), "text/html; charset=utf-8", {**SPOKEN, **GUARDED})
        if kind == "atom":
            host = urlsplit(root).hostname or "localhost"
            return _shelve(feed(board, address, host, language), "application/atom+xml; charset=utf-8", SHARED)
        if kind == "json":
            return _shelve(msgspec.json.encode(document(board)), "application/json", {**SPOKEN, **SHARED})
        return _shelve(msgspec.json.encode(DOCUMENTS[kind](board, address)), "application/json", SHARED)


def _shelve(body: bytes, content_type: str, more: Mapping[str, str]) -> Document:
    headers = {"content-type": content_type, "cache-control": CACHE_CONTROL, "vary": "Accept-Encoding", **more}
    return Document(body, gzip.compress(body, 9, mtime=0), hashlib.sha256(body).hexdigest()[:24], headers)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates" / "status"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )


@cache
def _css_version() -> str:
    return hashlib.sha256((_HERE / "static" / "status.css").read_bytes()).hexdigest()[:10]


def render(board: Board, language: Language) -> str:
    """The HTML of `board`."""
    view = page_view(board, language)
    return _templates().get_template("page.html").render(
        v=view, w=view.words, css=_css_version(), checked=say(PAGE, "checked", language, at=view.checked.text)
    )  # fmt: skip
