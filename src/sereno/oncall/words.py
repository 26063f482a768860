"""What pages say to people, in Spanish and English."""

from __future__ import annotations

from sereno.kernel.language import Phrases

PHRASES: Phrases = {
    "subject_page": {"es": "[{severity}] {service}: {summary}", "en": "[{severity}] {service}: {summary}"},
    "subject_closed": {
        "es": "[Cerrado] [{severity}] {service}: {summary}",
        "en": "[Closed] [{severity}] {service}: {summary}",
    },
    "service": {"es": "Servicio: {service}", "en": "Service: {service}"},
    "component": {"es": "Lo que ve el público: {component}", "en": "What the public sees: {component}"},
    "severity": {"es": "Severidad: {severity}", "en": "Severity: {severity}"},
    "severity_described": {
        "es": "Severidad: {severity} ({description})",
        "en": "Severity: {severity} ({description})",
    },
    "since": {"es": "Desde: {since} (hace {age})", "en": "Since: {since} ({age} ago)"},
    "value": {"es": "Valor: {value}", "en": "Value: {value}"},
    "slo": {"es": "Objetivo en riesgo: {slo}", "en": "Objective at risk: {slo}"},
    "budget": {
        "es": "Presupuesto de error: a este ritmo se gasta {share} cada {window}",
        "en": "Error budget: at this pace {share} of it goes every {window}",
    },
    "exhausts": {
        "es": "Un presupuesto entero se agotaría en {exhausts}",
        "en": "A whole budget would be gone in {exhausts}",
    },
    "also": {"es": "También activas: {alerts}", "en": "Also firing: {alerts}"},
    "and_more": {"es": "{alerts} y {count} más", "en": "{alerts} and {count} more"},
    "runbook": {"es": "Qué hacer (runbook): {runbook}", "en": "What to do (runbook): {runbook}"},
    "why_opened": {"es": "Te llega porque estás de guardia.", "en": "You get this because you are on call."},
    "why_not_acknowledged": {
        "es": "Te llega porque nadie lo reconoció a tiempo.",
        "en": "You get this because nobody acknowledged it in time.",
    },
    "why_nobody_reachable": {
        "es": "Te llega porque no se pudo contactar con quien iba antes.",
        "en": "You get this because whoever came before you could not be reached.",
    },
    "why_repeated": {
        "es": "Te llega otra vez porque sigue sin que nadie lo reconozca.",
        "en": "You get this again because still nobody has acknowledged it.",
    },
    "why_contact": {
        "es": "Te llega por aquí porque no se te pudo avisar por {channel}.",
        "en": "You get it here because you could not be told through {channel}.",
    },
    "channel_terminal": {"es": "la terminal", "en": "the terminal"},
    "channel_email": {"es": "correo", "en": "e-mail"},
    "channel_webhook": {"es": "webhook", "en": "webhook"},
    "channel_slack": {"es": "Slack", "en": "Slack"},
    "channel_sms": {"es": "SMS", "en": "SMS"},
    "channel_phone": {"es": "teléfono", "en": "phone"},
    "channel_push": {"es": "notificación", "en": "push"},
    "next": {
        "es": "Si nadie lo reconoce, {time} se avisa a {people}.",
        "en": "If nobody acknowledges it, {people} will be paged {time}.",
    },
    "next_nobody": {
        "es": "No hay a quién avisar después de ti. Se volverá a intentar {time}.",
        "en": "There is nobody to page after you. It will be tried again {time}.",
    },
    "time_today": {"es": "a las {time}", "en": "at {time}"},
    "time_later": {"es": "el {time}", "en": "on {time}"},
    "you": {"es": "ti (otra vez)", "en": "you (again)"},
    "acknowledge": {"es": "Reconocer: {url}", "en": "Acknowledge: {url}"},
    "see": {"es": "Ver el aviso: {url}", "en": "See the page: {url}"},
    "closed_resolved": {
        "es": "Ya no hay alertas activas: el aviso se cerró solo.",
        "en": "Nothing fires any more: the page closed by itself.",
    },
    "closed_closed": {"es": "{by} cerró el aviso.", "en": "{by} closed the page."},
    "lasted": {
        "es": "Abierto el {opened}, cerrado el {closed}: duró {length}.",
        "en": "Opened {opened}, closed {closed}: it lasted {length}.",
    },
    "answered": {
        "es": "Lo reconoció {by} a los {delay}.",
        "en": "Acknowledged by {by} after {delay}.",
    },
    "unanswered": {"es": "Nadie llegó a reconocerlo.", "en": "Nobody acknowledged it."},
    "nothing_to_do": {"es": "No tienes que hacer nada.", "en": "There is nothing for you to do."},
}
