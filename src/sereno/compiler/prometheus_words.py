"""What the alerts say that `sereno build` adds of itself, in Spanish and English."""

from __future__ import annotations

from sereno.kernel.language import Phrases

PHRASES: Phrases = {
    "no_data": {
        "es": "{service}: {slo} se quedó sin datos",
        "en": "{service}: {slo} has no data any more",
    },
    "no_data_description": {
        "es": "En el último día hubo muestras de {slo} y desde hace {for_} no hay ninguna. Sin ellas nadie sabe si el"
        " objetivo {objective} se cumple, y sus otras alertas no pueden dispararse: revise el origen de las métricas.",
        "en": "There were samples of {slo} within the last day, and for {for_} there have been none. Without them"
        " nobody knows whether the objective of {objective} is met, and its other alerts cannot fire: look at where the"
        " metrics come from.",
    },
    "watchdog": {
        "es": "La vigilancia funciona",
        "en": "The watch is awake",
    },
    "watchdog_description": {
        "es": "Esta alerta está siempre activa. Quien la recibe sin pausa sabe que Prometheus evalúa reglas y"
        " Alertmanager entrega avisos; si deja de llegar, la vigilancia misma está caída.",
        "en": "This alert always fires. Whoever keeps hearing it knows that Prometheus evaluates rules and"
        " Alertmanager delivers; when it falls silent, the watch itself is down.",
    },
}
