"""The words of a post-mortem draft, in Spanish and in English. Prompts ask about systems, never about guilt."""

from __future__ import annotations

from sereno.kernel.language import Phrases

FACTS: Phrases = {
    "unknown": {"es": "desconocido ({reason})", "en": "unknown ({reason})"},
    "none": {"es": "ninguno", "en": "none"},
    "to_fill": {"es": "_por completar_", "en": "_to be filled in_"},
    "no_alert": {"es": "ninguna alerta lo señaló", "en": "no alert told of it"},
    "no_page": {"es": "no consta que se entregara ningún aviso", "en": "no page is known to have been delivered"},
    "no_acknowledgement": {"es": "nadie reconoció un aviso", "en": "nobody acknowledged a page"},
    "not_mitigated": {"es": "aún sin mitigar", "en": "not mitigated yet"},
    "not_resolved": {"es": "aún sin resolver", "en": "not resolved yet"},
    "no_roles": {"es": "no se asignaron papeles", "en": "no roles were given"},
    "no_samples": {"es": "no hay muestras de ese intervalo", "en": "no samples of that span"},
    "no_events": {"es": "no hubo peticiones en ese intervalo", "en": "there were no requests in that span"},
    "not_computed": {"es": "no se pudo calcular", "en": "it could not be computed"},
}

SECTIONS: Phrases = {
    "heading": {
        "es": """
# Post-mortem: {title}

> Borrador con los hechos registrados. Complétalo entre todos: buscamos qué permitió el fallo, no a quién culpar.

- **Fecha del incidente**: {date}
- **Incidente**: n.º {number}
- **Autores**: {authors}
- **Estado**: borrador
- **Severidad**: {severity}
""",
        "en": """
# Post-mortem: {title}

> A draft with the facts on record. Finish it together: we look for what let it happen, not for someone to blame.

- **Date of the incident**: {date}
- **Incident**: #{number}
- **Authors**: {authors}
- **Status**: draft
- **Severity**: {severity}
""",
    },
    "summary": {"es": "## Resumen ejecutivo", "en": "## Summary"},
    "summary_what": {
        "es": "El {started} empezó un incidente en **{service}** («{title}»). Duración: {duration}.",
        "en": "On {started} an incident began in **{service}** (“{title}”). Duration: {duration}.",
    },
    "summary_impact": {
        "es": "Fallaron {bad} de {total} peticiones ({share}), según el objetivo {slo}.",
        "en": "{bad} of {total} requests failed ({share}), by the objective {slo}.",
    },
    "summary_impact_unknown": {
        "es": "El impacto en las peticiones es desconocido: no hay muestras suficientes.",
        "en": "The impact on requests is unknown: there are not enough samples.",
    },
    "summary_prompt": {
        "es": "_En dos o tres párrafos: qué notaron los usuarios, qué pasó por dentro y cómo se restableció._",
        "en": "_In two or three paragraphs: what users noticed, what happened inside, how it was restored._",
    },
    "timeline": {
        "es": "## Cronología\n\n| Hora ({zone}) | Evento |",
        "en": "## Timeline\n\n| Time ({zone}) | Event |",
    },
    "lessons": {
        "es": """
## Lecciones

### Qué salió bien

- _¿Qué nos ayudó a darnos cuenta, a entender o a reparar antes?_

### Qué salió mal

- _¿Qué nos frenó? ¿Qué información faltaba, o estaba donde nadie la buscó?_

### Dónde tuvimos suerte

- _¿Qué habría sido peor a otra hora, con otro tráfico o con otras personas de guardia?_
""",
        "en": """
## Lessons

### What went well

- _What helped us to notice, to understand or to repair sooner?_

### What went badly

- _What slowed us down? What information was missing, or was where nobody looked?_

### Where we were lucky

- _What would have been worse at another hour, with other traffic or with other people on call?_
""",
    },
    "actions": {
        "es": """
## Acciones

| Acción | Tipo (prevenir / mejorar / proceso) | Responsable | Fecha límite | Estado |
| --- | --- | --- | --- | --- |
| _por completar_ | | | | pendiente |
""",
        "en": """
## Action items

| Action | Type (prevent / improve / process) | Owner | Deadline | Status |
| --- | --- | --- | --- | --- |
| _to be filled in_ | | | | to do |
""",
    },
    "references": {
        "es": """
## Referencias

- Incidente n.º {number} (`{id}`)
- Avisos: {pages}

---

- **Aprobado por**: _por completar_
- **Fecha de publicación**: _por completar_
""",
        "en": """
## References

- Incident #{number} (`{id}`)
- Pages: {pages}

---

- **Approved by**: _to be filled in_
- **Published on**: _to be filled in_
""",
    },
}

IMPACT: Phrases = {
    "impact": {"es": "## Impacto", "en": "## Impact"},
    "duration": {
        "es": "- **Duración**: {duration} (de {start} a {end})",
        "en": "- **Duration**: {duration} (from {start} to {end})",
    },
    "users": {
        "es": "- **Usuarios afectados**: _por completar; qué notaron y qué no pudieron hacer_",
        "en": "- **Users affected**: _to be filled in; what they noticed and could not do_",
    },
    "no_objectives": {
        "es": "Impacto en los objetivos: desconocido (el servicio no declara ninguno).",
        "en": "Impact on objectives: unknown (the service declares none).",
    },
    "table": {
        "es": "| Objetivo | Meta / ventana | Peticiones | Fallidas | Proporción fallida | Presupuesto consumido "
        "| Presupuesto restante | Cobertura |",
        "en": "| Objective | Target / window | Requests | Failed | Share failed | Budget consumed "
        "| Budget remaining | Coverage |",
    },
    "thin": {
        "es": "Donde la cobertura es menor que 100 % faltan muestras: esas cifras cuentan solo lo que se sabe, "
        "y el impacto real puede ser mayor.",
        "en": "Where coverage is below 100% samples are missing: those figures count only what is known, "
        "and the true impact may be larger.",
    },
}

CAUSES: Phrases = {
    "causes": {
        "es": """
## Causas

_Casi nunca hay una sola. Describe qué permitió que el sistema fallara._

**Causa inmediata**:

- _¿Qué dejó de funcionar, y qué lo desencadenó?_

**Causas subyacentes**:

- _¿Qué protección no tenía el sistema? ¿Qué hacía razonable lo que se hizo, con lo que se sabía entonces?_

**Factores contribuyentes**:

- _¿Qué lo hizo más probable, más largo o más amplio: tráfico, cambios, configuración, documentación, horario?_
""",
        "en": """
## Causes

_There is hardly ever only one. Describe what allowed the system to fail._

**Immediate cause**:

- _What stopped working, and what set it off?_

**Underlying causes**:

- _Which protection did the system lack? What made what was done reasonable, given what was known then?_

**Contributing factors**:

- _What made it likelier, longer or wider: traffic, changes, configuration, documentation, the hour?_
""",
    },
}

DETECTION: Phrases = {
    "detection": {
        "es": """
## Detección

- **Cómo se detectó**: {how}
- **Tiempo de detección**: {fast}
- **Cómo podría mejorarse**: _¿qué señal llegó antes y no era una alerta?_
""",
        "en": """
## Detection

- **How it was detected**: {how}
- **Time to detect**: {fast}
- **How it could be better**: _which signal came earlier and was not an alert?_
""",
    },
    "by_alert": {"es": "alerta {alert}", "en": "alert {alert}"},
    "by_person": {"es": "lo declaró {person}, sin alerta previa", "en": "declared by {person}, before any alert"},
}

RESPONSE: Phrases = {
    "response": {
        "es": """
## Respuesta

- **Hasta avisar**: {paged}
- **Hasta reconocer**: {acknowledged} (desde el primer aviso: {answered})
- **Hasta mitigar**: {mitigated}
- **Hasta resolver**: {resolved}

**Papeles**:

{roles}

**Qué funcionó bien**: _por completar_

**Qué no funcionó bien**: _por completar_
""",
        "en": """
## Response

- **Time to page**: {paged}
- **Time to acknowledge**: {acknowledged} (from the first page: {answered})
- **Time to mitigate**: {mitigated}
- **Time to resolve**: {resolved}

**Roles**:

{roles}

**What worked well**: _to be filled in_

**What did not work well**: _to be filled in_
""",
    },
}
