"""What generated dashboards say, in Spanish and English: each panel's title, what it means and what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sereno.kernel.language import Phrases
from sereno.kernel.message import Language

Told = Mapping[str, Mapping[Language, tuple[str, str]]]
"""Title and description of panels."""

PHRASES: Phrases = {
    "nothing": {"es": "sin datos", "en": "no data"},
    "computed": {"es": "Se calcula con {exprs}.", "en": "Computed by {exprs}."},
    "overview": {"es": "Confiabilidad", "en": "Reliability"},
    "overview.about": {
        "es": "Todos los servicios: cómo va cada objetivo, los peores primero, y qué alerta suena.",
        "en": "All services: how each objective does, the worst first, and which alert fires.",
    },
    "service.about": {
        "es": "Tráfico, errores, duración y saturación de {service}, y cómo van sus objetivos.",
        "en": "Traffic, errors, duration and saturation of {service}, and how its objectives do.",
    },
    "slo.about": {
        "es": "El presupuesto de error de {slo}: cuánto queda, a qué velocidad se gasta y qué lo gasta.",
        "en": "The error budget of {slo}: how much is left, how fast it goes, and what spends it.",
    },
    "row.now": {"es": "Ahora", "en": "Now"},
    "row.objectives": {"es": "Objetivos", "en": "Objectives"},
    "row.where": {"es": "Dónde mirar", "en": "Where to look"},
    "row.budget": {"es": "Presupuesto", "en": "Budget"},
    "row.window": {"es": "A lo largo de la ventana", "en": "Over the window"},
    "row.burn": {"es": "Tasa de consumo por ventana", "en": "Burn rate by window"},
    "row.events": {"es": "Qué ocurre", "en": "What happens"},
    "row.saturation": {"es": "Saturación", "en": "Saturation"},
    "row.processes": {"es": "Procesos", "en": "Processes"},
    "row.parts": {"es": "Dependencias", "en": "Dependencies"},
    "row.alerts": {"es": "Alertas", "en": "Alerts"},
    "row.more": {"es": "Más", "en": "More"},
    "service": {"es": "Servicio", "en": "Service"},
    "team": {"es": "Equipo", "en": "Team"},
    "objective": {"es": "Objetivo", "en": "Objective"},
    "left": {"es": "Presupuesto restante", "en": "Budget left"},
    "burn": {"es": "Consumo (1 h)", "en": "Burn (1 h)"},
    "reached": {"es": "Cumplido", "en": "Reached"},
    "promised": {"es": "Prometido", "en": "Promised"},
    "coverage": {"es": "Cobertura", "en": "Coverage"},
    "alert": {"es": "Alerta", "en": "Alert"},
    "severity": {"es": "Severidad", "en": "Severity"},
    "since": {"es": "Suena", "en": "Fires"},
    "all": {"es": "todos", "en": "all"},
    "bad": {"es": "malos", "en": "bad"},
    "share": {"es": "malos", "en": "bad"},
    "value": {"es": "valor", "en": "value"},
    "runbook": {"es": "Runbook", "en": "Runbook"},
    "policy": {"es": "Política", "en": "Policy"},
    "console": {"es": "En Sereno", "en": "In Sereno"},
    "promise": {
        "es": "**{objective}** de los eventos buenos en **{window}**; el presupuesto es **{budget}**.",
        "en": "**{objective}** of the events good over **{window}**; the budget is **{budget}**.",
    },
    "over_day": {"es": "el día ({zone})", "en": "the day ({zone})"},
    "over_week": {"es": "la semana ({zone})", "en": "the week ({zone})"},
    "over_month": {"es": "el mes ({zone})", "en": "the month ({zone})"},
    "over_quarter": {"es": "el trimestre ({zone})", "en": "the quarter ({zone})"},
    "over_year": {"es": "el año ({zone})", "en": "the year ({zone})"},
    "step": {"es": "- Al consumir {consumed}: {what}", "en": "- Once {consumed} is spent: {what}"},
    "freeze": {"es": "se detienen los despliegues", "en": "releases stop"},
    "fires": {"es": "{alert} suena", "en": "{alert} fires"},
}

PANELS: Told = {
    "exhausted": {
        "es": (
            "Presupuestos agotados",
            "Objetivos que ya gastaron todo su presupuesto de error. Con uno o más, aplique la política de"
            " presupuesto.",
        ),
        "en": (
            "Budgets exhausted",
            "Objectives that have spent all of their error budget. With one or more, follow the error-budget policy.",
        ),
    },
    "burning": {
        "es": (
            "Consumen de más",
            "Objetivos que en la última hora gastan más rápido de lo sostenible (tasa mayor que 1). Mire primero los de"
            " mayor tasa.",
        ),
        "en": (
            "Burning too fast",
            "Objectives that over the last hour spend faster than can be sustained (a rate above 1). Look at the"
            " fastest first.",
        ),
    },
    "unknown": {
        "es": (
            "Objetivos sin datos",
            "Objetivos de los que no se sabe nada: sus métricas no llegan. No es que estén bien: revise la"
            " recolección.",
        ),
        "en": (
            "Objectives without data",
            "Objectives about which nothing is known: their metrics do not arrive. That is not fine: look at scraping.",
        ),
    },
    "firing": {
        "es": ("Alertas que suenan", "Cuántas alertas suenan ahora. La tabla de abajo dice cuáles."),
        "en": ("Alerts firing", "How many alerts fire now. The table below says which."),
    },
    "worst": {
        "es": (
            "Objetivos, los peores primero",
            "Cada objetivo con lo que queda de su presupuesto en su ventana (negativo: incumplido), la tasa de consumo"
            " de la última hora, lo cumplido y lo prometido, y qué parte de la ventana se observó. Empiece por la"
            " primera fila.",
        ),
        "en": (
            "Objectives, the worst first",
            "Each objective with what is left of its budget over its window (negative: broken), the burn rate of the"
            " last hour, what was reached and promised, and how much of the window was observed. Begin with the"
            " first row.",
        ),
    },
    "unknown_table": {
        "es": (
            "De qué no se sabe nada",
            "Objetivos declarados cuyo presupuesto no se puede calcular. Vacía es buena señal.",
        ),
        "en": ("Nothing is known of", "Declared objectives whose budget cannot be computed. Empty is a good sign."),
    },
    "burns": {
        "es": (
            "Tasas de consumo por encima de lo sostenible",
            "Solo los objetivos que gastan más rápido de lo que dura su ventana (más de 1). Una línea que sube es el"
            " próximo incidente. Vacía es buena señal.",
        ),
        "en": (
            "Burn rates above the sustainable",
            "Only objectives that spend faster than their window lasts (above 1). A rising line is the next incident."
            " Empty is a good sign.",
        ),
    },
    "alerts": {
        "es": (
            "Qué alertas suenan",
            "Las alertas que suenan ahora, con su severidad. Abra su runbook desde el aviso. Vacía es buena señal.",
        ),
        "en": (
            "Which alerts fire",
            "The alerts that fire now, with their severity. Open the runbook from the page. Empty is a good sign.",
        ),
    },
    "remaining": {
        "es": (
            "Presupuesto restante",
            "Qué parte del presupuesto de error queda en la ventana. Por debajo de 0 la promesa está rota: siga la"
            " política de presupuesto.",
        ),
        "en": (
            "Budget left",
            "How much of the error budget of the window is left. Below 0 the promise is broken: follow the"
            " error-budget policy.",
        ),
    },
    "sli": {
        "es": (
            "Cumplido",
            "La proporción de eventos buenos en toda la ventana, ponderada por eventos. Prometido: {objective}.",
        ),
        "en": (
            "Reached",
            "The share of good events over the whole window, weighted by events. Promised: {objective}.",
        ),
    },
    "burn1h": {
        "es": (
            "Tasa de consumo (1 h)",
            "Cuántas veces más rápido de lo sostenible se gasta el presupuesto en la última hora. A 1 alcanza justo"
            " para la ventana; por encima, busque qué cambió.",
        ),
        "en": (
            "Burn rate (1 h)",
            "How many times faster than can be sustained the budget goes, over the last hour. At 1 it just lasts the"
            " window; above that, look for what has changed.",
        ),
    },
    "exhausts": {
        "es": (
            "Se agota en",
            "Restante × ventana ÷ tasa de consumo de la última hora: cuánto dura el presupuesto si todo sigue así. Sin"
            " dato cuando no se gasta o ya se agotó.",
        ),
        "en": (
            "Gone in",
            "Left × window ÷ burn rate of the last hour: how long the budget lasts if things go on like this. No data"
            " when nothing is spent or nothing is left.",
        ),
    },
    "observed": {
        "es": (
            "Cobertura",
            "Qué parte de la ventana se observó. Por debajo del 99 % las demás cifras cuentan solo lo observado: revise"
            " la recolección de métricas.",
        ),
        "en": (
            "Coverage",
            "How much of the window was observed. Below 99% the other figures tell of what was observed alone: look at"
            " the scraping of metrics.",
        ),
    },
    "remaining_over": {
        "es": (
            "Presupuesto restante en el tiempo",
            "Cómo se gastó el presupuesto a lo largo de una ventana entera. Un escalón es un incidente; una pendiente,"
            " un problema crónico.",
        ),
        "en": (
            "Budget left over time",
            "How the budget was spent over one whole window. A step is an incident; a slope is a chronic problem.",
        ),
    },
    "sli_over": {
        "es": (
            "Cumplido y prometido",
            "La proporción de eventos buenos de la ventana que termina en cada momento, y la línea prometida.",
        ),
        "en": (
            "Reached and promised",
            "The share of good events of the window that ends at each moment, and the promised line.",
        ),
    },
    "tier": {
        "es": (
            "Consumo en {long} y {short}",
            "La alerta suena cuando ambas ventanas pasan de {factor}: entonces ya se gastó el {share} del"
            " presupuesto, y a esa tasa uno entero dura {exhausts}.",
        ),
        "en": (
            "Burn over {long} and {short}",
            "The alert fires when both windows are above {factor}: by then {share} of the budget is spent, and at"
            " that rate a whole one lasts {exhausts}.",
        ),
    },
    "events": {
        "es": (
            "Eventos por segundo",
            "Todos los eventos y los malos. Si caen a cero sin motivo, nadie llega al servicio; si suben los malos,"
            " mire la proporción.",
        ),
        "en": (
            "Events a second",
            "All events and the bad ones. If they fall to zero for no reason nobody reaches the service; if the bad"
            " ones rise, look at the share.",
        ),
    },
    "ratio": {
        "es": (
            "Proporción de eventos malos",
            "La línea es lo que el objetivo permite. Por encima de ella se gasta presupuesto más rápido de lo"
            " sostenible.",
        ),
        "en": (
            "Share of bad events",
            "The line is what the objective allows. Above it the budget goes faster than can be sustained.",
        ),
    },
    "latency": {
        "es": (
            "Duración",
            "La mitad, el 95 % y el 99 % de los eventos duran menos. La línea es el umbral del objetivo. Son"
            " estimaciones entre límites del histograma: el objetivo se cuenta con eventos, no con ellas.",
        ),
        "en": (
            "Duration",
            "Half, 95% and 99% of the events take less. The line is the objective's threshold. These are estimates"
            " between the bounds of the histogram: the objective is counted from events, not from them.",
        ),
    },
    "heat": {
        "es": (
            "Distribución de la duración",
            "Cuántos eventos por franja de duración. Dos bandas son dos clases de eventos; una que sube es una"
            " degradación.",
        ),
        "en": (
            "Distribution of durations",
            "How many events by band of duration. Two bands are two classes of events; a rising one is a degradation.",
        ),
    },
    "gauge": {
        "es": ("El valor que se juzga", "Es bueno cuando es {operator} {threshold}. Cada serie cuenta por separado."),
        "en": ("The value that is judged", "It is good when it is {operator} {threshold}. Each series counts."),
    },
    "parts": {
        "es": (
            "De qué se compone",
            "Lo que queda del presupuesto de cada objetivo del que este depende. El más bajo es el culpable más"
            " probable.",
        ),
        "en": (
            "What it is made of",
            "What is left of the budget of each objective that this one depends on. The lowest is the likeliest"
            " culprit.",
        ),
    },
    "used": {
        "es": (
            "{title}",
            "Qué tan lleno está, de 0 a 1. Las líneas son los niveles que alertan: {levels}. Antes de llegar al último,"
            " amplíe o descargue.",
        ),
        "en": (
            "{title}",
            "How full it is, 0 to 1. The lines are the levels that alert: {levels}. Before the last is reached, add"
            " room or shed load.",
        ),
    },
    "used_now": {
        "es": ("{title}, ahora", "Qué tan lleno está ahora. En rojo ya pasó el último nivel."),
        "en": ("{title}, now", "How full it is now. In red the last level has been passed."),
    },
    "up": {
        "es": (
            "Recolección de métricas",
            "Si Prometheus logra leer cada instancia. Es la salud de la recolección, no la disponibilidad para los"
            " usuarios: para eso están los objetivos.",
        ),
        "en": (
            "Scraping",
            "Whether Prometheus can read each instance. That is the health of scraping, not availability to users:"
            " the objectives tell of that.",
        ),
    },
    "cpu": {
        "es": ("CPU por instancia", "Núcleos que usa cada proceso. Compárelo con su límite antes de añadir réplicas."),
        "en": ("CPU by instance", "Cores that each process uses. Compare it with its limit before adding replicas."),
    },
    "memory": {
        "es": ("Memoria por instancia", "Memoria residente. Una línea que solo sube es una fuga."),
        "en": ("Memory by instance", "Resident memory. A line that only rises is a leak."),
    },
    "files": {
        "es": (
            "Descriptores de archivo usados",
            "Qué parte de los descriptores permitidos está en uso. Cerca de 1 dejan de aceptarse conexiones.",
        ),
        "en": (
            "File descriptors used",
            "How much of the allowed file descriptors is in use. Near 1 connections are refused.",
        ),
    },
    "about_slo": {"es": ("La promesa", ""), "en": ("The promise", "")},
    "links": {"es": ("Enlaces", ""), "en": ("Links", "")},
}


def say(key: str, language: Language, **values: object) -> str:
    """The phrase `key` in `language`, with `values` put in."""
    return PHRASES[key][language].format(**values)


def told(key: str, language: Language, **values: object) -> dict[str, Any]:
    """`title` and `description` of the panel `key` in `language`, with `values` put in."""
    title, description = PANELS[key][language]
    return {"title": title.format(**values), "description": description.format(**values)}
