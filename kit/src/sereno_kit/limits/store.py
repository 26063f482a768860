"""Where counts are kept, as those who limit see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import blake2b
from typing import ClassVar, NamedTuple

from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.limits.rules import Rule

KEY_LENGTH_MAX = 64


class Decision(NamedTuple):
    """Whether a call may pass, and what its caller should know."""

    allowed: bool
    quota: int
    remaining: int
    reset_seconds: float
    """Until the whole quota is there again, if nothing more is taken."""
    retry_after: float
    """Seconds after which the same call would pass; 0 if it passed."""


class Limiter(ABC):
    """One rule over many keys. Safe for threads and tasks alike; never raises for what a key contains."""

    rule: Rule
    waits: ClassVar[bool]
    """Whether a decision may take a journey: tasks then use the methods that begin with `a`."""

    @abstractmethod
    def take(self, key: str = "", cost: int = 1, patience: float = 0.0) -> float:
        """Take `cost` of `key`'s quota.

        Returns:
            Seconds to wait: 0 when it was there. It was taken if they are at most `patience`, and otherwise not.
        """

    @abstractmethod
    def hit(self, key: str = "", cost: int = 1) -> Decision:
        """The same without patience, with all that a caller is told."""

    @abstractmethod
    def give_back(self, key: str = "", cost: int = 1) -> None:
        """Undo a taking that turned out not to be needed."""

    async def atake(self, key: str = "", cost: int = 1, patience: float = 0.0) -> float:
        """`take`, for tasks."""
        return self.take(key, cost, patience)

    async def ahit(self, key: str = "", cost: int = 1) -> Decision:
        """`hit`, for tasks."""
        return self.hit(key, cost)

    async def agive_back(self, key: str = "", cost: int = 1) -> None:
        """`give_back`, for tasks."""
        self.give_back(key, cost)


class Store(ABC):
    """Makes limiters."""

    @abstractmethod
    def limiter(self, name: str, rule: Rule, clock: Clock = SYSTEM) -> Limiter:
        """The limiter of `rule`. Where counts are shared by processes, `name` is what they share them by."""


def short(key: str) -> str:
    """`key`, or a digest of it where it is long: nobody chooses how much memory a key takes."""
    if len(key) <= KEY_LENGTH_MAX:
        return key
    return "#" + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
