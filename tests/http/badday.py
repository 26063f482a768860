"""A bad evening at the marketplace: its alerts, pages, messages and incidents."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.http.shop import NOW

from sereno.alerts.model import Alert
from sereno.incidents.model import Entry, Incident
from sereno.kernel.labels import Labels
from sereno.kernel.message import Message
from sereno.oncall.model import Page, Policy, PolicyStep


def _alert(
    name: str, state: Any, severity: str, *, service: str = "pagos", minutes: float, summary: str, **more: Any
) -> Alert:
    labels = Labels(alertname=name, service=service, severity=severity, team="tienda", **more)
    begun = NOW - timedelta(minutes=minutes)
    return Alert(
        labels.fingerprint,
        f"{service}/{name}",
        name,
        service,
        severity,
        state,
        labels,
        Labels(summary=summary),
        0.6199871,
        begun,
        NOW - timedelta(minutes=1),
        NOW,
        fired_at=begun + timedelta(minutes=1) if state != "pending" else None,
        resolved_at=begun + timedelta(minutes=31) if state == "resolved" else None,
    )


DOWN = _alert("PagosCaidos", "firing", "P1", minutes=9, summary="Nadie puede pagar")
BURN = _alert(
    "PagosDisponibilidadBurn1h",
    "firing",
    "P2",
    minutes=6,
    summary="Se gasta el presupuesto 62 veces más rápido de lo sostenible",
    slo="disponibilidad",
    window_long="1h",
    window_short="5m",
)
DISK = _alert(
    "DiscoCasiLleno",
    "pending",
    "P3",
    service="catalogo",
    minutes=3,
    summary="Queda menos del 20 % de disco en catalogo-2",
    instance="catalogo-2:9100",
)
OLD = _alert("CatalogoLento", "resolved", "P3", service="catalogo", minutes=400, summary="El p95 pasó de un segundo")
POLICY = Policy(
    "tienda",
    "tienda",
    (
        PolicyStep(("primary",), timedelta(0)),
        PolicyStep(("secondary",), timedelta(minutes=5)),
        PolicyStep(("backup",), timedelta(minutes=15)),
    ),
    timedelta(minutes=15),
)


def a_page(page_id: str, severity: str, summary: str, alerts: tuple[Alert, ...], **more: Any) -> Page:
    """A page of payments that opened eight minutes ago."""
    opened = NOW - timedelta(minutes=8)
    prints = tuple(a.fingerprint for a in alerts)
    values: dict[str, Any] = {
        "state": "open",
        "due_at": opened + timedelta(minutes=15),
        "step": 2,
        "paged": ("ana", "juan"),
        "firing": prints,
        "details": {"runbook": "https://runbooks.tienda.example/pagos-caidos"},
        **more,
    }
    return Page(
        id=page_id,
        service=more.pop("service", "pagos"),
        severity=severity,
        summary=summary,
        alerts=prints,
        policy=POLICY,
        opened_at=opened,
        round_at=opened,
        **{k: v for k, v in values.items() if k != "service"},
    )


OPEN = a_page("pg_01open", "P1", "Nadie puede pagar", (DOWN,))
TAKEN = a_page(
    "pg_02taken",
    "P2",
    "El presupuesto de pagos se gasta 62 veces más rápido",
    (BURN,),
    state="acknowledged",
    due_at=None,
    acknowledged_at=NOW - timedelta(minutes=4),
    acknowledged_by="juan",
    acknowledged_via="link",
)
CLOSED = a_page(
    "pg_00closed",
    "P3",
    "El catálogo va lento",
    (OLD,),
    state="closed",
    due_at=None,
    firing=(),
    service="catalogo",
    acknowledged_at=NOW - timedelta(minutes=5),
    acknowledged_by="ana",
    acknowledged_via="console",
    closed_at=NOW - timedelta(minutes=2),
    closed_reason="resolved",
)


def messages() -> list[Message]:
    base = Message(
        id="ms_1",
        key="pg_01open/0/0/ana/email/page",
        channel="email",
        address="ana.quispe@tienda.example",
        purpose="page",
        subject="P1 Nadie puede pagar",
        text="…",
        due_at=OPEN.opened_at,
        person="ana",
        page=OPEN.id,
        language="es",
        state="sent",
        attempt=2,
        created_at=OPEN.opened_at,
        sent_at=OPEN.opened_at + timedelta(seconds=3),
    )
    slack = replace(
        base,
        id="ms_2",
        key="2",
        channel="slack",
        address="https://hooks.slack.example/services/T0/B0/secreto",
        contact=1,
        state="failed",
        attempt=3,
        error="HTTP 404",
        sent_at=None,
    )
    juan = replace(
        base, id="ms_3", key="3", person="juan", address="juan@tienda.example", attempt=0, state="pending", sent_at=None
    )
    return [base, slack, juan]


LIVE = Incident(
    "in_01live",
    12,
    "Nadie puede pagar",
    "pagos",
    "P1",
    "triaged",
    started_at=DOWN.active_at,
    opened_at=OPEN.opened_at,
    automatic=True,
    pages=(OPEN.id, TAKEN.id),
    open_pages=(OPEN.id, TAKEN.id),
    alerts=(DOWN.fingerprint,),
    roles={"commander": "juan"},
    triaged_at=NOW - timedelta(minutes=4),
)
PAST = Incident(
    "in_00past",
    11,
    "El catálogo tardaba más de un segundo",
    "catalogo",
    "P2",
    "resolved",
    started_at=NOW - timedelta(days=6, minutes=97),
    opened_at=NOW - timedelta(days=6, minutes=95),
    automatic=False,
    opened_by="ana",
    triaged_at=NOW - timedelta(days=6, minutes=80),
    mitigated_at=NOW - timedelta(days=6, minutes=30),
    resolved_at=NOW - timedelta(days=6, minutes=12),
    resolved_by="ana",
)


def timeline() -> list[Entry]:
    at = OPEN.opened_at

    def line(
        after: float,
        kind: Any,
        phrase: str | None = None,
        actor: str | None = None,
        text: str = "",
        public: bool = False,
        **values: str,
    ) -> Entry:
        return Entry(
            LIVE.id, at + timedelta(seconds=after), kind, f"{kind}/{after}", actor, phrase, values, text, public
        )

    return [
        line(-60, "alert", "alert_fired", alert="PagosCaidos", severity="P1"),
        line(0, "declared", "incident_opened", number="12", severity="P1", title="Nadie puede pagar"),
        line(0, "page", "page_opened", severity="P1", summary="Nadie puede pagar"),
        line(240, "acknowledgement", "acknowledged", "juan", person="juan", via="link"),
        line(241, "role", "role", "juan", role="commander", person="juan"),
        line(300, "note", None, "juan", "El proveedor de tarjetas responde 502 desde las 21:32.\nAbro caso con ellos."),
        line(
            330,
            "update",
            None,
            "juan",
            "Estamos viendo fallos al pagar con tarjeta. Próxima actualización en 15 minutos.",
            True,
        ),
    ]
