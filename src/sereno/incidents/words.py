"""What a timeline says, in Spanish and in English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sereno.incidents.model import Entry
from sereno.kernel.language import Phrases, local, say, span
from sereno.kernel.message import Language

PHRASES: Phrases = {
    "incident_opened": {
        "es": "Se abrió el incidente n.º {number}, de severidad {severity}: {title}",
        "en": "Incident #{number} opened with severity {severity}: {title}",
    },
    "incident_declared": {
        "es": "{actor} declaró el incidente n.º {number}, de severidad {severity}: {title}",
        "en": "{actor} declared incident #{number} with severity {severity}: {title}",
    },
    "alert_fired": {"es": "La alerta {alert} se disparó ({severity})", "en": "Alert {alert} fired ({severity})"},
    "alert_resolved": {"es": "La alerta {alert} se resolvió", "en": "Alert {alert} resolved"},
    "alert_rule_removed": {
        "es": "La alerta {alert} terminó porque se retiró su regla",
        "en": "Alert {alert} ended because its rule was removed",
    },
    "page_opened": {"es": "Aviso abierto ({severity}): {summary}", "en": "Page opened ({severity}): {summary}"},
    "page_step": {
        "es": "Paso {step}: se avisa a {people} ({step_reason})",
        "en": "Step {step}: paging {people} ({step_reason})",
    },
    "page_step_nobody": {
        "es": "Paso {step}: no hay a quién avisar ({step_reason})",
        "en": "Step {step}: there is nobody to page ({step_reason})",
    },
    "message_sent": {
        "es": "{purpose} entregado a {person} por {channel}",
        "en": "{purpose} delivered to {person} by {channel}",
    },
    "message_sent_to_channel": {"es": "{purpose} entregado por {channel}", "en": "{purpose} delivered by {channel}"},
    "message_failed": {
        "es": "{purpose} no entregado a {person} por {channel}: {error}",
        "en": "{purpose} not delivered to {person} by {channel}: {error}",
    },
    "message_failed_to_channel": {
        "es": "{purpose} no entregado por {channel}: {error}",
        "en": "{purpose} not delivered by {channel}: {error}",
    },
    "acknowledged": {"es": "{person} reconoció el aviso ({via})", "en": "{person} acknowledged the page ({via})"},
    "page_closed": {"es": "Aviso cerrado ({reason})", "en": "Page closed ({reason})"},
    "phase": {"es": "Fase: {before} → {phase}", "en": "Phase: {before} → {phase}"},
    "reopened": {
        "es": "El problema ha vuelto; fase: {before} → {phase}",
        "en": "The trouble is back; phase: {before} → {phase}",
    },
    "role": {"es": "{role}: {person}", "en": "{role}: {person}"},
    "role_handed": {
        "es": "{role}: {person} releva a {before_person}",
        "en": "{role}: {person} takes over from {before_person}",
    },
    "severity": {"es": "Severidad: {before} → {severity}", "en": "Severity: {before} → {severity}"},
    "severity_raised": {
        "es": "Un aviso más grave sube la severidad: {before} → {severity}",
        "en": "A worse page raises the severity: {before} → {severity}",
    },
    "status": {
        "es": "Página de estado, {component}: {before_state} → {state}",
        "en": "Status page, {component}: {before_state} → {state}",
    },
    "resolved": {
        "es": "Incidente resuelto, {lasted_seconds} después de empezar",
        "en": "Incident resolved, {lasted_seconds} after it began",
    },
    "resolved_with_open_pages": {
        "es": "Incidente resuelto, {lasted_seconds} después de empezar, con avisos aún abiertos: {count}",
        "en": "Incident resolved, {lasted_seconds} after it began, with pages still open: {count}",
    },
}

PUBLIC: Phrases = {
    "incident_opened": {
        "es": "Estamos investigando un problema que afecta a {what}.",
        "en": "We are investigating a problem that affects {what}.",
    },
    "incident_declared": {
        "es": "Estamos investigando un problema que afecta a {what}.",
        "en": "We are investigating a problem that affects {what}.",
    },
    "phase_detected": {"es": "Seguimos investigando.", "en": "We are still investigating."},
    "phase_triaged": {
        "es": "El equipo está trabajando para restablecer el servicio.",
        "en": "The team is at work to restore the service.",
    },
    "phase_mitigated": {
        "es": "El servicio vuelve a responder. Seguimos vigilándolo.",
        "en": "The service responds again. We keep watching it.",
    },
    "reopened": {
        "es": "El problema ha vuelto. Estamos trabajando en ello.",
        "en": "The problem is back. We are working on it.",
    },
    "resolved": {
        "es": "El incidente está resuelto. Duró {lasted_seconds}.",
        "en": "The incident is resolved. It lasted {lasted_seconds}.",
    },
    "title": {"es": "Problemas con {what}", "en": "Problems with {what}"},
}

VOCABULARY: dict[str, Phrases] = {
    "phase": {
        "detected": {"es": "detectado", "en": "detected"},
        "triaged": {"es": "evaluado", "en": "triaged"},
        "mitigated": {"es": "mitigado", "en": "mitigated"},
        "resolved": {"es": "resuelto", "en": "resolved"},
        "reviewed": {"es": "revisado", "en": "reviewed"},
    },
    "role": {
        "commander": {"es": "Comandante del incidente", "en": "Incident commander"},
        "technical_lead": {"es": "Responsable técnico", "en": "Technical lead"},
        "communications_lead": {"es": "Responsable de comunicaciones", "en": "Communications lead"},
        "scribe": {"es": "Cronista", "en": "Scribe"},
    },
    "state": {
        "operational": {"es": "operativo", "en": "operational"},
        "degraded": {"es": "degradado", "en": "degraded"},
        "partial_outage": {"es": "interrupción parcial", "en": "partial outage"},
        "major_outage": {"es": "interrupción total", "en": "major outage"},
        "maintenance": {"es": "en mantenimiento", "en": "maintenance"},
        "unknown": {"es": "sin datos", "en": "no data"},
    },
    "step_reason": {
        "opened": {"es": "se abrió el aviso", "en": "the page opened"},
        "not_acknowledged": {"es": "nadie lo reconoció a tiempo", "en": "not acknowledged in time"},
        "nobody_reachable": {"es": "no se pudo contactar con nadie", "en": "nobody could be reached"},
        "repeated": {"es": "empieza otra ronda", "en": "another round begins"},
    },
    "purpose": {
        "page": {"es": "Aviso", "en": "Page"},
        "closed": {"es": "Cierre", "en": "Closing message"},
        "notice": {"es": "Mensaje", "en": "Message"},
    },
    "channel": {
        "terminal": {"es": "la terminal", "en": "terminal"},
        "email": {"es": "correo", "en": "e-mail"},
        "webhook": {"es": "webhook", "en": "webhook"},
        "slack": {"es": "Slack", "en": "Slack"},
    },
    "via": {
        "link": {"es": "con el enlace", "en": "by link"},
        "console": {"es": "en la consola", "en": "in the console"},
        "command": {"es": "por línea de órdenes", "en": "by command"},
        "api": {"es": "por la API", "en": "through the API"},
    },
    "reason": {
        "resolved": {"es": "ya no hay alertas activas", "en": "nothing fires any more"},
        "cleared": {"es": "ya no hay alertas activas", "en": "nothing fires any more"},
        "rule_removed": {"es": "se retiró su regla", "en": "its rule was removed"},
        "closed": {"es": "lo cerró una persona", "en": "closed by a person"},
    },
}
_KINDS = {"before": "phase", "before_state": "state"}
_PEOPLE = ("person", "before_person", "actor", "by")


def word(kind: str, name: str, language: Language) -> str:
    """How people call `name` of that kind (phase, role, state, channel …); the name itself if it is not ours."""
    found = VOCABULARY.get(kind, {}).get(name)
    return found[language] if found else name


def render(entry: Entry, language: Language, zone: str, people: Mapping[str, str] | None = None) -> str:
    """The line for those who answer: its phrase, then what a person wrote.

    `people` gives the titles of people by their names. The text is plain: whoever shows it escapes it.
    """
    names = people or {}
    if entry.phrase is None or entry.phrase not in PHRASES:
        return entry.text or entry.phrase or entry.kind
    values = _values(entry, language, zone, names)
    values.setdefault("actor", names.get(entry.actor or "", entry.actor or ""))
    said = say(PHRASES, entry.phrase, language, **values)
    return f"{said}. {entry.text}" if entry.text else said


def render_public(entry: Entry, language: Language, what: str) -> str | None:
    """The line for the public: people's own words where there are any; None if the line is not for the public.

    `what` is the public name of what is affected. Nothing internal gets in: no alert, person, host or severity.
    """
    if not entry.public:
        return None
    if entry.text:
        return entry.text
    phrase = entry.phrase or ""
    key = f"phase_{entry.values.get('phase')}" if phrase == "phase" else phrase
    key = "resolved" if key == "resolved_with_open_pages" else key
    if key not in PUBLIC:
        return None
    return say(PUBLIC, key, language, what=what, **_values(entry, language, "UTC", {}))


def public_title(language: Language, what: str) -> str:
    """What an incident that no person named is called in public."""
    return say(PUBLIC, "title", language, what=what)


def _values(entry: Entry, language: Language, zone: str, people: Mapping[str, str]) -> dict[str, str]:
    return {name: _value(name, value, language, zone, people) for name, value in entry.values.items()}


def _value(name: str, value: str, language: Language, zone: str, people: Mapping[str, str]) -> str:
    if name.endswith("_at"):
        return local(datetime.fromisoformat(value), zone, language)
    if name.endswith("_seconds"):
        return span(timedelta(seconds=float(value)), language)
    if name == "people":
        return ", ".join(people.get(one, one) for one in value.split(", "))
    if name in _PEOPLE:
        return people.get(value, value)
    return word(_KINDS.get(name, name), value, language)
