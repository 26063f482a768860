"""The dashboard of one objective: its budget, how fast it goes, and what spends it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote

from sereno.compiler import grafana_series as series
from sereno.compiler.grafana_words import say, told
from sereno.kernel.duration import format_duration
from sereno.kernel.language import span
from sereno.kernel.message import Language
from sereno.promql import selector_text
from sereno.promql.columns import Matcher
from sereno.slo.links import runbook_url
from sereno.slo.model import SloPlan, Tier
from sereno.slo.words import exactly, percentage, target
from sereno.spec.dashboard_model import Annotation, Column, Dashboard, Panel, PanelRow, Query, Step
from sereno.spec.model import Addresses, CompositeSli, GaugeSli, LatencySli, Link, NativeLatencySli, Slo, Spec

LEFT_STEPS = (Step(None, "red"), Step(Decimal(0), "orange"), Step(Decimal("0.25"), "green"))
COVERAGE_STEPS = (Step(None, "red"), Step(Decimal("0.9"), "orange"), Step(Decimal("0.99"), "green"))
SOON_SECONDS = 3 * 86_400
BURN_STEPS = (Step(None, "green"), Step(Decimal(1), "orange"), Step(Decimal(6), "red"))


def slo_board(spec: Spec, plan: SloPlan, language: Language) -> Dashboard:
    """The dashboard of the objective of `plan`."""
    service, slo = spec.services[plan.service], plan.slo
    name = f"{service.title or service.name} · {slo.title or slo.name}"
    rows = [
        PanelRow(say("row.budget", language), budget_panels(plan.service, slo, language)),
        PanelRow(say("row.window", language), _window_panels(plan, language)),
        PanelRow(say("row.burn", language), tuple(_tier(plan, tier, language) for tier in plan.tiers)),
        PanelRow(say("row.events", language), event_panels(plan.service, slo, language)),
        PanelRow(say("row.alerts", language), (_alerts(plan, language), _promise(spec, plan, language))),
    ]
    return Dashboard(
        name=f"{plan.service}/{slo.name}",
        title=name,
        description=slo.description or say("slo.about", language, slo=name),
        rows=tuple(row for row in rows if row.panels),
        tags=("slo", plan.service),
        links=slo_links(spec.addresses, plan.service, slo, language),
        annotations=(burn_annotation(plan.service, slo.name, language),),
        since=timedelta(hours=6),
    )


def slo_links(addresses: Addresses, service: str, slo: Slo | None, language: Language) -> tuple[Link, ...]:
    """Back to Sereno, and to the runbook."""
    found = []
    if addresses.console:
        found.append(Link(say("console", language), f"{addresses.console}/services/{quote(service, safe='')}"))
    runbook = runbook_url(addresses, slo.runbook) if slo else ""
    if "://" in runbook:
        found.append(Link(say("runbook", language), runbook))
    return tuple(found)


def burn_annotation(service: str, slo: str, language: Language) -> Annotation:
    """Moments at which a burn alert of an objective fires (of any of the service, without `slo`)."""
    last = Matcher("slo", "=", slo) if slo else Matcher("burn_factor", "!=", "")
    matchers = [Matcher("alertstate", "=", "firing"), Matcher("service", "=", service), last]
    return Annotation(say("row.alerts", language), _alerts_selector(matchers), "{{alertname}}")


def _alerts_selector(matchers: list[Matcher]) -> str:
    return selector_text([Matcher("__name__", "=", "ALERTS"), *matchers])


def budget_panels(service: str, slo: Slo, language: Language) -> tuple[Panel, ...]:
    """Where the objective stands now, in figures."""
    left = series.selected(series.LEFT, service, slo.name)
    seconds = int(slo.window.total_seconds())
    burning = series.selected(series.BURN, service, slo.name)
    objective = slo.objective.ratio
    return (
        Panel(**told("remaining", language), kind="stat", unit="percentunit", decimals=1, steps=LEFT_STEPS,
              queries=(Query(f"min({left})"),)),
        Panel(**told("sli", language, objective=target(slo, language)), kind="stat", unit="percentunit",
              decimals=places(objective), steps=(Step(None, "red"), Step(objective, "green")),
              queries=(Query(f"1 - max({series.selected(series.SHARE, service, slo.name)})"),)),
        Panel(**told("burn1h", language), kind="stat", unit="none", decimals=2, steps=BURN_STEPS,
              queries=(Query(f"max({burning})"),)),
        Panel(**told("exhausts", language), kind="stat", unit="dtdurations",
              steps=(Step(None, "red"), Step(Decimal(min(SOON_SECONDS, seconds // 2)), "orange"),
                     Step(Decimal(seconds), "green")),
              queries=(Query(f"(min({left}) > 0) * {seconds} / (max({burning}) > 0)"),)),
        Panel(**told("observed", language), kind="stat", unit="percentunit", decimals=2, steps=COVERAGE_STEPS,
              queries=(Query(f"min({series.selected(series.COVERAGE, service, slo.name)})"),)),
    )  # fmt: skip


def places(objective: Decimal) -> int:
    """Digits of a percentage, one more than the objective has, so that it never looks reached when it is not."""
    exponent = (objective * 100).normalize().as_tuple().exponent
    return max(0, -exponent if isinstance(exponent, int) else 0) + 1


def _window_panels(plan: SloPlan, language: Language) -> tuple[Panel, ...]:
    slo, service = plan.slo, plan.service
    return (
        Panel(**told("remaining_over", language), unit="percentunit", since=slo.window, lines=True,
              steps=(Step(None, "red"), Step(Decimal(0), "green")), most=Decimal(1),
              queries=(Query(f"min({series.selected(series.LEFT, service, slo.name)})", say("left", language)),)),
        Panel(**told("sli_over", language), unit="percentunit", since=slo.window, decimals=places(slo.objective.ratio),
              queries=(
                  Query(f"1 - max({series.selected(series.SHARE, service, slo.name)})", say("reached", language)),
                  Query(f"max({series.selected(series.OBJECTIVE, service, slo.name)})", say("promised", language)),
              )),
    )  # fmt: skip


def _tier(plan: SloPlan, tier: Tier, language: Language) -> Panel:
    slo = plan.slo
    values = {
        "long": span(tier.long, language),
        "short": span(tier.short, language),
        "factor": exactly(tier.factor, language),
        "share": percentage(tier.share, language),
        "exhausts": span(tier.exhausts_in, language),
    }
    color = "red" if tier.kind == "page" else "orange"
    return Panel(
        **told("tier", language, **values), unit="none", lines=True, least=Decimal(0),
        steps=(Step(None, "green"), Step(tier.factor, color)),
        queries=tuple(
            Query(series.burn(plan.service, slo, window), format_duration(window)) for window in (tier.long, tier.short)
        ),
    )  # fmt: skip


def event_panels(service: str, slo: Slo, language: Language) -> tuple[Panel, ...]:
    """What the objective counts: events, their bad share, and what its kind has besides."""
    sli, found = slo.sli, []
    if (both := series.rates(sli)) is not None:
        queries = (Query(both[0], say("all", language)), Query(both[1], say("bad", language)))
        found.append(Panel(**told("events", language), unit="ops", least=Decimal(0), queries=queries))
    if (share := series.share(sli)) is not None:
        found.append(
            Panel(
                **told("ratio", language),
                unit="percentunit",
                lines=True,
                least=Decimal(0),
                steps=(Step(None, "green"), Step(slo.objective.budget, "red")),
                queries=(Query(share, say("share", language)),),
            )
        )
    match sli:
        case LatencySli() | NativeLatencySli():
            found += latency_panels(sli, language)
        case GaugeSli():
            operator = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥"}.get(sli.operator, sli.operator)
            words = {"operator": operator, "threshold": f"{sli.threshold:f}"}
            found.append(Panel(**told("gauge", language, **words), unit="none", queries=(Query(sli.value),)))
        case CompositeSli():
            found.append(parts_panel(sli, language))
    coverage = f"min({series.selected(series.COVERAGE, service, slo.name)})"
    found.append(
        Panel(
            **told("observed", language),
            unit="percentunit",
            least=Decimal(0),
            most=Decimal(1),
            lines=True,
            steps=(Step(None, "red"), Step(Decimal("0.99"), "green")),
            queries=(Query(coverage, say("coverage", language)),),
        )
    )
    return tuple(found)


def latency_panels(sli: LatencySli | NativeLatencySli, language: Language) -> list[Panel]:
    """Quantiles, and the distribution where the histogram is a classic one."""
    found = [
        Panel(
            **told("latency", language),
            unit="s",
            lines=True,
            least=Decimal(0),
            steps=(Step(None, "green"), Step(sli.within_seconds, "red")),
            queries=tuple(Query(expr, name) for expr, name in series.quantiles(sli)),
        )
    ]
    if isinstance(sli, LatencySli):
        buckets = f"sum by (le) (increase({series.bucket_selector(sli)}[{series.INTERVAL}]))"
        found.append(Panel(**told("heat", language), kind="heatmap", unit="s", queries=(Query(buckets),)))
    return found


def parts_panel(sli: CompositeSli, language: Language) -> Panel:
    """The budgets of the objectives that a composite is made of."""
    return Panel(
        **told("parts", language), unit="percentunit", lines=True,
        steps=(Step(None, "red"), Step(Decimal(0), "green")),
        queries=tuple(
            Query(f"min({series.selected(series.LEFT, service, name)})", f"{service}/{name}")
            for service, name in ((part.service, part.slo.name) for part in sli.parts)
        ),
    )  # fmt: skip


def _alerts(plan: SloPlan, language: Language) -> Panel:
    return alerts_table([Matcher("service", "=", plan.service), Matcher("slo", "=", plan.slo.name)], language, width=14)


def alerts_table(matchers: list[Matcher], language: Language, *, width: int = 0) -> Panel:
    """The alerts that fire now, one line each."""
    selector = _alerts_selector([Matcher("alertstate", "=", "firing"), *matchers])
    return Panel(
        **told("alerts", language), kind="table", unit="none", width=width, height=7,
        queries=(Query(f"max by (alertname, service, severity) ({selector})"),),
        columns=(
            Column("severity", say("severity", language)), Column("alertname", say("alert", language)),
            Column("service", say("service", language)),
        ),
        sort=say("severity", language),
    )  # fmt: skip


def _promise(spec: Spec, plan: SloPlan, language: Language) -> Panel:
    slo = plan.slo
    period = slo.calendar
    window = say(f"over_{period.unit}", language, zone=period.zone) if period else span(slo.window, language)
    lines = [
        say("promise", language, objective=target(slo, language), window=window,
            budget=percentage(slo.objective.budget, language))
    ]  # fmt: skip
    lines += [""] + [f"- {dropped.explanation}" for dropped in plan.dropped] if plan.dropped else []
    policy = spec.policies.get(slo.policy or "")
    if policy:
        lines += ["", f"**{say('policy', language)}: {policy.title or policy.name}**"]
    for step in policy.steps if policy else ():
        what = [*step.do, *([say("freeze", language)] if step.freeze else [])]
        lines.append(say("step", language, consumed=percentage(step.consumed, language), what="; ".join(what)))
    return Panel(**told("about_slo", language), kind="text", text="\n".join(lines), width=10, height=7)
