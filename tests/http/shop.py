"""The spec of a small marketplace, as its team would declare it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tests.delivery.flags import SETS

from sereno.kernel.duration import parse_duration
from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.kernel.severity import Severities, Severity
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
LIMA = "America/Lima"


def _slo(name: str, objective: str, window: str, job: str, *, latency: bool = False, **more: Any) -> Slo:
    selector = f'http_requests_total{{job="{job}"}}'
    sli: EventsSli | LatencySli = EventsSli(selector, f'http_requests_total{{job="{job}",status=~"5.."}}', None)
    if latency:
        base = "http_request_duration_seconds"
        sli = LatencySli(
            f'{base}{{job="{job}"}}',
            f'{base}_bucket{{job="{job}",le="0.5"}}',
            f'{base}_count{{job="{job}"}}',
            Decimal("0.5"),
        )
    text = objective
    return Slo(
        name,
        Objective(text, Decimal(text.rstrip("%")) / 100),
        parse_duration(window),
        sli,
        page_severity="P2",
        ticket_severity="P3",
        **more,
    )


def shop() -> Spec:
    """The spec of a small marketplace."""
    runbook = "https://runbooks.tienda.example/pagos-caidos"
    services = [
        Service(
            "pagos",
            "tienda",
            "Cobra a los compradores.",
            "Pagos",
            links=(
                Link("Repositorio", "https://git.tienda.example/pagos"),
                Link("Tablero", "https://tableros.tienda.example/pagos"),
            ),
            slos=(
                _slo("disponibilidad", "99.95%", "30d", "pagos", description="Que se pueda pagar.", runbook=runbook),
                _slo("latencia", "95%", "7d", "pagos", latency=True),
            ),
            alerts=(
                Rule(
                    "PagosCaidos",
                    'absent(up{job="pagos"}) or max(up{job="pagos"}) == 0',
                    "pagos",
                    "P1",
                    for_=timedelta(minutes=1),
                    annotations=Labels(summary="Nadie puede pagar", runbook_url=runbook),
                ),
            ),
            status_page="publica",
            component="Pagos",
        ),
        Service(
            "catalogo",
            "tienda",
            "Lo que se vende.",
            "Catálogo",
            slos=(
                _slo("disponibilidad", "99.9%", "30d", "catalogo"),
                _slo("latencia", "95%", "7d", "catalogo", latency=True),
            ),
            status_page="publica",
            component="Catálogo",
        ),
        Service(
            "carrito",
            "tienda",
            "Lo que se va a comprar.",
            "Carrito",
            slos=(_slo("disponibilidad", "99%", "7d", "carrito"),),
        ),
    ]
    people = [
        Person(
            "ana",
            "Ana Quispe",
            (
                Contact("email", "ana.quispe@tienda.example"),
                Contact("slack", "https://hooks.slack.example/services/T0/B0/secreto"),
            ),
            LIMA,
            "es",
        ),
        Person("juan", "Juan Pérez", (Contact("email", "juan@tienda.example"),), LIMA, "es"),
        Person(
            "sofia", "Sofía Huamán", (Contact("webhook", "https://user:clave@avisos.tienda.example/sofia"),), LIMA, "es"
        ),
    ]
    minutes, hours = (lambda n: timedelta(minutes=n)), (lambda n: timedelta(hours=n))
    return Spec(
        flags=SETS,
        services={s.name: s for s in services},
        teams={"tienda": Team("tienda", "tienda", "Equipo Tienda", LIMA)},
        people={p.name: p for p in people},
        schedules={
            "tienda": Schedule(
                "tienda", LIMA, ("ana", "juan", "sofia"), ("primary", "secondary", "backup"), date(2026, 1, 5), time(9)
            )
        },
        escalations={
            "tienda": Escalation(
                "tienda",
                "tienda",
                (Step(("primary",), minutes(0)), Step(("secondary",), minutes(5)), Step(("backup",), minutes(15))),
            )
        },
        severities=Severities(
            (
                Severity(
                    "P1", "always", True, minutes(5), minutes(15), "major_outage", "No se puede comprar", ("critical",)
                ),
                Severity("P2", "always", True, minutes(15), minutes(30), "partial_outage", "Va muy mal"),
                Severity("P3", "working_hours", False, hours(4), hours(4), "degraded", "Va algo mal"),
                Severity("P4", "never", False, hours(24), hours(24), "operational", "Para saberlo"),
            )
        ),
        status_pages={
            "publica": StatusPage(
                "publica",
                "Estado de la Tienda",
                (Component("Pagos", ("pagos",)), Component("Catálogo", ("catalogo",))),
                language="es",
                zone=LIMA,
            )
        },
        digest="9f31c2ab77d04e1c8a55b0c3d2e4f601",
    )
