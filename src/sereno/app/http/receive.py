"""Samples that others send: Prometheus remote write 1.0 and 2.0, OpenTelemetry's OTLP/HTTP.

A 2xx is answered only once the samples are kept. What can never be kept is answered with a 4xx that names it, so that
nobody sends it again; what cannot be kept now with 429 or 503 and when to try again. How much is in hand at once is
bounded: bytes before they are read, requests while they are worked on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from sereno.adapters.samples import otlp, remote_write, remote_write_v2
from sereno.adapters.samples.intake import BadSamples, IntakeLimits, KnownSeries, Received
from sereno.adapters.samples.judging import NAMED_MAX
from sereno.adapters.samples.protocols.wire import TooBig, WireError, unsnapped
from sereno.adapters.samples.source import Written
from sereno.adapters.samples.starts import Starts
from sereno.app.http.auth import Principal, require
from sereno.app.http.errors import TooMany, answer
from sereno.kernel.errors import NotFound, SerenoError, Unavailable
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms

if TYPE_CHECKING:
    from sereno.adapters.samples.store import SampleStore
    from sereno.app.control import Control

Sender = Annotated[Principal, Depends(require("samples"))]
V1, V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
AT_ONCE = 2
WAITING_MAX = 32
BODY_SECONDS_MAX = 30.0
"""How long a body may take to arrive: while it does, it keeps a place that others wait for."""
NOTED_EVERY = timedelta(days=1)
_NOTED_MAX = 1000
_WAIT_SECONDS = 2
_SHOWN_MAX = 200
T = TypeVar("T")


class WrongMedia(SerenoError):
    """The request is of a kind, or packed in a way, that is not spoken here."""

    code = "unsupported_media_type"
    status = 415


class TooLargeRequest(SerenoError):
    """The request's body is larger than the limit."""

    code = "too_large"
    status = 413


@dataclass(slots=True)
class Gate:
    """Bounds what is in hand at once: `bytes_max` of bodies, `AT_ONCE` requests worked on, `WAITING_MAX` in line."""

    bytes_max: int
    bytes_now: int = 0
    inside: int = 0
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Room for a body of `size` bytes. Raises TooMany (with when to try again) if there is none."""
        if self.inside >= WAITING_MAX or (self.inside and self.bytes_now + size > self.bytes_max):
            raise TooMany("too much is being received at once", retry_after_seconds=_WAIT_SECONDS)
        self.inside += 1
        self.bytes_now += size
        try:
            yield
        finally:
            self.inside -= 1
            self.bytes_now -= size


class Receiver:
    """Takes requests in for one control plane; remembers labels, starts and deltas from one to the next."""

    def __init__(self, control: Control) -> None:
        settings = control.settings
        self.control = control
        self.limits = IntakeLimits(
            body_bytes=settings.receive_bytes // 2,
            unpacked_bytes=settings.receive_bytes,
            samples=settings.receive_samples,
            labels=settings.receive_labels,
            label_value_bytes=settings.receive_label_bytes,
            future_ms=settings.receive_ahead // timedelta(milliseconds=1),
        )
        self.known = KnownSeries(self.limits)
        self.starts = Starts()
        self.otlp = otlp.OtlpReader(KnownSeries(self.limits), tuple(settings.otlp_promote), settings.otlp_scopes)
        self.gate = Gate(4 * settings.receive_bytes)
        self._noted: dict[tuple[str, str], datetime] = {}
        self._one_by_one = asyncio.Lock()

    # -- the three protocols -----------------------------------------------------------------------------

    async def remote_write(self, request: Request, me: Principal) -> Response:
        """Remote write, either version. Raises what the sender must hear."""
        version = _version(request)
        store = self._store()
        written = Fate()
        try:
            async with self._body(request) as body:
                found = await self._worked(lambda: self._understood(body, version))
                await self._note(me, f"remote write {version}")
                written = await self._keep(store, found, "remote-write")
        except BadSamples as problem:
            return _refused(request, problem, written, version)
        self.starts.learn(found.starts)
        self._count(f"remote_write_{version}", found, written)
        if found.refused or written.refused:
            return _refused(request, BadSamples(_partly(found, written)), written, version)
        return Response(status_code=204, headers=_headers(written, version))

    async def metrics(self, request: Request, me: Principal) -> Response:
        """OTLP metrics. Raises what is not for OTLP to say (who are you, not now)."""
        is_json = _otlp_kind(request) == "json"
        store = self._store()
        try:
            async with self._body(request) as body, self._one_by_one:  # deltas are added up in order
                unpacked = self._unzipped(request, body)
                found = await self._worked(
                    lambda: self.otlp.read(unpacked(), to_ms(self.control.clock.now()), is_json=is_json)
                )
                await self._note(me, "OTLP")
                written = await self._keep(store, found.received, "otlp")
                self.otlp.learn(found)
        except (BadSamples, TooLargeRequest) as problem:
            return _status(problem, is_json=is_json)
        self._count("otlp", found.received, written)
        message = _partly(found.received, written) if found.rejected or written.refused else ""
        body_out = otlp.response(found.rejected + written.refused, message, is_json=is_json)
        return Response(body_out, media_type="application/json" if is_json else "application/x-protobuf")

    # -- steps -------------------------------------------------------------------------------------------

    def _store(self) -> SampleStore:
        if self.control.store is None:
            raise NotFound(
                "no samples are kept here: this installation reads those of a Prometheus",
                hint="send them there, or run without SERENO_PROMETHEUS",
            )
        return self.control.store

    @asynccontextmanager
    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        """The body, read within its limit, for as long as there is room for it."""
        limit = self.limits.body_bytes
        told = request.headers.get("content-length", "")
        size = int(told) if told.isdecimal() and len(told) < 19 else limit
        if size > limit:
            raise TooLargeRequest(f"the body has {size} bytes: the limit is {limit}", hint="send smaller batches")
        async with self.gate.hold(size):
            try:
                async with asyncio.timeout(BODY_SECONDS_MAX):
                    body = await self._read(request, limit)
            except TimeoutError:
                raise Unavailable(f"the body did not arrive within {BODY_SECONDS_MAX:g} s") from None
            yield body

    async def _read(self, request: Request, limit: int) -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise TooLargeRequest(f"the body has more than {limit} bytes", hint="send smaller batches")
        return bytes(body)

    async def _worked(self, work: Callable[[], T]) -> T:
        async with self.gate.turns:
            return await asyncio.to_thread(work)

    def _understood(self, body: bytes, version: str) -> Received:
        now_ms = to_ms(self.control.clock.now())
        try:
            unpacked = unsnapped(body, self.limits.unpacked_bytes)
        except TooBig as problem:
            raise BadSamples(str(problem), hint="send smaller batches, or raise SERENO_RECEIVE_BYTES") from None
        except WireError as problem:
            raise BadSamples(str(problem)) from None
        if version == "1":
            return remote_write.read_request(unpacked, self.known, now_ms)
        return remote_write_v2.read_request(unpacked, self.known, now_ms, self.starts)

    def _unzipped(self, request: Request, body: bytes) -> Callable[[], bytes]:
        if request.headers.get("content-encoding", "identity").strip().lower() == "gzip":
            return lambda: otlp.unzipped(body, self.limits.unpacked_bytes)
        return lambda: body

    async def _note(self, me: Principal, protocol: str) -> None:
        """A line in the audit log: who began to send what; once a day, not once a batch."""
        now, key = self.control.clock.now(), (me.name, protocol)
        last = self._noted.get(key)
        if last is not None and now - last < NOTED_EVERY:
            return
        await self.control.database.write(
            lambda unit: unit.audit.write(now, me.name, "samples.receive", protocol, {"via": me.via})
        )
        if len(self._noted) >= _NOTED_MAX:
            self._noted.clear()
        self._noted[key] = now

    async def _keep(self, store: SampleStore, found: Received, source: str) -> Fate:
        """Keep what was understood: numbers and histograms apart, so that each is counted exactly."""
        plain = [one for one in found.batch if one.histograms is None]
        native = [one for one in found.batch if one.histograms is not None]
        floats = await store.write(plain, source) if plain else Written()
        histograms = await store.write(native, source) if native else Written()
        if found.metadata:
            await store.note_metadata(found.metadata)
        return Fate(floats, histograms, found.duplicates)

    def _count(self, protocol: str, found: Received, fate: Fate) -> None:
        count = self.control.metrics.received_samples
        for outcome, number in (
            ("stored", fate.floats.stored + fate.histograms.stored),
            ("duplicate", found.duplicates + fate.floats.duplicates + fate.histograms.duplicates),
            ("refused", found.refused + fate.refused),
            ("exemplar_dropped", found.exemplars),
        ):
            if number:
                count.labels(protocol, outcome).inc(number)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a request in the store; samples that came twice within it are `duplicates` too."""

    floats: Written = field(default_factory=Written)
    histograms: Written = field(default_factory=Written)
    duplicates: int = 0

    @property
    def refused(self) -> int:
        """Samples that the store did not take."""
        both = (self.floats, self.histograms)
        return sum(one.conflicting + one.too_old for one in both)

    @property
    def reasons(self) -> list[str]:
        """Why, in words."""
        conflicting = self.floats.conflicting + self.histograms.conflicting
        too_old = self.floats.too_old + self.histograms.too_old
        told = [f"{conflicting} have another value than is kept for that time"] if conflicting else []
        told += [f"{too_old} are out of order and too old"] if too_old else []
        named = list(dict.fromkeys((*self.floats.refused, *self.histograms.refused)))[:NAMED_MAX]
        return told + ([f"the first of them: {', '.join(_shown(labels) for labels in named)}"] if named else [])


def _shown(labels: Labels) -> str:
    """A series as PromQL writes it, cut where it is long."""
    inside = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.pairs)
    return f"{{{inside}}}" if len(inside) <= _SHOWN_MAX else f"{{{inside[:_SHOWN_MAX]}…}}"


def router(control: Control) -> APIRouter:
    """The routes where samples are sent to."""
    routes = APIRouter(include_in_schema=False)
    receiver = Receiver(control)

    @routes.post("/prometheus/api/v1/write")
    async def write(request: Request, me: Sender) -> Response:
        return await receiver.remote_write(request, me)

    @routes.post("/otlp/v1/metrics")
    @routes.post("/v1/metrics")
    async def metrics(request: Request, me: Sender) -> Response:
        return await receiver.metrics(request, me)

    return routes


def _version(request: Request) -> Literal["1", "2"]:
    """Which remote write it is, by its content type. Raises WrongMedia."""
    kind, parameters = _media(request)
    encoding = request.headers.get("content-encoding", "").strip().lower()
    proto = parameters.get("proto", V1)
    if kind != "application/x-protobuf" or proto not in (V1, V2):
        raise WrongMedia(f"expected application/x-protobuf, with proto={V1} or proto={V2}")
    if encoding != "snappy":
        raise WrongMedia("expected Content-Encoding: snappy")
    return "2" if proto == V2 else "1"


def _otlp_kind(request: Request) -> Literal["protobuf", "json"]:
    kind, _ = _media(request)
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("gzip", "identity", ""):
        raise WrongMedia("expected Content-Encoding gzip, or none")
    if kind == "application/json":
        return "json"
    if kind != "application/x-protobuf":
        raise WrongMedia("expected application/x-protobuf or application/json")
    return "protobuf"


def _media(request: Request) -> tuple[str, dict[str, str]]:
    kind, *parts = request.headers.get("content-type", "").split(";")
    pairs = (part.partition("=") for part in parts)
    return kind.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _headers(fate: Fate, version: str) -> dict[str, str]:
    """What remote write 2.0 wants to know in each answer: how much was written."""
    if version == "1":
        return {}
    floats = fate.floats.stored + fate.floats.duplicates + fate.duplicates
    prefix = "X-Prometheus-Remote-Write"
    return {
        f"{prefix}-Samples-Written": str(floats),
        f"{prefix}-Histograms-Written": str(fate.histograms.stored + fate.histograms.duplicates),
        f"{prefix}-Exemplars-Written": "0",
    }


def _refused(request: Request, problem: BadSamples, fate: Fate, version: str) -> Response:
    response = answer(request, problem)
    response.headers.update(_headers(fate, version))
    return response


def _partly(found: Received, fate: Fate) -> str:
    """What was not kept, and why; the rest was."""
    refused = found.refused + fate.refused
    total = found.floats + found.histograms + found.refused + found.duplicates
    reasons = "; ".join([*found.reasons, *fate.reasons])
    return f"{refused} of {total} samples were refused, the others are kept: {reasons}"


def _status(problem: SerenoError, *, is_json: bool) -> Response:
    """An error as OTLP wants it: google.rpc.Status."""
    if is_json:
        return JSONResponse({"code": 3, "message": problem.message}, problem.status)
    message = problem.message.encode()[:1000]
    body = b"\x08\x03\x12" + _length(len(message)) + message
    return Response(body, problem.status, media_type="application/x-protobuf")


def _length(size: int) -> bytes:
    return bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])
