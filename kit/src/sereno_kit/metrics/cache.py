"""Commands of Redis, and what caches find."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

from sereno_kit.metrics import pools
from sereno_kit.metrics.faults import failed

if TYPE_CHECKING:
    from sereno_kit.metrics.registry import Registry

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_COMMANDS_MAX = 200
_MARK = "_sereno_kit_watched"


class Commands:
    """`redis_commands_total{command,status}` and `redis_command_duration_seconds{command}`."""

    def __init__(self, registry: Registry) -> None:
        self._monotonic = registry.clock.monotonic
        self._total = registry.counter(
            "redis_commands_total", "Commands sent to Redis",
            command=None, status=["ok", "error"], series_max=_COMMANDS_MAX * 2,
        )  # fmt: skip
        self._durations = registry.histogram(
            "redis_command_duration_seconds", "Time from a command's sending to its answer",
            command=None, bounds=BOUNDS, series_max=_COMMANDS_MAX,
        )  # fmt: skip

    def count(self, args: Iterable[Any], *, ok: bool) -> None:
        """One command, whose name is the first word of the first of `args`."""
        self._total.labels(command=_name(args), status="ok" if ok else "error").inc()

    def run(self, call: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Call `call`, and count it as the command that `args` begin with."""
        began, ok = self._monotonic(), False
        try:
            answer = call(*args, **options)
            ok = True
            return answer
        finally:
            self._end(args, began, ok)

    async def arun(self, call: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """As `run`, awaited."""
        began, ok = self._monotonic(), False
        try:
            answer = await call(*args, **options)
            ok = True
            return answer
        finally:
            self._end(args, began, ok)

    def _end(self, args: tuple[Any, ...], began: float, ok: bool) -> None:
        try:
            self.count(args, ok=ok)
            self._durations.labels(command=_name(args)).observe(self._monotonic() - began)
        except Exception as problem:
            failed("metrics", problem, what="a command could not be counted")


def _name(args: Iterable[Any]) -> str:
    """`CONFIG` of `CONFIG GET …`: a word of the protocol, never a key or a value."""
    first = next(iter(args), "")
    text = first.decode("latin-1") if isinstance(first, (bytes, bytearray)) else str(first)
    word = text.partition(" ")[0].upper()
    return word if word.isascii() and word.replace(".", "").replace("_", "").isalpha() and len(word) <= 24 else "_OTHER"


def watch_client(registry: Registry, client: Any, given: str | None) -> None:
    """A client of redis-py, of either kind: its commands, pipelines and connections. Only this client is touched."""
    pool = getattr(client, "connection_pool", None)
    if pool is not None:
        pools.watch_redis(registry, pool, given)
    if getattr(client.execute_command, _MARK, False):
        return
    commands = Commands(registry)
    execute, pipeline = client.execute_command, client.pipeline
    client.execute_command = _marked(_wrapped(commands, execute))

    @wraps(pipeline)
    def watched_pipeline(*args: Any, **options: Any) -> Any:
        made = pipeline(*args, **options)
        _watch_pipeline(commands, made)
        return made

    client.pipeline = watched_pipeline


def _wrapped(commands: Commands, execute: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(execute):

        @wraps(execute)
        async def awatched(*args: Any, **options: Any) -> Any:
            return await commands.arun(execute, args, options)

        return awatched

    @wraps(execute)
    def watched(*args: Any, **options: Any) -> Any:
        return commands.run(execute, args, options)

    return watched


def _marked(function: Callable[..., Any]) -> Callable[..., Any]:
    setattr(function, _MARK, True)
    return function


def _watch_pipeline(commands: Commands, pipeline: Any) -> None:
    """The commands of a pipeline are counted one by one; the time is that of the whole, as the command PIPELINE."""
    execute = pipeline.execute

    def queued() -> list[Any]:
        return [_args_of(command) for command in getattr(pipeline, "command_stack", ())]

    def count(commands_: list[Any], answers: list[Any] | None) -> None:
        for at, args in enumerate(commands_):
            ok = answers is not None and at < len(answers) and not isinstance(answers[at], Exception)
            commands.count(args, ok=ok)

    if inspect.iscoroutinefunction(execute):

        async def aexecuted(*args: Any, **options: Any) -> Any:
            waiting, answers = queued(), None
            try:
                answers = await commands.arun(lambda *_, **o: execute(*args, **o), ("PIPELINE",), options)
                return answers
            finally:
                count(waiting, answers)

        pipeline.execute = aexecuted
        return

    def executed(*args: Any, **options: Any) -> Any:
        waiting, answers = queued(), None
        try:
            answers = commands.run(lambda *_, **o: execute(*args, **o), ("PIPELINE",), options)
            return answers
        finally:
            count(waiting, answers)

    pipeline.execute = executed


def _args_of(command: Any) -> tuple[Any, ...]:
    """The queue holds pairs of arguments and options; in a cluster, objects that have both."""
    args = command[0] if isinstance(command, tuple) else getattr(command, "args", ())
    return args if isinstance(args, tuple) else ()


class Lookups:
    """`cache_requests_total{cache,result}`: what one cache, of whatever kind, found when it was asked.

    Args:
        name: the label `cache`; one of a few words in the code.
        registry: where; the process's own, if not given.
    """

    def __init__(self, name: str, *, registry: Registry | None = None) -> None:
        if registry is None:
            from sereno_kit.metrics.registry import current

            registry = current()
        total = registry.counter(
            "cache_requests_total", "Questions asked of a cache", cache=None, result=["hit", "miss", "error"],
            series_max=_COMMANDS_MAX,
        )  # fmt: skip
        self.hit = total.labels(cache=name, result="hit").inc
        """It was there."""
        self.miss = total.labels(cache=name, result="miss").inc
        """It was not."""
        self.error = total.labels(cache=name, result="error").inc
        """The cache did not answer."""
