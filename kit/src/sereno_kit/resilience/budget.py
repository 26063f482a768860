"""How much of the traffic may be retries, so that a dependency that is down is not buried under them."""

from __future__ import annotations

from typing import ClassVar

from sereno_kit import forks
from sereno_kit.clock import SYSTEM, Clock


class RetryBudget:
    """Retries may be a share of the calls of the last `window_seconds`, or a few each second if calls are rare.

    A call counts by a plain addition, without a lock and without a clock; that an addition may be lost between
    threads only makes the budget smaller. Two windows are kept, the earlier one weighed by how much of it still
    counts: constant space and time.

    Args:
        share: retries per call, in [0, 1].
        floor_per_second: retries that are allowed however few the calls.
        window_seconds: over which both are counted.

    Source: Finagle's RetryBudget (a share of calls and a floor per second over ten seconds).
    """

    _shared: ClassVar[dict[str, RetryBudget]] = {}

    def __init__(self, share: float = 0.1, *, floor_per_second: float = 0.5, window_seconds: float = 10.0) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"RetryBudget: share must be in [0, 1], not {share}")
        if floor_per_second < 0 or window_seconds <= 0:
            raise ValueError("RetryBudget: floor_per_second must be 0 or more, window_seconds above 0")
        self.share, self.floor_per_second, self.window_seconds = share, floor_per_second, window_seconds
        self.calls = 0
        """Calls since anybody last looked; the hot path adds to it."""
        self._lock = forks.lock()
        self._clock: Clock | None = None
        self._begun = 0.0
        self._looked = 0.0
        self._here = [0.0, 0.0]
        self._before = [0.0, 0.0]

    @classmethod
    def shared(cls, name: str, share: float = 0.1, *, floor_per_second: float = 0.5) -> RetryBudget:
        """The one budget called `name` in this process, made on first use: for pipelines that share a dependency.

        Raises:
            ValueError: if it was made with another share or floor.
        """
        made = cls._shared.setdefault(name, cls(share, floor_per_second=floor_per_second))
        if (made.share, made.floor_per_second) != (share, floor_per_second):
            raise ValueError(f"the retry budget {name!r} is already {made.share} with {made.floor_per_second} a second")
        return made

    def bind(self, clock: Clock) -> None:
        """Take the clock of the first pipeline that uses it."""
        if self._clock is None:
            self._clock = clock
            self._begun = self._looked = clock.monotonic()

    def take(self) -> bool:
        """Whether one more retry is allowed now; if so it is counted."""
        with self._lock:
            calls, retries = self._count()
            if retries + 1 > self._allowed(calls):
                return False
            self._here[1] += 1
            return True

    def left(self) -> float:
        """The share of the budget that is left, from 0 to 1."""
        with self._lock:
            calls, retries = self._count()
            allowed = self._allowed(calls)
            return max(0.0, 1 - retries / allowed) if allowed > 0 else 0.0

    def _allowed(self, calls: float) -> float:
        return self.share * calls + self.floor_per_second * self.window_seconds

    def _count(self) -> tuple[float, float]:
        """Calls and retries in the window that ends now."""
        now = (self._clock or SYSTEM).monotonic()
        fresh, self.calls = self.calls, 0
        since = now - self._looked
        self._looked = now
        if since > self.window_seconds:  # nobody looked for long: what came is taken to have come evenly
            fresh = int(fresh * self.window_seconds / since)
        passed = now - self._begun
        if passed >= 2 * self.window_seconds:
            self._before, self._here, self._begun = [0.0, 0.0], [0.0, 0.0], now
        elif passed >= self.window_seconds:
            self._before, self._here = self._here, [0.0, 0.0]
            self._begun += self.window_seconds
        self._here[0] += fresh
        still = max(0.0, 1 - (now - self._begun) / self.window_seconds)
        return self._here[0] + still * self._before[0], self._here[1] + still * self._before[1]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RetryBudget):
            return NotImplemented
        mine = (self.share, self.floor_per_second, self.window_seconds)
        return mine == (other.share, other.floor_per_second, other.window_seconds)

    __hash__ = object.__hash__
