"""Answers something else when a call fails."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, ClassVar

from sereno_kit.clock import Clock
from sereno_kit.errors import DependencyError, Rejected
from sereno_kit.resilience.matching import Errors, matcher
from sereno_kit.resilience.policy import AsyncCall, Call, Policy, Reporter

_IMMUTABLE = (str, bytes, int, float, complex, bool, type(None), Enum, range)


class Fallback(Policy):
    """Answers with `instead` where the call failed in one of the ways of `on`. It is the outermost of a pipeline.

    Args:
        instead: a value that nobody can change (None, numbers, text, tuples of these …), or a function. A function
            is called with what the guarded one was called with, and with `error=` if it has such a parameter; it is
            awaited if it is asynchronous. Lists, dicts and other mutable values are refused, for all callers would
            share the one: give `list`, or `lambda *args: {…}`.
        on: which errors. By default what the kit rejected and what the dependency did; faults of the caller and of
            this program are not covered up.

    Raises:
        TypeError: for a mutable value.
    """

    kind: ClassVar[str] = "fallback"
    events: ClassVar[tuple[str, ...]] = ("used",)

    def __init__(self, instead: Any, *, on: Errors | tuple[Errors, ...] = (Rejected, DependencyError)) -> None:
        if not callable(instead) and not _immutable(instead):
            raise TypeError(
                f"Fallback: all callers would share this one {type(instead).__name__}; give a function that makes it"
            )
        self._instead = instead
        self._on = matcher(on)
        self._awaits = callable(instead) and _is_async(instead)
        self._wants_error = callable(instead) and _wants_error(instead)
        self._bare = isinstance(instead, type) and instead.__module__ == "builtins"
        self._reporter: Reporter | None = None

    def bind(self, reporter: Reporter, clock: Clock) -> None:
        """Take the reporter of the one pipeline that this fallback is of."""
        if self._reporter is not None:
            raise ValueError("this Fallback is of another pipeline already; make one for each")
        self._reporter = reporter

    def sync(self, inner: Call) -> Call:
        """`inner`, or what there is instead."""

        def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            try:
                return inner(function, args, kwargs)
            except Exception as error:
                if not self._on(error):
                    raise
                if self._awaits:
                    raise TypeError("this Fallback is asynchronous, and the call is not") from error
                return self._answer(error, args, kwargs)

        return guarded

    def asynchronous(self, inner: AsyncCall) -> AsyncCall:
        """The same for tasks; `instead` may be asynchronous."""

        async def guarded(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            try:
                return await inner(function, args, kwargs)
            except Exception as error:
                if not self._on(error):
                    raise
                answer = self._answer(error, args, kwargs)
                return await answer if self._awaits else answer

        return guarded

    def _answer(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._reporter is not None:
            self._reporter.note("used", cause=type(error).__qualname__)
        if not callable(self._instead):
            return self._instead
        if self._bare:
            return self._instead()
        return self._instead(*args, **kwargs, **({"error": error} if self._wants_error else {}))


def _immutable(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(map(_immutable, value))
    parameters = getattr(type(value), "__dataclass_params__", None)
    if parameters is not None and parameters.frozen:
        return all(_immutable(getattr(value, name)) for name in type(value).__dataclass_fields__)  # type: ignore[attr-defined]
    return isinstance(value, _IMMUTABLE) or type(value).__module__ in ("decimal", "datetime", "uuid", "fractions")


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _wants_error(function: Any) -> bool:
    try:
        return "error" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
