"""The draft: true numbers, unknown said with its reason, nothing from outside acted upon."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.incidents.model import Entry, Incident, SloImpact
from sereno.incidents.postmortem import draft, escape, moments

T0 = datetime(2025, 11, 25, 19, 35, tzinfo=UTC)  # 14:35 in Lima


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


INCIDENT = Incident(
    "in_1", 7, "Nobody can pay", "payments", "P1", "resolved", T0, at(1), True, pages=("pg_1",),
    roles={"commander": "ana"}, triaged_at=at(2), mitigated_at=at(34), resolved_at=at(35),
)  # fmt: skip
TIMELINE = (
    Entry("in_1", at(1), "alert", "a", phrase="alert_fired", values={"alert": "PaymentsDown", "severity": "P1"}),
    Entry("in_1", at(1.5), "delivery", "m", phrase="message_sent",
          values={"person": "ana", "channel": "email", "purpose": "page"}),
    Entry("in_1", at(2), "acknowledgement", "k", "ana", "acknowledged", {"person": "ana", "via": "link"}),
    Entry("in_1", at(10), "note", "n", "bo", text="pool at 100 | <script>alert(1)</script>"),
    Entry("in_1", at(35), "resolution", "r", phrase="resolved", values={"lasted_seconds": "2100", "count": "0"}),
)  # fmt: skip
IMPACT = SloImpact(
    "payments", "availability", "99,95 %", "30d", Decimal(35_714), Decimal(12_500), Decimal(12_500) / 35_714,
    Decimal("1.15"), Decimal("-0.15"), Decimal(1),
)  # fmt: skip
PEOPLE = {"ana": "Ana Torres", "bo": "Bo Ruiz"}


def test_the_spanish_draft_holds_the_true_numbers():
    text = draft(INCIDENT, TIMELINE, [IMPACT], PEOPLE, language="es", zone="America/Lima")
    for expected in (
        "# Post-mortem: Nobody can pay",
        "- **Fecha del incidente**: 25/11/2025",
        "- **Autores**: Ana Torres",
        "Duración: 34 min.",
        "Fallaron 12.500 de 35.714 peticiones (35,00 %), según el objetivo payments/availability.",
        "| Hora (America/Lima, UTC-05:00) | Evento |",
        "| 14:36:00 | La alerta PaymentsDown se disparó (P1) |",
        "| 14:45:00 | Bo Ruiz: pool at 100 \\| &lt;script&gt;alert(1)&lt;/script&gt; |",
        "| payments/availability | 99,95 % / 30d | 35.714 | 12.500 | 35,00 % | 115,00 % | -15,00 % | 100,00 % |",
        "- **Cómo se detectó**: alerta PaymentsDown",
        "- **Tiempo de detección**: 1 min",
        "- **Hasta avisar**: 1 min 30 s",
        "- **Hasta reconocer**: 2 min (desde el primer aviso: 30 s)",
        "- **Hasta mitigar**: 34 min",
        "- **Hasta resolver**: 35 min",
        "- **Comandante del incidente**: Ana Torres",
        "| Acción | Tipo (prevenir / mejorar / proceso) | Responsable | Fecha límite | Estado |",
    ):
        assert expected in text
    assert "<script" not in text
    assert "desconocido" not in text


def test_the_english_draft_says_the_same():
    text = draft(INCIDENT, TIMELINE, [IMPACT], PEOPLE, language="en", zone="UTC")
    assert "12,500 of 35,714 requests failed (35.00%), by the objective payments/availability." in text
    assert "| 19:36:00 | Alert PaymentsDown fired (P1) |" in text
    assert "-15.00%" in text


def test_both_drafts_have_the_same_sections():
    drafts = [draft(INCIDENT, TIMELINE, [IMPACT], PEOPLE, language=lang, zone="UTC") for lang in ("es", "en")]
    shapes = [
        [line.split(" ")[0] for line in text.splitlines() if line.startswith(("#", "|", "- "))] for text in drafts
    ]
    assert shapes[0] == shapes[1]


def test_what_is_unknown_is_said_to_be_unknown_and_why():
    bare = replace(INCIDENT, roles={}, mitigated_at=None, resolved_at=None, phase="detected")
    blind = SloImpact("payments", "availability", "99.9%", "30d", None, None, None, None, None, Decimal(0))
    quiet = SloImpact(
        "payments", "latency", "95%", "7d", Decimal(0), Decimal(0), None, Decimal(0), Decimal(1), Decimal("0.5")
    )
    strange = replace(IMPACT, slo="odd", share=Decimal("nan"))
    text = draft(bare, (), [blind, quiet, strange], {}, language="en", zone="UTC")
    for expected in (
        "Duration: unknown (not mitigated yet).",
        "The impact on requests is unknown",
        "| payments/availability | 99.9% / 30d | unknown (no samples of that span) |",
        "| payments/latency | 95% / 7d | 0 | 0 | unknown (there were no requests in that span) |",
        "| 0.00% | 100.00% | 50.00% |",
        "| unknown (it could not be computed) | 115.00% |",
        "Where coverage is below 100% samples are missing",
        "- **How it was detected**: unknown (no alert told of it)",
        "- **Time to page**: unknown (no page is known to have been delivered)",
        "unknown (nobody acknowledged a page)",
        "- **Time to resolve**: unknown (not resolved yet)",
        "unknown (no roles were given)",
    ):
        assert expected in text
    assert "nan" not in text.lower()


def test_a_service_without_objectives_has_unknown_impact():
    text = draft(INCIDENT, TIMELINE, [], PEOPLE, language="es", zone="UTC")
    assert "Impacto en los objetivos: desconocido (el servicio no declara ninguno)." in text


def test_a_person_who_saw_it_before_any_alert_is_how_it_was_detected():
    declared = replace(INCIDENT, opened_by="bo", opened_at=at(0.5))
    text = draft(declared, TIMELINE, [IMPACT], PEOPLE, language="en", zone="UTC")
    assert "declared by Bo Ruiz, before any alert" in text


def test_a_tiny_share_is_not_shown_as_none():
    text = draft(
        INCIDENT, TIMELINE, [replace(IMPACT, bad=Decimal(1), share=Decimal("1e-6"))], PEOPLE, language="es", zone="UTC"
    )
    assert "(< 0,01 %)" in text


def test_an_incident_over_midnight_shows_the_day_of_each_line():
    late = (*TIMELINE, Entry("in_1", at(600), "note", "z", "bo", text="quiet"))
    text = draft(INCIDENT, late, [IMPACT], PEOPLE, language="es", zone="America/Lima")
    assert "| 25/11 14:36:00 |" in text
    assert "| 26/11 00:35:00 | Bo Ruiz: quiet |" in text


@pytest.mark.parametrize("phrase", ["fue culpa", "human error", "error humano", "should have", "hubieran", "deberían"])
def test_the_prompts_blame_nobody(phrase):
    texts = [draft(INCIDENT, TIMELINE, [IMPACT], PEOPLE, language=lang, zone="UTC") for lang in ("es", "en")]
    assert phrase not in " ".join(texts).lower()


@given(st.text(max_size=60))
def test_nothing_written_by_others_is_acted_upon(text):
    safe = escape(text)
    assert "<" not in safe
    assert "\n" not in safe
    bare = safe.replace("\\\\", "")
    for mark in "`*_[]|~#":
        assert all(bare[i - 1] == "\\" for i, c in enumerate(bare) if c == mark and i > 0)
        assert not bare.startswith(mark)


def test_only_messages_that_page_count_as_paging():
    closing = Entry("in_1", at(0), "delivery", "c", phrase="message_sent", values={"purpose": "closed"})
    assert moments((closing, *TIMELINE)).paged_at == at(1.5)
    assert moments(()).paged_at is None


def test_the_time_is_that_in_which_events_failed_not_that_of_the_alert():
    suffered = replace(IMPACT, started_at=at(-0.5), ended_at=at(5))
    text = draft(INCIDENT, TIMELINE, [suffered], PEOPLE, language="en", zone="America/Lima")
    assert "- **Duration**: 5 min 30 s (from 2025-11-25 14:34:30 -05 to 2025-11-25 14:40:00 -05)" in text
    assert "1 min 30 s" in text.split("## Detection")[1].split("##")[0], "the alert came a minute and a half after"
