"""Incidents as they happen: what the slice hears, and what people ask of it.

Every function runs inside one transaction of the store behind `incidents` and returns the events that the caller
writes in it. Hearers may hear an event twice: the second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sereno.incidents import rules
from sereno.incidents.model import Entry, Incident
from sereno.incidents.ports import Incidents
from sereno.incidents.rules import Outcome
from sereno.kernel.clock import Ids
from sereno.kernel.errors import Conflict, NotFound
from sereno.kernel.events import (
    AlertFired,
    AlertResolved,
    Event,
    MessageFailed,
    MessageSent,
    PageAcknowledged,
    PageClosed,
    PageOpened,
    PageStepTaken,
    StatusChanged,
)
from sereno.kernel.moment import to_us
from sereno.spec.model import Spec

SETTLE = timedelta(seconds=60)


# What the slice hears


def page_opened(
    incidents: Incidents,
    spec: Spec,
    event: PageOpened,
    now: datetime,
    ids: Ids,
    *,
    began: Sequence[AlertFired] = (),
) -> list[Event]:
    """Open an incident if the page asks for one, or attach the page to the one its service already has.

    `began` are the firing alerts of the page as far as the caller knows them: they tell when the trouble started,
    and head the timeline.
    """
    held = incidents.holding_page(event.page)
    if held is not None and _heard(incidents, held, f"page:{event.page}:{to_us(event.at)}:opened"):
        return []
    alerts = [alert for alert in began if alert.fingerprint in event.alerts]
    incident = held if held and held.phase not in ("resolved", "reviewed") else incidents.open_for(event.service)
    if incident is None and not event.incident_wanted:
        return []
    if incident is not None:
        outcome = rules.attach_page(incident, event, spec.severities, now)
    else:
        fresh = _open_for_page(incidents, spec, event, now, ids, alerts)
        attached = rules.attach_page(fresh.incident, event, spec.severities, now)
        outcome = fresh.then(entries=attached.entries, events=attached.events)
        outcome = replace(outcome, incident=attached.incident)
    heads = tuple(_alert_line(outcome.incident, alert) for alert in alerts)
    return _write(incidents, incident, replace(outcome, entries=heads + outcome.entries))


def _open_for_page(
    incidents: Incidents, spec: Spec, event: PageOpened, now: datetime, ids: Ids, alerts: Sequence[AlertFired]
) -> Outcome:
    severity = spec.severities.find(event.severity)
    return rules.open_incident(
        incident_id=ids.new("in"),
        number=incidents.next_number(),
        service=event.service,
        severity=severity or replace(spec.severities.scale[0], name=event.severity),
        title=event.summary.strip() or event.service,
        started_at=min([event.at, *(alert.active_at for alert in alerts)]),
        now=now,
    )


def alert_fired(incidents: Incidents, event: AlertFired, now: datetime) -> list[Event]:
    """Put the alert on the timeline of its service's open incident, if there is one."""
    incident = incidents.open_for(event.service)
    if incident is None:
        return []
    known = incident.alerts if event.fingerprint in incident.alerts else (*incident.alerts, event.fingerprint)
    return _write(incidents, incident, Outcome(replace(incident, alerts=known), (_alert_line(incident, event),)))


def alert_resolved(incidents: Incidents, event: AlertResolved, now: datetime) -> list[Event]:
    """Put the end of the alert on the timeline of its service's open incident, if there is one."""
    incident = incidents.open_for(event.service)
    if incident is None:
        return []
    phrase = "alert_rule_removed" if event.reason == "rule_removed" else "alert_resolved"
    entry = rules.line(
        incident, event.at, "alert", f"alert:{event.fingerprint}:{to_us(event.at)}:resolved", phrase,
        values={"alert": event.alert, "severity": event.severity},
    )  # fmt: skip
    return _write(incidents, incident, Outcome(incident, (entry,)))


def page_step_taken(incidents: Incidents, event: PageStepTaken, now: datetime) -> list[Event]:
    """Put on the timeline whom the page went to, and why."""
    incident = incidents.holding_page(event.page)
    if incident is None:
        return []
    entry = rules.line(
        incident, event.at, "escalation", f"page:{event.page}:step:{event.step}:{to_us(event.at)}",
        "page_step" if event.people else "page_step_nobody",
        values={
            "page": event.page, "step": str(event.step + 1), "people": ", ".join(event.people),
            "step_reason": event.reason,
        },
    )  # fmt: skip
    return _write(incidents, incident, Outcome(incident, (entry,)))


def message_sent(incidents: Incidents, event: MessageSent, now: datetime) -> list[Event]:
    """Put on the timeline that a peer took a message of one of the incident's pages."""
    return _delivery(incidents, event, "sent", {"attempt": str(event.attempt)})


def message_failed(incidents: Incidents, event: MessageFailed, now: datetime) -> list[Event]:
    """Put on the timeline that a message of one of the incident's pages was given up."""
    return _delivery(incidents, event, "failed", {"error": event.error[:500]})


def _delivery(
    incidents: Incidents, event: MessageSent | MessageFailed, end: str, values: Mapping[str, str]
) -> list[Event]:
    incident = incidents.holding_page(event.page) if event.page else None
    if incident is None:
        return []
    entry = rules.line(
        incident, event.at, "delivery", f"message:{event.message}:{end}",
        f"message_{end}" if event.person else f"message_{end}_to_channel",
        values={
            "page": event.page or "", "person": event.person or "", "channel": event.channel,
            "purpose": event.purpose, **values,
        },
    )  # fmt: skip
    return _write(incidents, incident, Outcome(incident, (entry,)))


def page_acknowledged(incidents: Incidents, event: PageAcknowledged, now: datetime) -> list[Event]:
    """A person answered: the incident is triaged, and they command it if nobody does."""
    incident = incidents.holding_page(event.page)
    if incident is None or _heard(incidents, incident, f"page:{event.page}:{to_us(event.at)}:acknowledged"):
        return []
    return _write(incidents, incident, rules.acknowledge(incident, event))


def page_closed(incidents: Incidents, event: PageClosed, now: datetime, *, settle: timedelta = SETTLE) -> list[Event]:
    """A page closed: with the last one the incident is mitigated, and resolves by itself after `settle` of quiet
    unless a person took it over."""
    incident = incidents.holding_page(event.page)
    if incident is None or _heard(incidents, incident, f"page:{event.page}:{to_us(event.at)}:closed"):
        return []
    return _write(incidents, incident, rules.close_page(incident, event, now, settle))


def status_changed(incidents: Incidents, event: StatusChanged, now: datetime) -> list[Event]:
    """Put on the timeline what the public now sees: of the incident that caused it, or of the service's open one."""
    caused = incidents.get(event.cause) if event.cause.startswith("in_") else None
    held = [caused] if caused else [found for name in event.services if (found := incidents.open_for(name))]
    for incident in held:
        entry = rules.line(
            incident, event.at, "status", f"status:{event.status_page}:{event.component}:{to_us(event.at)}", "status",
            values={
                "status_page": event.status_page, "component": event.component,
                "before_state": event.before, "state": event.after,
            },
        )  # fmt: skip
        incidents.append([entry])
    return []


def advance_incident(incidents: Incidents, incident: Incident, now: datetime) -> list[Event]:
    """The incident's moment has come: resolve it if it has stayed quiet."""
    return _write(incidents, incident, rules.advance(incident, now))


# What people ask


def declare(
    incidents: Incidents,
    spec: Spec,
    ids: Ids,
    *,
    service: str,
    severity: str,
    title: str,
    now: datetime,
    actor: str,
) -> list[Event]:
    """Open an incident by a person's word; they command it until someone else does.

    Raises NotFound for an unknown service, UsageError for an unknown severity or no title, Conflict if the service
    already has an open incident. The first event returned is IncidentOpened.
    """
    if service not in spec.services:
        raise NotFound(f"there is no service {service!r}", hint="services: " + ", ".join(sorted(spec.services)))
    known = rules.known_severity(severity, spec.severities)
    words = rules.known_text(title, rules.TITLE_LENGTH_MAX)
    there = incidents.open_for(service)
    if there is not None:
        raise Conflict(
            f"{service} already has an open incident, number {there.number}: {there.title}",
            hint="add a note to it, or raise its severity",
        )
    number = incidents.next_number()
    return _write(
        incidents,
        None,
        rules.open_incident(
            incident_id=ids.new("in"), number=number, service=service, severity=known, title=words, started_at=now,
            now=now, by=actor,
        ),
    )  # fmt: skip


def note(
    incidents: Incidents, incident_id: str, text: str, now: datetime, actor: str, *, public: bool = False
) -> list[Event]:
    """Write down what a person saw or did; a resolved incident still takes notes. `public` shows it to the public."""
    incident = _get(incidents, incident_id)
    return _write(incidents, incident, rules.write_note(incident, text, now, actor, public=public))


def update(
    incidents: Incidents,
    incident_id: str,
    text: str,
    now: datetime,
    actor: str,
    *,
    next_in: timedelta | None = None,
) -> list[Event]:
    """Tell the public how it stands, promising more within `next_in` (None promises nothing)."""
    incident = _get(incidents, incident_id)
    return _write(
        incidents, incident, rules.write_update(incident, text, now, actor, now + next_in if next_in else None)
    )


def set_phase(incidents: Incidents, incident_id: str, phase: str, now: datetime, actor: str) -> list[Event]:
    """Move the incident to `phase`; from then on people resolve it. Raises Conflict where it cannot go there."""
    incident = _get(incidents, incident_id)
    return _write(incidents, incident, rules.change_phase(incident, phase, now, actor))


def set_severity(
    incidents: Incidents, spec: Spec, incident_id: str, severity: str, now: datetime, actor: str
) -> list[Event]:
    """Judge how bad it is. Raises Conflict once it is resolved, UsageError for an unknown severity."""
    incident = _get(incidents, incident_id)
    return _write(incidents, incident, rules.change_severity(incident, severity, spec.severities, now, actor))


def assign_role(
    incidents: Incidents, spec: Spec, incident_id: str, role: str, person: str, now: datetime, actor: str
) -> list[Event]:
    """Give `role` to `person`. Raises NotFound for an unknown person, UsageError for an unknown role."""
    incident = _get(incidents, incident_id)
    if person not in spec.people and person != actor:
        raise NotFound(f"there is no person {person!r}", hint="people: " + ", ".join(sorted(spec.people)))
    return _write(incidents, incident, rules.give_role(incident, role, person, now, actor))


def resolve(incidents: Incidents, incident_id: str, now: datetime, actor: str, *, text: str = "") -> list[Event]:
    """The incident is over, says a person; `text` is told to the public. Raises Conflict if it already was."""
    incident = _get(incidents, incident_id)
    return _write(incidents, incident, rules.finish(incident, now, actor, text.strip()))


# How it is written


def _get(incidents: Incidents, incident_id: str) -> Incident:
    incident = incidents.get(incident_id)
    if incident is None:
        raise NotFound(f"there is no incident {incident_id!r}")
    return incident


def _alert_line(incident: Incident, event: AlertFired) -> Entry:
    return rules.line(
        incident, event.at, "alert", f"alert:{event.fingerprint}:{to_us(event.active_at)}:fired", "alert_fired",
        values={"alert": event.alert, "severity": event.severity},
    )  # fmt: skip


def _heard(incidents: Incidents, incident: Incident, key: str) -> bool:
    return any(entry.key == key for entry in incidents.timeline(incident.id))


def _write(incidents: Incidents, before: Incident | None, outcome: Outcome) -> list[Event]:
    after = outcome.incident
    if before is None:
        incidents.add(after)
    elif after != before and not incidents.save(replace(after, version=before.version + 1), seen=before.version):
        raise Conflict(f"incident {before.number} has changed meanwhile", hint="look at it again, then repeat")
    if outcome.entries:
        incidents.append(outcome.entries)
    return list(outcome.events)
