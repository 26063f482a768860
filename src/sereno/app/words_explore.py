"""The words of Explore: asking the samples."""

from __future__ import annotations

from sereno.kernel.language import Phrases

EXPLORE: Phrases = {
    "nav.explore": {"es": "Explorar", "en": "Explore"},
    "explore.title": {"es": "Explorar", "en": "Explore"},
    "explore.lead": {
        "es": "Pregunta a las muestras en PromQL y míralas en el tiempo.",
        "en": "Ask the samples in PromQL and see them over time.",
    },
    "explore.expr": {"es": "Expresión", "en": "Expression"},
    "explore.help": {
        "es": "Enter pregunta, Mayús+Enter salta de línea, Ctrl+Espacio sugiere.",
        "en": "Enter asks, Shift+Enter breaks the line, Ctrl+Space suggests.",
    },
    "explore.mode": {"es": "Mostrar", "en": "Show"},
    "explore.mode.range": {"es": "Curva", "en": "Curve"},
    "explore.mode.instant": {"es": "Instante", "en": "Instant"},
    "explore.since": {"es": "Período", "en": "Period"},
    "explore.until": {"es": "Hasta ({zone})", "en": "Until ({zone})"},
    "explore.step": {"es": "Paso", "en": "Step"},
    "explore.step.auto": {"es": "automático", "en": "automatic"},
    "explore.ask": {"es": "Preguntar", "en": "Ask"},
    "explore.suggestions": {"es": "Sugerencias", "en": "Suggestions"},
    "explore.suggested": {"es": "{count} sugerencias", "en": "{count} suggestions"},
    "explore.start": {
        "es": "Escribe una expresión, o empieza por una de estas:",
        "en": "Write an expression, or begin with one of these:",
    },
    "explore.try.up": {"es": "¿Quién responde?", "en": "Who answers?"},
    "explore.try.budget": {"es": "Errores de {service}", "en": "Errors of {service}"},
    "explore.wrong": {"es": "No se entiende la expresión", "en": "The expression is not understood"},
    "explore.failed": {"es": "No hay respuesta", "en": "There is no answer"},
    "explore.wrong.since": {
        "es": "El período se escribe como 30m, 6h o 7d, hasta 400d.",
        "en": "A period is written as 30m, 6h or 7d, up to 400d.",
    },
    "explore.wrong.until": {"es": "La fecha no se entiende.", "en": "The date is not understood."},
    "explore.wrong.step": {
        "es": "El paso se escribe como 15s o 5m, y no da más de 11.000 puntos.",
        "en": "A step is written as 15s or 5m, and gives no more than 11,000 points.",
    },
    "explore.none": {
        "es": "Ninguna serie responde a esto en este período.",
        "en": "No series answers to this in this period.",
    },
    "explore.none.instant": {
        "es": "Ninguna serie responde a esto en ese instante.",
        "en": "No series answers to this at that instant.",
    },
    "count.series.one": {"es": "1 serie", "en": "1 series"},
    "count.series": {"es": "{count} series", "en": "{count} series"},
    "explore.every": {"es": "un punto cada {step}", "en": "a point every {step}"},
    "explore.at": {"es": "el {when}", "en": "at {when}"},
    "explore.drawn": {
        "es": "Se dibujan las {count} de valores más altos.",
        "en": "The {count} with the highest values are drawn.",
    },
    "explore.listed": {"es": "Se listan las primeras {count}.", "en": "The first {count} are listed."},
    "explore.common": {"es": "Todas llevan", "en": "All of them carry"},
    "explore.series": {"es": "Serie", "en": "Series"},
    "explore.value": {"es": "Valor", "en": "Value"},
    "explore.last": {"es": "Último", "en": "Latest"},
    "explore.min": {"es": "Mínimo", "en": "Lowest"},
    "explore.max": {"es": "Máximo", "en": "Highest"},
    "explore.samples": {"es": "Muestras", "en": "Samples"},
    "explore.text": {"es": "Texto", "en": "Text"},
    "explore.cursor": {"es": "Instante señalado", "en": "Instant pointed at"},
    "explore.plot": {"es": "{expr} en el tiempo", "en": "{expr} over time"},
    "explore.plot.described": {
        "es": "Del {start} al {end}; {series}. Valores de {low} a {high}.",
        "en": "From {start} to {end}; {series}. Values from {low} to {high}.",
    },
    "explore.json": {"es": "Lo mismo como JSON", "en": "The same as JSON"},
    "explore.see": {"es": "Explorar", "en": "Explore"},
    "explore.see.rule": {"es": "Explorar {name}", "en": "Explore {name}"},
    "explore.see.bad": {"es": "Explorar la proporción de fallos", "en": "Explore the share of failures"},
}
