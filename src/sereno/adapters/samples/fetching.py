"""Asking one target, within limits: time, bytes, redirects. What it says is not trusted."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx

from sereno.adapters.notify.egress import GuardedTransport, Policy, Refused, Resolve, resolve_host
from sereno.adapters.samples.exposition import ScrapeError

ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_REDIRECTS_MAX = 3
PRIVATE = Policy(allow_private=True)
"""Targets are the operator's own and usually private; where clouds keep their metadata they are not."""

Allowed = Callable[[str], bool]
"""Whether policy lets us call an address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target said, unpacked."""

    body: bytes
    openmetrics: bool


class TargetTransport(GuardedTransport):
    """The guarded network, on which a refusal is one more reason why a target could not be reached."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send. Raises httpx.ConnectError where the policy does not let us call."""
        try:
            return await super().handle_async_request(request)
        except Refused:
            raise httpx.ConnectError("policy does not allow calling this address", request=request) from None


def client(policy: Policy = PRIVATE, resolve: Resolve = resolve_host) -> httpx.AsyncClient:
    """An HTTP client for targets: as many connections as targets, so that none waits for another; no proxies.

    `policy` judges the very address that is connected to, whatever name or spelling led there.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=300)
    transport = TargetTransport(policy, resolve, limits)
    return httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)


async def ask(
    http: httpx.AsyncClient, url: str, *, timeout_seconds: float, body_bytes_max: int, allowed: Allowed
) -> Answer:
    """What the target at `url` says, all of it within `timeout_seconds`.

    Redirects are followed on the same host and port only. Raises ScrapeError for everything that goes wrong.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _ask(http, url, timeout_seconds, body_bytes_max, allowed)
    except TimeoutError:
        raise ScrapeError(f"no complete answer within {timeout_seconds:g} s") from None
    except httpx.HTTPError as problem:
        raise ScrapeError(f"{type(problem).__name__}: {problem}") from problem
    except (httpx.InvalidURL, UnicodeError, ValueError) as problem:
        raise ScrapeError(f"not an address: {problem}") from problem


async def _ask(
    http: httpx.AsyncClient, url: str, timeout_seconds: float, body_bytes_max: int, allowed: Allowed
) -> Answer:
    headers = {
        "Accept": ACCEPT,
        "Accept-Encoding": "gzip",
        "User-Agent": "sereno",
        "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout_seconds:g}",
    }
    address = httpx.URL(url)
    for _ in range(_REDIRECTS_MAX + 1):
        if not allowed(str(address)):
            raise ScrapeError("policy does not allow calling this address")
        async with http.stream("GET", address, headers=headers, timeout=timeout_seconds) as response:
            if response.is_redirect:
                address = _redirected(address, response)
                continue
            if response.status_code != 200:
                raise ScrapeError(f"the target answered HTTP status {response.status_code}")
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            chunks = _unpacked(response, body_bytes_max)
            body = b"".join([chunk async for chunk in chunks])
            return Answer(body, kind == "application/openmetrics-text")
    raise ScrapeError(f"more than {_REDIRECTS_MAX} redirects")


def _redirected(address: httpx.URL, response: httpx.Response) -> httpx.URL:
    to = address.join(response.headers["location"])
    if (to.scheme, to.host, to.port) != (address.scheme, address.host, address.port):
        raise ScrapeError(f"redirects to another host ({to.host}) are not followed")
    return to


async def _unpacked(response: httpx.Response, left: int) -> AsyncIterator[bytes]:
    """The body as it comes in, at most `left` bytes of it once unpacked: a small archive may hold a huge one."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity", ""):
        raise ScrapeError(f"content encoding {encoding!r} was not asked for")
    limit = left
    unpack = zlib.decompressobj(31) if encoding == "gzip" else None
    async for raw in response.aiter_raw():
        try:
            data = raw if unpack is None else unpack.decompress(raw, left + 1)
        except zlib.error as problem:
            raise ScrapeError(f"the body is not gzip: {problem}") from None
        left -= len(data)
        if left < 0:
            raise ScrapeError(f"the body is larger than the limit of {limit} bytes")
        yield data
    if unpack is not None and not unpack.eof:
        raise ScrapeError("the compressed body is cut off")
