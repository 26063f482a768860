"""Asks the admin endpoints of kits how their programs stand, and passes on what operators command.

They are asked where the spec says, and nowhere else: redirects are not followed, bodies are bounded, all of an answer
must come in time. Plain http goes to private addresses only, for the token travels in it. A replica that does not
answer, or says something else than a kit would, is unknown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx

from sereno import __version__
from sereno.adapters.kit_view import KitView, Trouble, Unreadable, kit_view, parse
from sereno.adapters.notify.egress import Policy, Refused, Resolve, guarded_client, resolve_host

SECONDS_MAX = 4.0
"""For one answer, from the first byte sent to the last one read."""
BODY_BYTES_MAX = 512 * 1024
AT_ONCE = 32
"""Replicas that are asked at the same time."""
Outcome = Literal["obeyed", "refused", "unreached", "unknown"]


@dataclass(frozen=True, slots=True)
class Look:
    """What a replica said of itself: `view`, or `trouble`, why nothing is known of it."""

    address: str
    view: KitView | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a command at one replica.

    `obeyed`: it said so, and `answer` how it stands now. `refused`: it said no, and is as it was. `unreached`: nothing
    was sent. `unknown`: it was sent, and whether it is obeyed nobody knows.
    """

    address: str
    outcome: Outcome
    trouble: Trouble | None = None
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is commanded: the words of the path below the endpoint, and the body."""

    path: tuple[str, ...]
    operator: str
    reason: str
    seconds: float | None = None
    more: Mapping[str, str] | None = None


class KitAdmins:
    """Talks to admin endpoints.

    Args:
        allowed: hosts and ranges that policy allows besides private ones, as the setting `allowed_hosts` has them.
        seconds: how long one replica may take for one answer.
    """

    def __init__(
        self, allowed: Iterable[str] = (), *, seconds: float = SECONDS_MAX, resolve: Resolve = resolve_host
    ) -> None:
        self._seconds = seconds
        self._places = asyncio.Semaphore(AT_ONCE)
        self._allowed = tuple(allowed)
        self._resolve = resolve
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def look(self, address: str, token: str) -> Look:
        """How the replica at `address` stands. Never raises for what a replica may do."""
        try:
            status, body = await self._asked("GET", address + "/", token, {})
            if status != 200:
                return Look(address, trouble=_meaning(status))
            return Look(address, kit_view(parse(body)))
        except _NoAnswer as error:
            return Look(address, trouble=error.trouble)
        except Unreadable as error:
            return Look(address, trouble=error.trouble)

    async def command(self, address: str, token: str, order: Order) -> Told:
        """Pass `order` on to the replica at `address`. Never raises for what a replica may do.

        Raises ValueError for a path that would lead out of the endpoint.
        """
        if any(word in ("", ".", "..") for word in "/".join(order.path).split("/")):
            raise ValueError("there is no such name")
        url = "/".join((address, *(quote(word, safe="") for word in order.path)))
        body: dict[str, Any] = {"reason": order.reason, **(order.more or {})}
        if order.seconds is not None:
            body["seconds"] = order.seconds
        try:
            status, said = await self._asked("POST", url, token, {"X-Operator": order.operator}, body)
        except _NoAnswer as error:
            return Told(address, "unknown" if error.sent else "unreached", error.trouble)
        if status >= 500 or 300 <= status < 400 or status < 200:
            return Told(address, "unknown", _meaning(status))
        if status != 200:
            title = _title(said)
            return Told(address, "refused", Trouble("said", title) if title else _meaning(status))
        try:
            return Told(address, "obeyed", answer=parse(said))
        except Unreadable as error:
            return Told(address, "unknown", error.trouble)

    async def aclose(self) -> None:
        """Close idle connections."""
        for client in self._clients.values():
            await client.aclose()

    def _client(self, scheme: str) -> httpx.AsyncClient:
        """The client of that scheme, made when first needed: reading the certificates of the world takes a while."""
        if scheme not in self._clients:
            policy = Policy.of(self._allowed, allow_private=True, public=scheme == "https")
            self._clients[scheme] = guarded_client(policy, timeout_seconds=self._seconds, resolve=self._resolve)
        return self._clients[scheme]

    async def _asked(
        self, method: str, url: str, token: str, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> tuple[int, bytes]:
        every = {
            "Accept": "application/json", "Accept-Encoding": "identity", "Authorization": f"Bearer {token}",
            "User-Agent": f"sereno/{__version__}", "Connection": "close", **headers,
        }  # fmt: skip
        async with self._places:
            try:
                async with asyncio.timeout(self._seconds):
                    client = self._client("https" if url.startswith("https://") else "http")
                    wait = httpx.Timeout(self._seconds, connect=self._seconds / 2)
                    async with client.stream(method, url, headers=every, json=body, timeout=wait) as response:
                        return response.status_code, await _whole(response)
            except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
                raise _NoAnswer(Trouble("late", f"{self._seconds:g}")) from None
            except Refused:
                raise _NoAnswer(Trouble("policy"), sent=False) from None
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
                raise _NoAnswer(Trouble("unreachable"), sent=False) from None
            except httpx.HTTPError:
                raise _NoAnswer(Trouble("broken")) from None
            except (httpx.InvalidURL, UnicodeError, ValueError):
                raise _NoAnswer(Trouble("unusable"), sent=False) from None


class _NoAnswer(Exception):
    """No answer; `sent` says whether the question may have arrived."""

    def __init__(self, trouble: Trouble, *, sent: bool = True) -> None:
        super().__init__(trouble.code)
        self.trouble = trouble
        self.sent = sent


async def _whole(response: httpx.Response) -> bytes:
    """The body, as it is and not unpacked. Raises _NoAnswer for one that is larger than any kit's."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise _NoAnswer(Trouble("packed"))
    found = bytearray()
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) > BODY_BYTES_MAX:
            raise _NoAnswer(Trouble("large", str(BODY_BYTES_MAX // 1024)))
    return bytes(found)


def _meaning(status: int) -> Trouble:
    if 300 <= status < 400:
        return Trouble("redirect", str(status))
    known = {401: "token_refused", 404: "no_endpoint", 429: "throttled"}
    return Trouble(known.get(status, "status"), str(status))


def _title(body: bytes) -> str:
    """What a problem (RFC 9457) is called, in one line."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    title = found.get("title") if isinstance(found, dict) else None
    return " ".join(title.split())[:200] if isinstance(title, str) else ""
