"""What people read when they are woken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stories.world import MONDAY_NOON, CountingIds, PlainLinks, World, a_person, a_spec

from sereno.kernel.events import AlertFired
from sereno.kernel.message import Message
from sereno.oncall.messages import clean, clipped, figure, step_of
from sereno.oncall.service import alert_fired, alert_resolved
from sereno.spec.model import Component, Spec, StatusPage

MINUTE = timedelta(minutes=1)
BURNING = AlertFired(
    at=MONDAY_NOON, fingerprint="f1", alert="CheckoutBurn1h", service="checkout", severity="SEV1",
    labels={"slo": "availability", "window_long": "1h", "budget_share": "2%", "exhausts_in": "2d2h"},
    annotations={
        "summary": "Nadie puede pagar", "description": "El 14 % de los pedidos falla.",
        "runbook_url": "https://wiki.example/pagos",
    },
    value=0.053214, active_at=MONDAY_NOON - 5 * MINUTE,
)  # fmt: skip


def a_shop(language: str) -> Spec:
    people = (
        a_person("ana", "email", "slack", language=language, zone="America/Lima"),
        a_person("bo", "slack"),
        a_person("carla", "slack"),
    )
    spec = a_spec(people)
    page = StatusPage("public", "La tienda", (Component("Pagos", ("checkout",)),))
    return replace(spec, status_pages={"public": page})


def told(language: str, *more: AlertFired) -> tuple[World, Message]:
    world = World(spec=a_shop(language))
    for event in (BURNING, *more):
        store = world.store
        alert_fired(store.pages, store.outbox, world.spec, event, world.now, world.ids, world.links)
    (message,) = world.store.outbox.rows.values()
    return world, message


def test_a_page_in_spanish() -> None:
    _, message = told("es")
    assert message.subject == "[SEV1] Checkout: Nadie puede pagar"
    assert message.text == (
        "Nadie puede pagar\n"
        "\n"
        "Servicio: Checkout\n"
        "Lo que ve el público: Pagos\n"
        "Severidad: SEV1\n"
        "Desde: 02/03/2026 06:55 -05 (hace 5 min)\n"
        "Valor: 0,05321\n"
        "Objetivo en riesgo: availability\n"
        "Presupuesto de error: a este ritmo se gasta 2% cada 1h\n"
        "Un presupuesto entero se agotaría en 2d2h\n"
        "\n"
        "El 14 % de los pedidos falla.\n"
        "\n"
        "Qué hacer (runbook): https://wiki.example/pagos\n"
        "\n"
        "Te llega porque estás de guardia.\n"
        "Si nadie lo reconoce, a las 07:05 -05 se avisa a Bo.\n"
        "\n"
        "Reconocer: https://sereno.example/ack/pg_000001.ana\n"
        "Ver el aviso: https://sereno.example/pages/pg_000001\n"
    )


def test_a_page_in_english() -> None:
    _, message = told("en")
    assert "Since: 2026-03-02 06:55 -05 (5 min ago)\nValue: 0.05321\n" in message.text
    assert "If nobody acknowledges it, Bo will be paged at 07:05 -05." in message.text
    assert "Severity: SEV1 (Down, or money is being lost)\n" in message.text
    assert message.ack_url == "https://sereno.example/ack/pg_000001.ana"


def test_what_machines_read() -> None:
    _, message = told("en")
    assert message.key == "pg_000001/0/0/ana/0-email/page"
    assert step_of(message) == (0, 0)
    assert message.data["event"] == "page"
    assert message.data["next_at"] == "2026-03-02T12:05:00.000Z"
    assert message.data["alerts"] == [{
        "fingerprint": "f1", "alert": "CheckoutBurn1h", "firing": True, "since": "2026-03-02T11:55:00.000Z",
        "value": "0.053214", "labels": BURNING.labels, "annotations": BURNING.annotations,
    }]  # fmt: skip


def test_the_end_is_told_on_the_same_channel_in_the_same_language() -> None:
    world = World(spec=a_shop("es"))
    world.fire("ApiDown", "SEV1")
    world.run_until(6 * MINUTE)
    world.acknowledge("pg_000001", "bo")
    world.run_until(10 * MINUTE)
    world.resolve("ApiDown", "SEV1")
    ana, bo = [m for m in world.store.outbox.rows.values() if m.purpose == "closed"]
    assert (ana.person, ana.channel, bo.person) == ("ana", "email", "bo")
    assert ana.subject.startswith("[Cerrado] [SEV1] Checkout")
    assert "duró 10 min" in ana.text
    assert "Lo reconoció Bo a los 6 min." in ana.text
    assert "Acknowledged by Bo after 6 min." in bo.text
    assert ana.ack_url is None


def test_those_who_never_got_it_are_not_told_that_it_is_over() -> None:
    world = World(spec=a_shop("es"), dead={"ana@email", "ana@slack"})
    world.fire("ApiDown", "SEV1")
    world.resolve("ApiDown", "SEV1")
    assert [m.person for m in world.store.outbox.rows.values() if m.purpose == "closed"] == ["bo"]


def test_a_second_contact_says_why() -> None:
    world = World(spec=a_shop("es"), dead={"ana@email"})
    world.fire("ApiDown", "SEV1")
    second = next(m for m in world.store.outbox.rows.values() if m.channel == "slack")
    assert "Te llega por aquí porque no se te pudo avisar por correo." in second.text


def test_other_alerts_are_named_in_later_steps() -> None:
    world = World(spec=a_shop("en"))
    for number in range(8):
        world.fire(f"Alert{number}", "SEV1")
    world.run_until(5 * MINUTE)
    bo = next(m for m in world.store.outbox.rows.values() if m.person == "bo")
    assert "Also firing: Alert1, Alert2, Alert3, Alert4, Alert5 and 2 more" in bo.text


@given(st.text(max_size=3000), st.text(max_size=3000))
def test_whatever_an_alert_says_the_message_stays_one(summary: str, label: str) -> None:
    world = World(spec=a_shop("es"))
    event = replace(BURNING, annotations={"summary": summary, "description": label}, labels={"slo": label})
    store = world.store
    alert_fired(store.pages, store.outbox, world.spec, event, world.now, CountingIds(), PlainLinks())
    (message,) = store.outbox.rows.values()
    assert len(message.subject) <= 120
    assert len(message.subject.splitlines()) == 1
    assert message.text.endswith("Ver el aviso: https://sereno.example/pages/pg_000001\n")
    assert not set(message.text) & set(map(chr, [*range(9), *range(14, 32), 0x202E]))


@pytest.mark.parametrize(
    ("value", "es", "en"),
    [
        ("0.0", "0", "0"), ("1.0", "1", "1"), ("0.053214", "0,05321", "0.05321"), ("1234.5", "1.234", "1,234"),
        ("12.3456", "12,35", "12.35"), ("-3.5", "-3,5", "-3.5"), ("inf", "∞", "∞"), ("-inf", "−∞", "−∞"),
        ("nan", "NaN", "NaN"), ("1e-09", "1e-09", "1e-09"), ("1e+21", "1e+21", "1e+21"),
        ("5000000.0", "5.000.000", "5,000,000"),
    ],
)  # fmt: skip
def test_figures(value: str, es: str, en: str) -> None:
    assert (figure(value, "es"), figure(value, "en")) == (es, en)


def test_small_things() -> None:
    assert clipped("abcdef", 4) == "abc…"
    assert clean("a\x1b[31mb\u202ec") == "a [31mb c"


def test_nobody_is_told_twice_when_an_event_is_heard_twice() -> None:
    world, message = told("es", BURNING, BURNING)
    assert len(world.store.pages.rows) == 1
    assert world.store.pages.rows["pg_000001"].version == 0
    assert message.person == "ana"


def test_resolved_twice_is_resolved_once() -> None:
    world = World(spec=a_shop("es"))
    world.fire("ApiDown", "SEV1")
    world.resolve("ApiDown", "SEV1")
    event = next(e for e in world.log if type(e).__name__ == "AlertResolved")
    before = dict(world.store.pages.rows)
    store = world.store
    assert alert_resolved(store.pages, store.outbox, world.spec, event, world.now, world.ids, world.links) == []  # type: ignore[arg-type]
    assert store.pages.rows == before
