"""The manners of calling a peer over HTTP: which answers mean taken, again later, or never."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache

import httpx

from sereno import __version__
from sereno.adapters.notify.egress import Policy, Resolve, guarded_client, resolve_host
from sereno.kernel.clock import Clock
from sereno.kernel.errors import DeliveryError

SEND_SECONDS = 8.0
RETRY_AFTER_MAX_SECONDS = 3600.0
BODY_MAX = 4096
_TEMPORARY = {408, 425, 429}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the peer said: its status, the beginning of its body and its identity of the request, if it gave one."""

    status: int
    body: str
    reference: str


class Caller:
    """Posts bodies to addresses that may be secrets: no error of its says where it called."""

    def __init__(
        self, policy: Policy, clock: Clock, *, timeout_seconds: float = SEND_SECONDS, resolve: Resolve = resolve_host
    ) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        # Made when first needed: reading the certificates of the world takes longer than a start should.
        self._client = cache(lambda: guarded_client(policy, timeout_seconds=timeout_seconds, resolve=resolve))

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The peer's answer, if it took the request (2xx). Raises DeliveryError otherwise."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(url, body, headers)
        except (TimeoutError, httpx.TimeoutException):
            raise DeliveryError(f"no answer within {self._timeout_seconds:g} s") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError, ValueError):
            raise DeliveryError("the address is not an http(s) URL", permanent=True) from None
        except httpx.HTTPError as error:
            raise DeliveryError(f"the connection failed ({type(error).__name__})") from None

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        every = {"User-Agent": f"sereno/{__version__}", "Content-Type": "application/json", **headers}
        async with self._client().stream("POST", url, content=body, headers=every) as response:
            if not response.is_success:
                raise refusal(response.status_code, response.headers, self._clock.now())
            reference = response.headers.get("x-request-id", "")[:200]
            return Answer(response.status_code, await _beginning(response), reference)

    async def aclose(self) -> None:
        """Close idle connections."""
        await self._client().aclose()


def refusal(status: int, headers: Mapping[str, str], now: datetime) -> DeliveryError:
    """What a status other than 2xx means: 408, 425, 429 and 5xx are worth another try, the rest are not."""
    if status in _TEMPORARY or status >= 500:
        wait = retry_after_seconds(headers.get("retry-after"), now)
        return DeliveryError(f"the peer answered {status}", retry_after_seconds=wait)
    if 300 <= status < 400:
        return DeliveryError(f"the peer answered {status}; redirects are not followed", permanent=True)
    return DeliveryError(f"the peer answered {status}", permanent=True)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """The wait that a `Retry-After` asks for, in seconds or as a date, at most an hour; None if it makes no sense."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS) if math.isfinite(seconds) else None


async def _beginning(response: httpx.Response) -> str:
    """The first few kilobytes of the body; the rest is not read."""
    found = b""
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) >= BODY_MAX:
            break
    return found[:BODY_MAX].decode("utf-8", "replace")
