"""The manual's chapters on services: what each promises, when that alerts, how full things may get."""

from __future__ import annotations

from sereno.compiler.manual_blocks import Block, Code, Heading, Link, Paragraph, Table, Terms, Words
from sereno.compiler.manual_numbers import event_budget, exact_time, seconds_of, time_budget, total_outage, window_of
from sereno.compiler.manual_reading import safe
from sereno.compiler.manual_words import PHRASES
from sereno.compiler.targets import Request
from sereno.kernel.language import say, span
from sereno.kernel.message import Language
from sereno.kernel.severity import DEFAULT_SEVERITIES
from sereno.slo.model import SloPlan
from sereno.slo.words import exactly, percentage
from sereno.spec.model import CompositeSli, EventsSli, GaugeSli, Part, QuerySli, Service, Slo, Spec


def services(request: Request) -> list[Block]:
    """Every service, by name: who owns it, its promises with exact budgets, its tiers, its levels."""
    blocks: list[Block] = []
    for name in sorted(request.spec.services):
        service = request.spec.services[name]
        plans = [plan for plan in request.plans if plan.service == name]
        blocks.append(Heading(3, (service.title or name,), f"service-{name}"))
        if service.description:
            blocks.append(Paragraph((service.description,)))
        blocks.append(_facts(request.spec, service, request.language))
        if service.slos:
            blocks.append(_promises(request.spec, service, request.language))
            blocks += [_counted(service, request.language)]
        for plan in plans:
            blocks += _tiers(plan, request.language)
        if service.saturation:
            blocks.append(_levels(service, request.language))
    return blocks


def _facts(spec: Spec, service: Service, language: Language) -> Block:
    team = spec.teams[service.team].title if service.team in spec.teams else service.team
    pairs: list[tuple[Words, Words]] = [((say(PHRASES, "team", language),), (team or service.team or "–",))]
    if service.component:
        page = spec.status_pages.get(service.status_page or "")
        words = service.component
        if page is not None:
            words = say(PHRASES, "page_and_component", language, component=words, page=page.title or page.name)
        pairs.append(((say(PHRASES, "component", language),), (words,)))
    for link in service.links:
        pairs.append(((link.name,), (Link((link.url,), link.url) if safe(link.url) else link.url,)))
    return Terms(tuple(pairs))


def _promises(spec: Spec, service: Service, language: Language) -> Block:
    keys = ("promise", "objective", "window", "time_budget", "event_budget", "policy")
    rows: list[tuple[Words, ...]] = []
    for slo in service.slos:
        policy = spec.policies.get(slo.policy or "")
        named: Words = (Link((policy.title or policy.name,), f"#policy-{policy.name}"),) if policy else ("–",)
        rows.append((
            (slo.title or slo.name,), (percentage(slo.objective.ratio, language),), (window_of(slo, language),),
            (time_budget(slo, language),), (event_budget(slo, language),), named,
        ))  # fmt: skip
    caption = say(PHRASES, "promises_of", language, service=service.title or service.name)
    return Table(caption, tuple(say(PHRASES, key, language) for key in keys), tuple(rows))


def _counted(service: Service, language: Language) -> Block:
    return Terms(tuple(((slo.title or slo.name,), _sli(slo, language)) for slo in service.slos))


def _sli(slo: Slo, language: Language) -> Words:
    sli = slo.sli
    if isinstance(sli, EventsSli):
        if sli.bad is not None:
            return _phrase("counts_events", language, bad=sli.bad, total=sli.total)
        return _phrase("counts_good", language, good=sli.good or "", total=sli.total)
    if isinstance(sli, QuerySli):
        if sli.ratio is not None:
            return _phrase("counts_ratio", language, ratio=sli.ratio)
        if sli.bad is not None:
            return _phrase("counts_events", language, bad=sli.bad, total=sli.total or "")
        return _phrase("counts_good", language, good=sli.good or "", total=sli.total or "")
    if isinstance(sli, GaugeSli):
        threshold = exactly(sli.threshold, "en").replace(",", "")
        return _phrase("counts_gauge", language, value=sli.value, operator=sli.operator, threshold=threshold)
    if isinstance(sli, CompositeSli):
        weighted = sli.mode == "weighted"
        parts = [_part(part, language, weighted=weighted) for part in sli.parts]
        return (say(PHRASES, f"counts_{sli.mode}", language, parts=", ".join(parts)),)
    within = f"{exactly(sli.within_seconds, language)} s"
    if sli.within_seconds < 1:
        within = f"{exactly(sli.within_seconds * 1000, language)} ms"
    before, _, after = say(PHRASES, "counts_latency", language, histogram="\0", within=within).partition("\0")
    return (before, Code(sli.histogram), after)


def _phrase(key: str, language: Language, **codes: str) -> Words:
    """A phrase with code in its gaps."""
    order = sorted(codes, key=lambda name: PHRASES[key][language].index(f"{{{name}}}"))
    pieces = say(PHRASES, key, language, **dict.fromkeys(codes, "\0")).split("\0")
    words: list[str | Code] = [pieces[0]]
    for name, piece in zip(order, pieces[1:], strict=True):
        words += [Code(" ".join(codes[name].split())), piece]
    return tuple(words)


def _part(part: Part, language: Language, *, weighted: bool) -> str:
    name = f"{part.service}/{part.slo.name}"
    return say(PHRASES, "weight", language, part=name, weight=exactly(part.weight, language)) if weighted else name


def _tiers(plan: SloPlan, language: Language) -> list[Block]:
    slo = plan.slo
    name = slo.title or slo.name
    if not slo.alerting:
        return [Paragraph((say(PHRASES, "no_alerting", language, slo=name),))]
    dropped: list[Block] = [
        Paragraph((say(PHRASES, "dropped", language, slo=name, why=lost.explanation),)) for lost in plan.dropped
    ]
    if not plan.tiers:
        return dropped
    keys = ("windows", "severity", "factor", "threshold", "spent", "detects", "lasts")
    rows: list[tuple[Words, ...]] = []
    for tier in plan.tiers:
        share = percentage(tier.factor * slo.objective.budget, language)
        page = slo.page_severity or DEFAULT_SEVERITIES.scale[1].name
        ticket = slo.ticket_severity or DEFAULT_SEVERITIES.scale[2].name
        rows.append((
            (say(PHRASES, "and", language, long=span(tier.long, language), short=span(tier.short, language)),),
            (page if tier.kind == "page" else ticket,),
            (say(PHRASES, "above", language, factor=exactly(tier.factor, language)),),
            (say(PHRASES, "more_than", language, share=share),),
            (percentage(tier.share, language),),
            (total_outage(slo, tier, language),),
            (exact_time(seconds_of(tier.exhausts_in), language),),
        ))  # fmt: skip
    caption = say(PHRASES, "tiers_of", language, slo=name)
    return [Table(caption, tuple(say(PHRASES, key, language) for key in keys), tuple(rows)), *dropped]


def _levels(service: Service, language: Language) -> Block:
    keys = ("resource", "level", "for", "severity", "ahead")
    rows: list[tuple[Words, ...]] = []
    for one in service.saturation:
        ahead = span(one.ahead, language) if one.ahead else "–"
        for level in one.levels:
            rows.append((
                (one.title or one.name,), (percentage(level.at, language),), (span(level.for_, language),),
                (level.severity,), (ahead,),
            ))  # fmt: skip
    caption = say(PHRASES, "saturation_of", language, service=service.title or service.name)
    return Table(caption, tuple(say(PHRASES, key, language) for key in keys), tuple(rows))


def dependencies(spec: Spec, language: Language) -> list[Block]:
    """Promises that are made of others."""
    rows: list[tuple[Words, ...]] = []
    for name in sorted(spec.services):
        for slo in spec.services[name].slos:
            if isinstance(slo.sli, CompositeSli):
                parts = [_part(part, language, weighted=slo.sli.mode == "weighted") for part in slo.sli.parts]
                rows.append(((f"{name}/{slo.name}",), (", ".join(parts),)))
    if not rows:
        return []
    head = (say(PHRASES, "promise", language), say(PHRASES, "depends", language))
    return [Paragraph((say(PHRASES, "composites", language),)), Table("", head, tuple(rows))]
