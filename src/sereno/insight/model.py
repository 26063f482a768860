"""What a backtest is asked, and what it answers. Instants are milliseconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from sereno.kernel.labels import Labels
from sereno.kernel.message import Language
from sereno.promql import Settings
from sereno.slo import WHOLE, SloPlan, Thinned, Tier
from sereno.spec.model import Objective, Spec
from sereno.spec.rule_groups import RuleGroup

Origin = Literal["declared", "recorded", "derived"]
"""Where an incident is known from: a file, the control plane's own record, or the events themselves."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A stretch of time in which people suffered. `service` None means any service."""

    service: str | None
    start_ms: int
    end_ms: int
    name: str
    origin: Origin = "declared"


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged on its own: usually one service, with its rules and objectives.

    `incidents` None means that they are derived from the events of `plans`. Of the plans `beyond` only the rules are
    replayed, each with the reason why no more can be said yet: their events are not told by counters.
    """

    name: str
    groups: tuple[RuleGroup, ...]
    plans: tuple[SloPlan, ...] = ()
    incidents: tuple[Incident, ...] | None = None
    beyond: tuple[tuple[SloPlan, str], ...] = ()


SPEEDS = (Fraction(1, 2), Fraction(1), Fraction(2))
"""How the long windows are stretched."""
SHARES = (Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2))
"""How the budget shares at detection, and the factors with them, are stretched."""
FORS = (timedelta(0), timedelta(minutes=2), timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class Knobs:
    """What is tried: targets (None: the declared one and its neighbours), how windows and factors stretch, waits."""

    targets: tuple[Objective, ...] | None = None
    speeds: tuple[Fraction, ...] = SPEEDS
    shares: tuple[Fraction, ...] = SHARES
    fors: tuple[timedelta, ...] = FORS


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every case.

    The rules are evaluated at start, start + interval, … up to end. `answer_after` is how long the person paged
    takes to acknowledge (None: nobody ever does); `grace` how far outside an incident an alert still counts as
    being about it; `beta` weighs recall against precision; `incident_share`, if given, is the share of a budget
    that makes an incident of its spending, in any window of the objective's tiers. `knobs`, if given, are what is to be
    tried with every objective. `thinned` says where there is only a part of the samples.
    """

    spec: Spec
    start_ms: int
    end_ms: int
    interval: timedelta
    answer_after: timedelta | None = timedelta(minutes=3)
    grace: timedelta = timedelta(0)
    beta: Decimal = Decimal(1)
    incident_share: Decimal | None = None
    zone: str = "UTC"
    language: Language = "en"
    settings: Settings = field(default_factory=Settings)
    samples_max: int = 200_000_000
    knobs: Knobs | None = None
    thinned: Thinned = WHOLE

    @property
    def interval_ms(self) -> int:
        """The distance of two evaluations."""
        return self.interval // timedelta(milliseconds=1)

    @property
    def weeks(self) -> Decimal:
        """How many weeks are asked about."""
        return Decimal(self.end_ms - self.start_ms) / (7 * 86_400_000)


@dataclass(frozen=True, slots=True)
class BudgetAt:
    """Where one objective stood at an instant; as `slo.Budget`. `exhausts_in` is the rest at the present rate."""

    slo: str
    consumed: Decimal | None
    remaining: Decimal | None
    burn_rate: Decimal | None
    exhausts_in: timedelta | None
    coverage: Decimal


@dataclass(frozen=True, slots=True)
class Fired:
    """One alert that fired: from when until when (None: it still did at the end), and what it cost to wait for it.

    `right` says whether it overlaps an incident: None when there is nothing to judge it by. `budgets` are those of
    the service's objectives at the moment it fired (only its own, for a burn-rate alert).
    """

    alert: str
    group: str
    service: str
    severity: str
    labels: Labels
    value: float
    active_ms: int
    fired_ms: int
    resolved_ms: int | None
    right: bool | None = None
    budgets: tuple[BudgetAt, ...] = ()


@dataclass(frozen=True, slots=True)
class Waited:
    """One alert that became pending and never fired: `for` had not passed."""

    alert: str
    service: str
    active_ms: int
    resolved_ms: int | None
    for_: timedelta


@dataclass(frozen=True, slots=True)
class Demand:
    """One person called once: when, why, and what that hour was where they live."""

    person: str
    at_ms: int
    step: int
    reason: str
    hour: int
    weekday: int
    night: bool
    weekend: bool
    week: str
    date: str


@dataclass(frozen=True, slots=True)
class Paged:
    """One page as it would have been: opened, answered, closed (None: still open at the end), and who was called."""

    id: str
    service: str
    severity: str
    summary: str
    alerts: tuple[str, ...]
    opened_ms: int
    acknowledged_ms: int | None
    closed_ms: int | None
    demands: tuple[Demand, ...]
    right: bool | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """What it was to be one person: pages, calls at night (22–06 where they live), at weekends, nights broken.

    `busiest_shift` is the most pages within any twelve hours; two are what one can handle well (Site Reliability
    Engineering, chapter 11).
    """

    person: str
    pages: int
    calls: int
    night_calls: int
    weekend_calls: int
    nights_broken: int
    busiest_shift: int
    by_week: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Closest:
    """What came closest to firing in an incident that was missed: `share` is its highest value over its threshold."""

    alert: str
    share: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Missed:
    """An incident that no page was about. `why`: `unknown` (no samples then), `below` (see `closest`), `waiting`
    (an alert was pending, `for` had not passed), `silent` (alerts fired, none that pages), `nothing` (no rule
    of the service came to hold)."""

    incident: Incident
    why: Literal["unknown", "below", "waiting", "silent", "nothing"]
    closest: Closest | None = None
    waited: Waited | None = None
    alerts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """An incident that was noticed: how long after its beginning, and how long after its end quiet returned."""

    incident: Incident
    detection: timedelta
    reset: timedelta | None


@dataclass(frozen=True, slots=True)
class Score:
    """How rightly, how fast, how often: of pages, or of one rule's alerts. None where there is nothing to divide by.

    `unknown` of those raised cannot be judged: there were no samples to derive an incident from. `precision` =
    right/(raised − unknown), `recall` = found/incidents, `f_score` = (1 + β²)·p·r/(β²·p + r). Detections and resets
    are medians and worst cases over the incidents found.
    """

    raised: int
    right: int
    incidents: int
    found: int
    precision: Decimal | None
    recall: Decimal | None
    f_score: Decimal | None
    detection: timedelta | None
    detection_worst: timedelta | None
    reset: timedelta | None
    reset_worst: timedelta | None
    per_week: Decimal
    wrong_per_week: Decimal | None
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class RuleScore:
    """The score of one rule's alerts."""

    alert: str
    service: str
    severity: str
    pages: bool
    score: Score


@dataclass(frozen=True, slots=True)
class Unknown:
    """A stretch of time about which nothing can be said of `what`, and why."""

    what: str
    start_ms: int
    end_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of the time was known of an objective or a rule."""

    what: str
    coverage: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """One calendar day of an objective: events and their exact good share; None when nothing is known or happened."""

    date: str
    total: Decimal
    bad: Decimal
    sli: Decimal | None
    coverage: Decimal


@dataclass(frozen=True, slots=True)
class Candidate:
    """An objective that might be promised: in how many known days it was kept, and how many of the windows that
    ended in the time asked about would have overspent its budget."""

    objective: Decimal
    days_kept: int
    windows_broken: int
    worst_consumed: Decimal | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What history says of an objective.

    `kept` is the share that was kept in `kept_days` of `days` known days. `objective` is the strictest candidate
    whose budget no window overspent; None when there is too little history: then `missing` says how much more is
    needed.
    """

    days: int
    kept_days: int
    kept: Decimal | None
    windows: int
    objective: Decimal | None
    candidates: tuple[Candidate, ...]
    missing: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LowTraffic:
    """When one failure alone pages: `needed` events in `long` would take that power from it.

    `hours` are those local hours of the day in which that was so, each with the share of the time and the median
    number of events in the window.
    """

    alert: str
    long: timedelta
    needed: int
    share: Decimal
    hours: tuple[tuple[int, Decimal, int], ...]


@dataclass(frozen=True, slots=True)
class TierLine:
    """The burn of one tier for a plot: at `times_ms` the greatest of what both its windows showed, over its factor
    (above 1 it fires). None where nothing is known."""

    alert: str
    long: timedelta
    short: timedelta
    factor: Decimal
    kind: str
    times_ms: tuple[int, ...]
    burn: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """One objective over the time asked about."""

    service: str
    slo: str
    objective: Decimal
    window: timedelta
    total: Decimal
    bad: Decimal
    sli: Decimal | None
    consumed_at_end: Decimal | None
    coverage: Decimal
    days: tuple[Day, ...]
    suggestion: Suggestion
    low_traffic: tuple[LowTraffic, ...]
    lines: tuple[TierLine, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to alert on an objective: its target, its tiers that page, and how long they must hold."""

    objective: Objective
    tiers: tuple[Tier, ...]
    for_: timedelta
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """What a variant would have done. `spent` is the median share of the declared objective's budget that was gone,
    of what an incident cost, when it was detected. `best` marks the Pareto front: no variant is better in one respect
    without being worse in another.
    """

    number: int
    variant: Variant
    score: Score
    spent: Decimal | None
    best: bool = False


@dataclass(frozen=True, slots=True)
class Explored:
    """The variants of one objective that were tried, the declared one first (number 0)."""

    service: str
    slo: str
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one case came to."""

    name: str
    incidents: tuple[Incident, ...]
    fired: tuple[Fired, ...]
    waited: tuple[Waited, ...]
    pages: tuple[Paged, ...]
    found: tuple[Found, ...]
    missed: tuple[Missed, ...]
    score: Score
    rules: tuple[RuleScore, ...]
    promises: tuple[Promise, ...]
    covered: tuple[Covered, ...]
    unknown: tuple[Unknown, ...]
    explored: tuple[Explored, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What all cases came to together. `origin` says where the incidents are known from."""

    start_ms: int
    end_ms: int
    interval: timedelta
    zone: str
    origin: Origin
    cases: tuple[Outcome, ...]
    score: Score
    loads: tuple[Load, ...]
    heat: tuple[tuple[int, ...], ...]
    digest: str = ""
    beta: Decimal = Decimal(1)
