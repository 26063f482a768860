"""Bad days, told from the first alert to the last word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sereno.adapters.memory.incidents import MemoryIncidents
from sereno.incidents import rules, service
from sereno.incidents.words import PHRASES, PUBLIC, public_title, render, render_public
from sereno.kernel.errors import Conflict, NotFound, UsageError
from sereno.kernel.events import (
    AlertFired,
    AlertResolved,
    IncidentChanged,
    IncidentOpened,
    IncidentResolved,
    MessageFailed,
    MessageSent,
    PageAcknowledged,
    PageClosed,
    PageOpened,
    PageStepTaken,
    StatusChanged,
)
from sereno.spec.model import Person, Service, Spec

T0 = datetime(2025, 11, 25, 19, 35, tzinfo=UTC)
SPEC = Spec(
    services={"payments": Service("payments", "pay"), "search": Service("search", "pay")},
    people={"ana": Person("ana", "Ana Torres", ()), "bo": Person("bo", "Bo Ruiz", ())},
)


class CountingIds:
    def __init__(self) -> None:
        self.made = 0

    def new(self, kind: str) -> str:
        self.made += 1
        return f"{kind}_{self.made:04}"

    def secret(self) -> str:
        return "not-used"


class Day:
    """One service's bad day: events are heard twice, as an at-least-once ledger may hand them out."""

    def __init__(self) -> None:
        self.incidents = MemoryIncidents()
        self.ids = CountingIds()
        self.events: list[object] = []

    def at(self, seconds: float) -> datetime:
        return T0 + timedelta(seconds=seconds)

    def hear(self, hearer, *args, **more):
        first = hearer(self.incidents, *args, **more)
        state = self.incidents.snapshot()
        again = hearer(self.incidents, *args, **more)
        assert self.incidents.snapshot() == state, "hearing it twice changed something"
        assert again == []
        self.events += first
        return first

    def page(self, name: str, seconds: float, *, severity="SEV1", wanted=True, service_name="payments", began=()):
        event = PageOpened(
            at=self.at(seconds), page=name, service=service_name, severity=severity, summary="Nobody can pay",
            alerts=("f1",), incident_wanted=wanted,
        )  # fmt: skip
        return self.hear(service.page_opened, SPEC, event, self.at(seconds + 0.2), self.ids, began=began)

    def closes(self, name: str, seconds: float, reason="cleared"):
        event = PageClosed(at=self.at(seconds), page=name, service="payments", reason=reason)
        return self.hear(service.page_closed, event, self.at(seconds + 0.2))

    def answers(self, who: str, name: str, seconds: float):
        event = PageAcknowledged(at=self.at(seconds), page=name, service="payments", by=who, via="link")
        return self.hear(service.page_acknowledged, event, self.at(seconds + 0.2))

    def worker_ticks(self, seconds: float):
        now, events = self.at(seconds), []
        for incident in self.incidents.due(now, 10):
            events += service.advance_incident(self.incidents, incident, now)
        self.events += events
        return events

    @property
    def incident(self):
        return self.incidents.recent()[0]

    def told(self, language="en"):
        return [render(e, language, "UTC", {"ana": "Ana Torres"}) for e in self.incidents.timeline(self.incident.id)]


def fired(seconds: float, alert="PaymentsDown", fingerprint="f1", service_name="payments", since=0.0):
    at = T0 + timedelta(seconds=seconds)
    return AlertFired(
        at=at, fingerprint=fingerprint, alert=alert, service=service_name, severity="SEV1", labels={}, annotations={},
        value=1.0, active_at=T0 + timedelta(seconds=since),
    )  # fmt: skip


def test_an_outage_opens_is_answered_calms_down_and_resolves_by_itself():
    day = Day()
    opened = day.page("pg_1", 60, began=[fired(60)])
    assert [type(e) for e in opened] == [IncidentOpened]
    assert day.incident.started_at == T0, "the trouble began when the alert's expression became true"
    assert day.incident.opened_at == day.at(60.2)
    day.hear(service.alert_fired, fired(60), day.at(61))
    step = PageStepTaken(
        at=day.at(60), page="pg_1", service="payments", step=0, people=("ana",), reason="opened"
    )  # fmt: skip
    day.hear(service.page_step_taken, step, day.at(61))
    sent = MessageSent(at=day.at(62), message="ms_1", page="pg_1", purpose="page", person="ana", channel="email",
                       attempt=1)  # fmt: skip
    day.hear(service.message_sent, sent, day.at(62))
    day.answers("ana", "pg_1", 90)
    assert (day.incident.phase, day.incident.triaged_at) == ("triaged", day.at(90))
    assert day.incident.roles == {"commander": "ana"}
    resolved = AlertResolved(at=day.at(300), fingerprint="f1", alert="PaymentsDown", service="payments",
                             severity="SEV1", labels={})  # fmt: skip
    day.hear(service.alert_resolved, resolved, day.at(300))
    day.closes("pg_1", 301)
    assert (day.incident.phase, day.incident.mitigated_at) == ("mitigated", day.at(301))
    assert day.worker_ticks(361) == [], "not yet: a minute of quiet from when it was heard"
    (over,) = day.worker_ticks(361.2)
    assert isinstance(over, IncidentResolved)
    assert over.by is None
    assert day.incident.due_at is None
    assert day.worker_ticks(1000) == []
    assert day.told() == [
        "Alert PaymentsDown fired (SEV1)",
        "Page opened (SEV1): Nobody can pay",
        "Step 1: paging Ana Torres (the page opened)",
        "Incident #1 opened with severity SEV1: Nobody can pay",
        "Page delivered to Ana Torres by e-mail",
        "Ana Torres acknowledged the page (by link)",
        "Phase: detected → triaged",
        "Incident commander: Ana Torres",
        "Alert PaymentsDown resolved",
        "Page closed (nothing fires any more)",
        "Phase: triaged → mitigated",
        "Incident resolved, 6 min 1 s after it began",
    ]


def test_trouble_that_comes_back_during_the_quiet_minute_reopens_the_incident():
    day = Day()
    day.page("pg_1", 0)
    day.answers("ana", "pg_1", 10)
    day.closes("pg_1", 100)
    day.page("pg_2", 130)
    assert (day.incident.phase, day.incident.due_at, day.incident.mitigated_at) == ("triaged", None, None)
    assert day.worker_ticks(1000) == []
    day.closes("pg_2", 1000)
    assert [type(e) for e in day.worker_ticks(1061)] == [IncidentResolved]
    assert len(day.incidents.recent()) == 1


def test_the_same_page_opening_again_is_not_taken_for_an_echo():
    day = Day()
    day.page("pg_1", 0)
    day.closes("pg_1", 100)
    day.page("pg_1", 130)
    assert day.incident.open_pages == ("pg_1",)
    assert day.incident.phase == "detected"


def test_late_echoes_of_what_was_heard_change_nothing():
    day = Day()
    opened = PageOpened(at=day.at(0), page="pg_1", service="payments", severity="SEV1", summary="Nobody can pay",
                        alerts=("f1",), incident_wanted=True)  # fmt: skip
    answered = PageAcknowledged(at=day.at(10), page="pg_1", service="payments", by="ana", via="link")
    closed = PageClosed(at=day.at(100), page="pg_1", service="payments", reason="resolved")
    service.page_opened(day.incidents, SPEC, opened, day.at(0), day.ids)
    service.page_acknowledged(day.incidents, answered, day.at(10))
    service.set_phase(day.incidents, "1", "detected", day.at(20), "bo")
    assert service.page_acknowledged(day.incidents, answered, day.at(30)) == []
    assert day.incident.phase == "detected"
    service.page_closed(day.incidents, closed, day.at(100))
    assert service.page_opened(day.incidents, SPEC, opened, day.at(110), day.ids) == []
    assert (day.incident.phase, day.incident.open_pages) == ("mitigated", ())
    day.page("pg_1", 130)
    assert service.page_closed(day.incidents, closed, day.at(140)) == []
    assert (day.incident.phase, day.incident.open_pages) == ("detected", ("pg_1",))
    service.resolve(day.incidents, "1", day.at(200), "ana")
    assert service.page_opened(day.incidents, SPEC, opened, day.at(210), day.ids) == []
    assert len(day.incidents.recent()) == 1


def test_an_incident_is_mitigated_only_when_its_last_page_closes():
    day = Day()
    day.page("pg_1", 0, severity="SEV2")
    changed = day.page("pg_2", 5, severity="SEV1")
    assert [type(e) for e in changed] == [IncidentChanged]
    assert day.incident.severity == "SEV1"
    day.closes("pg_2", 60)
    assert day.incident.phase == "detected"
    assert day.incident.severity == "SEV1", "it was as bad as it was; only people lower a severity"
    day.closes("pg_1", 70)
    assert day.incident.phase == "mitigated"


def test_a_ticket_neither_opens_an_incident_nor_keeps_one_going():
    day = Day()
    assert day.page("pg_0", 0, severity="SEV3", wanted=False) == []
    assert day.incidents.recent() == ()
    day.page("pg_1", 10)
    day.page("pg_2", 20, severity="SEV3", wanted=False)
    assert day.incident.pages == ("pg_1", "pg_2")
    day.closes("pg_1", 100)
    assert day.incident.phase == "mitigated"
    day.closes("pg_2", 130)
    assert [type(e) for e in day.worker_ticks(161)] == [IncidentResolved]


def test_what_a_person_takes_over_waits_for_a_person():
    day = Day()
    day.page("pg_1", 0)
    service.set_phase(day.incidents, day.incident.id, "triaged", day.at(30), "ana")
    day.closes("pg_1", 100)
    assert (day.incident.phase, day.incident.due_at) == ("mitigated", None)
    assert day.worker_ticks(9999) == []
    (over,) = service.resolve(day.incidents, "1", day.at(500), "ana", text="A pool was too small.")
    assert over.by == "ana"
    with pytest.raises(Conflict, match="already resolved"):
        service.resolve(day.incidents, "1", day.at(501), "bo")
    (reviewed,) = service.set_phase(day.incidents, "1", "reviewed", day.at(9000), "ana")
    assert reviewed.phase == "reviewed"


def test_a_person_declares_and_a_page_joins():
    day = Day()
    (opened,) = service.declare(
        day.incidents, SPEC, day.ids, service="payments", severity="critical", title="Cards are refused", now=day.at(0),
        actor="ana",
    )  # fmt: skip
    assert (opened.severity, opened.by) == ("SEV1", "ana")
    assert day.incident.roles == {"commander": "ana"}
    day.page("pg_1", 30)
    assert len(day.incidents.recent()) == 1
    day.closes("pg_1", 90)
    assert day.incident.phase == "mitigated"
    assert day.worker_ticks(9999) == [], "a person opened it, a person closes it"
    with pytest.raises(Conflict, match="already has an open incident, number 1"):
        service.declare(day.incidents, SPEC, day.ids, service="payments", severity="SEV1", title="Again",
                        now=day.at(100), actor="bo")  # fmt: skip


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"service": "nope"}, NotFound),
        ({"severity": "terrible"}, UsageError),
        ({"title": "  "}, UsageError),
        ({"title": "x" * 201}, UsageError),
    ],
)
def test_a_declaration_put_wrongly_is_told_what_is_right(more, error):
    day = Day()
    words = {"service": "payments", "severity": "SEV1", "title": "Cards are refused"} | more
    with pytest.raises(error) as raised:
        service.declare(day.incidents, SPEC, day.ids, **words, now=T0, actor="ana")
    assert raised.value.hint
    assert day.incidents.recent() == ()


def test_notes_updates_roles_and_severity_are_on_the_record():
    day = Day()
    day.page("pg_1", 0)
    number = "1"
    assert service.note(day.incidents, number, "The pool is full", day.at(10), "ana") == []
    service.note(day.incidents, number, "The pool is full", day.at(10), "ana")
    (told,) = service.update(day.incidents, number, "Half the cards work again.", day.at(20), "ana",
                             next_in=timedelta(minutes=15))  # fmt: skip
    assert told.update == "Half the cards work again."
    service.assign_role(day.incidents, SPEC, number, "scribe", "bo", day.at(30), "ana")
    service.assign_role(day.incidents, SPEC, number, "scribe", "ana", day.at(40), "ana")
    service.set_severity(day.incidents, SPEC, number, "P2", day.at(50), "ana")
    assert day.told()[2:] == [
        "The pool is full",
        "Half the cards work again.",
        "Scribe: bo",
        "Scribe: Ana Torres takes over from bo",
        "Severity: SEV1 → SEV2",
    ]
    with pytest.raises(NotFound):
        service.assign_role(day.incidents, SPEC, number, "scribe", "zoe", day.at(60), "ana")
    with pytest.raises(UsageError, match="no role"):
        service.assign_role(day.incidents, SPEC, number, "hero", "ana", day.at(60), "ana")
    with pytest.raises(NotFound):
        service.note(day.incidents, "99", "hello", day.at(60), "ana")
    with pytest.raises(UsageError, match="no phase"):
        service.set_phase(day.incidents, number, "fixed", day.at(60), "ana")
    with pytest.raises(Conflict, match="only a resolved one"):
        service.set_phase(day.incidents, number, "reviewed", day.at(60), "ana")


def test_two_hands_at_once_do_not_overwrite_each_other():
    day = Day()
    day.page("pg_1", 0)
    stale = day.incident
    service.set_severity(day.incidents, SPEC, "1", "SEV2", day.at(5), "ana")
    with pytest.raises(Conflict, match="changed meanwhile"):
        service._write(day.incidents, stale, rules.change_phase(stale, "mitigated", day.at(5), "bo"))


def test_messages_and_status_are_on_the_timeline_of_their_incident_only():
    day = Day()
    day.page("pg_1", 0)
    failed = MessageFailed(at=day.at(3), message="ms_2", page="pg_1", purpose="page", person="ana", contact=0,
                           channel="email", error="550 no such user")  # fmt: skip
    day.hear(service.message_failed, failed, day.at(3))
    lost = MessageFailed(at=day.at(3), message="ms_3", page="pg_9", purpose="page", person="ana", contact=0,
                         channel="email", error="x")  # fmt: skip
    day.hear(service.message_failed, lost, day.at(3))
    for cause in (day.incident.id, "by hand"):
        public = StatusChanged(at=day.at(4), status_page="public", component="Pagos", before="operational",
                               after="major_outage", cause=cause, services=("payments",))  # fmt: skip
        day.hear(service.status_changed, public, day.at(4))
    elsewhere = StatusChanged(at=day.at(5), status_page="public", component="Búsqueda", before="operational",
                              after="unknown", cause="no data", services=("search",))  # fmt: skip
    day.hear(service.status_changed, elsewhere, day.at(5))
    assert day.told("es")[2:] == [
        "Aviso no entregado a Ana Torres por correo: 550 no such user",
        "Página de estado, Pagos: operativo → interrupción total",
    ]


def test_the_public_hears_no_names_alerts_or_hosts():
    day = Day()
    day.page("pg_1", 0, began=[fired(0, alert="db-7.internal down")])
    day.answers("ana", "pg_1", 10)
    service.note(day.incidents, "1", "ana restarted db-7.internal", day.at(20), "ana")
    service.update(day.incidents, "1", "Los pagos con tarjeta vuelven.", day.at(30), "ana")
    day.closes("pg_1", 60)
    day.worker_ticks(121)
    lines = [render_public(e, "es", "Pagos") for e in day.incidents.timeline(day.incident.id)]
    assert [line for line in lines if line] == [
        "Estamos investigando un problema que afecta a Pagos.",
        "El equipo está trabajando para restablecer el servicio.",
        "Los pagos con tarjeta vuelven.",
        "El servicio vuelve a responder. Seguimos vigilándolo.",
        "El incidente está resuelto. Duró 2 min 1 s.",
    ]
    assert public_title("es", "Pagos") == "Problemas con Pagos"


def test_mitigated_incidents_no_longer_hurt():
    day = Day()
    day.page("pg_1", 0)
    assert rules.affecting(day.incidents.unresolved()) == (("payments", "SEV1"),)
    day.closes("pg_1", 60)
    assert rules.affecting(day.incidents.unresolved()) == ()


def test_every_phrase_is_said_in_both_languages():
    for catalogue in (PHRASES, PUBLIC):
        for key, said in catalogue.items():
            assert set(said) == {"es", "en"}, key
            assert said["es"] != said["en"] or key in ("role",), key
