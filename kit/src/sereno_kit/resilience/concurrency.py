"""How many calls at a time, learnt from how long they take. Pure arithmetic: samples in, a limit out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class Learner(Protocol):
    """Judges one window of samples at a time."""

    name: str

    def learn(self, limit: float, seconds: float, in_use: int, dropped: bool) -> float:
        """The next limit.

        Args:
            limit: the one that held.
            seconds: that calls took on average.
            in_use: how many were under way at once, at most.
            dropped: whether any was turned away or timed out by whoever was called.
        """
        ...


@dataclass(slots=True)
class Gradient2:
    """Compares how long calls take now with how long they take without a queue; what is longer is a queue that grows.

    Source: Netflix concurrency-limits, Gradient2Limit: gradient = clamp(tolerance · usual / now, 0.5, 1);
    next = limit · (1 − smoothing) + (limit · gradient + queue) · smoothing.

    One thing differs. Netflix averages all windows for the usual time, so that an overload that lasts becomes what is
    usual and the limit climbs away from the knee without end. Here only windows teach that used less than half of the
    limit; where there are none for long, the limit is halved for two windows, as BBR does for its round-trip time, so
    that the queue drains and the second of them can be asked.

    Args:
        queue: how many may wait at the server, so that there is room to grow.
        smoothing: of each step.
        tolerance: how many times the usual a window may take without counting as a queue.
        windows: over how many the usual time is averaged.
        probe_windows: after how many busy windows on end the limit is halved.
    """

    queue: float = 4.0
    smoothing: float = 0.2
    tolerance: float = 1.5
    windows: int = 600
    probe_windows: int = 60
    usual: float = 0.0
    name: str = field(default="gradient2", init=False)
    _seen: int = field(default=0, init=False)
    _busy: int = field(default=0, init=False)
    _resume: float | None = field(default=None, init=False)
    """The limit to go back to after a probe."""
    _drained: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        # What the first busy windows taught may already have been a queue: look soon.
        self._busy = max(0, self.probe_windows - 10)

    def learn(self, limit: float, seconds: float, in_use: int, dropped: bool) -> float:
        """The next limit; unchanged while calls use less than half of it, for then nothing is learnt about more."""
        if self._resume is not None:
            return self._probed(limit, seconds, dropped)
        if in_use < limit / 2:
            self._busy = 0
            if not dropped:
                self._remember(seconds, 2 / (self.windows + 1))
            return limit
        self._busy += 1
        if self._busy > self.probe_windows:
            self._resume = limit
            return limit / 2
        if dropped:
            return limit * (1 - self.smoothing / 2)
        if self.usual == 0 or seconds < self.usual:
            self._remember(seconds, 0.1)
        gradient = max(0.5, min(1.0, self.tolerance * self.usual / seconds)) if seconds > 0 else 1.0
        return limit * (1 - self.smoothing) + (limit * gradient + self.queue) * self.smoothing

    def _probed(self, limit: float, seconds: float, dropped: bool) -> float:
        if not self._drained:
            self._drained = True
            return limit
        if not dropped:
            self._remember(seconds, 0.5)
        back = self._resume or limit
        self._busy, self._resume, self._drained = 0, None, False
        return back

    def _remember(self, seconds: float, weight: float) -> None:
        self._seen += 1
        self.usual += (seconds - self.usual) * max(weight, 1 / self._seen)
        if self.usual > 2 * seconds:
            self.usual *= 0.9


@dataclass(slots=True)
class Aimd:
    """One more after each window that went well, a share less after one that did not, as TCP does.

    Source: Chiu and Jain, 1989; Netflix concurrency-limits, AIMDLimit.

    Args:
        backoff: what is left of the limit after a bad window.
        timeout: seconds on average above which a window is bad, besides those in which calls failed.
    """

    backoff: float = 0.9
    timeout: float = 5.0
    name: str = field(default="aimd", init=False)

    def learn(self, limit: float, seconds: float, in_use: int, dropped: bool) -> float:
        """The next limit; grows only while calls use at least half of it."""
        if dropped or seconds > self.timeout:
            return limit * self.backoff
        return limit + 1 if in_use * 2 >= limit else limit
