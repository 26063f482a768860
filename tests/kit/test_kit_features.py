"""Features that degrade, are switched off, and come back by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from sereno_kit.errors import CircuitOpen
from sereno_kit.features import FeatureDisabled, Features
from sereno_kit.flags import Flags
from sereno_kit.metrics.registry import Registry, use
from sereno_kit.resilience import registry as pipelines
from sereno_kit.resilience.breaker import CircuitBreaker
from sereno_kit.resilience.pipeline import Pipeline, pipeline
from sereno_kit.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def registry() -> Iterator[Registry]:
    with use(Registry(CollectorRegistry())) as one:
        yield one


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def features(clock: FakeClock) -> Features:
    return Features(clock=clock)


def test_a_feature_answers_by_its_state(features: Features) -> None:
    shelf = features.declare("recommendations", degraded=lambda user: [f"popular with {user}"], disabled=list)

    @shelf
    def recommend(user: str) -> list[str]:
        return [f"for {user}"]

    assert recommend("ana") == ["for ana"]
    features.set("recommendations", "degraded", by="bo")
    assert recommend("ana") == ["popular with ana"]
    features.set("recommendations", "disabled", by="bo")
    assert recommend("ana") == []
    features.clear("recommendations", by="bo")
    assert recommend("ana") == ["for ana"]
    assert recommend.__name__ == "recommend"


async def test_tasks_may_answer_by_tasks_or_at_once(features: Features) -> None:
    async def popular(user: str) -> str:
        await asyncio.sleep(0)
        return f"popular with {user}"

    shelf = features.declare("recommendations", degraded=popular, disabled="nothing")

    @shelf
    async def recommend(user: str) -> str:
        return f"for {user}"

    assert await recommend("ana") == "for ana"
    features.set("recommendations", "degraded")
    assert await recommend("ana") == "popular with ana"
    features.set("recommendations", "disabled")
    assert await recommend("ana") == "nothing"


def test_none_is_an_answer_like_others_and_nothing_declared_is_a_503(features: Features) -> None:
    @features.declare("avatar", disabled=None)
    def avatar() -> str | None:
        return "picture"

    @features.declare("search")
    def search() -> str:
        return "found"

    features.set("avatar", "disabled")
    features.set("search", "degraded")
    assert avatar() is None
    assert search() == "found", "what degraded means was not said: it runs, and may ask for its state"
    features.set("search", "disabled")
    with pytest.raises(FeatureDisabled) as refused:
        search()
    assert (refused.value.status, refused.value.fields) == (503, {"feature": "search"})


@pytest.mark.parametrize("value", [[], {}, set(), bytearray(), ([],), [1]])
def test_nobody_is_handed_what_another_can_change(features: Features, value: Any) -> None:
    with pytest.raises(ValueError, match="everybody would get the same"):
        features.declare("recommendations", degraded=value)


def test_each_caller_gets_an_answer_of_its_own(features: Features) -> None:
    @features.declare("recommendations", degraded=lambda: ["popular"])
    def recommend() -> list[str]:
        return []

    features.set("recommendations", "degraded")
    recommend().append("mine")
    assert recommend() == ["popular"]


def test_an_override_ends_by_itself_and_every_change_is_told(
    features: Features, clock: FakeClock, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    features.declare("recommendations", degraded=None)

    def exposed() -> list[float | None]:
        return [
            registry.value("feature_state", feature="recommendations", state=state)
            for state in ("enabled", "degraded", "disabled")
        ]

    assert exposed() == [1, 0, 0]
    with caplog.at_level(logging.WARNING, "sereno_kit.features"):
        features.set("recommendations", "degraded", by="ana", seconds=60, reason="the model is slow")
        assert exposed() == [0, 1, 0]
        view = features.view()[0]
        assert view["override"] == {"state": "degraded", "by": "ana", "reason": "the model is slow", "seconds_left": 60}
        clock.advance(59.9)
        assert features.state("recommendations") == "degraded"
        clock.advance(0.2)
        assert exposed() == [1, 0, 0]
    said = [(record.getMessage(), record.__dict__["by"], record.__dict__["state"]) for record in caplog.records]
    assert said == [("feature set", "ana", "degraded"), ("feature override over", "ana", "enabled")]
    assert features.view()[0]["override"] is None


def test_a_flag_decides_until_an_operator_does(clock: FakeClock) -> None:
    flags = Flags.of({"flags": {
        "shelf-state": {"state": "ENABLED", "variants": {"on": "enabled", "low": "degraded"}, "defaultVariant": "low"},
        "search-on": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"},
    }})  # fmt: skip
    features = Features(flags, clock=clock)
    features.declare("shelf", flag="shelf-state")
    features.declare("search", flag="search-on")
    features.declare("chat", flag="unknown")
    assert [features.state(name) for name in ("shelf", "search", "chat")] == ["degraded", "disabled", "enabled"]
    features.set("shelf", "enabled", by="ana")
    assert features.state("shelf") == "enabled"
    features.clear("shelf")
    assert features.state("shelf") == "degraded"


@pytest.fixture
def broken(clock: FakeClock) -> Iterator[Pipeline]:
    made = pipeline(
        "feature-recommender", CircuitBreaker(minimum=2, failure_ratio=0.5, open_for=10, probes=1), clock=clock
    )
    yield made
    pipelines.forget("feature-recommender")


def test_while_its_breaker_is_open_a_feature_is_degraded_and_a_probe_brings_it_back(
    features: Features, clock: FakeClock, broken: Pipeline
) -> None:
    shelf = features.declare("shelf", degraded=lambda: "popular", breaker="feature-recommender")
    down = True

    @broken
    def ask() -> str:
        if down:
            raise ConnectionError("down")
        return "yours"

    @shelf
    def recommend() -> str:
        return ask()

    for _ in range(2):
        with pytest.raises(ConnectionError):
            recommend()
    assert shelf.state == "degraded"
    assert [recommend() for _ in range(3)] == ["popular"] * 3
    down = False
    clock.advance(11)
    assert recommend() == "yours", "a feature that asked nobody while degraded would stay so for ever"
    assert shelf.state == "enabled"


def test_an_open_breaker_is_an_error_where_no_answer_was_declared(features: Features) -> None:
    @features.declare("shelf", breaker="feature-recommender")
    def recommend() -> str:
        raise CircuitOpen("open", retry_after=3)

    @features.declare("chat", degraded=None)
    def chat() -> str:
        raise CircuitOpen("open")

    with pytest.raises(CircuitOpen):
        recommend()
    with pytest.raises(CircuitOpen):
        chat()


def test_what_cannot_be_guarded_is_refused(features: Features) -> None:
    async def later() -> str:
        return "later"

    def pieces() -> Iterator[int]:
        yield 1

    feature = features.declare("shelf", degraded=later)
    with pytest.raises(TypeError, match="is not async"):
        feature(lambda: "now")
    with pytest.raises(TypeError, match="generator"):
        feature(pieces)


def test_what_makes_no_sense_is_refused(features: Features) -> None:
    features.declare("shelf")
    for wrong in (lambda: features.declare("shelf"), lambda: features.declare("")):
        with pytest.raises(ValueError, match="feature"):
            wrong()
    with pytest.raises(ValueError, match="a feature is"):
        features.set("shelf", "broken")  # type: ignore[arg-type]
    for seconds in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="seconds"):
            features.set("shelf", "disabled", seconds=seconds)
    with pytest.raises(KeyError):
        features.set("unknown", "disabled")
    assert "shelf" in features
    assert "unknown" not in features
