"""Something else to answer, told apart from the real thing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from tests.kit.guarded import HTTPError, guard, metrics

from sereno_kit.errors import CircuitOpen, ClientError, Rejected, Transient
from sereno_kit.resilience.breaker import CircuitBreaker
from sereno_kit.resilience.fallback import Fallback

pytestmark = pytest.mark.usefixtures("metrics")
__all__ = ["metrics"]


def fails(error: BaseException) -> Any:
    raise error


@dataclass(frozen=True)
class Price:
    amount: Decimal
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Basket:
    items: list[str]


@pytest.mark.parametrize(
    "value", [None, 0, "", "none", 1.5, b"", (), (1, ("a",)), frozenset({1}), Price(Decimal("1.50"))]
)
def test_a_value_that_nobody_can_change(value: object) -> None:
    assert guard(Fallback(value)).call(fails, Transient()) == value


@pytest.mark.parametrize("value", [[], {}, set(), bytearray(), ([],), Basket([])])
def test_a_value_that_all_would_share_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="share"):
        Fallback(value)


def test_each_caller_gets_one_of_their_own() -> None:
    made = guard(Fallback(list))
    first, second = made.call(fails, Transient()), made.call(fails, Transient())
    assert first == second == []
    assert first is not second


def test_a_function_is_told_what_the_call_was_told() -> None:
    seen = []

    def instead(order: int, *, urgent: bool, error: Exception) -> str:
        seen.append((order, urgent, type(error)))
        return "queued"

    made = guard(Fallback(instead, on=(Rejected, Transient)))

    @made
    def charge(order: int, *, urgent: bool) -> str:
        raise CircuitOpen

    assert charge(7, urgent=True) == "queued"
    assert seen == [(7, True, CircuitOpen)]


@pytest.mark.parametrize("error", [ClientError(), ValueError(), HTTPError(404), KeyboardInterrupt()])
def test_faults_of_callers_and_of_this_program_are_not_covered_up(error: BaseException) -> None:
    with pytest.raises(type(error)):
        guard(Fallback(None)).call(fails, error)


@pytest.mark.parametrize("error", [Transient(), CircuitOpen(), HTTPError(500), ConnectionResetError()])
def test_faults_of_the_dependency_are(error: BaseException) -> None:
    assert guard(Fallback(None)).call(fails, error) is None


async def test_tasks_may_have_an_asynchronous_one() -> None:
    async def instead(order: int) -> str:
        return f"queued {order}"

    made = guard(Fallback(instead))

    @made
    async def charge(order: int) -> str:
        raise Transient

    assert await charge(7) == "queued 7"
    with pytest.raises(TypeError, match="asynchronous"):
        made.call(fails, Transient())


def test_its_own_failure_names_the_first() -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        guard(Fallback(lambda error: 1 / 0)).call(lambda: fails(Transient("down")))
    assert isinstance(raised.value.__context__, Transient)


def test_what_it_covers_up_counts_as_an_error_all_the_same(metrics: Any) -> None:
    made = guard(Fallback(None), CircuitBreaker(minimum=2))
    for _ in range(3):
        assert made.call(fails, Transient()) is None

    def calls(outcome: str) -> float:
        return metrics.value("sereno_pipeline_calls_total", pipeline=made.name, outcome=outcome)

    assert (calls("ok"), calls("error"), calls("rejected")) == (0, 2, 1)
    used = {"pipeline": made.name, "policy": "fallback", "event": "used"}
    assert metrics.value("sereno_pipeline_events_total", **used) == 3
