"""When somebody last looked at the services: the one fact by which replicas and later runs know of each other."""

from __future__ import annotations

from datetime import datetime, timedelta

from sereno.adapters.sql.unit import Unit
from sereno.kernel.moment import iso
from sereno.status.service import GAP_MAX

_FACT = "heartbeat"


def last_look(unit: Unit) -> datetime | None:
    """When all rules were last evaluated, by whichever replica; None if they never were."""
    told = unit.facts.get(_FACT)
    return datetime.fromisoformat(told) if told else None


def note_look(unit: Unit, now: datetime) -> None:
    """All rules were evaluated at `now`."""
    unit.facts.set(_FACT, iso(now), now)


def unwatched_after(interval: timedelta) -> timedelta:
    """How long after the last look nobody is watching any more, with a look every `interval`."""
    return max(GAP_MAX, 3 * interval)
