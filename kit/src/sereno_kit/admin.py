"""Where operators, and Sereno's console, look at a running program and override what it decided by itself.

The contract is version 1, and described in `docs/kit/admin.md`. Bearer tokens only, never cookies, so that no other
site can act in an operator's name; a browser may read the page with the token as its password.
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import socket
from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from sereno_kit.admin_page import page
from sereno_kit.endpoints import Answer, Ask, Endpoint, Refused, json_object
from sereno_kit.limits import MemoryLimiter, TokenBucket
from sereno_kit.metrics.faults import failed
from sereno_kit.overrides import Overrides

if TYPE_CHECKING:
    from sereno_kit.kit import Kit
    from sereno_kit.options import Admin

VERSION = 1
TOKEN_LENGTH_MIN = 16
_FIELDS = frozenset({"level", "seconds", "reason"})
"""Of a command's body. Another one is refused: whoever writes `minutes` must not believe that it ends by itself."""
_OPERATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+ -]{0,63}", re.ASCII)
_log = logging.getLogger("sereno_kit.admin")
_HEADERS = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}


def endpoint(options: Admin, kit: Kit) -> Endpoint:
    """The address `options.path` and all beneath it.

    Raises:
        ValueError: the token is missing, or short enough to be guessed.
    """
    token = options.token or os.environ.get("SERENO_KIT_TOKEN") or ""
    if len(token) < TOKEN_LENGTH_MIN:
        raise ValueError(f"the admin token must have at least {TOKEN_LENGTH_MIN} characters: openssl rand -hex 24")
    return Administration(options, token, kit).answer


class Administration:
    """Authenticates, reads the path, and leaves the rest to `Overrides`."""

    def __init__(self, options: Admin, token: str, kit: Kit) -> None:
        self._path = options.path.rstrip("/")
        self._token = token.encode()
        self._kit = kit
        self._overrides = Overrides(kit)
        self._attempts = MemoryLimiter(TokenBucket(rate=0.2, burst=10), keys_max=1_000, clock=kit.clock)

    def answer(self, ask: Ask) -> Answer:
        """Answer one request. Never raises."""
        try:
            return self._refused(ask) or self._answer(ask)
        except Refused as refusal:
            return _problem(refusal.status, str(refusal))
        except Exception as error:
            failed("admin", error)
            return _problem(500, "the admin endpoint failed; see the log")

    def _refused(self, ask: Ask) -> Answer | None:
        """None for whoever knows the token.

        It is compared before attempts are counted: whoever guesses must not lock out, from behind the same proxy, an
        operator who knows it. Guessing sixteen characters is hopeless at any rate.
        """
        given = _given_token(ask)
        if given is not None and hmac.compare_digest(given, self._token):
            return None
        wait = self._attempts.take(ask.client)
        if wait > 0:
            return _problem(429, "too many attempts", {"retry-after": str(int(wait) + 1)})
        _log.warning("admin access refused", extra={"client": ask.client, "with_token": given is not None})
        browser = ask.method == "GET" and "text/html" in ask.headers.get("accept", "")
        scheme = 'Basic realm="sereno-kit", charset="UTF-8"' if browser else 'Bearer realm="sereno-kit"'
        return _problem(401, "the token is missing or wrong", {"www-authenticate": scheme})

    def _answer(self, ask: Ask) -> Answer:
        below = ask.path.partition(self._path)[2].strip("/")
        if ask.method in ("GET", "HEAD"):
            if below:
                return _problem(404, "there is nothing here")
            return self._shown(ask)
        if ask.method != "POST":
            return _problem(405, "GET to look, POST to command", {"allow": "GET, HEAD, POST"})
        operator = ask.headers.get("x-operator", "")
        if not _OPERATOR.fullmatch(operator):
            return _problem(400, "say who you are in X-Operator: up to 64 letters, digits, spaces and . _ @ + -")
        told = self._overrides.command(below, _body(ask), operator)
        return _json(200, {"version": VERSION, **told})

    def _shown(self, ask: Ask) -> Answer:
        view = self.view()
        if "text/html" in ask.headers.get("accept", ""):
            return Answer(200, page(view, self._path), "text/html; charset=utf-8", _HEADERS)
        return _json(200, view)

    def view(self) -> dict[str, Any]:
        """How the program stands, for people and for Sereno's console."""
        return {
            "version": VERSION,
            "service": self._kit.service,
            "environment": self._kit.environment,
            "release": self._kit.version,
            "instance": f"{socket.gethostname()}:{os.getpid()}",
            "scope": self._overrides.scope,
            **self._overrides.view(),
            "flags": _flags(self._kit),
            "chaos": _chaos(),
        }


def _given_token(ask: Ask) -> bytes | None:
    """The token that came with `ask`; as a password only to look, for browsers send passwords by themselves."""
    scheme, _, value = ask.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1", "replace")
    if scheme.lower() == "basic" and ask.method in ("GET", "HEAD"):
        try:
            return b64decode(value, validate=True).partition(b":")[2]
        except ValueError:
            return None
    return None


def _body(ask: Ask) -> Mapping[str, Any]:
    if not ask.body.strip():
        return {}
    body = json_object(ask)
    if unknown := set(body) - _FIELDS:
        raise Refused(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(_FIELDS))}")
    return body


def _flags(kit: Kit) -> dict[str, Any]:
    flags = kit.flags
    return {"source": flags.name, "count": len(flags.set.flags), "stale": flags.stale, "error": flags.error or None}


def _chaos() -> list[dict[str, Any]]:
    from sereno_kit import chaos

    return [
        {
            "id": one.id,
            "only": one.fault.only if isinstance(one.fault.only, str) else "by a function",
            "met": one.met,
            "seconds_left": None if one.until is None else max(0.0, one.until - one.clock.monotonic()),
        }
        for one in chaos.active
        if not one.over
    ]


def _json(status: int, body: Mapping[str, Any]) -> Answer:
    return Answer(status, orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS), headers=_HEADERS)


def _problem(status: int, detail: str, more: Mapping[str, str] | None = None) -> Answer:
    body = orjson.dumps({"type": "about:blank", "status": status, "title": detail})
    return Answer(status, body, "application/problem+json", {**_HEADERS, **(more or {})})
