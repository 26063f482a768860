"""The console's pages: they read, gather and render; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from sereno.app.http.auth import Principal, require
from sereno.app.http.explore_links import explore_url, slo_expression
from sereno.app.http.pages import Speech, language_of, render, speech_of, zone_of
from sereno.app.http.situation import Situation, judge, what_is_missing, without_userinfo
from sereno.app.http.trends import Trends, series_of, slo_view
from sereno.incidents.model import PHASES, ROLES, Entry
from sereno.incidents.words import render as render_line
from sereno.kernel.errors import NotFound
from sereno.kernel.language import figure
from sereno.oncall.schedule import on_call, shifts
from sereno.spec.model import Schedule, Service, Spec

if TYPE_CHECKING:
    from sereno.adapters.sql.unit import Unit
    from sereno.alerts.model import Alert
    from sereno.app.control import Control
    from sereno.slo.model import Budget

Viewer = Annotated[Principal, Depends(require("viewer"))]
RESOLVED_SHOWN = timedelta(hours=24)
SHIFTS_SHOWN = timedelta(weeks=4)
CHART_ROWS = 30
_log = structlog.get_logger("sereno.http")


@dataclass(frozen=True, slots=True)
class Duty:
    """A schedule now: who holds each role."""

    schedule: Schedule
    holders: tuple[tuple[str, str], ...]


def router(control: Control) -> APIRouter:
    """The routes that people look at."""
    routes = APIRouter(include_in_schema=False)
    for add in (_services, _alerts, _incidents, _pages, _settings):
        add(routes, control)
    return routes


def _services(routes: APIRouter, control: Control) -> None:
    trends = Trends(control)

    @routes.get("/")
    async def now(request: Request, me: Viewer) -> Response:
        found = await situation(control)
        spec = control.spec.current
        return render(
            request, "now.html", situation=found, duties=duties(control), names=names(spec),
            titles={service.name: service.title or service.name for service in spec.services.values()},
            rest=other_budgets(control, found),
            objectives={(s.name, slo.name): slo.objective for s in spec.services.values() for slo in s.slos},
        )  # fmt: skip

    @routes.get("/services")
    async def services(request: Request, me: Viewer) -> Response:
        charts = {key: await trends.of(*key) for key in control.plans}
        lines = {key: series_of(drawn) for key, drawn in charts.items() if drawn}
        listed = sorted(control.spec.current.services.values(), key=lambda service: service.title or service.name)
        return render(request, "services.html", services=listed, budgets=control.budgets, trends=lines)

    @routes.get("/services/{name}")
    async def service(request: Request, me: Viewer, name: str) -> Response:
        found = control.spec.current.services.get(name)
        if found is None:
            raise NotFound(f"there is no service {name}")
        zone = zone_of(control.spec.current, name)
        speech = speech_of(request, zone)
        corrections = await control.database.read(lambda unit: unit.corrections.all(name, limit=100))
        views = [await slo_view(control, trends, found, slo, speech, corrections) for slo in found.slos]
        team = control.spec.current.teams[found.team]
        firing = await control.database.read(lambda unit: unit.alerts.active())
        return render(
            request, "service.html", zone=zone, service=found, team=team, views=views, whole=Decimal(1),
            explore_url=explore_url, slo_expression=slo_expression,
            firing=[alert for alert in firing if alert.service == name and alert.state == "firing"],
        )  # fmt: skip


def _alerts(routes: APIRouter, control: Control) -> None:
    @routes.get("/alerts")
    async def alerts(request: Request, me: Viewer) -> Response:
        since = control.clock.now() - RESOLVED_SHOWN

        def gather(unit: Unit) -> dict[str, Any]:
            active = unit.alerts.active()
            return {
                "firing": [a for a in active if a.state == "firing"],
                "pending": [a for a in active if a.state == "pending"],
                "resolved": unit.alerts.resolved_since(since, 100),
            }

        groups = await control.database.read(gather)
        language = language_of(request, control.settings.language)

        def value_of(alert: Alert) -> str:
            return figure(repr(alert.value), language)

        exprs = {rule.key: rule.expr for rule in control.rules}
        return render(
            request, "alerts.html", groups=groups, value_of=value_of, exprs=exprs, explore_url=explore_url
        )  # fmt: skip

    @routes.get("/oncall")
    async def oncall(request: Request, me: Viewer) -> Response:
        spec, at = control.spec.current, control.clock.now()
        coming = {name: coming_shifts(schedule, at) for name, schedule in spec.schedules.items()}
        return render(
            request, "oncall.html", duties=duties(control), coming=coming, names=names(spec), spec=spec,
            served=served(spec),
        )  # fmt: skip


def _incidents(routes: APIRouter, control: Control) -> None:
    @routes.get("/incidents")
    async def incidents(request: Request, me: Viewer) -> Response:
        def gather(unit: Unit) -> dict[str, Any]:
            opened = unit.incidents.unresolved()
            past = [i for i in unit.incidents.recent(100) if i.resolved_at is not None]
            return {"opened": opened[::-1], "past": past}

        found = await control.database.read(gather)
        return render(request, "incidents.html", names=names(control.spec.current), spec=control.spec.current, **found)

    @routes.get("/incidents/{incident_id}")
    async def incident(request: Request, me: Viewer, incident_id: str) -> Response:
        def gather(unit: Unit) -> dict[str, Any] | None:
            found = unit.incidents.get(incident_id)
            if found is None:
                return None
            pages = [page for page_id in found.pages if (page := unit.pages.get(page_id))]
            return {"incident": found, "timeline": unit.incidents.timeline(found.id), "pages": pages}

        found = await control.database.read(gather)
        if found is None:
            raise NotFound("there is no such incident")
        spec = control.spec.current
        zone = zone_of(spec, found["incident"].service)
        speech, people = speech_of(request, zone), names(spec)
        lines = told_lines(found.pop("timeline"), speech, people)
        return render(
            request, "incident.html", zone=zone, lines=lines, names=people, spec=spec, phases=PHASES, roles=ROLES,
            **found,
        )  # fmt: skip


def _pages(routes: APIRouter, control: Control) -> None:
    @routes.get("/pages")
    async def pages(request: Request, me: Viewer) -> Response:
        found = await control.database.read(lambda unit: unit.pages.recent(100))
        return render(request, "pages.html", pages=found, names=names(control.spec.current))

    @routes.get("/pages/{page_id}")
    async def page(request: Request, me: Viewer, page_id: str) -> Response:
        def gather(unit: Unit) -> dict[str, Any] | None:
            found = unit.pages.get(page_id)
            if found is None:
                return None
            alerts = [alert for print_ in found.alerts if (alert := unit.alerts.find(print_))]
            return {
                "page": found, "messages": unit.outbox.of_page(page_id), "alerts": alerts,
                "incident": unit.incidents.holding_page(page_id),
            }  # fmt: skip

        found = await control.database.read(gather)
        if found is None:
            raise NotFound("there is no such page")
        zone = zone_of(control.spec.current, found["page"].service)
        return render(request, "page.html", zone=zone, names=names(control.spec.current), **found)


def _settings(routes: APIRouter, control: Control) -> None:
    @routes.get("/settings")
    async def settings(request: Request, me: Viewer) -> Response:
        from sereno import __version__

        users = await control.database.read(lambda unit: unit.accounts.users()) if me.may("admin") else None
        return render(
            request, "settings.html", spec=control.spec.current, settings=control.settings, users=users,
            targets=control.targets, version=__version__, masked=masked, without_userinfo=without_userinfo,
            postgres=control.settings.database is not None, rule_diagnostics=control.rule_diagnostics,
            groups=control.rule_groups_state(),
        )  # fmt: skip


def told_lines(
    timeline: Sequence[Entry], speech: Speech, people: dict[str, str]
) -> list[tuple[Entry, str, str | None, str]]:
    """The timeline to be shown: each entry, its line, the day if it is another than before, the time of day."""
    lines: list[tuple[Entry, str, str | None, str]] = []
    before = None
    for entry in timeline:
        day, hour = speech.when(entry.at, seconds=True).split(" ", 1)
        lines.append(
            (entry, render_line(entry, speech.language, speech.zone, people), None if day == before else day, hour)
        )
        before = day
    return lines


async def situation(control: Control) -> Situation:
    """What needs a person now, and what nobody knows."""

    def gather(unit: Unit) -> tuple[Any, Any, Any]:
        return unit.pages.unclosed(), unit.incidents.unresolved(), unit.alerts.active()

    pages, incidents, alerts = await control.database.read(gather)
    missing = what_is_missing(
        control.spec.current, control.targets, control.budgets, control.clock.now(),
        evaluated_at=control.evaluated_at, evaluation_error=control.evaluation_error, rules=control.rule_trouble,
    )  # fmt: skip
    return judge(pages, incidents, alerts, control.budgets.values(), missing)


def other_budgets(control: Control, shown: Situation) -> list[tuple[str, str, Budget | None]]:
    """Every objective whose budget is not already told of as worrying; None where nothing was computed."""
    told = {(budget.service, budget.slo) for budget in shown.budgets}
    return [(*key, control.budgets.get(key)) for key in control.plans if key not in told]


def names(spec: Spec) -> dict[str, str]:
    """The titles of people by their names."""
    return {person.name: person.title or person.name for person in spec.people.values()}


def duties(control: Control) -> tuple[Duty, ...]:
    """Who is on call now, schedule by schedule, roles in the order declared."""
    at = control.clock.now()
    found = []
    for schedule in control.spec.current.schedules.values():
        holders = on_call(schedule, at)
        found.append(Duty(schedule, tuple((role, holders[role]) for role in schedule.roles if role in holders)))
    return tuple(found)


def coming_shifts(schedule: Schedule, at: datetime) -> tuple[tuple[datetime, datetime, dict[str, str]], ...]:
    """The shifts of the next four weeks, one row a hand-over: from, until, and who holds each role."""
    rows: dict[tuple[datetime, datetime], dict[str, str]] = {}
    for shift in shifts(schedule, at, at + SHIFTS_SHOWN):
        rows.setdefault((shift.starts_at, shift.ends_at), {})[shift.role] = shift.person
    return tuple((start, end, held) for (start, end), held in sorted(rows.items(), key=lambda row: row[0]))


def served(spec: Spec) -> dict[str, list[Service]]:
    """The services behind each escalation."""
    found: dict[str, list[Service]] = {}
    for service in spec.services.values():
        found.setdefault(spec.escalation_of(service.name).name, []).append(service)
    return found


def masked(channel: str, address: str) -> str:
    """An address that says which it is without giving it away: `j…@tienda.example`, `https://hooks.…/…`."""
    if address.startswith("env:"):
        return address
    if channel == "email":
        name, _, host = address.partition("@")
        return f"{name[:1]}…@{host}"
    if "://" in address:
        scheme, _, rest = address.partition("://")
        return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/…"
    return address
