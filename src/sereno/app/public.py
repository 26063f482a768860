"""What the public may know: incidents and intervals put together, with everything internal left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sereno.incidents.model import Entry, Incident
from sereno.incidents.ports import Incidents
from sereno.incidents.words import public_title, render_public
from sereno.kernel.message import Language
from sereno.kernel.severity import ComponentState
from sereno.spec.model import Spec, StatusPage
from sereno.status.model import Board, Interval, PublicIncident, PublicUpdate
from sereno.status.ports import Intervals
from sereno.status.rules import board, first_day
from sereno.status.statuspage import newest_first

INCIDENTS_MAX = 50


@dataclass(frozen=True, slots=True)
class PublicRecord:
    """What was read of one page, in one transaction."""

    intervals: tuple[Interval, ...]
    incidents: tuple[tuple[Incident, tuple[Entry, ...]], ...]


def read_record(
    intervals: Intervals, incidents: Incidents, spec: Spec, page: StatusPage, now: datetime
) -> PublicRecord:
    """The last 90 local days of the page's components, and the incidents of its services: all that are open, and the
    newest of the others."""
    services = {name for component in page.components for name in component.services}
    found = {i.id: i for i in (*incidents.unresolved(), *incidents.recent(INCIDENTS_MAX)) if i.service in services}
    return PublicRecord(
        intervals.between(page.name, first_day(now, page.zone), now + timedelta(microseconds=1)),
        tuple((incident, incidents.timeline(incident.id)) for incident in found.values()),
    )


def public_board(page: StatusPage, record: PublicRecord, spec: Spec, now: datetime, language: Language) -> Board:
    """The board of `page` with its incidents told in `language`."""
    told = [public_incident(page, spec, incident, entries, language) for incident, entries in record.incidents]
    return board(page, record.intervals, [one for one in told if one is not None], now)


def public_incident(
    page: StatusPage, spec: Spec, incident: Incident, entries: Sequence[Entry], language: Language
) -> PublicIncident | None:
    """The incident as the public may see it; None if it is none of the public's business.

    That is so when its severity shows nothing on the page, and no person has written to the public about it. The
    title of an alert may hold names of hosts: only one that a person gave is shown.
    """
    components = tuple(c.name for c in page.components if incident.service in c.services)
    severity = spec.severities.find(incident.severity)
    impact: ComponentState = severity.status if severity else "degraded"
    written = any(entry.public and entry.text for entry in entries)
    if not components or (impact == "operational" and not written):
        return None
    what = ", ".join(components)
    return PublicIncident(
        id=incident.id,
        title=incident.title if incident.opened_by else public_title(language, what),
        phase=incident.phase,
        impact=impact,
        components=components,
        started_at=incident.started_at,
        opened_at=incident.opened_at,
        mitigated_at=incident.mitigated_at,
        resolved_at=incident.resolved_at,
        updates=newest_first(_updates(incident, entries, language, what)),
    )


def _updates(incident: Incident, entries: Sequence[Entry], language: Language, what: str) -> list[PublicUpdate]:
    phase, updates = "detected", []
    for entry in entries:
        phase = "resolved" if entry.kind == "resolution" else entry.values.get("phase", phase)
        text = render_public(entry, language, what)
        if text is not None:
            promised = entry.values.get("next_at")
            updates.append(
                PublicUpdate(
                    id=f"{incident.id}/{entry.key}", at=entry.at, status=phase, text=text,
                    next_at=datetime.fromisoformat(promised) if promised else None,
                )
            )  # fmt: skip
    return updates
