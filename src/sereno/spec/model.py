"""The declared workspace: services, teams, people, schedules, escalations, severities and status pages.

These are the values that the rest of the house reads. The loader builds them; nothing else makes them in
production. Names are the keys: a service refers to its team, a team to its escalation, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from sereno.kernel.labels import Labels
from sereno.kernel.message import Channel, Language
from sereno.kernel.rule import Rule
from sereno.kernel.severity import DEFAULT_SEVERITIES, Severities
from sereno.spec.dashboard_model import Dashboard
from sereno.spec.model_cloud import CloudWatch
from sereno.spec.model_monitoring import Discovery, Notifications, Probe
from sereno.spec.rule_groups import RuleGroup

if TYPE_CHECKING:  # delivery is read by few, and costs every start
    from sereno.spec.model_delivery import Deployment, Experiment, Logs, Pipelines, Traces
    from sereno.spec.model_readiness import Flags, Readiness


@dataclass(frozen=True, slots=True)
class Source:
    """Where in the files something was declared."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Objective:
    """A target such as 99.9 %, exactly as written."""

    text: str
    ratio: Decimal

    @property
    def budget(self) -> Decimal:
        """1 − target, exactly."""
        return 1 - self.ratio


@dataclass(frozen=True, slots=True)
class EventsSli:
    """Good and bad events counted by counters.

    `total`, `bad` and `good` are PromQL instant selectors of counters; exactly one of `bad` and `good` is set
    by the loader (a bare matcher list in the file has been expanded over `total`). `excluded` has already been
    put into all of them.
    """

    total: str
    bad: str | None
    good: str | None


@dataclass(frozen=True, slots=True)
class LatencySli:
    """Events that took no longer than `within_seconds`, from a classic histogram.

    `buckets` selects `…_bucket{le="…"}` at the threshold, `count` selects `…_count`; `within_seconds` is as written.
    """

    histogram: str
    buckets: str
    count: str
    within_seconds: Decimal


@dataclass(frozen=True, slots=True)
class NativeLatencySli:
    """Events that took no longer than `within_seconds`, from a native histogram that `histogram` selects."""

    histogram: str
    within_seconds: Decimal


@dataclass(frozen=True, slots=True)
class QuerySli:
    """Good and bad events by PromQL of one's own; `$window` in it stands for the window of the rates.

    Either `ratio` alone (the share of bad events, 0 … 1), or `total` with exactly one of `bad` and `good` (events a
    second). What could be told apart as counters has become an `EventsSli` instead.
    """

    total: str | None = None
    bad: str | None = None
    good: str | None = None
    ratio: str | None = None


@dataclass(frozen=True, slots=True)
class GaugeSli:
    """Time in which a value was good: each series of `value` (PromQL) compared with `threshold`. Counted in slices."""

    value: str
    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    threshold: Decimal


@dataclass(frozen=True, slots=True)
class Part:
    """One objective that a composite is made of. `weight` is above 0 and counts in `weighted` alone."""

    service: str
    slo: Slo
    weight: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class CompositeSli:
    """Several objectives as one promise.

    `weighted`: Σ wᵢ·rᵢ / Σ wᵢ. `all`: a slice is bad if any part's is. `product`: Π rᵢ, the upper bound of a serial
    journey. No part is itself a composite.
    """

    mode: Literal["weighted", "all", "product"]
    parts: tuple[Part, ...]


Sli = EventsSli | LatencySli | NativeLatencySli | QuerySli | GaugeSli | CompositeSli
Method = Literal["occurrences", "timeslices", "ratio_timeslices"]


@dataclass(frozen=True, slots=True)
class Calendar:
    """A window that begins anew with each `unit` of local time in `zone` (IANA), instead of rolling."""

    unit: Literal["day", "week", "month", "quarter", "year"]
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class LowTraffic:
    """When burn alerts are held back because too little happened to judge.

    `events_min` events and `failures_min` bad ones in the long window. With `budget_fraction` a tier fires when the bad
    events of its windows are that share of the budget of the whole period, whatever the traffic meanwhile.
    """

    events_min: Decimal | None = None
    failures_min: Decimal | None = None
    budget_fraction: bool = False


@dataclass(frozen=True, slots=True)
class DeclaredTier:
    """A pair of windows of a burn-rate alert that somebody chose: it fires above `factor` in both, after `for_`."""

    kind: Literal["page", "ticket"]
    long: timedelta
    short: timedelta
    factor: Decimal
    for_: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Demands:
    """What a backtest must come to: shares (1 is 100 %) and pages a week. None is not demanded."""

    precision: Decimal | None = None
    recall: Decimal | None = None
    max_pages_per_week: Decimal | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Slo:
    """One promise about one service. `tiers` are those declared; without any they follow from the window.

    `window` is the nominal length where `calendar` is set (a month is 30 days, a quarter 90, a year 365).
    `method` says what is counted: events, or slices of `slice_length` that are good when at least `slice_target` of
    their events are (`timeslices`), or the mean of the slices' own ratios (`ratio_timeslices`). `unknown` says what
    time without any samples counts as, `maintenance` what planned time does. With `alerting` off it only counts.
    `labels` are put on its alerts, beside those that Sereno sets itself.
    """

    name: str
    objective: Objective
    window: timedelta
    sli: Sli
    description: str = ""
    runbook: str | None = None
    page_severity: str = ""
    ticket_severity: str = ""
    source: Source | None = None
    tiers: tuple[DeclaredTier, ...] = ()
    title: str = ""
    calendar: Calendar | None = None
    method: Method = "occurrences"
    slice_length: timedelta = timedelta(minutes=1)
    slice_target: Decimal | None = None
    unknown: Literal["ignore", "bad", "good"] = "ignore"
    maintenance: Literal["exclude", "good", "count"] = "exclude"
    low_traffic: LowTraffic | None = None
    policy: str | None = None
    keep_firing_for: timedelta = timedelta(0)
    alerting: bool = True
    labels: Labels = field(default_factory=Labels)
    cloudwatch: CloudWatch | None = None


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """What is done once `consumed` of a budget is spent (1 is 100 %): `do` in words; `freeze` stops releases, and
    only `override` (people, teams) may let one through. A `ticket` opens by itself."""

    consumed: Decimal
    do: tuple[str, ...]
    notify: tuple[str, ...] = ()
    freeze: bool = False
    override: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """An error-budget policy: steps in the order of `consumed`."""

    name: str
    title: str
    steps: tuple[PolicyStep, ...]
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A level of saturation that asks for people once it has held for `for_`."""

    at: Decimal
    for_: timedelta
    severity: str


@dataclass(frozen=True, slots=True)
class Saturation:
    """How full something is: `used` (PromQL, 0 … 1) against levels; `ahead` warns when its trend over `over` will
    reach 1 within that time."""

    name: str
    used: str
    levels: tuple[Threshold, ...]
    title: str = ""
    ahead: timedelta | None = None
    over: timedelta = timedelta(days=1)
    runbook: str | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Planned time of work on `services` (none named: all): `duration` from `start` (local time in `zone`), again by
    `rrule` (RFC 5545) until it ends."""

    name: str
    title: str
    services: tuple[str, ...]
    start: datetime
    duration: timedelta
    zone: str = "UTC"
    rrule: str = ""
    description: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Runbook:
    """A Markdown file of the workspace: what its front matter says, its sections' titles, and its text."""

    path: str
    title: str
    sections: tuple[str, ...]
    text: str
    front: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where people find things: the bases of links in alerts and dashboards, each without a last slash; "" unknown."""

    console: str = ""
    grafana: str = ""
    prometheus: str = ""
    alertmanager: str = ""
    runbooks: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """What is kept as it was found, since the spec has no words for it: Prometheus's rule groups, and (of a workspace)
    the text of an Alertmanager file."""

    prometheus: tuple[RuleGroup, ...] = ()
    alertmanager: str = ""


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """Targets that the embedded scraper reads; those of `discovery` only a Prometheus finds."""

    job: str
    targets: tuple[str, ...]
    every: timedelta
    timeout: timedelta
    labels: Labels = field(default_factory=Labels)
    discovery: Discovery | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A named address."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class KitAdmin:
    """Where the kits of a service's replicas answer operators, and the environment variable that has their token."""

    addresses: tuple[str, ...]
    token: str = "SERENO_KIT_TOKEN"  # noqa: S105 - a variable's name, not a secret


@dataclass(frozen=True, slots=True)
class Service:
    """What is run."""

    name: str
    team: str
    description: str = ""
    title: str = ""
    links: tuple[Link, ...] = ()
    scrape: tuple[ScrapeJob, ...] = ()
    slos: tuple[Slo, ...] = ()
    alerts: tuple[Rule, ...] = ()
    status_page: str | None = None
    component: str | None = None
    source: Source | None = None
    backtest: Demands | None = None
    saturation: tuple[Saturation, ...] = ()
    dashboards: tuple[str, ...] = ()
    deployment: Deployment | None = None
    logs: Logs | None = None
    traces: Traces | None = None
    probes: tuple[Probe, ...] = ()
    raw: Raw = field(default_factory=Raw)
    kit: KitAdmin | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """Who owns services. `escalation` is walked when one of them pages."""

    name: str
    escalation: str
    title: str = ""
    zone: str = "UTC"
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach a person, tried in the order declared."""

    channel: Channel
    address: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who is paged."""

    name: str
    title: str
    contacts: tuple[Contact, ...]
    zone: str = "UTC"
    language: Language = "en"
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A weekly rotation over a ring of people.

    At each hand-over (local wall time in `zone`) the ring moves by one; role i is held by the person i places
    further round the ring. `start` is the date of a hand-over at which people[0] holds roles[0].
    """

    name: str
    zone: str
    people: tuple[str, ...]
    roles: tuple[str, ...]
    start: date
    handover: time
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to page, and how long after the page opened (or its round began). `via` are the channels tried at once;
    without any, a person's contacts are tried one after the other."""

    targets: tuple[str, ...]
    after: timedelta
    via: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Escalation:
    """The steps a page walks until someone answers. A target is a role of `schedule`, or a person."""

    name: str
    schedule: str | None
    steps: tuple[Step, ...]
    repeat_every: timedelta = timedelta(minutes=15)
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A public part of the product; it is as bad as the worst of `services`."""

    name: str
    services: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class StatusPage:
    """What the public sees."""

    name: str
    title: str
    components: tuple[Component, ...]
    description: str = ""
    language: Language = "en"
    zone: str = "UTC"
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """The whole workspace, consistent: every reference in it resolves."""

    services: dict[str, Service] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    escalations: dict[str, Escalation] = field(default_factory=dict)
    severities: Severities = DEFAULT_SEVERITIES
    status_pages: dict[str, StatusPage] = field(default_factory=dict)
    digest: str = ""
    backtest: Demands | None = None
    name: str = ""
    environment: str = ""
    addresses: Addresses = field(default_factory=Addresses)
    policies: dict[str, Policy] = field(default_factory=dict)
    maintenances: dict[str, Maintenance] = field(default_factory=dict)
    runbooks: dict[str, Runbook] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    dashboards: dict[str, Dashboard] = field(default_factory=dict)
    experiments: dict[str, Experiment] = field(default_factory=dict)
    pipelines: Pipelines | None = None
    raw: Raw = field(default_factory=Raw)
    notifications: Notifications | None = None
    blackbox: str = ""
    readiness: dict[str, Readiness] = field(default_factory=dict)
    flags: dict[str, Flags] = field(default_factory=dict)

    def demands_of(self, service: str) -> Demands:
        """What a backtest of `service` must come to: its own demands, or those of the workspace."""
        own = self.services[service].backtest if service in self.services else None
        return own or self.backtest or Demands()

    def escalation_of(self, service: str) -> Escalation:
        """The escalation walked by pages of `service`. Raises KeyError for an unknown service."""
        return self.escalations[self.teams[self.services[service].team].escalation]
