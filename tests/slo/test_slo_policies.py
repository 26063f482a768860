"""Error-budget policies, and the sums behind dates: what people are told, decided from the budget alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.slo.minutes import minutes, promise

from sereno.slo import Budget, budget
from sereno.slo.formula import counted, exhaustion, projection
from sereno.slo.policies import in_force, policy_of, standing, told
from sereno.spec.model import Policy, PolicyStep, Spec

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
STANDARD = Policy(
    "standard",
    "Standard policy",
    (
        PolicyStep(Decimal(1), ("stop features",), freeze=True, override=("cto", "payments")),
        PolicyStep(Decimal("0.5"), ("look at it weekly",)),
        PolicyStep(Decimal("0.8"), ("reliability first",), notify=("payments",)),
    ),
)


@pytest.mark.parametrize(
    ("consumed", "reached", "next_at"),
    [
        ("-0.1", 0, "0.5"), ("0", 0, "0.5"), ("0.499999", 0, "0.5"), ("0.5", 1, "0.8"), ("0.7999", 1, "0.8"),
        ("0.8", 2, "1"), ("0.99", 2, "1"), ("1", 3, None), ("27", 3, None),
    ],
)  # fmt: skip
def test_a_step_is_in_force_from_its_share_on(consumed: str, reached: int, next_at: str | None) -> None:
    found = in_force(STANDARD, Decimal(consumed))
    assert [step.consumed for step in found.steps] == [Decimal("0.5"), Decimal("0.8"), Decimal(1)][:reached]
    assert (found.next.consumed if found.next else None) == (None if next_at is None else Decimal(next_at))
    assert found.frozen is (reached == 3)
    assert found.override == (("cto", "payments") if reached == 3 else ())


def test_of_an_unknown_budget_nothing_is_said_to_be_in_force_or_fine() -> None:
    found = in_force(STANDARD, None)
    assert (found.known, found.steps, found.next, found.frozen) == (False, (), None, False)
    assert told(found, "en") == ("Standard policy: nobody knows what is in force, for the budget is unknown",)
    assert told(found, "es")[0].startswith("Standard policy: no se sabe")


def test_people_read_every_step_and_what_comes_next() -> None:
    assert told(in_force(STANDARD, Decimal(0)), "en") == (
        "Standard policy: nothing to do yet", "the next step comes at 50%",
    )  # fmt: skip
    assert told(in_force(STANDARD, Decimal("1.2")), "en") == (
        "Standard policy, from 50% consumed: look at it weekly",
        "from 80% consumed: reliability first; payments are told",
        "from 100% consumed: stop features; releases stop; only cto, payments may let one through",
    )
    assert told(in_force(STANDARD, Decimal("0.9")), "es")[-1] == "el próximo paso llega al 100 %"


def test_an_objective_has_the_policy_that_it_names() -> None:
    spec = Spec(policies={"standard": STANDARD})
    assert policy_of(spec, promise("99%", DAY)) is None
    assert policy_of(spec, promise("99%", DAY, policy="standard")) is STANDARD
    assert standing(spec, promise("99%", DAY), None) is None
    found = standing(spec, promise("99%", DAY, policy="standard"), None)
    assert found is not None
    assert not found.known


def spent(share: str, burn: str = "2", **more: object) -> Budget:
    found = budget("shop", promise("99%", 30 * DAY), minutes(START, 60, lambda _: 1), START + timedelta(hours=1))
    figures = {"consumed": Decimal(share), "remaining": 1 - Decimal(share), "burn_rate": Decimal(burn)}
    return replace(found, **figures, **more)  # type: ignore[arg-type]


class TestSums:
    def test_a_rolling_budget_says_its_sum(self) -> None:
        """600 and 360 bad of 4,320,900 are 2.22 % of the budget: 97.78 % × 30 d ÷ 3 = 9 d 18 h 40 min."""
        select = minutes(START - 30 * DAY, 30 * 1440, lambda i: 3 if i >= 30 * 1440 - 120 else 600 if i == 9 else 0,
                         lambda i: 1000 if i == 9 else 100)  # fmt: skip
        found = budget("shop", promise("99%", 30 * DAY), select, START)
        assert found.burn_rate == 3
        assert found.remaining is not None
        assert found.exhausts_at == START + timedelta(seconds=round(float(found.remaining * 30 * 86400 / 3), 3))
        assert exhaustion(found, "UTC", "en") == (
            "2026-03-02 00:00 UTC + 97.77% × 30 d ÷ 3.00 = 2026-03-11 18:40 UTC (what is left × the window ÷ the burn"
            " rate of the last hour)"
        )
        assert exhaustion(found, "America/Lima", "es").startswith("01/03/2026 19:00 -05 + 97,77 % × 30 d ÷ 3,00 = ")

    @pytest.mark.parametrize(
        ("found", "said"),
        [
            (spent("0.4", "0"), "it is not being spent"),
            (spent("1.25"), "it is gone already, by 25.0%"),
            (replace(spent("0.4"), remaining=None, consumed=None), "nobody knows"),
            (replace(spent("0.4"), burn_rate=None), "nobody knows"),
        ],
    )
    def test_where_there_is_no_moment_it_says_why(self, found: Budget, said: str) -> None:
        assert exhaustion(found, "UTC", "en") == said

    def test_what_was_counted_is_said(self) -> None:
        assert counted(spent("0.4"), "en") == "60 of 6,000 events; 60 may"
        assert counted(spent("0.4"), "es") == "60 de 6.000 eventos; se permiten 60"
        assert projection(spent("0.4"), "UTC", "en") is None
