"""What an incident becomes when something happens: pure decisions, `(incident, what, when) -> Outcome`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sereno.incidents.model import PHASES, ROLES, Entry, EntryKind, Incident, Phase
from sereno.kernel.errors import Conflict, UsageError
from sereno.kernel.events import (
    Event,
    IncidentChanged,
    IncidentOpened,
    IncidentResolved,
    PageAcknowledged,
    PageClosed,
    PageOpened,
)
from sereno.kernel.inert import inert, inert_line
from sereno.kernel.moment import iso, to_us
from sereno.kernel.severity import Severities, Severity

TITLE_LENGTH_MAX = 200
TEXT_LENGTH_MAX = 4000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided: the incident as it is now, lines for its timeline, and what the house should hear."""

    incident: Incident
    entries: tuple[Entry, ...] = ()
    events: tuple[Event, ...] = ()

    def then(self, *, entries: Iterable[Entry] = (), events: Iterable[Event] = ()) -> Outcome:
        """This outcome with more lines and more events after its own."""
        return Outcome(self.incident, (*self.entries, *entries), (*self.events, *events))


def line(
    incident: Incident,
    at: datetime,
    kind: EntryKind,
    key: str,
    phrase: str | None = None,
    *,
    actor: str | None = None,
    text: str = "",
    public: bool = False,
    values: Mapping[str, str] | None = None,
) -> Entry:
    """A line of the incident's timeline."""
    return Entry(incident.id, at, kind, key, actor, phrase, dict(values or {}), text, public)


def changed(incident: Incident, at: datetime, update: str | None = None) -> IncidentChanged:
    """The event that says how the incident stands now."""
    return IncidentChanged(
        at=at, incident=incident.id, service=incident.service, severity=incident.severity,
        title=incident.title, phase=incident.phase, update=update,
    )  # fmt: skip


def affecting(incidents: Iterable[Incident]) -> tuple[tuple[str, str], ...]:
    """Service and severity of the incidents that still hurt: neither mitigated nor resolved.

    This is what the status page counts as trouble; a mitigated incident is over for the public, though watched.
    """
    return tuple((i.service, i.severity) for i in incidents if i.phase in ("detected", "triaged"))


def open_incident(
    *,
    incident_id: str,
    number: int,
    service: str,
    severity: Severity,
    title: str,
    started_at: datetime,
    now: datetime,
    by: str | None = None,
) -> Outcome:
    """A new incident; `by` is the person who declared it, None if a page did."""
    incident = Incident(
        id=incident_id, number=number, title=inert_line(title)[:TITLE_LENGTH_MAX], service=service,
        severity=severity.name, phase="detected", started_at=min(started_at, now), opened_at=now,
        automatic=by is None, opened_by=by, roles={"commander": by} if by else {},
    )  # fmt: skip
    entry = line(
        incident, now, "declared", "opened", "incident_declared" if by else "incident_opened", actor=by, public=True,
        values={
            "number": str(number), "severity": severity.name, "title": incident.title,
            "next_at": iso(now + severity.update_every),
        },
    )  # fmt: skip
    opened = IncidentOpened(
        at=now, incident=incident.id, service=service, severity=severity.name, title=incident.title, by=by
    )
    return Outcome(incident, (entry,), (opened,))


def attach_page(incident: Incident, event: PageOpened, scale: Severities, now: datetime) -> Outcome:
    """The page belongs to the incident; a worse severity raises it, and trouble that comes back reopens it."""
    key = f"page:{event.page}:{to_us(event.at)}"
    grown = replace(
        incident,
        pages=_with(incident.pages, event.page),
        open_pages=_with(incident.open_pages, event.page) if event.incident_wanted else incident.open_pages,
        alerts=_with(incident.alerts, *event.alerts),
    )
    opened = line(
        grown, event.at, "page", f"{key}:opened", "page_opened",
        values={"page": event.page, "severity": event.severity, "summary": event.summary},
    )  # fmt: skip
    outcome = Outcome(grown, (opened,))
    if scale.rank(event.severity) < scale.rank(incident.severity):
        outcome = _raise_severity(outcome, event, f"{key}:severity", now)
    if event.incident_wanted and incident.phase == "mitigated":
        outcome = _reopen(outcome, f"{key}:reopened", now)
    return outcome


def _with(known: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _raise_severity(outcome: Outcome, event: PageOpened, key: str, now: datetime) -> Outcome:
    before = outcome.incident.severity
    worse = replace(outcome.incident, severity=event.severity)
    entry = line(worse, now, "severity", key, "severity_raised", values={"before": before, "severity": event.severity})
    return replace(outcome, incident=worse).then(entries=(entry,), events=(changed(worse, now),))


def _reopen(outcome: Outcome, key: str, now: datetime) -> Outcome:
    before = outcome.incident
    phase: Phase = "triaged" if before.triaged_at else "detected"
    back = replace(before, phase=phase, mitigated_at=None, due_at=None)
    entry = line(back, now, "phase", key, "reopened", public=True, values={"before": before.phase, "phase": phase})
    return replace(outcome, incident=back).then(entries=(entry,), events=(changed(back, now),))


def acknowledge(incident: Incident, event: PageAcknowledged) -> Outcome:
    """A person answered: detected becomes triaged, and they lead until someone else does."""
    key = f"page:{event.page}:{to_us(event.at)}"
    entries = [
        line(
            incident, event.at, "acknowledgement", f"{key}:acknowledged", "acknowledged", actor=event.by,
            values={"page": event.page, "person": event.by, "via": event.via},
        )
    ]  # fmt: skip
    after = incident
    if incident.phase == "detected":
        after = replace(after, phase="triaged", triaged_at=event.at)
        entries.append(
            line(after, event.at, "phase", f"{key}:triaged", "phase", public=True,
                 values={"before": "detected", "phase": "triaged"})
        )  # fmt: skip
    if "commander" not in incident.roles and incident.phase not in ("resolved", "reviewed"):
        after = replace(after, roles={**after.roles, "commander": event.by})
        entries.append(
            line(after, event.at, "role", f"{key}:commander", "role",
                 values={"person": event.by, "role": "commander"})
        )  # fmt: skip
    return Outcome(after, tuple(entries), () if after == incident else (changed(after, event.at),))


def close_page(incident: Incident, event: PageClosed, now: datetime, settle: timedelta) -> Outcome:
    """A page closed. When the last one does, the incident is mitigated; if nobody took it over it resolves by
    itself after `settle` of quiet."""
    key = f"page:{event.page}:{to_us(event.at)}"
    closed = line(incident, event.at, "page", f"{key}:closed", "page_closed",
                  values={"page": event.page, "reason": event.reason})  # fmt: skip
    after = replace(incident, open_pages=tuple(p for p in incident.open_pages if p != event.page))
    was_last = bool(incident.open_pages) and not after.open_pages
    if not was_last or incident.phase not in ("detected", "triaged", "mitigated"):
        return Outcome(after, (closed,))
    due = now + settle if incident.automatic else None
    if incident.phase == "mitigated":
        return Outcome(replace(after, due_at=due), (closed,))
    after = replace(after, phase="mitigated", mitigated_at=event.at, due_at=due)
    phase = line(after, event.at, "phase", f"{key}:mitigated", "phase", public=True,
                 values={"before": incident.phase, "phase": "mitigated"})  # fmt: skip
    return Outcome(after, (closed, phase), (changed(after, event.at),))


def advance(incident: Incident, now: datetime) -> Outcome:
    """Resolve by itself what has been quiet for as long as was asked; otherwise forget a moment that no longer means
    anything, so that no worker asks again."""
    if incident.due_at is None or now < incident.due_at:
        return Outcome(incident)
    if incident.automatic and incident.phase == "mitigated" and not incident.open_pages:
        return finish(incident, now, None)
    return Outcome(replace(incident, due_at=None))


def finish(incident: Incident, now: datetime, by: str | None, text: str = "") -> Outcome:
    """The incident is over. Raises Conflict if it already was."""
    _unresolved(incident)
    over = replace(
        incident, phase="resolved", resolved_at=now, resolved_by=by, due_at=None,
        mitigated_at=incident.mitigated_at or now,
    )  # fmt: skip
    phrase = "resolved_with_open_pages" if over.open_pages else "resolved"
    entry = line(
        over, now, "resolution", f"resolved:{over.version}", phrase, actor=by, public=True, text=text,
        values={
            "lasted_seconds": f"{(now - over.started_at).total_seconds():.0f}", "count": str(len(over.open_pages)),
        },
    )  # fmt: skip
    resolved = IncidentResolved(
        at=now, incident=over.id, service=over.service, severity=over.severity, title=over.title, by=by
    )
    return Outcome(over, (entry,), (resolved,))


def change_phase(incident: Incident, phase: str, now: datetime, actor: str) -> Outcome:
    """A person moves the incident to `phase`, and so takes it over: it no longer resolves by itself.

    Raises UsageError for an unknown phase, Conflict where the incident cannot go there.
    """
    wanted = known_phase(phase)
    if wanted == "resolved":
        return finish(incident, now, actor)
    if wanted == "reviewed":
        return _review(incident, now, actor)
    _unresolved(incident)
    if wanted == incident.phase:
        return Outcome(incident)
    moved = replace(
        incident,
        phase=wanted,
        automatic=False,
        due_at=None,
        triaged_at=None if wanted == "detected" else incident.triaged_at or now,
        mitigated_at=now if wanted == "mitigated" else None,
    )
    entry = line(moved, now, "phase", f"phase:{incident.version}:{to_us(now)}", "phase", actor=actor, public=True,
                 values={"before": incident.phase, "phase": wanted})  # fmt: skip
    return Outcome(moved, (entry,), (changed(moved, now),))


def _review(incident: Incident, now: datetime, actor: str) -> Outcome:
    if incident.phase != "resolved":
        raise Conflict(
            f"incident {incident.number} is {incident.phase}, and only a resolved one can be reviewed",
            hint="resolve it first" if incident.phase != "reviewed" else None,
        )
    done = replace(incident, phase="reviewed", reviewed_at=now)
    entry = line(done, now, "phase", f"phase:{incident.version}:{to_us(now)}", "phase", actor=actor,
                 values={"before": "resolved", "phase": "reviewed"})  # fmt: skip
    return Outcome(done, (entry,), (changed(done, now),))


def change_severity(incident: Incident, severity: str, scale: Severities, now: datetime, actor: str) -> Outcome:
    """A person judges how bad it is. Raises UsageError for an unknown severity, Conflict once it is resolved."""
    _unresolved(incident)
    wanted = known_severity(severity, scale).name
    if wanted == incident.severity:
        return Outcome(incident)
    judged = replace(incident, severity=wanted)
    entry = line(judged, now, "severity", f"severity:{incident.version}:{to_us(now)}", "severity", actor=actor,
                 values={"before": incident.severity, "severity": wanted})  # fmt: skip
    return Outcome(judged, (entry,), (changed(judged, now),))


def give_role(incident: Incident, role: str, person: str, now: datetime, actor: str) -> Outcome:
    """`person` now holds `role`, whoever held it before. Raises UsageError for an unknown role."""
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}", hint="roles: " + ", ".join(ROLES))
    _unresolved(incident)
    before = incident.roles.get(role)
    if before == person:
        return Outcome(incident)
    given = replace(incident, roles={**incident.roles, role: person})
    entry = line(
        given, now, "role", f"role:{role}:{incident.version}:{to_us(now)}", "role_handed" if before else "role",
        actor=actor, values={"person": person, "role": role} | ({"before_person": before} if before else {}),
    )  # fmt: skip
    return Outcome(given, (entry,), (changed(given, now),))


def write_note(incident: Incident, text: str, now: datetime, actor: str, *, public: bool) -> Outcome:
    """What a person saw or did; `public` shows it on the status page. The same note twice is one line."""
    words = known_text(text)
    entry = line(incident, now, "note", _spoken("note", words, now, actor), actor=actor, text=words, public=public)
    return Outcome(incident, (entry,), (changed(incident, now, words),) if public else ())


def write_update(incident: Incident, text: str, now: datetime, actor: str, next_at: datetime | None) -> Outcome:
    """What the public is told, with the moment by which it will hear more."""
    words = known_text(text)
    values = {"next_at": iso(next_at)} if next_at else {}
    entry = line(incident, now, "update", _spoken("update", words, now, actor), actor=actor, text=words, public=True,
                 values=values)  # fmt: skip
    return Outcome(incident, (entry,), (changed(incident, now, words),))


def known_severity(name: str, scale: Severities) -> Severity:
    """The severity of that name or alias. Raises UsageError naming those there are."""
    found = scale.find(name)
    if found is None:
        raise UsageError(f"there is no severity {name!r}", hint="severities: " + ", ".join(s.name for s in scale))
    return found


def known_phase(phase: str) -> Phase:
    """`phase`, if there is such a phase. Raises UsageError naming those there are."""
    for known in PHASES:
        if known == phase:
            return known
    raise UsageError(f"there is no phase {phase!r}", hint="phases: " + ", ".join(PHASES))


def known_text(text: str, length_max: int = TEXT_LENGTH_MAX) -> str:
    """`text` made inert, without blanks around it. Raises UsageError if nothing is left or it is too long."""
    words = inert(text).strip()
    if not words:
        raise UsageError("there is nothing to write down", hint="write a few words")
    if len(words) > length_max:
        raise UsageError(f"the text has {len(words)} characters; {length_max} is the most", hint="shorten it")
    return words


def _spoken(kind: str, words: str, now: datetime, actor: str) -> str:
    digest = hashlib.sha256(f"{actor}\0{words}".encode()).hexdigest()[:16]
    return f"{kind}:{to_us(now)}:{digest}"


def _unresolved(incident: Incident) -> None:
    if incident.phase in ("resolved", "reviewed"):
        raise Conflict(
            f"incident {incident.number} is already {incident.phase}",
            hint="declare a new incident if the trouble is back; notes can still be added to this one",
        )
