"""What the public page says, in Spanish and in English."""

from __future__ import annotations

from sereno.kernel.language import Phrases

STATE: Phrases = {
    "operational": {"es": "Operativo", "en": "Operational"},
    "degraded": {"es": "Degradado", "en": "Degraded"},
    "partial_outage": {"es": "Interrupción parcial", "en": "Partial outage"},
    "major_outage": {"es": "Interrupción total", "en": "Major outage"},
    "maintenance": {"es": "En mantenimiento", "en": "Under maintenance"},
    "unknown": {"es": "Sin datos", "en": "No data"},
}

BANNER: Phrases = {
    "operational": {"es": "Todo funciona con normalidad", "en": "Everything is working"},
    "degraded_one": {"es": "{what} funciona con dificultades", "en": "{what} is not at its best"},
    "degraded": {"es": "Algunos servicios funcionan con dificultades", "en": "Some services are not at their best"},
    "partial_outage_one": {"es": "{what} falla en parte", "en": "{what} is partly down"},
    "partial_outage": {"es": "Algunos servicios fallan en parte", "en": "Some services are partly down"},
    "major_outage_one": {"es": "{what} no está disponible", "en": "{what} is down"},
    "major_outage": {"es": "Algunos servicios no están disponibles", "en": "Some services are down"},
    "maintenance_one": {"es": "{what} está en mantenimiento", "en": "{what} is under maintenance"},
    "maintenance": {"es": "Hay servicios en mantenimiento", "en": "Some services are under maintenance"},
    "unknown_one": {"es": "No sabemos cómo está {what}", "en": "We cannot tell how {what} is"},
    "unknown": {"es": "No sabemos cómo están algunos servicios", "en": "We cannot tell how some services are"},
    "unknown_all": {"es": "Todavía no tenemos datos", "en": "We have no data yet"},
}

PAGE: Phrases = {
    "title": {"es": "{state} · {page}", "en": "{state} · {page}"},
    "status_of": {"es": "Estado de {page}", "en": "{page} status"},
    "checked": {"es": "Actualizado el {at}", "en": "Updated {at}"},
    "components": {"es": "Servicios", "en": "Services"},
    "open_incidents": {"es": "Qué está pasando", "en": "What is going on"},
    "past_incidents": {"es": "Últimos {days} días", "en": "Past {days} days"},
    "no_incidents": {"es": "Ningún incidente registrado.", "en": "No incident on record."},
    "affects": {"es": "Afecta a {what}", "en": "Affects {what}"},
    "since": {"es": "desde el {at}", "en": "since {at}"},
    "lasted": {"es": "duró {duration}", "en": "lasted {duration}"},
    "next": {"es": "Más noticias antes de las {at}.", "en": "More news before {at}."},
    "days_ago": {"es": "hace {days} días", "en": "{days} days ago"},
    "today": {"es": "hoy", "en": "today"},
    "available": {"es": "{percent} disponible en {days} días", "en": "{percent} available over {days} days"},
    "available_since": {
        "es": "{percent} disponible desde el {day}",
        "en": "{percent} available since {day}",
    },
    "covered": {"es": "{percent} del tiempo con datos", "en": "{percent} of the time with data"},
    "no_uptime": {"es": "disponibilidad sin datos suficientes", "en": "not enough data for an availability"},
    "bars_label": {
        "es": "{what}, últimos {days} días: {uptime}. {trouble}.",
        "en": "{what}, past {days} days: {uptime}. {trouble}.",
    },
    "trouble_none": {"es": "Ningún día con problemas", "en": "No day with trouble"},
    "trouble_one": {"es": "1 día con problemas", "en": "1 day with trouble"},
    "trouble_some": {"es": "{count} días con problemas", "en": "{count} days with trouble"},
    "notable_one": {"es": "Detalle de 1 día", "en": "Details of 1 day"},
    "notable_some": {"es": "Detalle de {count} días", "en": "Details of {count} days"},
    "day": {"es": "Día", "en": "Day"},
    "worst": {"es": "Lo peor", "en": "Worst"},
    "availability": {"es": "Disponibilidad", "en": "Availability"},
    "coverage": {"es": "Con datos", "en": "With data"},
    "generated": {
        "es": "Historial generado: parte de lo que se ve es una demostración, no lo que ocurrió.",
        "en": "Generated history: part of what is shown is a demonstration, not what happened.",
    },
    "legend": {"es": "Qué significan las barras", "en": "What the bars mean"},
    "zone": {"es": "Horas de {zone} ({offset})", "en": "Times in {zone} ({offset})"},
    "data": {"es": "Los mismos datos en JSON", "en": "The same data as JSON"},
    "feed": {"es": "Noticias (Atom)", "en": "News (Atom)"},
    "other_language": {"es": "English", "en": "Español"},
    "how": {
        "es": "La disponibilidad se calcula con el tiempo en cada estado: una interrupción total cuenta entera, una "
        "parcial 0,3 y el tiempo sin datos no cuenta. Se redondea hacia abajo.",
        "en": "Availability comes from the time in each state: a major outage counts in full, a partial one 0.3, and "
        "time without data does not count. It is rounded down.",
    },
    "skip": {"es": "Ir a los servicios", "en": "Skip to the services"},
    "phase_detected": {"es": "Investigando", "en": "Investigating"},
    "phase_triaged": {"es": "En tratamiento", "en": "Being handled"},
    "phase_mitigated": {"es": "En observación", "en": "Monitoring"},
    "phase_resolved": {"es": "Resuelto", "en": "Resolved"},
    "phase_reviewed": {"es": "Resuelto", "en": "Resolved"},
}
