"""Component states over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from sereno.kernel.severity import ComponentState
from sereno.spec.model import StatusPage

STATES: tuple[ComponentState, ...] = (
    "operational", "maintenance", "unknown", "degraded", "partial_outage", "major_outage",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Interval:
    """A component was in `state` from `started_at` until `ended_at` (None: it still is)."""

    status_page: str
    component: str
    state: ComponentState
    started_at: datetime
    ended_at: datetime | None
    cause: str


@dataclass(frozen=True, slots=True)
class Day:
    """One bar: a local day from its midnight to the next (or to now).

    `worst` is the worst trouble of the day; without trouble it is `unknown` when less than half of the day is known,
    and otherwise the worst of what is known. `availability` is exact; None means nothing is known.
    """

    day: date
    worst: ComponentState
    availability: Fraction | None
    coverage: Fraction


@dataclass(frozen=True, slots=True)
class Uptime:
    """Exact availability over a span, and the share of it about which something is known.

    `down_seconds` is the time in each state multiplied by the state's weight, summed.
    """

    availability: Fraction | None
    coverage: Fraction
    down_seconds: Fraction


@dataclass(frozen=True, slots=True)
class PublicUpdate:
    """What the public was told at `at`; `status` is the incident's phase at that moment."""

    id: str
    at: datetime
    status: str
    text: str
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PublicIncident:
    """An incident as the public may see it: nothing internal. `updates` are newest first."""

    id: str
    title: str
    phase: str
    impact: ComponentState
    components: tuple[str, ...]
    started_at: datetime
    opened_at: datetime
    mitigated_at: datetime | None
    resolved_at: datetime | None
    updates: tuple[PublicUpdate, ...]

    @property
    def changed_at(self) -> datetime:
        """When the public last heard of it."""
        return max([self.opened_at, *(update.at for update in self.updates)])


@dataclass(frozen=True, slots=True)
class ComponentBoard:
    """One component: how it is, since when, and how it has been.

    `known_since` is when something was first known about it, if that is later than the beginning of the first of
    `days`; `uptime` is of the time since then. `generated` says that part of its history was made up for show.
    """

    name: str
    description: str
    state: ComponentState
    since: datetime | None
    known_since: datetime | None
    uptime: Uptime
    days: tuple[Day, ...]
    generated: bool


@dataclass(frozen=True, slots=True)
class Board:
    """A status page at the instant `at`. `incidents` are newest first, those open before those resolved."""

    page: StatusPage
    at: datetime
    components: tuple[ComponentBoard, ...]
    incidents: tuple[PublicIncident, ...]
