"""How many calls in how much time: the arithmetic, and where the counts are kept."""

from typing import TYPE_CHECKING, Any

from sereno_kit.limits.memory import MemoryLimiter, MemoryStore
from sereno_kit.limits.rules import Rule, SlidingWindow, TokenBucket
from sereno_kit.limits.store import Decision, Limiter, Store

if TYPE_CHECKING:
    from sereno_kit.limits.redis import RedisStore

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


def __getattr__(name: str) -> Any:
    """`RedisStore`, imported by those who use it."""
    if name != "RedisStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sereno_kit.limits.redis import RedisStore

    return RedisStore
