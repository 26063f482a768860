"""The dashboard of one service: its objectives, then traffic, errors, duration and saturation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from sereno.compiler.grafana_slo import alerts_table, burn_annotation, event_panels, parts_panel, slo_links
from sereno.compiler.grafana_tables import objectives_table
from sereno.compiler.grafana_templates import board_uid
from sereno.compiler.grafana_words import say, told
from sereno.kernel.message import Language
from sereno.promql import selector_text
from sereno.promql.columns import Matcher
from sereno.slo.links import dashboard_uid, runbook_url
from sereno.slo.selectors import jobs_of
from sereno.slo.words import percentage
from sereno.spec.dashboard_model import Dashboard, Panel, PanelRow, Query, Step, ValueText
from sereno.spec.model import CompositeSli, Link, Saturation, Service, Spec


def service_board(spec: Spec, service: Service, language: Language) -> Dashboard:
    """The dashboard of `service`, with panels for what is declared of it and no others."""
    mine = [Matcher("service", "=", service.name)]
    now: list[Panel] = []
    if service.slos:
        now.append(objectives_table(mine, language, height=3 + len(service.slos)))
    now.append(alerts_table(mine, language))
    title = service.title or service.name
    rows = [PanelRow(say("row.now", language), tuple(now))]
    rows += _red(service, language)
    rows += _parts(service, language)
    if service.saturation:
        panels = tuple(panel for each in service.saturation for panel in _used(spec, each, language))
        rows.append(PanelRow(say("row.saturation", language), panels))
    jobs = _jobs(service)
    if jobs:
        rows.append(PanelRow(say("row.processes", language), tuple(_processes(jobs, language)), collapsed=True))
    if text := _where(spec, service, language):
        rows.append(PanelRow(say("row.more", language), (text,)))
    return Dashboard(
        name=service.name,
        title=title,
        description=service.description or say("service.about", language, service=title),
        rows=tuple(rows),
        tags=("service", service.team) if service.team else ("service",),
        links=(*slo_links(spec.addresses, service.name, None, language), *service.links),
        annotations=(burn_annotation(service.name, "", language),),
    )


def _red(service: Service, language: Language) -> list[PanelRow]:
    """One row an objective, without what another one has shown before it, nor its coverage."""
    rows, seen = [], set()
    for slo in service.slos:
        if isinstance(slo.sli, CompositeSli):
            continue
        panels = []
        for panel in event_panels(service.name, slo, language)[:-1]:
            asked = (panel.kind, tuple(query.expr for query in panel.queries))
            if asked not in seen:
                panels.append(panel)
            seen.add(asked)
        if panels:
            rows.append(PanelRow(slo.title or slo.name, tuple(panels)))
    return rows


def _parts(service: Service, language: Language) -> list[PanelRow]:
    panels = tuple(
        replace(parts_panel(slo.sli, language), title=slo.title or slo.name)
        for slo in service.slos
        if isinstance(slo.sli, CompositeSli)
    )
    return [PanelRow(say("row.parts", language), panels)] if panels else []


def _used(spec: Spec, saturation: Saturation, language: Language) -> Iterator[Panel]:
    """How full something is now, and over time with its levels."""
    levels = sorted(saturation.levels, key=lambda level: level.at)
    colors = ["orange"] * (len(levels) - 1) + ["red"]
    steps = (Step(None, "green"), *(Step(level.at, color) for level, color in zip(levels, colors, strict=False)))
    title = saturation.title or saturation.name
    said = ", ".join(percentage(level.at, language) for level in levels)
    runbook = runbook_url(spec.addresses, saturation.runbook)
    links = (Link(say("runbook", language), runbook),) if "://" in runbook else ()
    queries = (Query(saturation.used, say("value", language)),)
    yield Panel(**told("used_now", language, title=title), kind="gauge", unit="percentunit", least=Decimal(0),
                most=Decimal(1), steps=steps, queries=queries, width=6, height=7, links=links)  # fmt: skip
    yield Panel(**told("used", language, title=title, levels=said), unit="percentunit", least=Decimal(0), lines=True,
                steps=steps, queries=queries, width=18, height=7, links=links)  # fmt: skip


def _jobs(service: Service) -> list[str]:
    named = {job.job for job in service.scrape}
    for slo in service.slos:
        if not isinstance(slo.sli, CompositeSli):
            named |= jobs_of(slo)
    return sorted(named)


def _processes(jobs: list[str], language: Language) -> Iterator[Panel]:
    """What Prometheus and its client libraries say of every process."""
    yield Panel(
        **told("up", language), kind="state_timeline", unit="none",
        mappings=(ValueText("0", "✗", "red"), ValueText("1", "✓", "green")),
        queries=tuple(Query(f"max by (job, instance) ({_of(job, 'up')})", "{{job}} {{instance}}") for job in jobs),
    )  # fmt: skip
    for key, unit, expr in (
        ("cpu", "none", "sum by (job, instance) (rate({process_cpu_seconds_total}[$__rate_interval]))"),
        ("memory", "bytes", "max by (job, instance) ({process_resident_memory_bytes})"),
        (
            "files",
            "percentunit",
            "max by (job, instance) ({process_open_fds}) / max by (job, instance) ({process_max_fds})",
        ),
    ):
        queries = tuple(Query(_filled(expr, job), "{{job}} {{instance}}") for job in jobs)
        yield Panel(**told(key, language), unit=unit, least=Decimal(0), queries=queries)


def _filled(expr: str, job: str) -> str:
    names = ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds")
    for name in names:
        expr = expr.replace("{" + name + "}", _of(job, name))
    return expr


def _of(job: str, metric: str) -> str:
    return selector_text([Matcher("__name__", "=", metric), Matcher("job", "=", job)])


def _where(spec: Spec, service: Service, language: Language) -> Panel | None:
    """Links to the dashboards of the objectives, of the services that they depend on, and those declared for it."""
    lines = [
        f"- [{slo.title or slo.name}](/d/{dashboard_uid('slo', f'{service.name}/{slo.name}')})" for slo in service.slos
    ]
    others = dict.fromkeys(
        part.service
        for slo in service.slos
        if isinstance(slo.sli, CompositeSli)
        for part in slo.sli.parts
        if part.service != service.name
    )
    lines += [f"- [{_title(spec, name)}](/d/{dashboard_uid('service', name)})" for name in others]
    lines += [f"- [{spec.dashboards[name].title}](/d/{board_uid(name)})" for name in service.dashboards]
    if not lines:
        return None
    return Panel(**told("links", language), kind="text", text="\n".join(lines), width=24, height=3 + len(lines))


def _title(spec: Spec, service: str) -> str:
    return spec.services[service].title or service if service in spec.services else service
