# ruff: noqa: D102 - said once, of `Limiter`
"""Counts in this process: each decision costs the same whatever the number of keys, and memory has a bound.

Whoever floods the table with keys does not win their own quota back: what an evicted key owed stays in two of a fixed
number of slots, chosen by a hash that nobody outside knows, and a key that comes (back) begins with what the lighter of
its two slots says. A slot keeps the worst of what was put into it, not the sum, and a key puts in what it took itself,
not what it began with: a flood of keys that each call once makes newcomers owe one call, not all of them. Slots heal
with time, as buckets do. What a flood of `keys_max` keys still wins is one refill: what a key took after it came back.
"""

from __future__ import annotations

from collections import OrderedDict
from secrets import randbits
from typing import Any, ClassVar

from sereno_kit import forks
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.limits.rules import Rule
from sereno_kit.limits.store import KEY_LENGTH_MAX, Decision, Limiter, Store, short


class MemoryLimiter(Limiter):
    """One rule over many keys, in this process.

    Args:
        rule: the limit of each key.
        keys_max: how many keys are kept exactly; the least recently used of more share slots.
        clock: its monotonic time counts.
    """

    waits: ClassVar[bool] = False

    def __init__(self, rule: Rule, *, keys_max: int = 100_000, clock: Clock = SYSTEM) -> None:
        if keys_max < 1:
            raise ValueError(f"keys_max must be at least 1, not {keys_max}")
        self.rule = rule
        self.keys_max = keys_max
        self._now = clock.monotonic
        self._step = rule.step
        self._lock = forks.lock()
        self._table: OrderedDict[str, Any] = OrderedDict()
        self._slots: list[Any] = []
        self._began: dict[str, Any] = {}
        """What keys began with that did not begin with nothing."""
        self._salt = randbits(64)

    def __len__(self) -> int:
        """Keys kept exactly."""
        return len(self._table)

    def take(self, key: str = "", cost: int = 1, patience: float = 0.0) -> float:
        if len(key) > KEY_LENGTH_MAX:
            key = short(key)
        with self._lock:
            return self._take(key, cost, patience, self._now())

    def hit(self, key: str = "", cost: int = 1) -> Decision:
        if len(key) > KEY_LENGTH_MAX:
            key = short(key)
        with self._lock:
            now = self._now()
            wait = self._take(key, cost, 0.0, now)
            left = self.rule.standing(self._owed(key, now), now)
        return Decision(wait <= 0, self.rule.quota, left.remaining, left.reset_seconds, wait)

    def give_back(self, key: str = "", cost: int = 1) -> None:
        key = short(key)
        with self._lock:
            if key in self._table:
                self._table[key] = self.rule.back(self._table[key], self._now(), cost)

    def _take(self, key: str, cost: int, patience: float, now: float) -> float:
        table = self._table
        state = table.get(key)
        if state is None:
            state = self._owed(key, now)
            after, wait = self._step(state, now, cost, patience)
            if wait <= patience:
                self._keep(key, state, after, now)
            return wait
        table[key], wait = self._step(state, now, cost, patience)
        table.move_to_end(key)
        return wait

    def _owed(self, key: str, now: float) -> Any:
        """What `key` owes: its own account, or the lighter of its two slots."""
        state = self._table.get(key)
        if state is not None or not self._slots:
            return state
        one, other = (self._slots[index] for index in self._indexes(key))
        if self.rule.rested(one, now) or self.rule.rested(other, now):
            return None
        return other if self.rule.worse(one, other, now) == one else one

    def _keep(self, key: str, began: Any, state: Any, now: float) -> None:
        if len(self._table) >= self.keys_max:
            self._evict(now)
        self._table[key] = state
        if began is not None:
            self._began[key] = began

    def _evict(self, now: float) -> None:
        key, state = self._table.popitem(last=False)
        owed = self.rule.beyond(state, self._began.pop(key, None), now)
        if not self.rule.rested(owed, now):
            self._slots = self._slots or [None] * self.keys_max
            for index in self._indexes(key):
                self._slots[index] = self.rule.worse(self._slots[index], owed, now)

    def _indexes(self, key: str) -> tuple[int, int]:
        mixed = hash((self._salt, key))
        return mixed % self.keys_max, (mixed >> 32) % self.keys_max


class MemoryStore(Store):
    """Counts in this process. N processes let N times the limit pass: divide it, or use `RedisStore`.

    Args:
        keys_max: how many keys each limiter keeps exactly.
    """

    def __init__(self, keys_max: int = 100_000) -> None:
        self.keys_max = keys_max

    def limiter(self, name: str, rule: Rule, clock: Clock = SYSTEM) -> MemoryLimiter:
        return MemoryLimiter(rule, keys_max=self.keys_max, clock=clock)
