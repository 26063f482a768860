# ruff: noqa: D102 - said once, of `Rule`
"""The arithmetic of limits: a state of one key, the instant and a cost give the next state and the time to wait.

Nothing here reads a clock or keeps anything. A key that was never seen has the state None.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

SLACK = 1e-6
"""Of one call: how much may be missing, so that rounding never refuses whoever waited exactly as long as told.

What is missing stays owed, so it never adds up.
"""
TICK = 1e-8
"""Seconds that a float of a clock which has run for months cannot tell apart."""


class Standing(NamedTuple):
    """What a key has left."""

    remaining: int
    reset_seconds: float
    """Until the whole quota is there again, if nothing more is taken."""


class Rule(ABC):
    """A limit, of as many keys as there are."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def quota(self) -> int:
        """How many may come at once."""

    @property
    @abstractmethod
    def window_seconds(self) -> float:
        """In how much time the whole quota comes back."""

    @abstractmethod
    def step(self, state: Any, now: float, cost: int = 1, patience: float = 0.0) -> tuple[Any, float]:
        """Take `cost` if it is there within `patience` seconds.

        Args:
            state: of the key; None for one that was never seen.
            now: seconds of a clock that never goes back.
            cost: how many are taken at once, at most the quota.
            patience: seconds that the caller would wait; what is then taken is taken now and usable later.

        Returns:
            The state after, and the seconds to wait. They were taken if these are at most `patience`; otherwise the
            state is unchanged, and asking again after exactly so long succeeds unless somebody else came first.
        """

    @abstractmethod
    def back(self, state: Any, now: float, cost: int = 1) -> Any:
        """The state once `cost`, taken before, is given back."""

    @abstractmethod
    def standing(self, state: Any, now: float) -> Standing:
        """What is left."""

    @abstractmethod
    def worse(self, one: Any, other: Any, now: float) -> Any:
        """A state that allows no more than either of two."""

    @abstractmethod
    def beyond(self, state: Any, before: Any, now: float) -> Any:
        """What of `state` was taken since the same key's state was `before`."""

    @abstractmethod
    def rested(self, state: Any, now: float) -> bool:
        """Whether the state may be forgotten: the whole quota is there."""

    @abstractmethod
    def shared(self, processes: int) -> Rule:
        """One process's share of this limit, never less than one call."""


def _counting(name: str, value: float, least: float) -> None:
    if not math.isfinite(value) or value < least:
        raise ValueError(f"{name} must be at least {least:g} and finite, not {value!r}")


@dataclass(frozen=True, slots=True)
class TokenBucket(Rule):
    """`burst` calls at once, and `rate` a second in the long run.

    Kept as one number a key, the instant at which its bucket is full again; that is the generic cell rate algorithm
    (ITU-T I.371), which admits exactly what a bucket of `burst` tokens refilled continuously admits.

    Args:
        rate: calls a second.
        burst: how many may come at once; a second's worth, at least one, if not given.
    """

    rate: float
    burst: int = 0
    kind: ClassVar[str] = "token_bucket"

    def __post_init__(self) -> None:
        _counting("rate", self.rate, 1e-9)
        if self.burst == 0:
            object.__setattr__(self, "burst", max(1, math.ceil(self.rate)))
        _counting("burst", self.burst, 1)

    @property
    def quota(self) -> int:
        return self.burst

    @property
    def window_seconds(self) -> float:
        return self.burst / self.rate

    def step(self, state: float | None, now: float, cost: int = 1, patience: float = 0.0) -> tuple[float | None, float]:
        rate = self.rate
        full_at = (now if state is None or state < now else state) + cost / rate
        wait = full_at - now - self.burst / rate
        if wait <= SLACK / rate + TICK:
            return full_at, 0.0
        if cost > self.burst:
            return state, math.inf
        return (full_at, wait) if wait <= patience else (state, wait)

    def back(self, state: float | None, now: float, cost: int = 1) -> float | None:
        return None if state is None else state - cost / self.rate

    def standing(self, state: float | None, now: float) -> Standing:
        owed = 0.0 if state is None else max(0.0, state - now)
        return Standing(max(0, math.floor(self.burst - owed * self.rate + SLACK)), owed)

    def worse(self, one: float | None, other: float | None, now: float) -> float | None:
        return one if other is None or (one is not None and one > other) else other

    def beyond(self, state: float | None, before: float | None, now: float) -> float | None:
        return state if state is None or before is None else state - max(0.0, before - now)

    def rested(self, state: float | None, now: float) -> bool:
        return state is None or state <= now

    def shared(self, processes: int) -> TokenBucket:
        return TokenBucket(self.rate / processes, max(1, self.burst // processes))


class Counts(NamedTuple):
    """Of one key: the window's number, what it took, and what the window before took."""

    window: int
    current: int
    previous: int


@dataclass(frozen=True, slots=True)
class SlidingWindow(Rule):
    """At most `limit` calls in any `window` seconds, as well as two counters can tell.

    The window before counts in proportion to how much of it is still in sight, as if its calls had come evenly. Where
    they all came at its end, nearly twice the limit can pass within one window's length.

    Args:
        limit: calls.
        window: seconds.
    """

    limit: int
    window: float
    kind: ClassVar[str] = "sliding_window"

    def __post_init__(self) -> None:
        _counting("limit", self.limit, 1)
        _counting("window", self.window, 1e-6)

    @property
    def quota(self) -> int:
        return self.limit

    @property
    def window_seconds(self) -> float:
        return self.window

    def _at(self, state: Counts | None, now: float) -> tuple[int, int, int, float]:
        """The window's number, both counts as they are at `now`, and the share of the window that is over."""
        at = now / self.window
        number = math.floor(at)
        if state is None or number > state[0] + 1:
            return number, 0, 0, at - number
        if number > state[0]:
            return number, 0, state[1], at - number
        return number, state[1], state[2], at - number

    def step(
        self, state: Counts | None, now: float, cost: int = 1, patience: float = 0.0
    ) -> tuple[Counts | None, float]:
        number, current, previous, over = self._at(state, now)
        room = self.limit - cost
        if previous * (1 - over - TICK / self.window) + current <= room + SLACK:
            return Counts(number, current + cost, previous), 0.0
        if room < 0:
            return state, math.inf
        # Within this window the one before fades; otherwise this one must fade in the next.
        if current <= room:
            return state, (1 - (room - current) / previous - over) * self.window
        return state, (1 - over + 1 - room / current) * self.window

    def back(self, state: Counts | None, now: float, cost: int = 1) -> Counts | None:
        return None if state is None else Counts(state[0], max(0, state[1] - cost), state[2])

    def standing(self, state: Counts | None, now: float) -> Standing:
        _, current, previous, over = self._at(state, now)
        left = self.limit - previous * (1 - over) - current
        reset = (2 - over) if current else (1 - over) if previous else 0.0
        return Standing(max(0, math.floor(left + SLACK)), reset * self.window)

    def worse(self, one: Counts | None, other: Counts | None, now: float) -> Counts | None:
        if one is None or other is None:
            return other if one is None else one
        number, current, previous, _ = self._at(one, now)
        _, others, before, _ = self._at(other, now)
        return Counts(number, max(current, others), max(previous, before))

    def beyond(self, state: Counts | None, before: Counts | None, now: float) -> Counts | None:
        number, current, previous, _ = self._at(state, now)
        _, then, earlier, _ = self._at(before, now)
        return Counts(number, current - then, previous - earlier)

    def rested(self, state: Counts | None, now: float) -> bool:
        _, current, previous, _ = self._at(state, now)
        return not current and not previous

    def shared(self, processes: int) -> SlidingWindow:
        return SlidingWindow(max(1, self.limit // processes), self.window)
