"""How long something takes: a block, a function, a coroutine, a generator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from types import TracebackType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


class Timer:
    """Measures a `with` block once, or every call of the function it decorates; failures are measured too.

    A coroutine is measured until it has returned, a generator until it is exhausted or closed (what is sent into an
    asynchronous one does not reach it).
    """

    __slots__ = ("_labels", "_monotonic", "_observe", "_started", "seconds")

    def __init__(
        self, observe: Callable[[float, dict[str, Any]], None], monotonic: Callable[[], float], labels: dict[str, Any]
    ) -> None:
        self._observe = observe
        self._monotonic = monotonic
        self._labels = labels
        self._started = 0.0
        self.seconds = 0.0

    def set(self, /, **labels: str) -> None:
        """Say labels that are known only now, such as how it ended."""
        self._labels = {**self._labels, **labels}

    def __enter__(self) -> Timer:
        self._started = self._monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.seconds = self._monotonic() - self._started
        self._observe(self.seconds, self._labels)

    def _again(self) -> Timer:
        return Timer(self._observe, self._monotonic, self._labels)

    def __call__(self, function: F) -> F:
        """`function`, measured each time it is called."""
        return cast(F, _WRAPPERS[_kind(function)](function, self._again))


def _kind(function: Callable[..., Any]) -> str:
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.iscoroutinefunction(function):
        return "coroutine"
    return "generator" if inspect.isgeneratorfunction(function) else "function"


def _function(function: Callable[..., Any], timer: Callable[[], Timer]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        with timer():
            return function(*args, **kwargs)

    return timed


def _coroutine(function: Callable[..., Any], timer: Callable[[], Timer]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def timed(*args: Any, **kwargs: Any) -> Any:
        with timer():
            return await function(*args, **kwargs)

    return timed


def _generator(function: Callable[..., Any], timer: Callable[[], Timer]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with timer():
            return (yield from function(*args, **kwargs))

    return timed


def _async_generator(function: Callable[..., Any], timer: Callable[[], Timer]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def timed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        with timer():
            async with aclosing(function(*args, **kwargs)) as items:
                async for item in items:
                    yield item

    return timed


_WRAPPERS = {
    "function": _function,
    "coroutine": _coroutine,
    "generator": _generator,
    "async generator": _async_generator,
}
