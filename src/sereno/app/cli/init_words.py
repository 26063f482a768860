"""What `sereno init` says and writes, in both languages."""

from __future__ import annotations

from sereno.kernel.language import Phrases

WORDS: Phrases = {
    "welcome": {
        "es": "Seis preguntas. Entre corchetes está lo habitual; Intro lo acepta.",
        "en": "Six questions. What is usual stands in brackets; Enter takes it.",
    },
    "service": {"es": "¿Qué debe seguir funcionando?", "en": "What must keep working?"},
    "metrics": {"es": "¿Dónde están sus métricas de Prometheus?", "en": "Where are its Prometheus metrics?"},
    "owner": {"es": "¿Qué equipo responde por ello?", "en": "Which team owns it?"},
    "person": {"es": "¿A quién se despierta?", "en": "Who is woken?"},
    "email": {"es": "¿A qué correo se le avisa?", "en": "At which e-mail address?"},
    "objective": {
        "es": "¿Qué se promete? (parte de las peticiones que salen bien, en 30 días)",
        "en": "What is promised? (share of requests that go well, over 30 days)",
    },
    "terminal": {"es": "en esta terminal", "en": "on this terminal"},
    "usual_owner": {"es": "equipo", "en": "owners"},
    "written": {
        "es": "Escrito en {path}. Revíselo con `sereno check {path}` y empiece con `sereno up`.",
        "en": "Written to {path}. Look it over with `sereno check {path}`, then begin with `sereno up`.",
    },
}

FILES: Phrases = {
    "service_name": {"es": "servicio.yaml", "en": "service.yaml"},
    "people_name": {"es": "equipo.yaml", "en": "people.yaml"},
    "runbook_name": {"es": "runbooks/{service}-no-responde.md", "en": "runbooks/{service}-down.md"},
    "service": {
        "es": """\
service: {service}
title: {title}
team: {team}
scrape:
  - job: {service}
    targets: [{metrics}]
    every: 15s
slos:
  # Cuentan como malas las respuestas 5xx y las 429; los controles de salud no cuentan.
  - name: disponibilidad
    objective: {objective}
    window: 30d
    sli:
      events:
        total: http_requests_total{{job="{service}"}}
        bad: status=~"5..|429"
        except: endpoint=~"/health.*"
    runbook: runbooks/{service}-no-responde.md
alerts:
  - alert: {alert}NoResponde
    expr: absent(up{{job="{service}"}} == 1)
    for: 1m
    severity: SEV1
    summary: {service} no responde
    runbook: runbooks/{service}-no-responde.md
""",
        "en": """\
service: {service}
title: {title}
team: {team}
scrape:
  - job: {service}
    targets: [{metrics}]
    every: 15s
slos:
  # Answers 5xx and 429 are bad; health checks do not count.
  - name: availability
    objective: {objective}
    window: 30d
    sli:
      events:
        total: http_requests_total{{job="{service}"}}
        bad: status=~"5..|429"
        except: endpoint=~"/health.*"
    runbook: runbooks/{service}-down.md
alerts:
  - alert: {alert}Down
    expr: absent(up{{job="{service}"}} == 1)
    for: 1m
    severity: SEV1
    summary: {service} does not answer
    runbook: runbooks/{service}-down.md
""",
    },
    "people": {
        "es": """\
# Quién responde. Más personas: otro documento `person`, y su nombre en `people`; entonces convienen dos
# papeles (roles: [primary, secondary]) y un segundo paso en el escalamiento ({{page: secondary, after: 5m}}).
team: {team}
title: {team_title}
escalation: {team}
zone: {zone}
---
person: {person}
title: {person_title}
zone: {zone}
language: {tongue}
contacts:
  - {contact}
---
schedule: {team}
zone: {zone}
handover: lunes 09:00
start: 2026-01-05
people: [{person}]
roles: [primary]
---
escalation: {team}
schedule: {team}
steps:
  - page: primary
repeat_every: 15m
""",
        "en": """\
# Who answers. More people: another `person` document, and their name in `people`; then have two
# roles (roles: [primary, secondary]) and a second step in the escalation ({{page: secondary, after: 5m}}).
team: {team}
title: {team_title}
escalation: {team}
zone: {zone}
---
person: {person}
title: {person_title}
zone: {zone}
language: {tongue}
contacts:
  - {contact}
---
schedule: {team}
zone: {zone}
handover: monday 09:00
start: 2026-01-05
people: [{person}]
roles: [primary]
---
escalation: {team}
schedule: {team}
steps:
  - page: primary
repeat_every: 15m
""",
    },
    "runbook": {
        "es": """\
# {service} no responde

## Síntomas

Sus métricas no llegan: no se puede leer ninguna instancia desde hace un minuto.

## Impacto

Quién lo nota y cómo.

## Diagnóstico

1. ¿Es el servicio o la lectura de sus métricas? Pídale algo usted.
2. ¿Qué cambió en la última hora?

## Resolución

1. Si hubo un despliegue, vuelva atrás primero.

## Escalamiento

A quién se llama si en 15 minutos no mejora.
""",
        "en": """\
# {service} is down

## Symptoms

Its metrics do not come: no instance could be read for a minute.

## Impact

Who notices, and how.

## Diagnosis

1. Is it the service, or the reading of its metrics? Ask it something yourself.
2. What changed in the last hour?

## Resolution

1. If something was deployed, roll it back first.

## Escalation

Who is called if it is no better in 15 minutes.
""",
    },
}
