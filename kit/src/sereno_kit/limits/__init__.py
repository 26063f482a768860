"""How many calls in how much time: the arithmetic, and where the counts are kept."""

from sereno_kit.limits.memory import MemoryLimiter, MemoryStore
from sereno_kit.limits.redis import RedisStore
from sereno_kit.limits.rules import Rule, SlidingWindow, TokenBucket
from sereno_kit.limits.store import Decision, Limiter, Store

__all__ = [
    "Decision",
    "Limiter",
    "MemoryLimiter",
    "MemoryStore",
    "RedisStore",
    "Rule",
    "SlidingWindow",
    "Store",
    "TokenBucket",
]
