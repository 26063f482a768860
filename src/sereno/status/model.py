"""Component states over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from sereno.kernel.severity import ComponentState

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
    """One bar: the worst state of a local day and its exact availability (None: nothing known)."""

    day: date
    worst: ComponentState
    availability: Fraction | None
    coverage: Fraction


@dataclass(frozen=True, slots=True)
class Uptime:
    """Exact availability over a span, and the share of it about which something is known."""

    availability: Fraction | None
    coverage: Fraction
    down_seconds: Fraction
