"""What a credit is: the score, the tier, the instalments, how late is late. Money is whole cents, always."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

SCORE_BOUNDS = (50, 60, 70, 75, 80, 85, 90, 95, 100)
SCORE_MIN = 60
DISBURSE_WITHIN_DAYS = 2.0
"""Forty-eight hours from the approval: what is promised to drivers."""
WEEK_DAYS = 7.0
YEARLY_RATE = Decimal("0.24")
_WEEKS_OF_YEAR = 52


class Tier(StrEnum):
    """How well a credit is insured."""

    AAA = "AAA"
    AA = "AA"
    A = "A"
    B = "B"


class Reason(StrEnum):
    """Why an application is rejected."""

    SCORE = "puntaje"
    IDENTITY = "identidad"
    INCOME = "ingresos"


class Late(StrEnum):
    """How long an instalment has been due."""

    WEEK = "late_1_7_days"
    FORTNIGHT = "late_8_15_days"
    MONTH = "late_16_30_days"
    LOST = "late_over_30_days"


LATE_FROM_DAYS: dict[Late, tuple[float, float]] = {
    Late.WEEK: (1, 8), Late.FORTNIGHT: (8, 16), Late.MONTH: (16, 31), Late.LOST: (31, float("inf")),
}  # fmt: skip
"""From how many days on, and until before how many."""


class Age(StrEnum):
    """How long an approved credit has waited for its money."""

    FIRST_DAY = "0_24_h"
    SECOND_DAY = "24_48_h"
    BROKEN = "over_48_h"


AGE_FROM_DAYS: dict[Age, tuple[float, float]] = {
    Age.FIRST_DAY: (0, 1), Age.SECOND_DAY: (1, 2), Age.BROKEN: (2, float("inf")),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of who asks."""

    income_cents: int
    """A month."""
    amount_cents: int
    weeks: int
    identity_verified: bool
    km_a_day: float | None
    """As telematics says; None while it does not."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided: a tier, or a reason why not."""

    score: int
    tier: Tier | None
    reason: Reason | None


def decide(facts: Facts, *, with_telematics: bool) -> Decision:
    """Decide about an application.

    Args:
        facts: what is known.
        with_telematics: whether the new score is asked, which believes the vehicle more than the pay slip.
    """
    points = score(facts, with_telematics=with_telematics)
    if not facts.identity_verified:
        return Decision(points, None, Reason.IDENTITY)
    if weekly(facts) * 4 > facts.income_cents // 2:
        return Decision(points, None, Reason.INCOME)
    if points < SCORE_MIN:
        return Decision(points, None, Reason.SCORE)
    return Decision(points, tier_of(points), None)


def score(facts: Facts, *, with_telematics: bool) -> int:
    """From 0 to 100. Without readings of the vehicle nobody gains and nobody loses by them."""
    burden = min(1.0, weekly(facts) * 4 / max(1, facts.income_cents))
    by_income = 100 * (1 - burden)
    if facts.km_a_day is None:
        return round(by_income)
    by_use = 100 * min(1.0, facts.km_a_day / 160)
    share = 0.4 if with_telematics else 0.15
    return round(by_income * (1 - share) + by_use * share)


def weekly(facts: Facts) -> int:
    """The first instalment that it would have, in cents."""
    return instalments(facts.amount_cents, facts.weeks)[0]


def tier_of(points: int) -> Tier:
    """The tier of a score that passes."""
    return next((tier for least, tier in ((90, Tier.AAA), (80, Tier.AA), (70, Tier.A)) if points >= least), Tier.B)


def instalments(amount_cents: int, weeks: int) -> tuple[int, ...]:
    """What is paid each week, in cents. The sum is exact; what does not divide is paid by the first ones."""
    interest = Decimal(amount_cents) * YEARLY_RATE * weeks / _WEEKS_OF_YEAR
    whole = amount_cents + int(interest.quantize(Decimal(1), ROUND_HALF_EVEN))
    each, rest = divmod(whole, weeks)
    return tuple(each + (1 if number < rest else 0) for number in range(weeks))


def pesos(cents: int) -> Decimal:
    """Cents as pesos, exactly."""
    return Decimal(cents) / 100
