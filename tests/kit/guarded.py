"""Pipelines for tests: names of their own, metrics of their own, time that obeys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sereno_kit.metrics.registry import Registry, use
from sereno_kit.resilience import registry as pipelines
from sereno_kit.resilience.pipeline import Pipeline, pipeline
from sereno_kit.resilience.policy import Policy
from sereno_kit.testing.clock import FakeClock

_numbers = itertools.count(1)


@pytest.fixture
def metrics() -> Iterator[Registry]:
    """A registry of this test's own; pipelines made in it are forgotten."""
    before = set(pipelines.all())
    with use(Registry(CollectorRegistry())) as registry:
        yield registry
    for name in set(pipelines.all()) - before:
        pipelines.forget(name)


def guard(*policies: Policy, clock: Any = None) -> Pipeline:
    """A pipeline of a name that nobody has."""
    return pipeline(f"test{next(_numbers)}", *policies, clock=clock or FakeClock())


class Hanging:
    """An awaitable that waits until told; drives coroutines by hand, without a loop."""

    def __await__(self) -> Iterator[None]:
        return (yield self)


class Flight:
    """A guarded call that is under way until the test ends it."""

    def __init__(self, made: Pipeline) -> None:
        async def call() -> Any:
            return await Hanging()

        self._running = made.acall(call)
        self._running.send(None)

    def returns(self, value: Any = None) -> Any:
        """The dependency answers."""
        try:
            self._running.send(value)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("the call did not end")

    def raises(self, error: BaseException) -> None:
        """The dependency fails."""
        with pytest.raises(type(error)) as raised:
            self._running.throw(error)
        assert raised.value is error


class Response:
    """What an HTTP client returns without raising."""

    def __init__(self, status_code: int, **headers: str) -> None:
        self.status_code = status_code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class HTTPError(Exception):
    """What an HTTP client raises when asked to."""

    def __init__(self, status_code: int, **headers: str) -> None:
        super().__init__(status_code)
        self.response = Response(status_code, **headers)
