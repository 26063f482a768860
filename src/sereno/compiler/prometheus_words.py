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
    "probe_fails": {"es": "{service}: {probe} no responde como debe", "en": "{service}: {probe} fails"},
    "probe_fails_description": {
        "es": "Desde afuera se pregunta a {target}, y desde hace {for_} ninguna respuesta es buena: así lo ven sus"
        " usuarios.",
        "en": "{target} is asked from outside, and for {for_} no answer has been good: that is what its users see.",
    },
    "probe_expires": {
        "es": "{service}: el certificado de {probe} vence en menos de {left}",
        "en": "{service}: the certificate of {probe} ends in less than {left}",
    },
    "probe_expires_description": {
        "es": "El certificado de {target} vence pronto. Ese día nadie podrá conectarse.",
        "en": "The certificate of {target} ends soon. On that day nobody will be able to connect.",
    },
    "probe_slow": {
        "es": "{service}: {probe} tarda más de {within}",
        "en": "{service}: {probe} takes longer than {within}",
    },
    "probe_slow_description": {
        "es": "En promedio de {rate}, {target} tarda más de {within} en responder a quien pregunta desde afuera.",
        "en": "On average over {rate}, {target} takes longer than {within} to answer whoever asks from outside.",
    },
    "probe_silent": {"es": "{service}: nadie pregunta por {probe}", "en": "{service}: nobody asks {probe}"},
    "probe_silent_description": {
        "es": "Desde hace {for_} no hay resultados de la sonda a {target}: el exportador que pregunta no responde, o"
        " Prometheus ya no lo lee. No se sabe si el servicio anda.",
        "en": "For {for_} there have been no results of the probe of {target}: the exporter that asks does not answer,"
        " or Prometheus does not read it any more. Whether the service is up is not known.",
    },
}
