"""What happened lately, in constant space and time: over the last seconds, or over the last calls.

Both count calls, failures and slow calls; neither locks: the breaker that owns one does.
"""

from __future__ import annotations

from typing import Protocol

_BUCKETS = 10


class Window(Protocol):
    """Counts of what is not yet forgotten."""

    calls: int
    failures: int
    slow: int
    until: float
    """Before this moment a call that went well may be counted by `calls += 1; here[0] += 1` instead of by `add`."""
    here: list[int]

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count one call that ended at `now`."""
        ...


class TimeWindow:
    """The last `seconds`, in ten rolling buckets: a call is forgotten between 0.9 and 1 window after its end.

    Args:
        seconds: how long the window is.
    """

    __slots__ = ("_at", "_buckets", "_width", "calls", "failures", "here", "slow", "until")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / _BUCKETS
        self._buckets = [[0, 0, 0] for _ in range(_BUCKETS)]
        self._at = 0
        self.here = self._buckets[0]
        self.until = float("-inf")
        self.calls = self.failures = self.slow = 0

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count one call that ended at `now`, in seconds of a monotonic clock."""
        if self.until == float("-inf"):
            self.until = now + self._width
        elif now >= self.until:
            self.turn(now)
        here = self.here
        here[0] += 1
        self.calls += 1
        if failed:
            here[1] += 1
            self.failures += 1
        if slow:
            here[2] += 1
            self.slow += 1

    def turn(self, now: float) -> None:
        """Forget what is older than the window at `now`. At most ten steps, however long nobody called."""
        if now < self.until or self.until == float("-inf"):  # before the first call there is nothing to forget
            return
        steps = int((now - self.until) / self._width) + 1
        for _ in range(min(steps, _BUCKETS)):
            self._at = (self._at + 1) % _BUCKETS
            calls, failures, slow = self._buckets[self._at]
            self.calls -= calls
            self.failures -= failures
            self.slow -= slow
            self.here = self._buckets[self._at] = [0, 0, 0]
        self.until += steps * self._width


class CountWindow:
    """The last `size` calls.

    Args:
        size: how many calls are remembered.
    """

    __slots__ = ("_at", "_ring", "_size", "calls", "failures", "here", "slow", "until")

    def __init__(self, size: int) -> None:
        self._size = size
        self._ring = bytearray(size)
        self.until = float("-inf")
        self.here = [0]
        self._at = 0
        self.calls = self.failures = self.slow = 0

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count one call in place of the oldest. The time does not matter here."""
        if self.calls == self._size:
            old = self._ring[self._at]
            self.failures -= old & 1
            self.slow -= old >> 1
        else:
            self.calls += 1
        self._ring[self._at] = failed | slow << 1
        self.failures += failed
        self.slow += slow
        self._at = (self._at + 1) % self._size
