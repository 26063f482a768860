"""The manual's chapters on what was agreed beforehand: policies, planned maintenance, what the public is shown."""

from __future__ import annotations

from sereno.compiler.manual_blocks import Block, Code, Heading, Paragraph, Table, Words
from sereno.compiler.manual_people import title
from sereno.compiler.manual_recurrence import in_words
from sereno.compiler.manual_words import PHRASES
from sereno.kernel.language import say, span
from sereno.kernel.message import Language
from sereno.slo.words import percentage
from sereno.spec.model import Maintenance, PolicyStep, Spec


def policies(spec: Spec, language: Language) -> list[Block]:
    """What is done as a budget is spent."""
    blocks: list[Block] = []
    head = tuple(say(PHRASES, key, language) for key in ("consumed", "do", "notify", "freeze"))
    for name in sorted(spec.policies):
        policy = spec.policies[name]
        rows: list[tuple[Words, ...]] = [
            (
                (percentage(step.consumed, language),),
                (". ".join(text.rstrip(".") for text in step.do) or "–",),
                ("; ".join(title(spec, who) for who in step.notify) or "–",),
                (_releases(spec, step, language),),
            )
            for step in policy.steps
        ]
        blocks += [Heading(3, (policy.title or name,), f"policy-{name}"), Table("", head, tuple(rows))]
    return blocks


def _releases(spec: Spec, step: PolicyStep, language: Language) -> str:
    if not step.freeze:
        return say(PHRASES, "go_on", language)
    if not step.override:
        return say(PHRASES, "frozen", language)
    return say(PHRASES, "frozen_but", language, who="; ".join(title(spec, who) for who in step.override))


def maintenance(spec: Spec, language: Language) -> list[Block]:
    """Planned work: the first time, how long, and by which rule again."""
    if not spec.maintenances:
        return []
    keys = ("work", "affected", "first", "lasts_for", "when")
    rows: list[tuple[Words, ...]] = []
    for name in sorted(spec.maintenances):
        one = spec.maintenances[name]
        services = [spec.services[each].title or each for each in one.services if each in spec.services]
        first = one.start.strftime("%d/%m/%Y %H:%M" if language == "es" else "%Y-%m-%d %H:%M")
        rows.append((
            (one.title or name,), (", ".join(services) or say(PHRASES, "all_services", language),),
            (f"{first} ({one.zone})",), (span(one.duration, language),), _repeats(one, language),
        ))  # fmt: skip
    return [Table("", tuple(say(PHRASES, key, language) for key in keys), tuple(rows))]


def _repeats(one: Maintenance, language: Language) -> Words:
    said = in_words(one.rrule, language)
    if not one.rrule:
        return (said or "",)
    return (f"{said} (", Code(one.rrule), ")") if said else (Code(one.rrule),)


def status(spec: Spec, language: Language) -> list[Block]:
    """What the public is shown: the components of each page and the services behind them."""
    blocks: list[Block] = []
    head = tuple(say(PHRASES, key, language) for key in ("component", "description", "affected"))
    for name in sorted(spec.status_pages):
        page = spec.status_pages[name]
        blocks.append(Heading(3, (page.title or name,), f"page-{name}"))
        if page.description:
            blocks.append(Paragraph((page.description,)))
        rows: list[tuple[Words, ...]] = []
        for part in page.components:
            behind = [spec.services[each].title or each for each in part.services if each in spec.services]
            rows.append(((part.name,), (part.description or "–",), (", ".join(behind) or "–",)))
        blocks.append(Table("", head, tuple(rows)))
    return blocks
