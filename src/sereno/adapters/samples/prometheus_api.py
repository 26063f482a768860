"""The two questions we ask of a Prometheus (or Thanos, Mimir, VictoriaMetrics): raw samples, and who is there now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec
import numpy as np

from sereno.adapters.samples.fetching import Allowed
from sereno.kernel.errors import QueryError, QueryLimit, Unavailable
from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s

Series = dict[Labels, tuple[Int64s, Float64s]]
"""Times (ms, increasing) and values by labels."""

_RETRY_WAITS_SECONDS = (0.2, 0.8)
_PIECE_FIRST_MS = 2 * 3_600_000
_PIECE_MIN_MS = 60_000
_SAMPLES_WANTED = 500_000
_THREAD_BYTES = 256_000


class _Entry(msgspec.Struct):
    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []
    histograms: list[msgspec.Raw] = []


class _Data(msgspec.Struct):
    result: list[_Entry] = []


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []


class _TooMuch(Exception):
    """The answer would be too large; ask for less."""


TooMuch = _TooMuch


@dataclass(frozen=True, slots=True)
class PieceRead:
    """One answer: samples, the server's warnings (it may be partial), and native histograms that it cannot convey."""

    series: Series
    warnings: tuple[str, ...] = ()
    histograms: int = 0


class PrometheusApi:
    """Speaks the HTTP API at `url`.

    `headers` (a bearer token, a tenant) go with every request and are never shown. `response_bytes_max` bounds one
    answer: time is split so that none is larger. Temporary failures are tried again, twice.
    """

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        *,
        allowed: Allowed,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 30.0,
        response_bytes_max: int = 64 << 20,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = url.rstrip("/") + "/api/v1/query"
        self._http = http
        self._allowed = allowed
        self._headers = dict(headers or {})
        self._timeout = timeout_seconds
        self._bytes_max = response_bytes_max
        self._sleep = sleep
        self.requests = 0
        self.server_ms: int | None = None
        """The server's clock as of its last answer, to the second, if it told."""

    async def raw(self, selector: str, start_ms: int, end_ms: int) -> Series:
        """The samples that `selector` finds with start <= t <= end, without staleness markers: the API hides them.

        Raises Unavailable when there is no usable answer, QueryError when the selector is rejected or finds too much.
        """
        parts: list[Series] = []
        after, piece = start_ms - 1, _PIECE_FIRST_MS
        while after < end_ms:
            until = min(after + piece, end_ms)
            try:
                part = await self._piece(selector, after, until)
            except _TooMuch:
                if piece <= _PIECE_MIN_MS:
                    raise QueryLimit(f"one minute of {selector} is more than Prometheus can answer") from None
                piece = max(piece // 4, _PIECE_MIN_MS)
                continue
            parts.append(part)
            samples = sum(len(times) for times, _ in part.values())
            fitting = _SAMPLES_WANTED * (until - after) // max(samples, 1)
            piece = max(_PIECE_MIN_MS, min(fitting, piece * 8))
            after = until
        return joined(parts)

    async def present(self, selector: str, at_ms: int) -> frozenset[Labels]:
        """The series that an instant query of `selector` shows at `at_ms`. Raises as `raw`."""
        try:
            entries = await self._query(selector, at_ms)
        except _TooMuch:
            raise QueryLimit(f"{selector} has more series than Prometheus can answer") from None
        return frozenset(Labels(entry.metric) for entry in entries)

    async def _piece(self, selector: str, after_ms: int, until_ms: int) -> Series:
        return (await self.piece(selector, after_ms, until_ms)).series

    async def piece(self, selector: str, after_ms: int, until_ms: int) -> PieceRead:
        """Samples with after < t <= until; version 2 counts the beginning of a range in, version 3 does not.

        Raises TooMuch when one answer cannot hold them, and as `raw`.
        """
        answer = await self._ask(f"{selector}[{until_ms - after_ms}ms]", until_ms)
        entries = answer.data.result if answer.data else []
        found: Series = {}
        for entry in entries:
            times = np.rint(np.array([t for t, _ in entry.values], np.float64) * 1000).astype(np.int64)
            values = np.array([float(v) for _, v in entry.values], np.float64)
            first = int(np.searchsorted(times, after_ms + 1))
            if first < len(times):
                found[Labels(entry.metric)] = (times[first:], values[first:])
        histograms = sum(len(entry.histograms) for entry in entries)
        return PieceRead(found, tuple(answer.warnings), histograms)

    async def _query(self, query: str, at_ms: int) -> list[_Entry]:
        answer = await self._ask(query, at_ms)
        return answer.data.result if answer.data else []

    async def _ask(self, query: str, at_ms: int) -> _Answer:
        form = {"query": query, "time": f"{at_ms // 1000}.{at_ms % 1000:03d}", "timeout": f"{self._timeout:g}s"}
        for wait in (*_RETRY_WAITS_SECONDS, None):
            try:
                status, body = await self._post(form)
            except (httpx.HTTPError, TimeoutError) as problem:
                reason = f"{type(problem).__name__}: {problem}"
            else:
                if status < 500 and status != 429:
                    return await self._understood(status, body)
                reason = f"HTTP status {status}: {_excerpt(body)}"
            if wait is None:
                break
            await self._sleep(wait)
        raise Unavailable(f"Prometheus at {_shown(self._url)} does not answer: {reason}")

    async def _post(self, form: dict[str, str]) -> tuple[int, bytes]:
        return await self._send(self._url, data=form)

    async def read(self, body: bytes) -> tuple[int, bytes]:
        """Send a remote-read request (snappy, protobuf); the status and body of the answer.

        Raises TooMuch beyond the limit of bytes, httpx.HTTPError, TimeoutError.
        """
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Read-Version": "0.1.0",
        }
        return await self._send(self._url.removesuffix("query") + "read", content=body, more=headers)

    async def get(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Any:
        """The `data` that a GET of `path` (such as `labels`) under /api/v1 answers.

        Raises Unavailable when there is no usable answer, QueryError when the question is rejected.
        """
        url = self._url.removesuffix("query") + path
        try:
            status, body = await self._send(url, method="GET", params=list(parameters))
        except (httpx.HTTPError, TimeoutError) as problem:
            reason = f"{type(problem).__name__}: {problem}"
            raise Unavailable(f"Prometheus at {_shown(self._url)} does not answer: {reason}") from None
        except _TooMuch:
            raise QueryLimit(f"the answer to {path} is too large") from None
        if status in (401, 403) or status >= 500 or status == 429:
            raise Unavailable(f"Prometheus at {_shown(self._url)} answers HTTP status {status}")
        try:
            answer = await asyncio.to_thread(msgspec.json.decode, body)
            if answer["status"] == "success":
                return answer["data"]
            said = str(answer.get("error", ""))
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
            what = f"HTTP status {status}: {_excerpt(body)}"
            raise Unavailable(f"what answers at {_shown(self._url)} is no Prometheus ({what})") from None
        raise QueryError(f"Prometheus rejects the question: {said[:300]}")

    async def _send(
        self, url: str, *, method: str = "POST", more: Mapping[str, str] | None = None, **options: Any
    ) -> tuple[int, bytes]:
        if not self._allowed(url):
            raise Unavailable(f"policy does not allow calling {_shown(url)}")
        self.requests += 1
        headers = {**self._headers, **(more or {})}
        async with (
            asyncio.timeout(self._timeout),
            self._http.stream(
                method, url, headers=headers, timeout=self._timeout, follow_redirects=False, **options
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._bytes_max:
                    raise _TooMuch
            self.server_ms = _date_ms(response.headers.get("date", ""))
            return response.status_code, bytes(body)

    async def _understood(self, status: int, body: bytes) -> _Answer:
        if status in (401, 403):
            hint = "check the token or password given for it"
            raise Unavailable(f"Prometheus at {_shown(self._url)} refuses us (HTTP status {status})", hint=hint)
        try:
            if len(body) > _THREAD_BYTES:
                answer = await asyncio.to_thread(msgspec.json.decode, body, type=_Answer)
            else:
                answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            what = f"HTTP status {status}: {_excerpt(body)}"
            raise Unavailable(f"what answers at {_shown(self._url)} is no Prometheus ({what})") from None
        if answer.status == "success" and answer.data is not None:
            return answer
        if "too many samples" in answer.error:
            raise _TooMuch
        raise QueryError(f"Prometheus rejects the query: {answer.error[:300]}")


def joined(parts: list[Series]) -> Series:
    """Parts that follow one another in time as one."""
    if len(parts) == 1:
        return parts[0]
    found: dict[Labels, list[tuple[Int64s, Float64s]]] = {}
    for part in parts:
        for labels, samples in part.items():
            found.setdefault(labels, []).append(samples)
    return {
        labels: (np.concatenate([t for t, _ in samples]), np.concatenate([v for _, v in samples]))
        for labels, samples in found.items()
    }


def _date_ms(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except ValueError:
        return None


def _excerpt(body: bytes) -> str:
    return body[:120].decode("utf-8", "replace")


def _shown(url: str) -> str:
    """The address without user and password."""
    parts = httpx.URL(url)
    return str(parts.copy_with(userinfo=b"")) if parts.userinfo else url
