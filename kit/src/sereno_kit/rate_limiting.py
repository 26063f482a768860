"""Limits on what comes in: middlewares for ASGI and WSGI that answer 429, and say in headers what is left.

The headers are those of the IETF draft `draft-ietf-httpapi-ratelimit-headers-11` (May 2026), RateLimit-Policy and
RateLimit; Retry-After says when to come back (RFC 9110, section 10.2.3).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from typing import Any, TypedDict, Unpack

from sereno_kit import context
from sereno_kit.callers import Caller, Key, by_client, caller_of_environ, caller_of_scope
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.limits import Decision, Limiter, MemoryStore, Rule, Store
from sereno_kit.metrics.faults import failed

Message = MutableMapping[str, Any]
App = Callable[[Any, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_TITLES = {"en": "Too many requests", "es": "Demasiadas solicitudes"}
_TOO_MANY_WEBSOCKETS = 1013
"""Try again later (the registry of RFC 6455's close codes)."""
_NAME_LENGTH_MAX = 64


class Options(TypedDict, total=False):
    """What the middlewares may be told besides the limits; see `Limits`."""

    key: Key | None
    exempt: Collection[str]
    store: Store | None
    x_headers: bool
    clock: Clock


class _Told:
    """What a request is told: whether it may pass, and the headers of the answer."""

    __slots__ = ("headers", "refused", "violated")

    def __init__(self, headers: list[tuple[str, str]], violated: str, refused: Decision | None) -> None:
        self.headers, self.violated, self.refused = headers, violated, refused


class Limits:
    """What both middlewares share: the limits, whose they are, who is exempt.

    Args:
        limits: each rule by its name, which callers read. All must let a request pass.
        key: whose quota a request uses; the client's address, if not given. Where it answers None, the address too.
        exempt: paths that are not limited; one that ends in `/` stands for all beneath it.
        store: where the counts are; this process, if not given.
        x_headers: whether X-RateLimit-Limit, -Remaining and -Reset (seconds) are sent too, of the tightest limit.
        clock: its monotonic time counts.
    """

    def __init__(
        self,
        limits: Mapping[str, Rule],
        *,
        key: Key | None = None,
        exempt: Collection[str] = (),
        store: Store | None = None,
        x_headers: bool = False,
        clock: Clock = SYSTEM,
    ) -> None:
        if not limits:
            raise ValueError("say at least one limit: {'default': TokenBucket(rate=10, burst=20)}")
        store = store or MemoryStore()
        self._limiters: list[tuple[str, Limiter]] = []
        for name, rule in limits.items():
            _check_name(name)
            self._limiters.append((name, store.limiter(name, rule, clock)))
        self.waits = any(limiter.waits for _, limiter in self._limiters)
        self._key = key
        self._address = by_client()
        self._paths = frozenset(path for path in exempt if not path.endswith("/"))
        self._prefixes = tuple(path for path in exempt if path.endswith("/"))
        self._x_headers = x_headers
        self._policy = ", ".join(
            f'"{name}";q={limiter.rule.quota};w={max(1, math.ceil(limiter.rule.window_seconds))}'
            for name, limiter in self._limiters
        )
        self._count: Callable[..., None] | None = None
        self._declare()

    def exempt(self, path: str) -> bool:
        """Whether `path` is not limited."""
        return path in self._paths or (bool(self._prefixes) and path.startswith(self._prefixes))

    def judge(self, caller: Caller) -> _Told | None:
        """What the request of `caller` is told; None where the limiter itself failed, and everybody passes."""
        try:
            key = self._key_of(caller)
            taken: list[tuple[str, Limiter, Decision]] = []
            for name, limiter in self._limiters:
                decision = limiter.hit(key)
                if not decision.allowed:
                    for _, earlier, _ in taken:
                        earlier.give_back(key)
                    return self._refuse(name, decision)
                taken.append((name, limiter, decision))
            return self._told(taken)
        except Exception as error:
            failed("rate_limiting", error)
            return None

    async def ajudge(self, caller: Caller) -> _Told | None:
        """The same, for tasks."""
        if not self.waits:
            return self.judge(caller)
        try:
            key = self._key_of(caller)
            taken: list[tuple[str, Limiter, Decision]] = []
            for name, limiter in self._limiters:
                decision = await limiter.ahit(key)
                if not decision.allowed:
                    for _, earlier, _ in taken:
                        await earlier.agive_back(key)
                    return self._refuse(name, decision)
                taken.append((name, limiter, decision))
            return self._told(taken)
        except Exception as error:
            failed("rate_limiting", error)
            return None

    def _key_of(self, caller: Caller) -> str:
        found = self._key(caller) if self._key is not None else None
        # Kinds of keys are kept apart: nobody may name himself like another's address.
        return f"k:{found}" if found is not None else f"a:{self._address(caller)}"

    def _told(self, taken: list[tuple[str, Limiter, Decision]]) -> _Told:
        items = (
            (name, decision, min(decision.reset_seconds, limiter.rule.window_seconds))
            for name, limiter, decision in taken
        )
        left = ", ".join(f'"{name}";r={one.remaining};t={max(1, math.ceil(t))}' for name, one, t in items)
        tightest = min((decision for _, _, decision in taken), key=lambda one: one.remaining)
        return _Told(self._headers(left, tightest, tightest.reset_seconds), "", None)

    def _refuse(self, name: str, decision: Decision) -> _Told:
        self._counted(name)
        seconds = _whole(decision.retry_after)
        headers = self._headers(f'"{name}";r=0;t={seconds}', decision._replace(remaining=0), seconds)
        return _Told([*headers, ("retry-after", str(seconds))], name, decision)

    def _headers(self, left: str, tightest: Decision, reset_seconds: float) -> list[tuple[str, str]]:
        headers = [("ratelimit-policy", self._policy), ("ratelimit", left)]
        if self._x_headers:
            headers += [
                ("x-ratelimit-limit", str(tightest.quota)),
                ("x-ratelimit-remaining", str(tightest.remaining)),
                ("x-ratelimit-reset", str(_whole(reset_seconds))),
            ]
        return headers

    def _declare(self) -> None:
        """Each limit at zero, before anybody meets it: a rate cannot see a count that begins at one."""
        try:
            from sereno_kit.metrics.registry import current

            count = current().counter(
                "http_requests_rate_limited_total", "Requests answered 429, by the limit they met", limit=None
            )
            for name, _ in self._limiters:
                count.inc(0, limit=name)
            self._count = count.inc
        except Exception as error:
            failed("rate_limiting", error)

    def _counted(self, name: str) -> None:
        if self._count is not None:
            self._count(limit=name)


class RateLimiting:
    """An ASGI middleware that answers 429 to what comes too fast.

    Add it with `app.add_middleware(RateLimiting, limits={…})`: what it refuses is observed by the kit around it, and
    counted once. Arguments are those of `Limits`.
    """

    def __init__(self, app: App, limits: Mapping[str, Rule], **options: Unpack[Options]) -> None:
        self.app = app
        self.limits = Limits(limits, **options)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer as the application does, or 429; a websocket is refused before it is accepted."""
        if scope["type"] not in ("http", "websocket") or self.limits.exempt(scope["path"]):
            await self.app(scope, receive, send)
            return
        told = await self.limits.ajudge(caller_of_scope(scope))
        if told is None:
            await self.app(scope, receive, send)
        elif told.refused is None:
            await self.app(scope, receive, _adding(send, told.headers))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _TOO_MANY_WEBSOCKETS, "reason": _TITLES["en"]})
        else:
            headers, body = _problem(told, caller_of_scope(scope))
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            await send({"type": "http.response.start", "status": 429, "headers": raw})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class RateLimitingWsgi:
    """The same for WSGI: `app.wsgi_app = RateLimitingWsgi(app.wsgi_app, limits={…})`."""

    def __init__(self, app: WsgiApp, limits: Mapping[str, Rule], **options: Unpack[Options]) -> None:
        self.app = app
        self.limits = Limits(limits, **options)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer as the application does, or 429."""
        caller = caller_of_environ(environ)
        told = None if self.limits.exempt(caller.path) else self.limits.judge(caller)
        if told is None:
            return self.app(environ, start_response)
        if told.refused is not None:
            headers, body = _problem(told, caller)
            start_response("429 Too Many Requests", [(name.title(), value) for name, value in headers])
            return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else body]

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, *((n.title(), v) for n, v in told.headers)], *more)

        return self.app(environ, start)


def _adding(send: Any, headers: list[tuple[str, str]]) -> Any:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *raw]}  # it may be a constant
        await send(message)

    return adding


def _problem(told: _Told, caller: Caller) -> tuple[list[tuple[str, str]], bytes]:
    import orjson

    from sereno_kit.problems import preferred_language

    language = preferred_language(caller.header("accept-language") or "")
    body: dict[str, Any] = {
        "type": QUOTA_EXCEEDED,
        "title": _TITLES[language],
        "status": 429,
        "violated-policies": [told.violated],
    }
    request_id = context.request_id.get()
    if request_id:
        body["request_id"] = request_id
    if told.refused is not None:
        body["retry_after"] = _whole(told.refused.retry_after)
    sent = orjson.dumps(body)
    headers = [
        ("content-type", "application/problem+json"),
        ("content-language", language),
        ("cache-control", "no-store"),
        ("content-length", str(len(sent))),
        *told.headers,
    ]
    return headers, sent


def _whole(seconds: float) -> int:
    """Rounded up: whoever comes back a moment too early is refused again."""
    return max(1, math.ceil(seconds)) if math.isfinite(seconds) else 86_400


def _check_name(name: str) -> None:
    plain = name.isascii() and name.isprintable() and '"' not in name and "\\" not in name
    if not plain or not 0 < len(name) <= _NAME_LENGTH_MAX:
        raise ValueError(f"a limit's name stands in a header: 1 to 64 ASCII characters without quotes, not {name!r}")
