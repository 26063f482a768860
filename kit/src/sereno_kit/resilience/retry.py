"""Tries again what may pass, as often as is decent, and never what may not be done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from hashlib import blake2b
from typing import Any, ClassVar, TypeVar

from sereno_kit import context
from sereno_kit.clock import SYSTEM, Clock, new_id, uniform
from sereno_kit.errors import Category, KitError, Transient, give_up
from sereno_kit.resilience.budget import RetryBudget
from sereno_kit.resilience.matching import Errors, fault_of, header_of, known, matcher, safely
from sereno_kit.resilience.policy import AsyncCall, Call, Policy, Reporter

F = TypeVar("F", bound=Callable[..., Any])

NO_RETRY = "x-no-retry"
"""The header by which a service that has retried itself asks its callers not to; problems carry it."""
_IN_VAIN = frozenset({"exhausted", "out_of_budget", "out_of_time", "asked_not_to"})
_IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
_HTTP_CLIENTS = frozenset({"httpx", "requests", "aiohttp", "urllib3"})
_SENDERS = _HTTP_CLIENTS | {"httpcore"}
_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ClientConnectorError", "NewConnectionError"})
_MARK = "__sereno_idempotent__"


class _Trying:
    """A call that a Retry has in hand, and the one around it.

    One is made for each call, so it has no constructor: that would cost as much as all the rest of it.
    """

    made: tuple[_Trying | None, Retry, Callable[..., Any], tuple[Any, ...], dict[str, Any]]
    over = False
    keyed = False
    seed = ""

    def repeatable(self) -> bool:
        """Whether the call may be done twice."""
        _, policy, function, args, kwargs = self.made
        return self.keyed or policy.may_repeat(function, args, kwargs)

    def around(self) -> bool:
        """Whether a Retry around this one repeats, so that this one need not."""
        outer = self.made[0]
        if outer is None:
            return False
        return (not outer.over and outer.made[1].attempts > 1 and outer.repeatable()) or outer.around()

    def outermost(self) -> _Trying:
        """The one whose attempts an idempotency key must outlive."""
        outer = self.made[0]
        return self if outer is None or outer.over else outer.outermost()


_trying: ContextVar[_Trying | None] = ContextVar("sereno_kit.trying", default=None)


def idempotent(function: F) -> F:
    """Says of a function that doing it twice is as doing it once, so that a `Retry` may repeat it.

    Args:
        function: what reads, sets to a value, deletes, or sends an idempotency key.
    """
    beneath: Any = function
    while beneath is not None:  # a decorator hides what it decorates, and a pipeline sees only that
        setattr(beneath, _MARK, True)
        beneath = getattr(beneath, "__wrapped__", None)
    return function


def idempotency_key(*parts: object) -> str:
    """A key that is the same in every attempt of the call in hand, and another in every other call.

    Whoever asks for it within a retried call is taken to send it, and the call therefore to be safe to repeat.
    Outside of a retried call each asking gives a new key.

    Args:
        parts: what tells apart the operations of one call: the order's number, the amount.

    Returns:
        32 hexadecimal digits.
    """
    trying = _trying.get()
    if trying is None or trying.over:
        return new_id().replace("-", "")
    trying.keyed = True
    first = trying.outermost()
    first.seed = first.seed or new_id()
    return blake2b(repr((first.seed, parts)).encode(errors="replace"), digest_size=16).hexdigest()


class Retry(Policy):
    """Tries again after `uniform(0, min(cap, base · 2ⁿ))` seconds, within a budget, a deadline and decency.

    By default it retries what `classify` finds transient (and responses of status 408, 425, 429, 500, 502, 503 and
    504 even if nobody raised), and only calls that may be done twice: of a function marked `@idempotent`; with an
    idempotency key; a GET, HEAD, PUT, DELETE, OPTIONS or TRACE of a known HTTP client; or where `idempotent=` says
    so. Of other calls it repeats only those that cannot have arrived: the connection was refused.

    Where pipelines call pipelines only the outermost Retry that may repeat does; those within it make one attempt
    each, so that layers do not multiply. A synchronous call on an event loop's thread is not retried, for the wait
    would stop the loop.

    Args:
        attempts: how many times at most, the first included.
        on: which errors: a class, a category, a question, or several.
        on_result: which results; by default responses that are transient failures.
        base: seconds, the bound of the first wait.
        cap: seconds, the most one wait may be. A dependency that asks to wait longer (Retry-After) is not retried.
        deadline: seconds from the first attempt within which the last wait must end; `context.deadline` counts too.
        budget: retries as a share of calls; a `RetryBudget` to share or tune; None for no bound.
        idempotent: whether calls may be repeated, or a question asked of the function, its args and its kwargs.
        jitter: a number from [0, 1) each time it is asked.

    Raises:
        ValueError: for attempts below 1 or waits that are not above 0.

    Source: full jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    kind: ClassVar[str] = "retry"
    events: ClassVar[tuple[str, ...]] = (
        "retried",
        "recovered",
        "exhausted",
        "out_of_budget",
        "out_of_time",
        "not_idempotent",
        "left_to_outer",
        "asked_to_wait_longer",
        "asked_not_to",
        "would_block_loop",
    )
    repeats: ClassVar[bool] = True

    def __init__(
        self,
        attempts: int = 3,
        *,
        on: Errors | tuple[Errors, ...] = Transient,
        on_result: Callable[[Any], bool] | None = None,
        base: float = 0.1,
        cap: float = 5.0,
        deadline: float | None = None,
        budget: float | RetryBudget | None = 0.1,
        idempotent: bool | Callable[..., bool] | None = None,
        jitter: Callable[[], float] = uniform,
    ) -> None:
        if attempts < 1:
            raise ValueError(f"Retry: attempts must be at least 1, the first included, not {attempts}")
        if not (0 < base < float("inf") and 0 < cap < float("inf")) or (deadline is not None and not deadline > 0):
            raise ValueError("Retry: base, cap and deadline are in seconds, above 0")
        self.attempts, self.base, self.cap, self.deadline = attempts, base, cap, deadline
        self.budget = RetryBudget(budget) if isinstance(budget, (int, float)) else budget
        self._on = matcher(on)
        self._on_result = safely(on_result) if on_result is not None else _passing_response
        self._quick = on_result is None
        self._idempotent = idempotent
        self._jitter = jitter
        self._clock = SYSTEM
        self._reporter: Reporter | None = None

    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take the clock and the reporter of the one pipeline that this Retry is of."""
        if self._reporter is not None:
            raise ValueError("this Retry is of another pipeline already; make one for each")
        self._reporter, self._clock = reporter, clock
        self._recovered = reporter.counter("recovered")
        if self.budget is not None:
            self.budget.bind(clock)
            reporter.watch("sereno_retry_budget_ratio", "Share of a retry budget that is left.", self.budget.left)

    def sync(self, inner: Call) -> Call:
        """`inner`, repeated by this thread."""
        trying, quick, on_result, sleep = _trying, self._quick, self._on_result, self._clock.sleep
        budget = self.budget or RetryBudget()
        monotonic, timed = self._clock.monotonic, self.deadline is not None

        def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            budget.calls += 1
            mark = _Trying()
            mark.made = (trying.get(), self, function, args, kwargs)
            token = trying.set(mark)
            begun = monotonic() if timed else 0.0
            attempt = 1
            try:
                while True:
                    try:
                        result = inner(function, args, kwargs)
                    except Exception as error:
                        wait = self._wait(attempt, error, begun, mark, True)
                        if wait is None:
                            raise
                    else:
                        if (quick and known(type(result), result) is None) or not on_result(result):
                            if attempt > 1:
                                self._recovered()
                            return result
                        wait = self._wait(attempt, result, begun, mark, True)
                        if wait is None:
                            return result
                    sleep(wait)
                    attempt += 1
            finally:
                mark.over = True
                trying.reset(token)

        return guarded

    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """`inner`, repeated by this task."""
        trying, quick, on_result, asleep = _trying, self._quick, self._on_result, self._clock.asleep
        budget = self.budget or RetryBudget()
        monotonic, timed = self._clock.monotonic, self.deadline is not None

        async def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            budget.calls += 1
            mark = _Trying()
            mark.made = (trying.get(), self, function, args, kwargs)
            token = trying.set(mark)
            begun = monotonic() if timed else 0.0
            attempt = 1
            try:
                while True:
                    try:
                        result = await inner(function, args, kwargs)
                    except Exception as error:
                        wait = self._wait(attempt, error, begun, mark, False)
                        if wait is None:
                            raise
                    else:
                        if (quick and known(type(result), result) is None) or not on_result(result):
                            if attempt > 1:
                                self._recovered()
                            return result
                        wait = self._wait(attempt, result, begun, mark, False)
                        if wait is None:
                            return result
                    await asleep(wait)
                    attempt += 1
            finally:
                mark.over = True
                trying.reset(token)

        return guarded

    def may_repeat(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether doing this call twice is as doing it once: as it was said, or as it shows."""
        said = self._idempotent
        if said is not None:
            return said if isinstance(said, bool) else safely(lambda call: said(*call))((function, args, kwargs))
        return _shows_idempotent(function, args, kwargs)

    def _wait(self, attempt: int, outcome: Any, begun: float, mark: _Trying, blocking: bool) -> float | None:
        """Seconds to wait before the next attempt, or None to let the outcome stand."""
        if isinstance(outcome, Exception) and not self._on(outcome):
            return None
        wait, why = self._decide(attempt, outcome, begun, mark, blocking)
        if why in _IN_VAIN and self.attempts > 1 and isinstance(outcome, Exception):
            give_up(outcome)
        reporter = self._reporter
        if reporter is not None:
            reporter.note(
                why, attempt=attempt, cause=_name(outcome), **({} if wait is None else {"wait_seconds": wait})
            )
        return wait

    def _decide(
        self, attempt: int, outcome: Any, begun: float, mark: _Trying, blocking: bool
    ) -> tuple[float | None, str]:
        if attempt >= self.attempts:
            return None, "exhausted"
        if header_of(outcome, NO_RETRY) is not None:
            return None, "asked_not_to"
        if mark.around():
            return None, "left_to_outer"
        if not mark.repeatable() and not _never_sent(outcome):
            return None, "not_idempotent"
        if blocking and asyncio._get_running_loop() is not None:
            return None, "would_block_loop"
        asked = self._asked(outcome)
        if asked > self.cap:
            return None, "asked_to_wait_longer"
        wait = min(self.cap, asked + self._jitter() * min(self.cap, self.base * 2.0 ** min(attempt - 1, 60)))
        if self._clock.monotonic() + wait >= self._until(begun):
            return None, "out_of_time"
        if self.budget is not None and not self.budget.take():
            return None, "out_of_budget"
        return wait, "retried"

    def _until(self, begun: float) -> float:
        outer = context.deadline.get()
        own = begun + self.deadline if self.deadline is not None else float("inf")
        return own if outer is None else min(own, outer)

    def _asked(self, outcome: Any) -> float:
        """Seconds that the other side asks to wait (RFC 9110, section 10.2.3); 0 if it does not."""
        if isinstance(outcome, KitError) and outcome.retry_after is not None:
            seconds = outcome.retry_after
        else:
            seconds = _seconds_of(header_of(outcome, "retry-after"), self._clock.now())
        return seconds if seconds > 0 else 0.0

    def view(self) -> Mapping[str, Any]:
        """Attempts and what is left of the budget."""
        budget = self.budget
        return {
            "attempts": self.attempts,
            "budget_share": budget.share if budget else None,
            "budget_left": budget.left() if budget else None,
        }


def _passing_response(result: Any) -> bool:
    return fault_of(result) is Category.TRANSIENT


def _name(outcome: Any) -> str:
    return type(outcome).__qualname__ if isinstance(outcome, Exception) else "result"


def _seconds_of(header: str | None, now: float) -> float:
    if header is None or len(header) > 64:
        return 0.0
    try:
        return float(header)
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime  # rarely needed, and slow to import

    try:
        return parsedate_to_datetime(header).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _never_sent(outcome: Any) -> bool:
    """Whether what failed cannot have reached the other side."""
    if isinstance(outcome, ConnectionRefusedError):
        return True
    return isinstance(outcome, Exception) and any(
        kind.__name__ in _NEVER_SENT and kind.__module__.partition(".")[0] in _SENDERS for kind in type(outcome).__mro__
    )


def _shows_idempotent(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    inner = function
    while isinstance(inner, partial):
        args, kwargs = (*inner.args, *args), {**inner.keywords, **kwargs}
        inner = inner.func
    if getattr(inner, _MARK, False) is True:
        return True
    if (getattr(inner, "__module__", None) or "").partition(".")[0] not in _HTTP_CLIENTS:
        return False
    headers = kwargs.get("headers")
    if isinstance(headers, Mapping) and any(str(name).lower() == "idempotency-key" for name in headers):
        return True
    name = getattr(inner, "__name__", "")
    method = kwargs.get("method", next((a for a in args if isinstance(a, str)), "")) if name == "request" else name
    return isinstance(method, str) and method.upper() in _IDEMPOTENT_METHODS
