"""Passwords: argon2id, two at a time, so that sign-ins cannot starve the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from sereno.kernel.errors import Unavailable

_T = TypeVar("_T")
WAITING_MAX = 20
PASSWORD_LENGTH_MAX = 1024


class Passwords:
    """Hashes and checks passwords (OWASP's argon2id: 19 MiB, two passes, one lane; about 26 ms of CPU each).

    At most two run at once; beyond `WAITING_MAX` waiting, callers are told to come back (Unavailable).
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)
        self._slots = anyio.CapacityLimiter(2)
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded hash of `password`, with a fresh salt."""
        return await self._run(self._hasher.hash, password)

    async def check(self, encoded: str | None, password: str) -> bool:
        """Whether `password` is the one behind `encoded`. None (no such user) takes just as long and is False."""
        if len(password) > PASSWORD_LENGTH_MAX:
            return False
        if encoded is None:
            if self._nobody is None:
                self._nobody = await self.hash("nobody")
            await self._run(self._verify, self._nobody, password)
            return False
        return await self._run(self._verify, encoded, password)

    def _verify(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., _T], *arguments: str) -> _T:
        if self._waiting >= WAITING_MAX:
            raise Unavailable("too many people are signing in at this moment", retry_after_seconds=2)
        self._waiting += 1
        try:
            return await anyio.to_thread.run_sync(work, *arguments, limiter=self._slots)
        finally:
            self._waiting -= 1
