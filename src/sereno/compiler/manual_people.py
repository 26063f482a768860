"""The manual's chapters on people: who holds which shift, whom a page walks to and when, what severities promise."""

from __future__ import annotations

from sereno.compiler.manual_blocks import Block, Heading, Paragraph, Table, Words
from sereno.compiler.manual_recurrence import weekday
from sereno.compiler.manual_words import PHRASES
from sereno.kernel.language import say, span
from sereno.kernel.message import Language
from sereno.spec.model import Escalation, Schedule, Spec


def on_call(spec: Spec, language: Language) -> list[Block]:
    """Rotations, the timetable of each escalation, and people: by which means, never at which address."""
    blocks: list[Block] = []
    for name in sorted(spec.schedules):
        blocks += _schedule(spec, spec.schedules[name], language)
    for name in sorted(spec.escalations):
        blocks += _escalation(spec, spec.escalations[name], language)
    if spec.people:
        blocks += [Heading(3, (say(PHRASES, "people", language),), "people"), _people(spec, language)]
    return blocks


def _schedule(spec: Spec, schedule: Schedule, language: Language) -> list[Block]:
    count = len(schedule.people)
    weeks = say(PHRASES, "one_week", language) if count == 1 else say(PHRASES, "weeks", language, count=count)
    said = say(
        PHRASES, "handover", language, day=weekday(schedule.start.weekday(), language),
        time=schedule.handover.strftime("%H:%M"), zone=schedule.zone, start=_date(schedule, language), weeks=weeks,
    )  # fmt: skip
    rows: list[tuple[Words, ...]] = [
        (
            (str(week + 1),),
            *((title(spec, schedule.people[(week + role) % count]),) for role in range(len(schedule.roles))),
        )
        for week in range(count)
    ]
    heading = Heading(3, (say(PHRASES, "schedule", language, name=schedule.name),), f"schedule-{schedule.name}")
    return [heading, Paragraph((said,)), Table("", (say(PHRASES, "week", language), *schedule.roles), tuple(rows))]


def _date(schedule: Schedule, language: Language) -> str:
    return schedule.start.strftime("%d/%m/%Y" if language == "es" else "%Y-%m-%d")


def _escalation(spec: Spec, escalation: Escalation, language: Language) -> list[Block]:
    rows: list[tuple[Words, ...]] = []
    for step in escalation.steps:
        who = "; ".join(title(spec, target) for target in step.targets)
        how = say(PHRASES, "one_by_one", language)
        if step.via:
            channels = ", ".join(step.via)
            how = channels if len(step.via) == 1 else say(PHRASES, "together", language, channels=channels)
        after = span(step.after, language) if step.after else say(PHRASES, "at_once", language)
        rows.append(((after,), (who,), (how,)))
    blocks: list[Block] = [
        Heading(3, (say(PHRASES, "escalation", language, name=escalation.name),), f"escalation-{escalation.name}")
    ]
    teams = [team.title or team.name for team in spec.teams.values() if team.escalation == escalation.name]
    if teams:
        blocks.append(Paragraph((say(PHRASES, "walked_by", language, teams=", ".join(sorted(teams))),)))
    head = tuple(say(PHRASES, key, language) for key in ("after", "who", "via"))
    every = span(escalation.repeat_every, language)
    return [*blocks, Table("", head, tuple(rows)), Paragraph((say(PHRASES, "repeat", language, every=every),))]


def _people(spec: Spec, language: Language) -> Block:
    head = tuple(say(PHRASES, key, language) for key in ("person", "zone", "speaks", "contacts"))
    rows: list[tuple[Words, ...]] = [
        (
            (person.title or person.name,),
            (person.zone,),
            (person.language,),
            (", ".join(contact.channel for contact in person.contacts) or "–",),
        )
        for person in (spec.people[name] for name in sorted(spec.people))
    ]
    return Table("", head, tuple(rows))


def title(spec: Spec, name: str) -> str:
    """What a person or a team is called; a role by its own name."""
    if name in spec.people:
        return spec.people[name].title or name
    return (spec.teams[name].title or name) if name in spec.teams else name


def severities(spec: Spec, language: Language) -> list[Block]:
    """The scale, worst first, with the times that it promises."""
    keys = ("severity", "description", "wakes", "acknowledge", "update", "opens", "shown", "aliases")
    rows: list[tuple[Words, ...]] = [
        (
            (one.name,),
            (one.description or "–",),
            (say(PHRASES, one.page, language),),
            (span(one.acknowledge_within, language),),
            (span(one.update_every, language),),
            (say(PHRASES, "yes" if one.incident else "no", language),),
            (say(PHRASES, one.status, language),),
            (", ".join(one.aliases) or "–",),
        )
        for one in spec.severities
    ]
    return [Table("", tuple(say(PHRASES, key, language) for key in keys), tuple(rows))]
