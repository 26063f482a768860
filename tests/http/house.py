"""A furnished house: a real Control on SQLite with a month of samples, alerts, pages and incidents of a small shop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sereno.adapters.clock import RandomIds
from sereno.adapters.sql.accounts import User
from sereno.adapters.sql.database import connect
from sereno.alerts.model import Alert
from sereno.app.control import Control, SpecHolder
from sereno.app.http.passwords import Passwords
from sereno.app.settings import Settings
from sereno.incidents.model import Entry, Incident
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.duration import parse_duration
from sereno.kernel.labels import Labels
from sereno.kernel.message import Message
from sereno.kernel.moment import to_ms
from sereno.kernel.rule import Rule
from sereno.oncall.model import Page, Policy, PolicyStep
from sereno.promql.columns import Columns, Matcher, Selection
from sereno.slo import budget, budget_selections
from sereno.spec.model import (
    Component,
    Contact,
    Escalation,
    EventsSli,
    LatencySli,
    Link,
    Objective,
    Person,
    Schedule,
    Service,
    Slo,
    Spec,
    StatusPage,
    Step,
    Team,
)

NOW = datetime(2026, 3, 18, 2, 41, 7, tzinfo=UTC)
SECRET = b"a secret that only tests know"
PASSWORD = "luz de farol 1842"
Mood = Literal["calm", "busy", "unknown", "broken"]
LIMA = "America/Lima"
EVERY = timedelta(seconds=15)


class Clock:
    """A clock that stands still until it is told to go."""

    def __init__(self, now: datetime = NOW) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@dataclass(frozen=True)
class Target:
    """A scrape target as the scraper tells of it."""

    url: str
    job: str
    health: str = "up"
    error: str | None = None
    last_scrape: datetime | None = NOW - timedelta(seconds=6)


@dataclass
class Scraper:
    """Tells of targets; reads none."""

    known: list[Target] = field(default_factory=list)

    def targets(self) -> Sequence[Any]:
        return self.known


class Samples:
    """A source that answers from memory, as the embedded store would."""

    def __init__(self, series: Sequence[tuple[Labels, Any, Any]]) -> None:
        self.series = series

    async def fetch(self, selections: Sequence[Selection]) -> dict[Selection, Columns]:
        return {selection: self.select(selection) for selection in selections}

    def select(self, selection: Selection) -> Columns:
        found = []
        for labels, times, values in self.series:
            if all(_matches(matcher, labels) for matcher in selection.matchers):
                part = (times >= selection.start_ms) & (times <= selection.end_ms)
                if part.any():
                    found.append((labels, times[part], values[part]))
        return Columns.of(found)


def _matches(matcher: Matcher, labels: Labels) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.op:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
        case "=~":
            return re.fullmatch(matcher.value, value) is not None
        case _:
            return re.fullmatch(matcher.value, value) is None


def _slo(name: str, objective: str, window: str, job: str, *, latency: bool = False, **more: Any) -> Slo:
    selector = f'http_requests_total{{job="{job}"}}'
    sli: EventsSli | LatencySli = EventsSli(selector, f'http_requests_total{{job="{job}",status=~"5.."}}', None)
    if latency:
        base = "http_request_duration_seconds"
        sli = LatencySli(
            f'{base}{{job="{job}"}}', f'{base}_bucket{{job="{job}",le="0.5"}}', f'{base}_count{{job="{job}"}}',
            Decimal("0.5"),
        )  # fmt: skip
    text = objective
    return Slo(
        name, Objective(text, Decimal(text.rstrip("%")) / 100), parse_duration(window), sli,
        page_severity="P2", ticket_severity="P3", **more,
    )  # fmt: skip


def shop() -> Spec:
    """The spec of a small marketplace."""
    runbook = "https://runbooks.tienda.example/pagos-caidos"
    services = [
        Service(
            "pagos", "tienda", "Cobra a los compradores.", "Pagos",
            links=(Link("Repositorio", "https://git.tienda.example/pagos"), Link("Tablero", "https://tableros.tienda.example/pagos")),
            slos=(
                _slo("disponibilidad", "99.95%", "30d", "pagos", description="Que se pueda pagar.", runbook=runbook),
                _slo("latencia", "95%", "7d", "pagos", latency=True),
            ),
            alerts=(
                Rule(
                    "PagosCaidos", 'absent(up{job="pagos"}) or max(up{job="pagos"}) == 0', "pagos", "P1",
                    for_=timedelta(minutes=1), annotations=Labels(summary="Nadie puede pagar", runbook_url=runbook),
                ),
            ),
            status_page="publica", component="Pagos",
        ),
        Service(
            "catalogo", "tienda", "Lo que se vende.", "Catálogo",
            slos=(_slo("disponibilidad", "99.9%", "30d", "catalogo"), _slo("latencia", "95%", "7d", "catalogo", latency=True)),
            status_page="publica", component="Catálogo",
        ),
        Service("carrito", "tienda", "Lo que se va a comprar.", "Carrito", slos=(_slo("disponibilidad", "99%", "7d", "carrito"),)),
    ]  # fmt: skip
    people = [
        Person("ana", "Ana Quispe", (Contact("email", "ana.quispe@tienda.example"), Contact("slack", "https://hooks.slack.example/services/T0/B0/secreto")), LIMA, "es"),
        Person("juan", "Juan Pérez", (Contact("email", "juan@tienda.example"),), LIMA, "es"),
        Person("sofia", "Sofía Huamán", (Contact("webhook", "https://user:clave@avisos.tienda.example/sofia"),), LIMA, "es"),
    ]  # fmt: skip
    from sereno.kernel.severity import Severities, Severity

    minutes, hours = (lambda n: timedelta(minutes=n)), (lambda n: timedelta(hours=n))
    return Spec(
        services={s.name: s for s in services},
        teams={"tienda": Team("tienda", "tienda", "Equipo Tienda", LIMA)},
        people={p.name: p for p in people},
        schedules={"tienda": Schedule("tienda", LIMA, ("ana", "juan", "sofia"), ("primary", "secondary", "backup"), date(2026, 1, 5), time(9))},
        escalations={"tienda": Escalation("tienda", "tienda", (Step(("primary",), minutes(0)), Step(("secondary",), minutes(5)), Step(("backup",), minutes(15))))},
        severities=Severities((
            Severity("P1", "always", True, minutes(5), minutes(15), "major_outage", "No se puede comprar", ("critical",)),
            Severity("P2", "always", True, minutes(15), minutes(30), "partial_outage", "Va muy mal"),
            Severity("P3", "working_hours", False, hours(4), hours(4), "degraded", "Va algo mal"),
            Severity("P4", "never", False, hours(24), hours(24), "operational", "Para saberlo"),
        )),
        status_pages={"publica": StatusPage("publica", "Estado de la Tienda", (Component("Pagos", ("pagos",)), Component("Catálogo", ("catalogo",))), language="es", zone=LIMA)},
        digest="9f31c2ab77d04e1c8a55b0c3d2e4f601",
    )  # fmt: skip


def month_of_samples(mood: Mood) -> Samples:
    """Thirty days, a sample each two minutes; payments had two bad days, and nobody watched the cart's first days."""
    times = np.arange(to_ms(NOW - timedelta(days=30, minutes=10)), to_ms(NOW) + 1, 120_000, dtype=np.int64)
    series: list[tuple[Labels, Any, Any]] = []
    for job, rate, ratio in (("pagos", 90.0, 0.0001), ("catalogo", 400.0, 0.0002), ("carrito", 60.0, 0.001)):
        if mood == "unknown" and job == "carrito":
            continue
        keep = np.ones(len(times), dtype=bool)
        if job == "carrito":
            keep = times > times[-1] - 5 * 86_400_000
        day = (times / 86_400_000) % 1
        total = np.floor(rate * (1 + 0.7 * np.sin(2 * np.pi * (day - 0.45))))
        bad_ratio = np.full(len(times), ratio)
        if job == "pagos" and mood in ("busy", "broken"):
            bad_ratio[-6500:-6440] = 0.4
            bad_ratio[-25:-4] = 0.62
        if job == "catalogo" and mood in ("busy", "broken"):
            bad_ratio[9000:9060] = 0.5
        bad = np.floor(np.cumsum(total * bad_ratio))
        good = np.cumsum(total) - bad
        slow = np.floor(np.cumsum(total * (0.06 if job == "pagos" and mood in ("busy", "broken") else 0.02)))
        base = {"job": job, "instance": f"{job}:9100"}
        for name, more, values in (
            ("http_requests_total", {"status": "200"}, good),
            ("http_requests_total", {"status": "500"}, bad),
            ("http_request_duration_seconds_count", {}, np.cumsum(total)),
            ("http_request_duration_seconds_bucket", {"le": "0.5"}, np.cumsum(total) - slow),
        ):
            series.append((Labels({"__name__": name, **base, **more}), times[keep], values[keep]))
    return Samples(series)


def _alert(name: str, state: Any, severity: str, *, service: str = "pagos", minutes: float, summary: str, **more: Any) -> Alert:
    labels = Labels(alertname=name, service=service, severity=severity, team="tienda", **more)
    begun = NOW - timedelta(minutes=minutes)
    return Alert(
        labels.fingerprint, f"{service}/{name}", name, service, severity, state, labels, Labels(summary=summary),
        0.6199871, begun, NOW - timedelta(minutes=1), NOW,
        fired_at=begun + timedelta(minutes=1) if state != "pending" else None,
        resolved_at=begun + timedelta(minutes=31) if state == "resolved" else None,
    )  # fmt: skip


DOWN = _alert("PagosCaidos", "firing", "P1", minutes=9, summary="Nadie puede pagar")
BURN = _alert("PagosDisponibilidadBurn1h", "firing", "P2", minutes=6, summary="Se gasta el presupuesto 62 veces más rápido de lo sostenible", slo="disponibilidad", window_long="1h", window_short="5m")  # fmt: skip
DISK = _alert("DiscoCasiLleno", "pending", "P3", service="catalogo", minutes=3, summary="Queda menos del 20 % de disco en catalogo-2", instance="catalogo-2:9100")  # fmt: skip
OLD = _alert("CatalogoLento", "resolved", "P3", service="catalogo", minutes=400, summary="El p95 pasó de un segundo")
POLICY = Policy("tienda", "tienda", (PolicyStep(("primary",), timedelta(0)), PolicyStep(("secondary",), timedelta(minutes=5)), PolicyStep(("backup",), timedelta(minutes=15))), timedelta(minutes=15))  # fmt: skip


def a_page(page_id: str, severity: str, summary: str, alerts: tuple[Alert, ...], **more: Any) -> Page:
    """A page of payments that opened eight minutes ago."""
    opened = NOW - timedelta(minutes=8)
    prints = tuple(a.fingerprint for a in alerts)
    values: dict[str, Any] = {
        "state": "open", "due_at": opened + timedelta(minutes=15), "step": 2, "paged": ("ana", "juan"),
        "firing": prints, "details": {"runbook": "https://runbooks.tienda.example/pagos-caidos"}, **more,
    }  # fmt: skip
    return Page(
        id=page_id, service=more.pop("service", "pagos"), severity=severity, summary=summary, alerts=prints,
        policy=POLICY, opened_at=opened, round_at=opened, **{k: v for k, v in values.items() if k != "service"},
    )  # fmt: skip


OPEN = a_page("pg_01open", "P1", "Nadie puede pagar", (DOWN,))
TAKEN = a_page(
    "pg_02taken", "P2", "El presupuesto de pagos se gasta 62 veces más rápido", (BURN,), state="acknowledged",
    due_at=None, acknowledged_at=NOW - timedelta(minutes=4), acknowledged_by="juan", acknowledged_via="link",
)  # fmt: skip
CLOSED = a_page(
    "pg_00closed", "P3", "El catálogo va lento", (OLD,), state="closed", due_at=None, firing=(), service="catalogo",
    acknowledged_at=NOW - timedelta(minutes=5), acknowledged_by="ana", acknowledged_via="console",
    closed_at=NOW - timedelta(minutes=2), closed_reason="resolved",
)  # fmt: skip


def _messages() -> list[Message]:
    base = Message(
        id="ms_1", key="pg_01open/0/0/ana/email/page", channel="email", address="ana.quispe@tienda.example",
        purpose="page", subject="P1 Nadie puede pagar", text="…", due_at=OPEN.opened_at, person="ana",
        page=OPEN.id, language="es", state="sent", attempt=2, created_at=OPEN.opened_at,
        sent_at=OPEN.opened_at + timedelta(seconds=3),
    )  # fmt: skip
    slack = replace(base, id="ms_2", key="2", channel="slack", address="https://hooks.slack.example/services/T0/B0/secreto", contact=1, state="failed", attempt=3, error="HTTP 404", sent_at=None)  # fmt: skip
    juan = replace(base, id="ms_3", key="3", person="juan", address="juan@tienda.example", attempt=0, state="pending", sent_at=None)  # fmt: skip
    return [base, slack, juan]


LIVE = Incident(
    "in_01live", 12, "Nadie puede pagar", "pagos", "P1", "triaged", started_at=DOWN.active_at,
    opened_at=OPEN.opened_at, automatic=True, pages=(OPEN.id, TAKEN.id), open_pages=(OPEN.id, TAKEN.id),
    alerts=(DOWN.fingerprint,), roles={"commander": "juan"}, triaged_at=NOW - timedelta(minutes=4),
)  # fmt: skip
PAST = Incident(
    "in_00past", 11, "El catálogo tardaba más de un segundo", "catalogo", "P2", "resolved",
    started_at=NOW - timedelta(days=6, minutes=97), opened_at=NOW - timedelta(days=6, minutes=95), automatic=False,
    opened_by="ana", triaged_at=NOW - timedelta(days=6, minutes=80), mitigated_at=NOW - timedelta(days=6, minutes=30),
    resolved_at=NOW - timedelta(days=6, minutes=12), resolved_by="ana",
)  # fmt: skip


def _timeline() -> list[Entry]:
    at = OPEN.opened_at

    def line(after: float, kind: Any, phrase: str | None = None, actor: str | None = None, text: str = "", public: bool = False, **values: str) -> Entry:  # fmt: skip
        return Entry(LIVE.id, at + timedelta(seconds=after), kind, f"{kind}/{after}", actor, phrase, values, text, public)

    return [
        line(-60, "alert", "alert_fired", alert="PagosCaidos", severity="P1"),
        line(0, "declared", "incident_opened", number="12", severity="P1", title="Nadie puede pagar"),
        line(0, "page", "page_opened", severity="P1", summary="Nadie puede pagar"),
        line(240, "acknowledgement", "acknowledged", "juan", person="juan", via="link"),
        line(241, "role", "role", "juan", role="commander", person="juan"),
        line(300, "note", None, "juan", "El proveedor de tarjetas responde 502 desde las 21:32.\nAbro caso con ellos."),
        line(330, "update", None, "juan", "Estamos viendo fallos al pagar con tarjeta. Próxima actualización en 15 minutos.", True),
    ]  # fmt: skip


def rooms(mood: Mood) -> list[Target]:
    """The scrape targets in that mood."""
    known = [Target(f"http://{job}:9100/metrics", job) for job in ("pagos", "catalogo", "carrito")]
    if mood == "unknown":
        known[2] = replace(known[2], health="down", error="connection refused")
    if mood in ("busy", "broken"):
        known.append(Target("http://envios:9100/metrics", "envios", "unknown", None, None))
    return known


async def furnish(folder: Path, mood: Mood = "busy", *, clock: Clock | None = None, **settings: Any) -> Control:
    """A Control with its database in `folder`, in that mood, with users vera (viewer), rita (responder), alba (admin)."""
    control = bare(folder, mood, clock=clock, **settings)
    encoded = await Passwords().hash(PASSWORD)

    def write(unit: Any) -> None:
        for name, role in (("vera", "viewer"), ("rita", "responder"), ("alba", "admin")):
            unit.accounts.add_user(User(name, encoded, role, NOW - timedelta(days=40)))
        if mood in ("busy", "broken"):
            unit.alerts.save([DOWN, BURN, DISK, OLD])
            for page in (CLOSED, OPEN, TAKEN):
                unit.pages.add(page)
            unit.outbox.add(_messages())
            unit.incidents.add(PAST)
            unit.incidents.add(LIVE)
            unit.incidents.append(_timeline())
            unit.incidents.append([Entry(PAST.id, PAST.opened_at, "declared", "declared", "ana", "incident_declared", {"number": "11", "severity": "P2", "title": PAST.title})])  # fmt: skip

    await control.database.write(write)
    await _count(control)
    return control


def bare(folder: Path, mood: Mood = "calm", *, clock: Clock | None = None, **settings: Any) -> Control:
    """A Control with the shop's spec and samples and an empty state."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"data_dir": folder, "language": "es", "public_url": "http://sereno.test", **settings}
    holder = SpecHolder(Path("reliability"), shop(), NOW - timedelta(hours=5), (), (Path("reliability/tienda.yaml"), Path("reliability/equipo.yaml")))  # fmt: skip
    if mood == "broken":
        holder.good = False
        holder.diagnostics = (
            Diagnostic("SER014", "objective is not below 100%", "reliability/tienda.yaml", 12, 16, 4, "    objective: 100%", "a percentage below 100%, such as 99.9%", "a promise of 100% leaves no budget"),
            Diagnostic("SER021", "there is no person 'pedro'", "reliability/equipo.yaml", 31, 15, 5, "    people: [pedro, ana]", "one of ana, juan, sofia", level="warning"),
        )  # fmt: skip
    control = Control(
        settings=Settings(**values), clock=clock or Clock(), ids=RandomIds(), secret=SECRET, owner="wk_test",
        database=connect(folder / "state.db", owner="wk_test", synchronous="OFF"), spec=holder,
        source=month_of_samples(mood), scraper=Scraper(rooms(mood)),  # type: ignore[arg-type]
        evaluated_at=NOW - timedelta(seconds=4),
        generated_until=NOW - timedelta(hours=2) if mood == "busy" else None,
    )  # fmt: skip
    from sereno.slo import plans_of, rules_of

    control.plans = {(p.service, p.slo.name): p for p in plans_of(holder.current, evaluation_interval=EVERY, language="es")}
    control.rules = rules_of(holder.current, evaluation_interval=EVERY, language="es")
    return control


async def _count(control: Control) -> None:
    for key, plan in control.plans.items():
        columns = await control.source.fetch(budget_selections(plan.slo, NOW))
        control.budgets[key] = budget(plan.service, plan.slo, columns.__getitem__, NOW)
