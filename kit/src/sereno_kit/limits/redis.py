# ruff: noqa: D102 - said once, of `Limiter`
"""Counts in Redis: one limit over all processes. When it is away, what was chosen for that happens, and is told."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple
from weakref import WeakKeyDictionary

from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.limits.away import Away
from sereno_kit.limits.memory import MemoryLimiter
from sereno_kit.limits.rules import Rule
from sereno_kit.limits.scripts import script_of
from sereno_kit.limits.store import Decision, Limiter, Store, short

WhenAway = Literal["memory", "allow", "refuse"]
_INSTANT = 1e-3
_PLAIN = re.compile(r"[A-Za-z0-9._:@+/-]*", re.ASCII)


class _Answer(NamedTuple):
    taken: bool
    wait: float
    reset: float
    remaining: int


class RedisLimiter(Limiter):
    """One rule over many keys, counted by Redis. Made by `RedisStore.limiter`."""

    waits: ClassVar[bool] = True

    def __init__(self, store: RedisStore, name: str, rule: Rule, clock: Clock) -> None:
        self.rule = rule
        self._store = store
        self._script = script_of(rule)
        self._prefix = f"{store.prefix}{_name(name)}:"
        self._away = store.away_of(clock)
        self._memory = MemoryLimiter(rule.shared(store.processes), keys_max=store.keys_max, clock=clock)

    def take(self, key: str = "", cost: int = 1, patience: float = 0.0) -> float:
        return self._wait(self._ask(key, cost, patience), key, cost, patience)

    async def atake(self, key: str = "", cost: int = 1, patience: float = 0.0) -> float:
        return self._wait(await self._aask(key, cost, patience), key, cost, patience)

    def hit(self, key: str = "", cost: int = 1) -> Decision:
        return self._decision(self._ask(key, cost, 0.0), key, cost)

    async def ahit(self, key: str = "", cost: int = 1) -> Decision:
        return self._decision(await self._aask(key, cost, 0.0), key, cost)

    def give_back(self, key: str = "", cost: int = 1) -> None:
        if self._ask(key, -cost, 0.0) is None:
            self._memory.give_back(key, cost)

    async def agive_back(self, key: str = "", cost: int = 1) -> None:
        if await self._aask(key, -cost, 0.0) is None:
            self._memory.give_back(key, cost)

    def _wait(self, answer: _Answer | None, key: str, cost: int, patience: float) -> float:
        if answer is not None:
            return answer.wait
        if self._store.away == "memory":
            return self._memory.take(key, cost, patience)
        return 0.0 if self._store.away == "allow" else max(self._away.retry_seconds, patience + _INSTANT)

    def _decision(self, answer: _Answer | None, key: str, cost: int) -> Decision:
        if answer is not None:
            return Decision(answer.taken, self.rule.quota, answer.remaining, answer.reset, answer.wait)
        if self._store.away == "memory":
            return self._memory.hit(key, cost)._replace(quota=self.rule.quota)
        allowed, pause = self._store.away == "allow", self._away.retry_seconds
        return Decision(allowed, self.rule.quota, 0, pause, 0.0 if allowed else pause)

    def _ask(self, key: str, cost: int, patience: float) -> _Answer | None:
        """What Redis says; None when it is away."""
        if not self._away.may_try():
            return None
        script, client = self._script, self._store.client
        arguments = (1, self._key(key), *script.arguments, cost, patience)
        try:
            try:
                answer = client.evalsha(script.sha, *arguments)
            except self._store.no_script:
                answer = client.eval(script.text, *arguments)
        except Exception as error:  # whatever it is, the limiter must not fail its caller
            self._away.failed(error)
            return None
        self._away.worked()
        return _read(answer)

    async def _aask(self, key: str, cost: int, patience: float) -> _Answer | None:
        if not self._away.may_try():
            return None
        script = self._script
        arguments = (1, self._key(key), *script.arguments, cost, patience)
        try:
            client = self._store.client_of_loop()
            try:
                answer = await client.evalsha(script.sha, *arguments)
            except self._store.no_script:
                answer = await client.eval(script.text, *arguments)
        except Exception as error:
            self._away.failed(error)
            return None
        self._away.worked()
        return _read(answer)

    def _key(self, key: str) -> str:
        return self._prefix + _name(key)


def _name(text: str) -> str:
    """`text`, or its digest where it is long or holds what Redis's tools would stumble over."""
    text = short(text)
    return text if _PLAIN.fullmatch(text) or text.startswith("#") else short(text.ljust(65, "\0"))


def _read(answer: Any) -> _Answer:
    taken, wait, reset, remaining = answer
    seconds = float(wait)
    return _Answer(bool(taken), math.inf if seconds < 0 else seconds, float(reset), int(remaining))


class RedisStore(Store):
    """Counts in Redis: one limit over all processes that name it alike. Needs the extra `redis`.

    Args:
        url: such as `redis://localhost:6379/0`.
        prefix: of the keys.
        timeout_seconds: of connecting and of each question.
        away: when Redis does not answer: each process counts for itself (`memory`), everybody passes (`allow`), or
            nobody does (`refuse`).
        processes: among how many the limit is divided while each counts for itself.
        retry_seconds: how long Redis is left alone after it failed to answer.
        keys_max: how many keys are kept while this process counts for itself.
        connections_max: of this process.
        options: more for redis-py's connections, such as `ssl_ca_certs`.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "sereno:limit:",
        timeout_seconds: float = 0.1,
        away: WhenAway = "memory",
        processes: int = 1,
        retry_seconds: float = 1.0,
        keys_max: int = 100_000,
        connections_max: int = 50,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise ImportError("RedisStore needs redis: pip install 'sereno-kit[redis]'") from error
        if away not in ("memory", "allow", "refuse"):
            raise ValueError(f"away must be 'memory', 'allow' or 'refuse', not {away!r}")
        if processes < 1:
            raise ValueError(f"processes must be at least 1, not {processes}")
        self.prefix, self.away, self.processes, self.keys_max = prefix, away, processes, keys_max
        self.no_script = redis.exceptions.NoScriptError
        self._retry_seconds = retry_seconds
        self._url = url
        self._settings: dict[str, Any] = {
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
            "timeout": timeout_seconds,
            "max_connections": connections_max,
            **(options or {}),
        }
        # A retry within a limiter would hold its caller for longer than the time-out says.
        retry = Retry(NoBackoff(), 0)
        self.client = redis.Redis(
            connection_pool=redis.BlockingConnectionPool.from_url(url, **self._settings, retry=retry)
        )
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()
        self._aways: dict[Clock, Away] = {}

    def limiter(self, name: str, rule: Rule, clock: Clock = SYSTEM) -> RedisLimiter:
        if not name:
            raise ValueError("a limit that processes share needs a name to share it by")
        return RedisLimiter(self, name, rule, clock)

    def away_of(self, clock: Clock) -> Away:
        """Whether Redis is away, one word for all limiters of this store."""
        return self._aways.setdefault(clock, Away("redis", clock, self._retry_seconds))

    def client_of_loop(self) -> Any:
        """The client of the running loop: connections cannot leave the loop that opened them."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            import redis.asyncio
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            pool = redis.asyncio.BlockingConnectionPool.from_url(
                self._url, **self._settings, retry=Retry(NoBackoff(), 0)
            )
            client = self._clients[loop] = redis.asyncio.Redis.from_pool(pool)
        return client

    def close(self) -> None:
        """Close the connections of threads."""
        self.client.close()

    async def aclose(self) -> None:
        """Close the connections of threads, and those of the running loop."""
        self.close()
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()
