"""Guards around calls to a dependency, composed once, named, and shared by everybody who calls it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, wraps
from types import CoroutineType
from typing import Any, ParamSpec, TypeVar

from sereno_kit import chaos
from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.errors import Rejected
from sereno_kit.resilience import order, registry
from sereno_kit.resilience.block import Attempt
from sereno_kit.resilience.policy import AsyncCall, Call, Policy
from sereno_kit.resilience.reporting import Outcomes, PolicyReporter

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class Pipeline:
    """A named, immutable chain of policies, outermost first. Made by `pipeline`."""

    def __init__(self, name: str, policies: tuple[Policy, ...], clock: Clock = SYSTEM) -> None:
        order.check(name, policies)
        self.name = name
        self.policies = policies
        self._clock = clock

    def same(self, other: Pipeline) -> bool:
        """Whether `other` was made of the same policies with the same settings."""
        return [(type(p), p.given) for p in self.policies] == [(type(p), p.given) for p in other.policies]

    def bind(self) -> None:
        """Give the policies their reporters and the clock. Raises ValueError if one is of another pipeline."""
        for policy in self.policies:
            reporter = PolicyReporter(self.name, policy.kind, self._clock)
            policy.bind(reporter, self._clock)
            for event in policy.events:
                reporter.counter(event)
        self._outcomes = Outcomes(self.name)

    def __call__(self, function: F) -> F:
        """Guard `function`; a decorator for functions, methods and coroutine functions.

        Raises:
            TypeError: for generators, classmethods and staticmethods (decorate what is beneath), and what cannot be
                called.
        """
        _refuse(function)
        guarded = self._guard_async(function) if _is_async(function) else self._guard(function)
        return guarded  # type: ignore[return-value]

    def _guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if self._falls_back:
            chain = self._chain

            @wraps(function)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                return chain(function, args, kwargs)

            return guarded
        inner, ok, failed = self._guards_only, self._outcomes.ok, self._failed

        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:  # as `_counted`, a layer less
            try:
                result = inner(function, args, kwargs)
            except BaseException as error:
                failed(error)
                raise
            ok()
            return result

        return counted

    def _guard_async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if self._falls_back:
            chain = self._async_chain

            @wraps(function)
            async def guarded(*args: Any, **kwargs: Any) -> Any:
                return await chain(function, args, kwargs)

            return guarded
        inner, ok, failed = self._async_guards_only, self._outcomes.ok, self._failed

        @wraps(function)
        async def counted(*args: Any, **kwargs: Any) -> Any:  # as `_async_counted`, a layer less
            try:
                result = await inner(function, args, kwargs)
            except BaseException as error:
                failed(error)
                raise
            ok()
            return result

        return counted

    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `function` guarded, from a thread."""
        return self._chain(function, args, kwargs)  # type: ignore[no-any-return]

    async def acall(self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `function` guarded, from a task.

        Raises:
            TypeError: `function` gives nothing to await.
        """
        return await self._async_chain(function, args, kwargs)  # type: ignore[no-any-return]

    def attempt(self) -> Attempt:
        """Guards one block: `with p.attempt():` in a thread, `async with p.attempt():` in a task.

        Raises:
            TypeError: if the pipeline has a policy that would have to run the block again, or answer in its place.
        """
        for policy in self.policies:
            if policy.repeats or policy.kind == "fallback":
                what = "run a block again" if policy.repeats else "answer for a block"
                raise TypeError(
                    f"pipeline {self.name!r}: {type(policy).__name__} cannot {what}; guard a function instead"
                )
        return Attempt(self._blocks, self._async_chain)

    def view(self) -> Mapping[str, Any]:
        """How its policies stand, for people: plain values for JSON."""
        return {
            "name": self.name,
            "policies": [
                {"kind": policy.kind, "view": dict(policy.view()), "commands": list(policy.commands)}
                for policy in self.policies
            ],
        }

    def __repr__(self) -> str:
        return f"<pipeline {self.name!r}: {', '.join(type(policy).__name__ for policy in self.policies)}>"

    # The chains: one for threads and one for tasks, made once, for every function.

    @cached_property
    def _guards_only(self) -> Call:
        chain: Call = _bottom_of(self.name)
        for policy in reversed(self._guards):
            chain = policy.sync(chain)
        return chain

    @cached_property
    def _async_guards_only(self) -> AsyncCall:
        chain: AsyncCall = _async_bottom_of(self.name)
        for policy in reversed(self._guards):
            chain = policy.asynchronous(chain)
        return chain

    @cached_property
    def _chain(self) -> Call:
        counted = self._counted(self._guards_only)
        return self.policies[0].sync(counted) if self._falls_back else counted

    @cached_property
    def _async_chain(self) -> AsyncCall:
        counted = self._async_counted(self._async_guards_only)
        return self.policies[0].asynchronous(counted) if self._falls_back else counted

    def _blocks(self) -> list[AbstractContextManager[None]]:
        guards = [self._counted_block(), *(policy.block() for policy in self.policies)]
        return [*guards, _befalling(self.name)] if chaos.active else guards

    @property
    def _falls_back(self) -> bool:
        """A fallback is outside of the count of outcomes: what it covers up was an error all the same."""
        return bool(self.policies) and self.policies[0].kind == "fallback"

    @property
    def _guards(self) -> tuple[Policy, ...]:
        return self.policies[1:] if self._falls_back else self.policies

    def _counted(self, inner: Call) -> Call:
        ok, failed = self._outcomes.ok, self._failed

        def counted(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            try:
                result = inner(function, args, kwargs)
            except BaseException as error:
                failed(error)
                raise
            ok()
            return result

        return counted

    def _async_counted(self, inner: AsyncCall) -> AsyncCall:
        ok, failed = self._outcomes.ok, self._failed

        async def counted(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            try:
                result = await inner(function, args, kwargs)
            except BaseException as error:
                failed(error)
                raise
            ok()
            return result

        return counted

    @contextmanager
    def _counted_block(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._failed(error)
            raise
        self._outcomes.ok()

    def _failed(self, error: BaseException) -> None:
        outcomes = self._outcomes
        if isinstance(error, Rejected):
            outcomes.rejected()
        elif isinstance(error, Exception):
            outcomes.error()
        else:
            outcomes.cancelled()


def pipeline(name: str, *policies: Policy, clock: Clock = SYSTEM, replace: bool = False) -> Pipeline:
    """Compose `policies`, outermost first, into the pipeline called `name`.

    Args:
        name: of the dependency, as it is to be read in metrics; once in a process. Asking again for the same
            policies with the same settings gives the pipeline that is there.
        policies: each made for this pipeline.
        clock: for tests.
        replace: take the place of the one of that name. Functions that the old one guards keep it.

    Raises:
        ValueError: for an order that defeats a policy, a kind given twice, a policy of another pipeline, or a name
            that another pipeline has.
        TypeError: for what is no policy.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(
            f"a pipeline begins with its name, that of the dependency: pipeline('stripe', …), not {name!r}"
        )
    for policy in policies:
        if not isinstance(policy, Policy):
            raise TypeError(f"pipeline {name!r}: {_no_policy(policy)}")
    return registry.put(Pipeline(name, policies, clock), replace=replace)


def _no_policy(given: object) -> str:
    if isinstance(given, type):
        return f"{given.__name__} is a class; write {given.__name__}(…)"
    if isinstance(given, (list, tuple)):
        return "give the policies one after the other, not in a list"
    return f"takes policies such as Retry(3), not {given!r}"


def _bottom_of(name: str) -> Call:
    """Calls the function; this is where faults on purpose befall it, beneath all guards."""

    def bottom(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if chaos.active:
            chaos.meet("pipeline", name)
        result = function(*args, **kwargs)
        kind = type(result)
        if kind is CoroutineType or (hasattr(kind, "__await__") and hasattr(kind, "throw")):  # such as aiohttp's own
            result.close()
            raise TypeError("a coroutine came out of a synchronous call, so nothing was done yet: use acall")
        return result

    return bottom


def _async_bottom_of(name: str) -> AsyncCall:
    def bottom(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Any]:
        if chaos.active:
            return _befallen(name, function, args, kwargs)
        return function(*args, **kwargs)  # type: ignore[no-any-return]

    return bottom


async def _befallen(name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    await chaos.ameet("pipeline", name)
    return await function(*args, **kwargs)


@contextmanager
def _befalling(name: str) -> Iterator[None]:
    chaos.meet("pipeline", name)
    yield


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _refuse(function: Any) -> None:
    if isinstance(function, (classmethod, staticmethod)):
        raise TypeError(f"put the pipeline beneath @{type(function).__name__}, nearest to the function")
    if not callable(function):
        raise TypeError(f"a pipeline guards functions, not {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{getattr(function, '__name__', function)!s} is a generator: it has done nothing yet when it returns, so "
            "there is nothing to guard; guard the calls that it makes"
        )
