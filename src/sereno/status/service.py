"""The public state of components, kept true: compared with what it should be, and mended.

Every function runs inside one transaction of the store behind `intervals` and returns the events to write in it.
Hearing something twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from sereno.kernel.events import Event, StatusChanged
from sereno.kernel.severity import ComponentState
from sereno.spec.model import Spec
from sereno.status.model import Interval
from sereno.status.ports import Intervals
from sereno.status.rules import Key, wanted_states

GAP_MAX = timedelta(seconds=30)
NOT_OBSERVED = "not observed yet"
NOT_RUNNING = "sereno was not running"


def refresh(
    intervals: Intervals,
    open_incidents: Iterable[tuple[str, str]],
    unknown_services: Collection[str],
    spec: Spec,
    now: datetime,
    cause: str,
) -> list[StatusChanged]:
    """Make every public component show what it should: the hearer of IncidentOpened, IncidentChanged,
    IncidentResolved and ServiceObserved alike.

    `open_incidents` are service and severity of those that still hurt; `unknown_services` those without data now;
    `cause` is the incident's identity, or words.
    """
    return reconcile(
        intervals, wanted_states(spec, open_incidents, unknown_services), now, cause, services=services_of(spec)
    )


def reconcile(
    intervals: Intervals,
    wanted: Mapping[Key, ComponentState],
    now: datetime,
    causes: str | Mapping[Key, str],
    *,
    services: Mapping[Key, tuple[str, ...]] | None = None,
) -> list[StatusChanged]:
    """Open an interval for each component that is not in its wanted state; returns what the public sees change.

    A component never seen before was unknown until now.
    """
    events = []
    for key, state in wanted.items():
        current = intervals.current(*key)
        if current is not None and current.state == state:
            continue
        cause = causes if isinstance(causes, str) else causes.get(key, "")
        intervals.change(Interval(*key, state, now, None, cause))
        before: ComponentState = current.state if current else "unknown"
        if before != state:
            events.append(
                StatusChanged(
                    at=now, status_page=key[0], component=key[1], before=before, after=state, cause=cause,
                    services=(services or {}).get(key, ()),
                )
            )  # fmt: skip
    return events


def begin(
    intervals: Intervals,
    spec: Spec,
    now: datetime,
    last_heartbeat: datetime | None,
    *,
    gap_max: timedelta = GAP_MAX,
) -> list[Event]:
    """At start: what nobody watched is unknown.

    A component without a state begins as unknown, until it is observed. If the last heartbeat is older than `gap_max`
    (or there was none), every component was unknown from then on, and is until it is observed again.
    """
    events: list[Event] = []
    gap = last_heartbeat is None or now - last_heartbeat > gap_max
    for key, services in services_of(spec).items():
        current = intervals.current(*key)
        if current is None:
            intervals.change(Interval(*key, "unknown", now, None, NOT_OBSERVED))
        elif gap and current.state != "unknown":
            since = max(last_heartbeat or current.started_at, current.started_at)
            intervals.change(Interval(*key, "unknown", since, None, NOT_RUNNING))
            events.append(
                StatusChanged(
                    at=now, status_page=key[0], component=key[1], before=current.state, after="unknown",
                    cause=NOT_RUNNING, services=services,
                )
            )  # fmt: skip
    return events


def unknown_services(intervals: Intervals, spec: Spec) -> frozenset[str]:
    """The services whose component is shown as unknown: what a process that starts should take as not observed."""
    return frozenset(
        name
        for key, services in services_of(spec).items()
        if (current := intervals.current(*key)) is None or current.state == "unknown"
        for name in services
    )


def services_of(spec: Spec) -> dict[Key, tuple[str, ...]]:
    """The services behind every public component."""
    return {
        (page.name, component.name): component.services
        for page in spec.status_pages.values()
        for component in page.components
    }
