"""From a declared objective to its tiers and alerting rules."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from sereno.kernel.duration import format_duration
from sereno.kernel.errors import UsageError
from sereno.kernel.labels import Labels
from sereno.kernel.message import Language
from sereno.kernel.rule import Rule
from sereno.kernel.severity import DEFAULT_SEVERITIES
from sereno.slo.exact import written
from sereno.slo.expressions import burns
from sereno.slo.model import SloPlan, Tier
from sereno.slo.naming import annotated, camel, inert
from sereno.slo.saturation import saturation_rules
from sereno.slo.selectors import jobs_of
from sereno.slo.tiers import tiers_of
from sereno.slo.words import description, exactly, summary
from sereno.spec.model import CompositeSli, Service, Slo, Spec

__all__ = ["camel", "plan", "plans_of", "rules_of", "scrape_interval"]


def plan(
    service: Service,
    slo: Slo,
    *,
    scrape_interval: timedelta,
    evaluation_interval: timedelta,
    language: Language = "en",
    spec: Spec | None = None,
) -> SloPlan:
    """Everything that follows from one objective: its burn-rate tiers, one alerting rule a tier, and what was left out.

    The first two tiers page (`slo.page_severity`), the last two write a ticket (`slo.ticket_severity`). Texts are in
    `language`; owners and links are those that `spec` knows. An objective without `alerting` has tiers and no rules.
    Raises UsageError for an objective that is not strictly between 0 and 100 %, or a window of nothing.
    """
    if not 0 < slo.objective.ratio < 1 or slo.window <= timedelta(0):
        raise UsageError(
            f"{service.name}/{slo.name}: an objective of {slo.objective.text} over {slo.window} has no error budget",
            hint="declare an objective above 0 % and below 100 %, over a window such as 30d",
        )
    if not slo.alerting:
        return SloPlan(service.name, slo, (), (), ())
    tiers, dropped = tiers_of(
        slo, scrape_interval=scrape_interval, evaluation_interval=evaluation_interval, language=language
    )
    rules = tuple(_rule(spec or Spec(), service, slo, tier, scrape_interval, language) for tier in tiers)
    return SloPlan(service.name, slo, tiers, dropped, rules)


def plans_of(spec: Spec, *, evaluation_interval: timedelta, language: Language = "en") -> tuple[SloPlan, ...]:
    """The plan of every objective of `spec`, services by name, objectives as declared."""
    return tuple(
        plan(
            service,
            slo,
            scrape_interval=scrape_interval(spec, service, slo, default=evaluation_interval),
            evaluation_interval=evaluation_interval,
            language=language,
            spec=spec,
        )
        for service in _services(spec)
        for slo in service.slos
    )


def rules_of(spec: Spec, *, evaluation_interval: timedelta, language: Language = "en") -> tuple[Rule, ...]:
    """Every alerting rule of `spec`: by service (sorted by name) the declared alerts, then those of how full things
    are, then the tiers of its SLOs."""
    tiers: dict[str, list[Rule]] = {name: [] for name in spec.services}
    for each in plans_of(spec, evaluation_interval=evaluation_interval, language=language):
        tiers[each.service] += each.rules
    return tuple(
        rule
        for service in _services(spec)
        for rule in (
            *(annotated(spec, service, rule) for rule in service.alerts),
            *saturation_rules(spec, service, language=language),
            *tiers[service.name],
        )
    )


def scrape_interval(spec: Spec, service: Service, slo: Slo, *, default: timedelta) -> timedelta:
    """How often the targets that `slo` selects are scraped: by the job it names, anywhere in `spec`; else the slowest
    job of its own service; else `default`. Of a composite, the slowest of its parts."""
    if isinstance(slo.sli, CompositeSli):
        parts = [(spec.services.get(part.service, service), part.slo) for part in slo.sli.parts]
        return max((scrape_interval(spec, of, part, default=default) for of, part in parts), default=default)
    jobs = jobs_of(slo)
    named = [job.every for other in spec.services.values() for job in other.scrape if job.job in jobs]
    return max(named or [job.every for job in service.scrape], default=default)


def _services(spec: Spec) -> list[Service]:
    return [spec.services[name] for name in sorted(spec.services)]


def _rule(spec: Spec, service: Service, slo: Slo, tier: Tier, scrape: timedelta, language: Language) -> Rule:
    long, short = format_duration(tier.long), format_duration(tier.short)
    threshold = written(Fraction(tier.factor) * Fraction(slo.objective.budget))
    declared, fallback = {
        "page": (slo.page_severity, DEFAULT_SEVERITIES.scale[1].name),
        "ticket": (slo.ticket_severity, DEFAULT_SEVERITIES.scale[2].name),
    }[tier.kind]
    severity = declared or fallback
    rule = Rule(
        name=f"{camel(service.name)}{camel(slo.name)}Burn{long}",
        expr=burns(slo, tier, threshold, scrape=scrape),
        service=service.name,
        severity=severity,
        for_=tier.for_,
        keep_firing_for=slo.keep_firing_for,
        labels=Labels(
            service=service.name, team=service.team, severity=severity, slo=slo.name,
            window_long=long, window_short=short, burn_factor=f"{tier.factor:f}",
            budget_share=f"{exactly(tier.share * 100, 'en')}%", exhausts_in=format_duration(tier.exhausts_in),
        ),
        annotations=Labels(
            summary=inert(summary(service, slo, tier, language)),
            description=inert(description(slo, tier, threshold, language)),
            runbook_url=slo.runbook or "",
        ),
        origin=f"slo:{slo.name}/{long}",
    )  # fmt: skip
    return annotated(spec, service, rule, board="slo", about=f"{service.name}/{slo.name}")
