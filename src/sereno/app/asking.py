"""Asks a Prometheus or an Alertmanager that runs: where policy allows, within a time and a size, telling no secret."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sereno.kernel.errors import Unavailable

ANSWER_BYTES_MAX = 64_000_000
SECONDS_MAX = 60.0


def asked(address: str, path: str, *, seconds: float = SECONDS_MAX, bytes_max: int = ANSWER_BYTES_MAX) -> Any:
    """The JSON at `path` of the server at `address`, the whole of it within `seconds`.

    The token of the settings is for the Prometheus of the settings, and told to nobody else. Raises Unavailable when
    there is no such answer, with no password that stood in the address.
    """
    import httpx

    try:
        return asyncio.run(_answer(address.rstrip("/"), path, seconds, bytes_max))
    except TimeoutError as error:
        raise Unavailable(f"{shown(address)} does not answer within {seconds:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError, RecursionError) as error:
        raise Unavailable(f"{shown(address)} cannot be asked: {_said(error, address)}") from error


def shown(address: str) -> str:
    """`address` without what only its owner may know: user, password, query."""
    try:
        parts = urlsplit(address)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return "the address"


async def _answer(address: str, path: str, seconds: float, bytes_max: int) -> Any:
    from sereno.adapters.notify.egress import Policy, guarded_client
    from sereno.app.settings import load_settings

    settings = load_settings()
    # The operator's own servers, usually private: link-local addresses are refused all the same.
    policy = Policy.of(settings.allowed_hosts, allow_private=True)
    token = settings.prometheus_token.get_secret_value() if settings.prometheus_token else ""
    mine = settings.prometheus is not None and address == settings.prometheus.rstrip("/")
    headers = {"Authorization": f"Bearer {token}"} if token and mine else {}
    async with (
        asyncio.timeout(seconds),
        guarded_client(policy, timeout_seconds=30) as client,
        client.stream("GET", address + path, headers=headers) as answer,
    ):
        if answer.status_code != 200:
            raise Unavailable(f"{shown(address)} answers {answer.status_code}")
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > bytes_max:
                raise Unavailable(f"{shown(address)} says more than {bytes_max // 1_000_000} MB")
        return json.loads(body)


def _said(error: BaseException, address: str) -> str:
    if isinstance(error, RecursionError):
        return "its answer is nested too deep"
    return str(error).replace(address, shown(address)) or type(error).__name__
