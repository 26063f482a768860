"""At most so many calls in so much time, of all callers together or of each key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Self

from sereno_kit import context
from sereno_kit.clock import Clock
from sereno_kit.errors import RateLimited
from sereno_kit.limits import Limiter, MemoryLimiter, MemoryStore, Rule, SlidingWindow, Store, TokenBucket
from sereno_kit.resilience.policy import AsyncCall, Call, Policy, Reporter

Key = Callable[..., str | None]


class RateLimit(Policy):
    """Refuses with `RateLimited` what comes faster than a rule allows; a token bucket may let callers wait instead.

    Made by `RateLimit.token_bucket` and `RateLimit.sliding_window`.

    Args:
        rule: of each key.
        key: given the call's arguments, whose quota it is; None is everybody's who has no key. One quota for all, if
            not given.
        wait: seconds that a caller may be made to wait for its turn, at most; its deadline bounds them too. A
            synchronous call on an event loop's thread does not wait, for it would stop the loop.
        store: where the counts are; this process, if not given.
        name: what processes share the counts by, where the store is shared; also told to whoever is refused.
    """

    kind = "rate_limit"
    commands: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, rule: Rule, *, key: Key | None = None, wait: float = 0.0, store: Store | None = None, name: str = ""
    ) -> None:
        if not isinstance(rule, Rule):
            raise TypeError(f"RateLimit takes a rule: RateLimit.token_bucket(rate=50, burst=100), not {rule!r}")
        if wait < 0:
            raise ValueError(f"wait must not be negative, not {wait!r}")
        if wait and not isinstance(rule, TokenBucket):
            raise ValueError("only a token bucket gives turns to those who wait: use RateLimit.token_bucket(wait=…)")
        self.rule = rule
        self.name = name
        self._key = key
        self._wait = wait
        self._store = store or MemoryStore()
        self._limiter: Limiter | None = None
        self._refused = 0

    @classmethod
    def token_bucket(
        cls,
        *,
        rate: float,
        burst: int = 0,
        key: Key | None = None,
        wait: float = 0.0,
        store: Store | None = None,
        name: str = "",
    ) -> Self:
        """`burst` calls at once (a second's worth, if not given), and `rate` a second in the long run."""
        return cls(TokenBucket(rate, burst), key=key, wait=wait, store=store, name=name)

    @classmethod
    def sliding_window(
        cls, *, limit: int, window: float, key: Key | None = None, store: Store | None = None, name: str = ""
    ) -> Self:
        """At most `limit` calls in any `window` seconds, as well as two counters can tell."""
        return cls(SlidingWindow(limit, window), key=key, store=store, name=name)

    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take what the pipeline gives."""
        if self._limiter is not None:
            raise ValueError("this RateLimit belongs to another pipeline already: make a second one")
        name = self.name or str(getattr(reporter, "pipeline", ""))
        self._limiter = self._store.limiter(name, self.rule, clock)
        self._clock = clock
        self._count_rejected = reporter.counter("rejected")
        self._count_waited = reporter.counter("waited")

    def sync(self, inner: Call) -> Call:
        """`inner` guarded, for threads."""
        if not self._wait:
            return self._direct(inner)
        take, key, sleep = self._bound.take, self._key, self._clock.sleep

        def limited(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            patience = self._blocking_patience()
            wait = take(_text(key(*args, **kwargs)) if key else "", 1, patience)
            if wait > 0:
                self._judge(wait, patience)
                sleep(wait)
            return inner(function, args, kwargs)

        return limited

    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """`inner` guarded, for tasks."""
        return self._journey(inner) if self._wait or self._bound.waits else self._direct(inner)

    def _direct(self, inner: Call) -> Call:
        """For threads and tasks alike: whoever may not wait is let in or refused at once."""
        take, key, judge = self._bound.take, self._key, self._judge

        def limited(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            wait = take()
            if wait > 0:
                judge(wait, 0.0)
            return inner(function, args, kwargs)

        def limited_by_key(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            wait = take(_text(key(*args, **kwargs)))  # type: ignore[misc]
            if wait > 0:
                judge(wait, 0.0)
            return inner(function, args, kwargs)

        return limited if key is None else limited_by_key

    def _journey(self, inner: AsyncCall) -> AsyncCall:
        limiter, key, sleep = self._bound, self._key, self._clock.asleep
        take, remote = limiter.atake, limiter.waits

        async def limited(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            patience = self._patience()
            mine = _text(key(*args, **kwargs)) if key else ""
            wait = await take(mine, 1, patience)
            if wait > 0:
                self._judge(wait, patience)
                try:
                    await sleep(wait)
                except BaseException:
                    if not remote:  # a turn in Redis is lost: giving it back would be one more journey while cancelled
                        limiter.give_back(mine)
                    raise
            return await inner(function, args, kwargs)

        return limited

    def block(self) -> AbstractContextManager[None]:
        """Guards one `with` block of a thread; a key sees no arguments."""
        return self._block()

    @contextmanager
    def _block(self) -> Iterator[None]:
        patience = self._blocking_patience()
        wait = self._bound.take(_text(self._key()) if self._key else "", 1, patience)
        if wait > 0:
            self._judge(wait, patience)
            self._clock.sleep(wait)
        yield

    def view(self) -> Mapping[str, Any]:
        """The rule, and how many were refused."""
        return {
            "rule": self.rule.kind,
            "quota": self.rule.quota,
            "window_seconds": self.rule.window_seconds,
            "wait_seconds_max": self._wait,
            "keys": len(self._limiter) if isinstance(self._limiter, MemoryLimiter) else None,
            "rejected": self._refused,
        }

    @property
    def _bound(self) -> Limiter:
        if self._limiter is None:
            raise RuntimeError("a RateLimit works within a pipeline: pipeline(name, RateLimit…)")
        return self._limiter

    def _patience(self) -> float:
        deadline = context.deadline.get()
        return self._wait if deadline is None else max(0.0, min(self._wait, deadline - self._clock.monotonic()))

    def _blocking_patience(self) -> float:
        """A thread that runs an event loop does not wait: it would stop the loop."""
        return self._patience() if asyncio._get_running_loop() is None else 0.0

    def _judge(self, wait: float, patience: float) -> None:
        if wait <= patience:
            self._count_waited()
            return
        self._refused += 1
        self._count_rejected()
        raise RateLimited(f"more than {self.rule.quota} in {self.rule.window_seconds:g} s", retry_after=wait)


def _text(key: object) -> str:
    """Of a key: users are numbers as often as texts."""
    return key if type(key) is str else "" if key is None else str(key)
