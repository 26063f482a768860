"""Plain values to store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sereno.alerts.model import Alert
from sereno.incidents.model import Entry, Incident
from sereno.kernel.labels import Labels
from sereno.kernel.message import Message
from sereno.oncall.model import Page, Policy, PolicyStep, Signal
from sereno.status.model import Interval

T0 = datetime(2026, 3, 2, 12, 0, 0, 123457, tzinfo=UTC)


def at(**after: float) -> datetime:
    return T0 + timedelta(**after)


def alert(name: str = "ApiDown", **changes: Any) -> Alert:
    labels = Labels(alertname=name, service="api", severity="SEV1", path='/a"b\\ñ')
    base = Alert(
        fingerprint=labels.fingerprint,
        rule=f"api/alert:{name}",
        alert=name,
        service="api",
        severity="SEV1",
        state="firing",
        labels=labels,
        annotations=Labels(summary="No se puede pagar: 100 % — ✓"),
        value=0.1 + 0.2,
        active_at=T0,
        last_true_at=at(seconds=5),
        evaluated_at=at(seconds=5),
        fired_at=at(seconds=1),
    )
    return replace(base, **changes)


STEPS = (PolicyStep(("primary",), timedelta(0)), PolicyStep(("secondary", "bo"), timedelta(minutes=5)))
POLICY = Policy("payments", "weekly", STEPS, timedelta(minutes=15), "America/Lima")


def page(page_id: str = "pg_1", **changes: Any) -> Page:
    base = Page(
        id=page_id,
        service="api",
        severity="SEV1",
        state="open",
        summary="Nobody can pay",
        alerts=("aa", "bb"),
        firing=("aa",),
        policy=POLICY,
        opened_at=T0,
        round_at=at(seconds=1),
        due_at=at(minutes=5),
        step=1,
        paged=("ana",),
        details={"alert": "ApiDown"},
        signals=(Signal("aa", "ApiDown", T0, at(seconds=1), "nan", {"x": "1"}, {"summary": "s"}),),
    )
    return replace(base, **changes)


def message(number: int = 1, **changes: Any) -> Message:
    base = Message(
        id=f"ms_{number}",
        key=f"pg_1/0/0/ana/webhook/{number}",
        channel="webhook",
        address="http://127.0.0.1/hook",
        purpose="page",
        subject="Página: ñ",
        text="línea 1\nlínea 2",
        due_at=T0,
        person="ana",
        page="pg_1",
        ack_url="http://x/ack/1",
        language="es",
        data={"a": [1, {"b": None}]},
        created_at=T0,
    )
    return replace(base, **changes)


def incident(number: int = 1, **changes: Any) -> Incident:
    base = Incident(
        id=f"in_{number}",
        number=number,
        title="Pagos caídos",
        service="api",
        severity="SEV1",
        phase="detected",
        started_at=T0,
        opened_at=at(seconds=30 + number),
        automatic=True,
        pages=(f"pg_{number}",),
        open_pages=(f"pg_{number}",),
        alerts=("aa",),
        roles={"commander": "ana"},
    )
    return replace(base, **changes)


def entry(key: str, **changes: Any) -> Entry:
    return replace(Entry("in_1", T0, "note", key, "ana", "said", {"who": "ana"}, "hola", True), **changes)


def interval(state: Any = "operational", start: float = 0, end: float | None = None, **changes: Any) -> Interval:
    ended = None if end is None else at(minutes=end)
    return replace(Interval("public", "API", state, at(minutes=start), ended, "words"), **changes)
