"""Budgets and burn-rate tiers as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from sereno.kernel.rule import Rule
from sereno.spec.model import Slo

BudgetState = Literal["ok", "at_risk", "exhausted", "unknown", "idle"]


@dataclass(frozen=True, slots=True)
class Tier:
    """One pair of windows of a multi-window burn-rate alert (Google SRE workbook, ch. 5).

    Fires when the burn rate exceeds `factor` over `long` and over `short`. `share` is the part of the budget
    gone at detection (factor·long/period), `exhausts_in` what is left of the period at that rate (period/factor).
    """

    kind: Literal["page", "ticket"]
    long: timedelta
    short: timedelta
    factor: Decimal
    share: Decimal
    exhausts_in: timedelta
    for_: timedelta = timedelta(0)

    def detection(self, budget: Decimal, error_ratio: Decimal) -> timedelta:
        """How long after a step to `error_ratio` the tier fires, evaluation delay apart: long·factor·budget/error."""
        seconds = Decimal(self.long.total_seconds()) * self.factor * budget / error_ratio
        return timedelta(seconds=float(seconds))

    def reset(self, budget: Decimal, error_ratio: Decimal) -> timedelta:
        """How long after the end of an outage (of at least `short`) it stops: short·(1 − factor·budget/error)."""
        seconds = Decimal(self.short.total_seconds()) * (1 - self.factor * budget / error_ratio)
        return timedelta(seconds=float(seconds))


@dataclass(frozen=True, slots=True)
class DroppedTier:
    """A tier that was left out, and why: `meaningless` (factor ≤ 1 fires inside the budget), `unreachable`
    (factor·budget ≥ 1 can never fire), `too_short` (the long window is no longer than the short one)."""

    kind: Literal["page", "ticket"]
    long: timedelta
    short: timedelta
    factor: Decimal
    reason: Literal["meaningless", "unreachable", "too_short"]
    explanation: str


@dataclass(frozen=True, slots=True)
class SloPlan:
    """Everything derived from one declared objective."""

    service: str
    slo: Slo
    tiers: tuple[Tier, ...]
    dropped: tuple[DroppedTier, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class PartShare:
    """What one part adds to a composite: its share of bad events (None: none of it counts), its weight as a part of
    1, and how much of the composite's burn over its whole window is its own (`product`: by its own share alone)."""

    service: str
    slo: str
    weight: Decimal
    bad: Decimal | None
    burn: Decimal | None


@dataclass(frozen=True, slots=True)
class Budget:
    """Where one objective stands at `at`, over its own window. Exact; never clamped; None means unknown.

    `total` and `bad` are counts of events. `sli` = 1 − bad/total. `consumed` = (bad/total)/budget, `remaining` =
    1 − consumed (may be negative). `coverage` is the share of the window about which something is known.
    `state`: `idle` when there was data but no event; `unknown` when there was no data.
    `burn_rate` is over the last hour (or the longest tier below the window); `exhausts_at` follows from it:
    at + remaining·window/burn_rate, None when the budget is not being spent or is already gone.

    Counted in `slices`, `total` and `bad` are slices (bad ones in fractions, where each counts as its ratio); a
    composite counts neither, its `parts` say what they are. `allowed` is how many bad ones the budget is: of what has
    been, and where slices of a calendar's period are counted, of the whole period. `starts_at` and `ends_at` bound the
    period; a rolling one ends at `at`. `projected` is the share of the period's whole budget that is gone if traffic
    goes on as so far and nothing fails any more (calendars alone; there `exhausts_at` is at + (1 − projected)·period/
    burn_rate, None where the period ends before). `excluded` is the time that was left out. `time_budget` is the
    budget as time, budget·(period − excluded), where slices are counted.
    """

    service: str
    slo: str
    at: datetime
    window: timedelta
    objective: Decimal
    total: Decimal | None
    bad: Decimal | None
    sli: Decimal | None
    consumed: Decimal | None
    remaining: Decimal | None
    coverage: Decimal
    burn_rate: Decimal | None
    exhausts_at: datetime | None
    state: BudgetState
    counts: Literal["events", "slices", "ratios", "parts"] = "events"
    allowed: Decimal | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    projected: Decimal | None = None
    excluded: timedelta = timedelta(0)
    time_budget: timedelta | None = None
    parts: tuple[PartShare, ...] = ()


@dataclass(frozen=True, slots=True)
class SloCost:
    """What [start, end] cost one objective. Exact; never clamped; None means unknown.

    `total` and `bad` are events of (start, end], `share` = bad/total of them. `consumed` = bad ÷ (budget × all
    events of the objective's own window that ends at `end`): the share of the whole budget that this cost.
    `remaining` is what was left of the budget at `end`. `coverage` is the share of [start, end] about which
    something is known.
    """

    service: str
    slo: str
    start: datetime
    end: datetime
    total: Decimal | None
    bad: Decimal | None
    share: Decimal | None
    consumed: Decimal | None
    remaining: Decimal | None
    coverage: Decimal


@dataclass(frozen=True, slots=True)
class BurnChart:
    """How the budget of the window that ends at `times[-1]` was spent, at evenly spaced instants.

    `remaining[i]` = 1 − bad(times[0], times[i]] ÷ (budget × total of the whole window): 1 at first, and at last
    exactly `Budget.remaining`. `burn[i]` is the burn rate of (times[i − 1], times[i]]; the first has none. None
    means that nobody was watching then: a gap in the line, never a value.
    """

    service: str
    slo: str
    window: timedelta
    times: tuple[datetime, ...]
    remaining: tuple[Decimal | None, ...]
    burn: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class Correction:
    """An entry of the ledger: (start, end] of one objective, or of all of a service (`slo` None), does not count.

    Entries are never changed. One that was a mistake is withdrawn by an entry of its own, which says when, by whom and
    why, and counts no more. `effects` are what was left of each budget before and after, when it was written.
    """

    id: str
    service: str
    slo: str | None
    start: datetime
    end: datetime
    reason: str
    author: str
    at: datetime
    effects: tuple[Effect, ...] = ()
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_why: str | None = None

    def concerns(self, service: str, slo: str) -> bool:
        """Whether it changes the budget of that objective."""
        return self.withdrawn_at is None and self.service == service and self.slo in (None, slo)


@dataclass(frozen=True, slots=True)
class Effect:
    """What was left of a budget before and after a correction (1 is all of it; None: not known)."""

    slo: str
    before: Decimal | None
    after: Decimal | None
