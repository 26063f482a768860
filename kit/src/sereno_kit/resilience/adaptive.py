"""A limit of concurrent calls that finds its own number: what keeps the dependency busy without making it queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

from sereno_kit import context, forks
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.errors import BulkheadFull, Category, classify
from sereno_kit.resilience.concurrency import Aimd, Gradient2, Learner
from sereno_kit.resilience.matching import fault_of, plain
from sereno_kit.resilience.policy import AsyncCall, Call, Policy, Reporter

_SAMPLES_MIN = 10
_DROPPED_SHARE_MAX = 0.05
"""Of a window's calls: fewer failures than this are every day's."""


class AdaptiveLimit(Policy):
    """Refuses with `BulkheadFull` what comes while as many calls as learnt are under way. It never queues.

    Successful calls teach by how long they took, transient failures (a time-out, a 503) that there are too many.
    Other failures and cancelled calls teach nothing.

    Args:
        initial: the limit before anything is learnt.
        minimum: the limit never goes below.
        maximum: nor above.
        window: seconds of which one lesson is made, of at least ten calls.
        learner: how lessons change the limit; `Gradient2` if not given.
    """

    kind = "adaptive_limit"
    commands = ("reset",)

    def __init__(
        self,
        initial: int = 20,
        *,
        minimum: int = 4,
        maximum: int = 1_000,
        window: float = 1.0,
        learner: Learner | None = None,
    ) -> None:
        if not 1 <= minimum <= initial <= maximum:
            raise ValueError(f"1 ≤ minimum ≤ initial ≤ maximum does not hold: {minimum}, {initial}, {maximum}")
        if not window > 0:
            raise ValueError(f"window must be positive, not {window!r}")
        self._initial, self._minimum, self._maximum, self._window = initial, minimum, maximum, window
        self._learner = learner or Gradient2()
        self._lock = forks.lock()
        self._limit = float(initial)
        self._most = initial
        self._in_use = self._peak = 0
        self._refused = 0
        self._clock: Clock | None = None
        self._now: Callable[[], float] = SYSTEM.monotonic
        self._begin_window(0.0)

    @classmethod
    def gradient(
        cls,
        *,
        initial: int = 20,
        minimum: int = 4,
        maximum: int = 1_000,
        window: float = 1.0,
        queue: float = 4.0,
        tolerance: float = 1.5,
    ) -> Self:
        """By how much longer calls take than without a queue: `tolerance` times as long is fine."""
        learner = Gradient2(queue=queue, tolerance=tolerance)
        return cls(initial, minimum=minimum, maximum=maximum, window=window, learner=learner)

    @classmethod
    def aimd(
        cls,
        *,
        initial: int = 20,
        minimum: int = 4,
        maximum: int = 1_000,
        window: float = 1.0,
        timeout: float = 5.0,
        backoff: float = 0.9,
    ) -> Self:
        """One more after each good window, `backoff` of it after one with failures or slower than `timeout` seconds."""
        learner = Aimd(backoff=backoff, timeout=timeout)
        return cls(initial, minimum=minimum, maximum=maximum, window=window, learner=learner)

    @property
    def limit(self) -> int:
        """How many calls may be under way at once just now."""
        return self._most

    @property
    def in_use(self) -> int:
        """How many are."""
        return self._in_use

    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take what the pipeline gives."""
        if self._clock is not None:
            raise ValueError("this AdaptiveLimit belongs to another pipeline already: make a second one")
        self._clock, self._now = clock, clock.monotonic
        self._begin_window(clock.monotonic())
        self._count_rejected = reporter.counter("rejected")
        reporter.watch("sereno_adaptive_limit", "Concurrent calls that an adaptive limit lets pass", lambda: self._most)
        reporter.watch("sereno_adaptive_in_use", "Calls under way beneath an adaptive limit", lambda: self._in_use)

    def sync(self, inner: Call) -> Call:
        """`inner` guarded, for threads."""
        begin, end = self._begin, self._end

        def limited(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            begun = begin()
            dropped: bool | None = None
            try:
                result = inner(function, args, kwargs)
                dropped = _of_result(result)
                return result
            except Exception as error:
                dropped = _of_error(error)
                raise
            finally:
                end(begun, dropped)

        return limited

    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """`inner` guarded, for tasks."""
        begin, end = self._begin, self._end

        async def limited(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            begun = begin()
            dropped: bool | None = None
            try:
                result = await inner(function, args, kwargs)
                dropped = _of_result(result)
                return result
            except Exception as error:
                dropped = _of_error(error)
                raise
            finally:
                end(begun, dropped)

        return limited

    def block(self) -> AbstractContextManager[None]:
        """Guards one `with` block of a thread."""
        return self._block()

    @contextmanager
    def _block(self) -> Iterator[None]:
        begun = self._begin()
        dropped: bool | None = None
        try:
            yield
            dropped = False
        except Exception as error:
            dropped = _of_error(error)
            raise
        finally:
            self._end(begun, dropped)

    def view(self) -> Mapping[str, Any]:
        """The limit, how much of it is in use, and how many were refused."""
        return {
            "algorithm": self._learner.name,
            "limit": self._most,
            "in_use": self._in_use,
            "minimum": self._minimum,
            "maximum": self._maximum,
            "rejected": self._refused,
        }

    def command(self, name: str) -> None:
        """`reset` goes back to the initial limit; what is known of durations stays."""
        if name != "reset":
            return super().command(name)
        with self._lock:
            self._set(float(self._initial))

    def _begin(self) -> float:
        with self._lock:
            if self._in_use < self._most:
                self._in_use += 1
                if self._in_use > self._peak:
                    self._peak = self._in_use
                return self._now()
            self._refused += 1
            most = self._most
        self._count_rejected()
        raise BulkheadFull(f"{most} calls are under way, as many as this dependency takes just now")

    def _end(self, begun: float, dropped: bool | None) -> None:
        now = self._now()
        if dropped and context.asked_too_little(now):
            dropped = None  # what a caller would not wait for says nothing of how many are too many
        with self._lock:
            self._in_use -= 1
            if dropped is None:
                return
            self._samples += 1
            self._seconds += now - begun
            self._dropped += dropped
            if self._samples >= _SAMPLES_MIN and now - self._since >= self._window:
                self._learn(now)

    def _learn(self, now: float) -> None:
        dropped = self._dropped > self._samples * _DROPPED_SHARE_MAX
        learnt = self._learner.learn(self._limit, self._seconds / self._samples, self._peak, dropped)
        self._begin_window(now)
        self._set(min(float(self._maximum), max(float(self._minimum), learnt)))

    def _begin_window(self, now: float) -> None:
        self._since, self._samples, self._seconds, self._dropped, self._peak = now, 0, 0.0, 0, self._in_use

    def _set(self, limit: float) -> None:
        self._limit = limit
        self._most = int(limit)


def _of_result(result: object) -> bool | None:
    """Whether too many are under way; None where the call says nothing about that."""
    return False if plain(result) else _of_fault(fault_of(result))


def _of_error(error: Exception) -> bool | None:
    return _of_fault(classify(error))


def _of_fault(fault: Category | None) -> bool | None:
    return False if fault is None else True if fault is Category.TRANSIENT else None
