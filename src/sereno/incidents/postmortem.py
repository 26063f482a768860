"""The draft of a post-mortem: the facts filled in, the thinking left to people, nobody blamed.

Sections follow the marketplace's manual (§10.1). Every number is either computed or said to be unknown, with the
reason; text from outside is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sereno.incidents.drafting import CAUSES, DETECTION, FACTS, IMPACT, RESPONSE, SECTIONS
from sereno.incidents.model import Entry, Incident, SloImpact
from sereno.incidents.words import render, word
from sereno.kernel.language import Phrases, local, number, percent, say, span
from sereno.kernel.message import Language

SHARE_MIN = Decimal("0.0001")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")


@dataclass(frozen=True, slots=True)
class Moments:
    """When what happened, as far as the timeline knows."""

    alerted_at: datetime | None
    alert: str | None
    paged_at: datetime | None
    acknowledged_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Writer:
    language: Language
    zone: str
    people: Mapping[str, str]

    def say(self, phrases: Phrases, key: str, **values: object) -> str:
        return say(phrases, key, self.language, **values)

    def unknown(self, reason: str) -> str:
        return self.say(FACTS, "unknown", reason=self.say(FACTS, reason))

    def person(self, name: str) -> str:
        return escape(self.people.get(name, name))

    def since(self, start: datetime, end: datetime | None, reason: str) -> str:
        """How long from `start` to `end`; unknown, with the reason, if there was no end."""
        return self.unknown(reason) if end is None else span(end - start, self.language)


def escape(text: str) -> str:
    """`text` from outside on one line, with nothing in it that Markdown or HTML would act on."""
    flat = " ".join(text.split())
    safe = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", safe)


def moments(timeline: Iterable[Entry]) -> Moments:
    """The first alert, the first page that reached someone, and the first acknowledgement of a timeline."""
    alert = paged = acknowledged = None
    for entry in sorted(timeline, key=lambda e: e.at):
        if entry.phrase == "alert_fired":
            alert = alert or entry
        elif entry.phrase in ("message_sent", "message_sent_to_channel") and entry.values.get("purpose") == "page":
            paged = paged or entry
        elif entry.kind == "acknowledgement":
            acknowledged = acknowledged or entry
    return Moments(
        alerted_at=alert.at if alert else None,
        alert=alert.values.get("alert") if alert else None,
        paged_at=paged.at if paged else None,
        acknowledged_at=acknowledged.at if acknowledged else None,
    )


def draft(
    incident: Incident,
    timeline: Sequence[Entry],
    impacts: Sequence[SloImpact],
    people: Mapping[str, str],
    *,
    language: Language,
    zone: str,
) -> str:
    """The post-mortem of `incident` as Markdown, for people to finish.

    `people` gives titles by names; times are on the wall clock of `zone`. `impacts` come from the samples of the
    incident, one an objective.
    """
    writer = _Writer(language, zone, people)
    incident, when = _from_its_beginning(incident, impacts), moments(timeline)
    parts = [
        _heading(writer, incident),
        _summary(writer, incident, when, impacts),
        _timeline(writer, timeline),
        _impact(writer, incident, impacts),
        writer.say(CAUSES, "causes"),
        _detection(writer, incident, when),
        _response(writer, incident, when),
        writer.say(SECTIONS, "lessons"),
        writer.say(SECTIONS, "actions"),
        _references(writer, incident),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _from_its_beginning(incident: Incident, impacts: Iterable[SloImpact]) -> Incident:
    """The incident from when its events began to fail: the alert that opened it noticed only later."""
    began = [impact.started_at for impact in impacts if impact.started_at is not None]
    return replace(incident, started_at=min(began)) if began else incident


def _suffering(incident: Incident, impacts: Iterable[SloImpact]) -> tuple[datetime, datetime | None]:
    """From when until when events failed; as long as the incident hurt where the samples cannot tell."""
    ended = [impact.ended_at for impact in impacts if impact.ended_at is not None]
    return incident.started_at, max(ended) if ended else incident.mitigated_at or incident.resolved_at


def _heading(writer: _Writer, incident: Incident) -> str:
    authors = dict.fromkeys(incident.roles[role] for role in sorted(incident.roles))
    return writer.say(
        SECTIONS, "heading",
        title=escape(incident.title), date=local(incident.started_at, writer.zone, writer.language).split(" ")[0],
        authors=", ".join(map(writer.person, authors)) or writer.say(FACTS, "to_fill"),
        severity=escape(incident.severity), number=incident.number,
    )  # fmt: skip


def _summary(writer: _Writer, incident: Incident, when: Moments, impacts: Sequence[SloImpact]) -> str:
    worst = max((i for i in impacts if _known(i.share) is not None), key=lambda i: i.share or Decimal(0), default=None)
    sentences = [
        writer.say(
            SECTIONS, "summary_what",
            service=escape(incident.service), started=local(incident.started_at, writer.zone, writer.language),
            duration=writer.since(*_suffering(incident, impacts), "not_mitigated"), title=escape(incident.title),
        )
    ]  # fmt: skip
    if worst is not None and worst.bad is not None and worst.total is not None:
        sentences.append(
            writer.say(
                SECTIONS, "summary_impact", bad=_count(writer, worst.bad), total=_count(writer, worst.total),
                share=_share(writer, worst.share), slo=escape(f"{worst.service}/{worst.slo}"),
            )
        )  # fmt: skip
    else:
        sentences.append(writer.say(SECTIONS, "summary_impact_unknown"))
    paragraphs = " ".join(sentences)
    return f"{writer.say(SECTIONS, 'summary')}\n\n{paragraphs}\n\n{writer.say(SECTIONS, 'summary_prompt')}"


def _timeline(writer: _Writer, timeline: Sequence[Entry]) -> str:
    lines = sorted(timeline, key=lambda e: e.at)
    zone = ZoneInfo(writer.zone)
    several_days = len({entry.at.astimezone(zone).date() for entry in lines}) > 1
    day = "%d/%m" if writer.language == "es" else "%m-%d"
    clock = f"{day} %H:%M:%S" if several_days else "%H:%M:%S"
    offset = lines[0].at.astimezone(zone).strftime("%z") if lines else ""
    shown = f"{writer.zone}, UTC{offset[:3]}:{offset[3:]}" if offset else writer.zone
    rows = [
        f"| {entry.at.astimezone(zone).strftime(clock)} | {_event(writer, entry)} |"
        for entry in lines
        if entry.kind != "postmortem"
    ]
    return "\n".join([writer.say(SECTIONS, "timeline", zone=shown), "| --- | --- |", *rows])


def _event(writer: _Writer, entry: Entry) -> str:
    said = escape(render(entry, writer.language, writer.zone, writer.people))
    if entry.phrase is None and entry.actor:
        return f"{writer.person(entry.actor)}: {said}"
    return said


def _impact(writer: _Writer, incident: Incident, impacts: Sequence[SloImpact]) -> str:
    start, end = _suffering(incident, impacts)
    lines = [
        writer.say(IMPACT, "impact"),
        "",
        writer.say(
            IMPACT, "duration", duration=writer.since(start, end, "not_mitigated"),
            start=local(start, writer.zone, writer.language, seconds=True),
            end=_when(writer, end, "not_mitigated"),
        ),
        writer.say(IMPACT, "users"),
        "",
    ]  # fmt: skip
    if not impacts:
        return "\n".join([*lines, writer.say(IMPACT, "no_objectives")])
    lines += [writer.say(IMPACT, "table"), "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    lines += [_impact_row(writer, impact) for impact in impacts]
    if any((covered := _known(i.coverage)) is not None and covered < 1 for i in impacts):
        lines += ["", writer.say(IMPACT, "thin")]
    return "\n".join(lines)


def _impact_row(writer: _Writer, impact: SloImpact) -> str:
    reason = _why_unknown(impact)
    cells = [
        escape(f"{impact.service}/{impact.slo}"),
        f"{escape(impact.objective)} / {escape(impact.window)}",
        _count(writer, impact.total, reason),
        _count(writer, impact.bad, reason),
        _share(writer, impact.share, reason),
        _share(writer, impact.consumed, reason),
        _share(writer, impact.remaining, reason),
        _share(writer, impact.coverage, reason),
    ]
    return "| " + " | ".join(cells) + " |"


def _why_unknown(impact: SloImpact) -> str:
    if not _known(impact.coverage):
        return "no_samples"
    return "no_events" if impact.total == 0 else "not_computed"


def _detection(writer: _Writer, incident: Incident, when: Moments) -> str:
    declared_first = incident.opened_by and (when.alerted_at is None or incident.opened_at < when.alerted_at)
    if when.alert and not declared_first:
        how = writer.say(DETECTION, "by_alert", alert=escape(when.alert))
    elif incident.opened_by:
        how = writer.say(DETECTION, "by_person", person=writer.person(incident.opened_by))
    else:
        how = writer.unknown("no_alert")
    fast = writer.since(incident.started_at, when.alerted_at, "no_alert")
    return writer.say(DETECTION, "detection", how=how, fast=fast)


def _response(writer: _Writer, incident: Incident, when: Moments) -> str:
    start = incident.started_at
    answered = None
    if when.paged_at and when.acknowledged_at:
        answered = max(when.acknowledged_at - when.paged_at, timedelta(0))
    roles = [
        f"- **{word('role', role, writer.language)}**: {writer.person(person)}"
        for role, person in sorted(incident.roles.items())
    ]
    return writer.say(
        RESPONSE, "response",
        paged=writer.since(start, when.paged_at, "no_page"),
        acknowledged=writer.since(start, when.acknowledged_at, "no_acknowledgement"),
        answered=span(answered, writer.language) if answered is not None else writer.unknown("no_acknowledgement"),
        mitigated=writer.since(start, incident.mitigated_at, "not_mitigated"),
        resolved=writer.since(start, incident.resolved_at, "not_resolved"),
        roles="\n".join(roles) or "- " + writer.unknown("no_roles"),
    )  # fmt: skip


def _references(writer: _Writer, incident: Incident) -> str:
    pages = ", ".join(f"`{page}`" for page in incident.pages) or writer.say(FACTS, "none")
    return writer.say(SECTIONS, "references", number=incident.number, id=incident.id, pages=pages)


def _when(writer: _Writer, instant: datetime | None, reason: str) -> str:
    return writer.unknown(reason) if instant is None else local(instant, writer.zone, writer.language, seconds=True)


def _known(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value.is_finite() else None


def _count(writer: _Writer, value: Decimal | None, reason: str = "no_samples") -> str:
    known = _known(value)
    if known is None:
        return writer.unknown(reason)
    # Counters read over a span are extrapolated, so a count need not be whole.
    return number(known, writer.language, 0 if known == int(known) or abs(known) >= 100 else 1)


def _share(writer: _Writer, value: Decimal | None, reason: str = "no_samples") -> str:
    known = _known(value)
    if known is None:
        return writer.unknown(reason)
    if 0 < known < SHARE_MIN:
        return "< " + percent(SHARE_MIN, writer.language)
    return percent(known, writer.language)
