"""Whether the process lives and whether it wants requests: what orchestrators and load balancers ask."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from sereno_kit.checks import Check, Kind, Result
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.endpoints import Answer, Ask
from sereno_kit.options import Health

if TYPE_CHECKING:
    from sereno_kit.redact import Redactor

F = TypeVar("F", bound=Callable[..., Any])
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_HEADERS = {"cache-control": "no-store"}


class HealthChecks:
    """The checks of one service, and the two addresses that tell how they stand.

    Readiness runs every check that is not fresh, all at once, each within its own time and never twice at a time.
    Liveness runs none of them: a process whose database is away must not be restarted for it.

    Args:
        options: where to answer, and how long checks may take and hold when they do not say so themselves.
        clock: for durations.
        redactor: for the messages of failed checks, where `options.messages` shows them; the default one, if not given.
    """

    def __init__(self, options: Health, clock: Clock = SYSTEM, redactor: Redactor | None = None) -> None:
        self.options = options
        self.draining = False
        """Set once the process is to end: readiness says 503, whatever the checks say."""
        self.starting = False
        """Set while the application starts up: readiness says 503."""
        self.lag: Callable[[], float] | None = None
        """How many seconds late the event loop has run lately, if somebody measures it."""
        self.before_ready: Callable[[], None] | None = None
        """Called before each answer of readiness; may set `draining`."""
        self._checks: dict[str, Check] = {}
        self._clock = clock
        self._redactor = redactor

    def check(
        self, name: str, *, timeout: float | None = None, cache: float | None = None, kind: Kind = "ready"
    ) -> Callable[[F], F]:
        """A decorator: the function is a check. Raising or returning False means that it failed.

        It may be a coroutine function, or a plain one, which then runs in a thread of its own.

        Args:
            name: letters, digits, `.`, `_`, `-`; everybody who may ask reads it.
            timeout: seconds after which it counts as failed, whether or not it ever ends.
            cache: seconds for which a result holds, good or bad.
            kind: `ready` decides about readiness, `live` about liveness, `info` is shown and decides nothing.

        Raises:
            ValueError: the name is taken or malformed, the timeout is not above 0, or the cache is below 0.
        """
        seconds = self.options.timeout_seconds if timeout is None else timeout
        holds = self.options.cache_seconds if cache is None else cache
        if not isinstance(name, str):
            raise TypeError("a check begins with its name: @kit.readiness('db')")
        if not _NAME.fullmatch(name):
            raise ValueError(f"a check's name is of letters, digits, '.', '_' and '-', at most 64: {name!r}")
        if name in self._checks:
            raise ValueError(f"there is a check {name!r} already")
        if kind not in ("ready", "live", "info"):
            raise ValueError(f"a check is 'ready', 'live' or 'info', not {kind!r}")
        if not seconds > 0 or not holds >= 0:
            raise ValueError(f"check {name!r}: the timeout must be above 0 seconds, the cache not below 0")

        def declare(function: F) -> F:
            self._checks[name] = Check(name, function, seconds, holds, kind, self._clock, self._told)
            return function

        return declare

    async def live(self, ask: Ask) -> Answer:
        """200 as long as the process can answer, draining or not; 503 if a check of kind `live` fails.

        An event loop that was late lately is told, and fails only beyond `options.stall_seconds_max`.
        """
        if (refusal := _refusal(ask)) is not None:
            return refusal
        results = await self._run(lambda check: check.kind == "live")
        body: dict[str, Any] = {}
        failed = not all(result.passed for result in results.values())
        if self.lag is not None:
            late = self.lag()
            body["loop_lag_seconds"] = round(late, 3)
            failed = failed or late > self.options.stall_seconds_max
        return self._answer("failed" if failed else "ok", results, body)

    async def ready(self, ask: Ask) -> Answer:
        """200 if requests are wanted; 503 while starting, while draining, and while a check of kind `ready` fails.

        While draining nothing is asked of anybody: the last known results are shown.
        """
        if (refusal := _refusal(ask)) is not None:
            return refusal
        if self.before_ready is not None:
            self.before_ready()
        if self.draining or self.starting:
            known = {n: c.last for n, c in self._checks.items() if c.kind != "live" and c.last is not None}
            return self._answer("draining" if self.draining else "starting", known, {})
        results = await self._run(lambda check: check.kind != "live")
        failed = any(not result.passed for name, result in results.items() if self._checks[name].kind == "ready")
        return self._answer("failed" if failed else "ok", results, {})

    @property
    def results(self) -> Mapping[str, Result]:
        """The last known result of every check that has run, for views and tests."""
        return {name: check.last for name, check in self._checks.items() if check.last is not None}

    async def _run(self, wanted: Callable[[Check], bool]) -> dict[str, Result]:
        checks = [check for check in self._checks.values() if wanted(check)]
        results = await asyncio.gather(*(check.result() for check in checks))
        return {check.name: result for check, result in zip(checks, results, strict=True)}

    def _answer(self, status: str, results: Mapping[str, Result], more: Mapping[str, Any]) -> Answer:
        now = self._clock.monotonic()
        checks = {name: self._shown(self._checks[name], result, now) for name, result in results.items()}
        body = {"status": status, **more, **({"checks": checks} if checks else {})}
        return Answer(200 if status == "ok" else 503, orjson.dumps(body), "application/json", _HEADERS)

    def _shown(self, check: Check, result: Result, now: float) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "status": result.state,
            "duration_seconds": round(result.duration_seconds, 4),
            "age_seconds": round(max(0.0, now - result.at), 1),
        }
        if check.kind == "info":
            shown["kind"] = "info"
        if result.error:
            shown["error"] = result.error
        if result.message and self.options.messages:
            shown["message"] = self._redacted(result.message)
        return shown

    def _redacted(self, message: str) -> str:
        if self._redactor is None:
            from sereno_kit import redact

            self._redactor = redact.DEFAULT
        return self._redactor.text(message[:500])

    def _told(self, name: str, result: Result) -> None:
        """Metrics of a check that has just run; nothing that goes wrong here concerns the one who asked."""
        try:
            from sereno_kit.metrics import registry

            current = registry.current()
            current.gauge(
                "health_check_up",
                "1 if the check passed when it last ran, 0 if it did not",
                multiprocess="livemostrecent",
                check=None,
            ).set(1.0 if result.passed else 0.0, check=name)
            current.histogram(
                "health_check_duration_seconds", "How long the check took, or was waited for", check=None
            ).observe(result.duration_seconds, check=name)
        except Exception:  # noqa: S110 - a metric that cannot be kept must not turn a probe into a failure
            pass


def _refusal(ask: Ask) -> Answer | None:
    if ask.method in ("GET", "HEAD"):
        return None
    return Answer(405, b"", headers={"allow": "GET, HEAD"})
