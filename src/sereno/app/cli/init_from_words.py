"""What `sereno init --from` says and writes, in both languages."""

from __future__ import annotations

from sereno.kernel.language import Phrases

FILES: Phrases = {
    "availability": {
        "es": """\
  # Cuentan como malas las respuestas 5xx y las 429; los controles de salud no son clientes.
  - name: disponibilidad
    title: {service} responde
    objective: {objective}
    window: 30d
    sli:
      events:
        total: {counter}{{{job}}}
        bad: {status}=~"5..|429"{left_out}
    runbook: runbooks/{service}-errores.md
""",
        "en": """\
  # Answers 5xx and 429 are bad; health checks are no customers.
  - name: availability
    title: {service} answers
    objective: {objective}
    window: 30d
    sli:
      events:
        total: {counter}{{{job}}}
        bad: {status}=~"5..|429"{left_out}
    runbook: runbooks/{service}-errors.md
""",
    },
    "latency": {
        "es": """\
  # Cada umbral es un límite de intervalo del histograma: así la cuenta es exacta.
  - name: latencia
    title: {service} responde pronto{target}
    window: 30d
    sli:
      latency:
        histogram: {histogram}{{{job}}}
        {within}{left_out}
    runbook: runbooks/{service}-lento.md
""",
        "en": """\
  # Every threshold is a boundary of the histogram: so the count is exact.
  - name: latency
    title: {service} answers in time{target}
    window: 30d
    sli:
      latency:
        histogram: {histogram}{{{job}}}
        {within}{left_out}
    runbook: runbooks/{service}-slow.md
""",
    },
    "integration": {
        "es": """\
  # Lo que responde mal o no responde. Con pocas llamadas no se juzga.
  - name: integracion-{name}
    title: Llamadas a {integration}
    objective: 99%
    window: 30d
    sli:
      events:
        total: integration_api_calls_total{{{job},integration="{integration}"}}
        bad: status!~"[1-3]..|4[^2].|42[^9]|cancelled"
    low_traffic: {{min_events: 50, min_failures: 5}}
    severity: P3
    runbook: runbooks/{service}-dependencia.md
""",
        "en": """\
  # What answers badly, or not at all. Too few calls are not judged.
  - name: integration-{name}
    title: Calls to {integration}
    objective: 99%
    window: 30d
    sli:
      events:
        total: integration_api_calls_total{{{job},integration="{integration}"}}
        bad: status!~"[1-3]..|4[^2].|42[^9]|cancelled"
    low_traffic: {{min_events: 50, min_failures: 5}}
    severity: P3
    runbook: runbooks/{service}-dependency.md
""",
    },
    "business": {
        "es": """\
  # ¿Un objetivo del negocio? Diga qué valores de `{label}` son malos (hay: {values}) y quite los #.
  # - name: {name}
  #   objective: 99%
  #   window: 30d
  #   sli:
  #     events:
  #       total: {counter}{{{job}}}
  #       bad: {label}=~"…"
""",
        "en": """\
  # An objective of the business? Say which values of `{label}` are bad (there are: {values}), and take the # away.
  # - name: {name}
  #   objective: 99%
  #   window: 30d
  #   sli:
  #     events:
  #       total: {counter}{{{job}}}
  #       bad: {label}=~"…"
""",
    },
    "pool": {
        "es": """\
  - name: conexiones
    title: Conexiones a la base de datos
    used: |
      max(
        max by (instance, pool) (db_connections_active{{{job}}})
          / max by (instance, pool) (db_connections_max{{{job}}})
      )
    levels:
      - {{at: 80%, for: 10m, severity: P3}}
      - {{at: 95%, for: 5m, severity: P2}}
    runbook: runbooks/{service}-dependencia.md
""",
        "en": """\
  - name: connections
    title: Connections to the database
    used: |
      max(
        max by (instance, pool) (db_connections_active{{{job}}})
          / max by (instance, pool) (db_connections_max{{{job}}})
      )
    levels:
      - {{at: 80%, for: 10m, severity: P3}}
      - {{at: 95%, for: 5m, severity: P2}}
    runbook: runbooks/{service}-dependency.md
""",
    },
    "breaker": {
        "es": """\
  - alert: {alert}CortaLlamadas
    expr: max by (pipeline) (sereno_circuit_state{{{job},state="open"}}) == 1
    for: 5m
    severity: P3
    summary: Hace 5 minutos que no se llama a {{{{ $labels.pipeline }}}}, porque fallaba demasiado
    runbook: runbooks/{service}-dependencia.md
""",
        "en": """\
  - alert: {alert}CircuitOpen
    expr: max by (pipeline) (sereno_circuit_state{{{job},state="open"}}) == 1
    for: 5m
    severity: P3
    summary: '{{{{ $labels.pipeline }}}} has not been called for 5 minutes, because it failed too often'
    runbook: runbooks/{service}-dependency.md
""",
    },
    "errors_name": {"es": "runbooks/{service}-errores.md", "en": "runbooks/{service}-errors.md"},
    "slow_name": {"es": "runbooks/{service}-lento.md", "en": "runbooks/{service}-slow.md"},
    "dependency_name": {"es": "runbooks/{service}-dependencia.md", "en": "runbooks/{service}-dependency.md"},
    "errors": {
        "es": """\
# {service} responde con errores

## Síntomas

Se gasta el presupuesto: hay respuestas 5xx o 429.
{rest}""",
        "en": """\
# {service} answers with errors

## Symptoms

The budget is being spent: there are answers 5xx or 429.
{rest}""",
    },
    "slow": {
        "es": """\
# {service} responde tarde

## Síntomas

Demasiadas respuestas tardan más de lo prometido.
{rest}""",
        "en": """\
# {service} answers late

## Symptoms

Too many answers take longer than promised.
{rest}""",
    },
    "dependency": {
        "es": """\
# Falla algo de lo que {service} depende

## Síntomas

Llamadas que fallan, un cortacircuitos abierto o conexiones que se acaban.
{rest}""",
        "en": """\
# Something that {service} depends on fails

## Symptoms

Calls that fail, a circuit that is open, or connections that run out.
{rest}""",
    },
    "rest": {
        "es": """
## Impacto

Quién lo nota y cómo.

## Diagnóstico

1. ¿Desde cuándo, y en qué rutas? Mire el tablero del servicio.
2. ¿Qué cambió en la última hora?

## Resolución

1. Si hubo un despliegue, vuelva atrás primero.

## Escalamiento

A quién se llama si en 15 minutos no mejora.
""",
        "en": """
## Impact

Who notices, and how.

## Diagnosis

1. Since when, and on which routes? Look at the service's dashboard.
2. What changed in the last hour?

## Resolution

1. If something was deployed, roll it back first.

## Escalation

Who is called if it is no better in 15 minutes.
""",
    },
}
"""Parts of the spec, and runbooks to fill in."""

WHY: Phrases = {
    "title": {"es": "Encontrado en {url}", "en": "Found at {url}"},
    "what": {"es": "qué", "en": "what"},
    "source": {"es": "de dónde", "en": "from"},
    "why": {"es": "por qué", "en": "why"},
    "availability_what": {"es": "disponibilidad {objective}", "en": "availability {objective}"},
    "availability": {"es": "cuenta peticiones con su estado HTTP", "en": "it counts requests with their HTTP status"},
    "latency_what": {"es": "latencia {promised}", "en": "latency {promised}"},
    "latency": {"es": "tiempos de las peticiones", "en": "times of requests"},
    "the thresholds that the service was given": {
        "es": "los umbrales que el servicio declaró", "en": "the thresholds that the service declares",
    },
    "the lowest bound that its requests have kept so far": {
        "es": "el menor límite de intervalo que sus peticiones cumplieron hasta ahora",
        "en": "the lowest bound that its requests have kept so far",
    },
    "a usual threshold; few requests have been measured yet": {
        "es": "un umbral habitual; todavía se midieron pocas peticiones",
        "en": "a usual threshold; few requests have been measured yet",
    },
    "integration_what": {"es": "integración {integration} 99%", "en": "integration {integration} 99%"},
    "integration": {"es": "cuenta llamadas a otros", "en": "it counts calls to others"},
    "business_what": {"es": "{counter}: propuesto en un comentario", "en": "{counter}: proposed in a comment"},
    "business": {"es": "dice cómo terminan las cosas; usted sabe cuáles son malas",
                 "en": "it tells how things end; you know which are bad"},
    "pool_what": {"es": "saturación de conexiones", "en": "saturation of connections"},
    "pool": {"es": "usadas y máximas están las dos", "en": "both those in use and the most allowed are there"},
    "breaker_what": {"es": "alerta de cortacircuitos abierto", "en": "alert of an open circuit"},
    "breaker": {"es": "dice el estado de sus cortacircuitos", "en": "it tells the state of its breakers"},
    "nothing": {"es": "no se reconoció nada", "en": "nothing was recognised"},
    "no counter of HTTP requests with a status was recognised": {
        "es": "no se reconoció ningún contador de peticiones HTTP con su estado",
        "en": "no counter of HTTP requests with a status was recognised",
    },
    "times of requests are measured, but without buckets yet: ask again after some requests": {
        "es": "los tiempos se miden, pero todavía sin intervalos: pregunte otra vez tras algunas peticiones",
        "en": "times of requests are measured, but without buckets yet: ask again after some requests",
    },
    "no histogram of the times of requests was recognised": {
        "es": "no se reconoció ningún histograma de tiempos de peticiones",
        "en": "no histogram of the times of requests was recognised",
    },
}  # fmt: skip
"""What was found, from what, and why; by the texts of `discovering` where it says them."""
