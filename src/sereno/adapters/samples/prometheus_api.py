"""The two questions we ask of a Prometheus (or Thanos, Mimir, VictoriaMetrics): raw samples, and who is there now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec
import numpy as np

from sereno.adapters.samples.fetching import Allowed
from sereno.adapters.samples.judging import joined as joined_run
from sereno.adapters.samples.packing import Run
from sereno.adapters.samples.prometheus_histograms import Bucket, histogram_of
from sereno.kernel.errors import QueryError, QueryLimit, Unavailable
from sereno.kernel.labels import Labels
from sereno.promql.columns import Float64s, Int64s

Series = dict[Labels, tuple[Int64s, Float64s]]
"""Times (ms, increasing) and values by labels."""

Runs = dict[Labels, Run]
"""Samples by labels, native histograms among them."""

_RETRY_WAITS_SECONDS = (0.2, 0.8)
_PIECE_FIRST_MS = 2 * 3_600_000
_PIECE_MIN_MS = 60_000
_SAMPLES_WANTED = 500_000
_THREAD_BYTES = 256_000
_SKEW_MS = 10_000
_WARNED_MAX = 1_000
_INSTANT_MAX = float(1 << 53)


class _Native(msgspec.Struct):
    count: str
    sum: str
    buckets: list[Bucket] = []


class _Entry(msgspec.Struct):
    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []
    histograms: list[tuple[float, _Native]] = []


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
    """One answer: samples that are floats, the server's warnings (it may be partial), how many native histograms
    there are beside, and all samples together."""

    series: Series
    warnings: tuple[str, ...] = ()
    histograms: int = 0
    runs: Runs = field(default_factory=dict)


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
        response_bytes_max: int = 24 << 20,
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
        self.warnings: dict[str, tuple[str, ...]] = {}
        """What the server warned of when it last answered a selector: its answer may be partial."""

    async def raw(self, selector: str, start_ms: int, end_ms: int) -> Runs:
        """The samples that `selector` finds with start <= t <= end, without staleness markers: the API hides them.

        Raises Unavailable when there is no usable answer, QueryError when the selector is rejected or finds too much.
        """
        parts: list[Runs] = []
        warnings: list[str] = []
        after, piece = start_ms - 1, _PIECE_FIRST_MS
        while after < end_ms:
            until = min(after + piece, end_ms)
            try:
                answer = await self.piece(selector, after, until)
            except _TooMuch:
                if piece <= _PIECE_MIN_MS:
                    raise QueryLimit(f"one minute of {selector} is more than Prometheus can answer") from None
                piece = max(min(piece, until - after) // 2, _PIECE_MIN_MS)
                continue
            parts.append(answer.runs)
            warnings += answer.warnings
            samples = sum(len(run.times) for run in answer.runs.values())
            fitting = _SAMPLES_WANTED * (until - after) // max(samples, 1)
            piece = max(_PIECE_MIN_MS, min(fitting, piece * 8))
            after = until
        self._note(selector, warnings, end_ms)
        return joined_runs(parts)

    def _note(self, selector: str, warnings: Iterable[str], end_ms: int) -> None:
        """Remember what must be told with these samples."""
        found = list(dict.fromkeys(warnings))
        if self.server_ms is not None and end_ms - self.server_ms > _SKEW_MS:
            behind = (end_ms - self.server_ms) // 1000
            found.append(f"the clock of Prometheus at {_shown(self._url)} is {behind} s behind: its latest is missing")
        self.warnings.pop(selector, None)
        if found and len(self.warnings) < _WARNED_MAX:
            self.warnings[selector] = tuple(found)

    async def present(self, selector: str, at_ms: int) -> frozenset[Labels]:
        """The series that an instant query of `selector` shows at `at_ms`. Raises as `raw`."""
        try:
            entries = await self._query(selector, at_ms)
        except _TooMuch:
            raise QueryLimit(f"{selector} has more series than Prometheus can answer") from None
        return frozenset(Labels(entry.metric) for entry in entries)

    async def piece(self, selector: str, after_ms: int, until_ms: int) -> PieceRead:
        """Samples with after < t <= until; version 2 counts the beginning of a range in, version 3 does not.

        Raises TooMuch when one answer cannot hold them, and as `raw`.
        """
        answer = await self._ask(f"{selector}[{until_ms - after_ms}ms]", until_ms)
        entries = answer.data.result if answer.data else []
        try:
            floats, natives = await asyncio.to_thread(_samples_of, entries, after_ms)
        except ValueError as problem:
            raise Unavailable(f"what answers at {_shown(self._url)} is no Prometheus ({problem})") from None
        runs = {labels: Run(times, values) for labels, (times, values) in floats.items()}
        for labels, run in natives.items():
            runs[labels] = run if labels not in runs else _in_order([runs[labels], run])
        return PieceRead(floats, tuple(answer.warnings), sum(len(run.times) for run in natives.values()), runs)

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
                if status == 200 and body[:1] == b"{" and body.rstrip()[-1:] != b"}":
                    reason = f"its answer was cut off after {len(body)} bytes"
                elif status < 500 and status != 429:
                    return await self._understood(status, body)
                else:
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
        return (await self.whole(path, parameters))["data"]

    async def whole(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """All that a GET answers: its `data`, and `warnings` and `infos` if there are any. Raises as `get`."""
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
                return {"data": answer["data"], **{key: answer.get(key) or [] for key in ("warnings", "infos")}}
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
        headers = {"Accept-Encoding": "gzip", **self._headers, **(more or {})}
        async with (
            asyncio.timeout(self._timeout),
            self._http.stream(
                method, url, headers=headers, timeout=self._timeout, follow_redirects=False, **options
            ) as response,
        ):
            # Remote read says snappy, whatever is asked for; nothing unpacks that but its own reader, within bounds.
            if response.headers.get("content-encoding", "").strip().lower() not in ("", "identity", "gzip", "snappy"):
                raise Unavailable(f"the answer of {_shown(url)} is packed in a way we did not ask for")
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


def _samples_of(entries: Sequence[_Entry], after_ms: int) -> tuple[Series, Runs]:
    """Floats and native histograms after `after_ms`. Raises ValueError for what are no samples, UnsupportedQuery."""
    floats: Series = {}
    natives: Runs = {}
    for entry in entries:
        labels = Labels(entry.metric)
        if entry.values:
            times = _times([t for t, _ in entry.values])
            values = np.array([float(v) for _, v in entry.values], np.float64)
            first = int(np.searchsorted(times, after_ms + 1))
            if first < len(times):
                floats[labels] = (times[first:], values[first:])
        if entry.histograms:
            times = _times([t for t, _ in entry.histograms])
            first = int(np.searchsorted(times, after_ms + 1))
            found = [histogram_of(one.count, one.sum, one.buckets) for _, one in entry.histograms[first:]]
            if found:
                objects = np.empty(len(found), object)
                objects[:] = found
                natives[labels] = Run(times[first:], np.zeros(len(found)), objects)
    return floats, natives


def _times(seconds: list[float]) -> Int64s:
    given = np.array(seconds, np.float64) * 1000
    if not (np.abs(given) < _INSTANT_MAX).all():
        raise ValueError("a sample is at no instant")
    times: Int64s = np.rint(given).astype(np.int64)
    if (np.diff(times) <= 0).any():
        raise ValueError("the times of a series do not increase")
    return times


def joined_runs(parts: Sequence[Runs]) -> Runs:
    """Parts that follow one another in time as one."""
    if len(parts) == 1:
        return parts[0]
    found: dict[Labels, list[Run]] = {}
    for part in parts:
        for labels, run in part.items():
            found.setdefault(labels, []).append(run)
    return {labels: joined_run(runs) if len(runs) > 1 else runs[0] for labels, runs in found.items()}


def _in_order(runs: Sequence[Run]) -> Run:
    """The samples of `runs` by time."""
    whole = joined_run(runs)
    return whole.take(np.argsort(whole.times, kind="stable"))


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
