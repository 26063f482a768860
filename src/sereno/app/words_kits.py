"""The words of the page of kits."""

from __future__ import annotations

from sereno.kernel.language import Phrases

KITS: Phrases = {
    "nav.kits": {"es": "Kits", "en": "Kits"},
    "kits.title": {"es": "Kits", "en": "Kits"},
    "kits.lead": {
        "es": "Cómo están los cortacircuitos, límites y funciones de los servicios en marcha, según lo dice cada "
        "réplica en este momento. Quien está de guardia puede mandar sobre ellos.",
        "en": "How breakers, limits and features of running services stand, as each replica says at this moment. "
        "Responders may override them.",
    },
    "kits.none": {
        "es": "Ningún servicio dice dónde están sus kits: la clave `kit` de la especificación lo dice.",
        "en": "No service says where its kits are: the key `kit` of the spec does.",
    },
    "kits.all": {"es": "Todos los kits", "en": "All kits"},
    "kits.answering": {"es": "Responden {count} de {all} réplicas", "en": "{count} of {all} replicas answer"},
    "kits.pipelines": {"es": "Cadenas de protección", "en": "Pipelines"},
    "kits.pipeline": {"es": "Cadena", "en": "Pipeline"},
    "kits.no_pipelines": {"es": "No tiene cadenas de protección.", "en": "It has no pipelines."},
    "kits.nothing_known": {
        "es": "Ninguna réplica responde: no se sabe cómo está nada.",
        "en": "No replica answers: how things stand is unknown.",
    },
    "kits.replicas": {"es": "Réplicas", "en": "Replicas"},
    "kits.replica": {"es": "Réplica", "en": "Replica"},
    "kits.breaker": {"es": "Cortacircuitos", "en": "Breaker"},
    "kits.failures": {"es": "Fallos", "en": "Failures"},
    "kits.of_calls": {"es": "llamadas: {count}", "en": "calls: {count}"},
    "kits.in_use": {"es": "En curso", "en": "In use"},
    "kits.queued": {"es": "{count} en cola", "en": "{count} queued"},
    "kits.retries": {"es": "Reintentos libres", "en": "Retries left"},
    "kits.answer": {"es": "Respuesta", "en": "Answer"},
    "kits.answers": {"es": "responde", "en": "answers"},
    "kits.other_service": {"es": "dice ser {name}", "en": "says it is {name}"},
    "kits.log_level": {"es": "Nivel de registro", "en": "Log level"},
    "kits.flags": {"es": "Interruptores", "en": "Flags"},
    "kits.flags.stale": {"es": "atrasados", "en": "stale"},
    "kits.flags.none": {"es": "ninguno", "en": "none"},
    "kits.flags.count": {"es": "{count} de {source}", "en": "{count} from {source}"},
    "count.faults.one": {"es": "1 fallo provocado", "en": "1 fault injected"},
    "count.faults": {"es": "{count} fallos provocados", "en": "{count} faults injected"},
    "kits.more": {"es": "hay más de lo que se muestra", "en": "there is more than is shown"},
    "kits.features": {"es": "Funciones", "en": "Features"},
    "kits.feature": {"es": "Función", "en": "Feature"},
    "kits.state": {"es": "Estado", "en": "State"},
    "kits.absent": {"es": "no la tiene", "en": "does not have it"},
    "kits.by": {"es": "por {name}: {reason}", "en": "by {name}: {reason}"},
    "kits.left": {"es": "quedan {span}", "en": "{span} left"},
    "kit_breaker.closed": {"es": "cerrado", "en": "closed"},
    "kit_breaker.open": {"es": "abierto", "en": "open"},
    "kit_breaker.half_open": {"es": "a prueba", "en": "half-open"},
    "kit_breaker.forced_open": {"es": "abierto a mano", "en": "forced open"},
    "kit_breaker.forced_closed": {"es": "cerrado a mano", "en": "forced closed"},
    "kit_feature.enabled": {"es": "activa", "en": "enabled"},
    "kit_feature.degraded": {"es": "reducida", "en": "degraded"},
    "kit_feature.disabled": {"es": "apagada", "en": "disabled"},
    "kits.override": {"es": "Mandar", "en": "Override"},
    "kit_verb.force_open": {"es": "Abrir a mano", "en": "Force open"},
    "kit_verb.isolate": {"es": "Aislar", "en": "Isolate"},
    "kit_verb.force_closed": {"es": "Cerrar a mano", "en": "Force closed"},
    "kit_verb.reset": {"es": "Restablecer", "en": "Reset"},
    "kit_verb.enabled": {"es": "Activar", "en": "Enable"},
    "kit_verb.degraded": {"es": "Reducir", "en": "Degrade"},
    "kit_verb.disabled": {"es": "Apagar", "en": "Disable"},
    "kit_verb.clear": {"es": "Dejar que decida sola", "en": "Let it decide"},
    "kits.confirm.title": {"es": "{verb}: {target}", "en": "{verb}: {target}"},
    "kits.what.force_open": {
        "es": "Las llamadas por {target} se rechazarán al instante, sin preguntar a la dependencia.",
        "en": "Calls through {target} will be rejected at once, without asking the dependency.",
    },
    "kits.what.isolate": {
        "es": "Las llamadas por {target} se rechazarán al instante, sin preguntar a la dependencia.",
        "en": "Calls through {target} will be rejected at once, without asking the dependency.",
    },
    "kits.what.force_closed": {
        "es": "Todas las llamadas por {target} pasarán, fallen cuantas fallen: nada protege a la dependencia mientras "
        "tanto.",
        "en": "All calls through {target} will pass, however many fail: nothing protects the dependency meanwhile.",
    },
    "kits.what.reset": {
        "es": "El cortacircuitos de {target} se cierra, olvida lo que contó y vuelve a decidir por sí mismo.",
        "en": "The breaker of {target} closes, forgets what it counted and decides by itself again.",
    },
    "kits.what.enabled": {
        "es": "{target} estará activa, digan lo que digan su interruptor y su cortacircuitos.",
        "en": "{target} will be enabled, whatever its flag and its breaker say.",
    },
    "kits.what.degraded": {
        "es": "{target} dará su respuesta reducida.",
        "en": "{target} will give its degraded answer.",
    },
    "kits.what.disabled": {
        "es": "{target} no se ofrecerá.",
        "en": "{target} will not be offered.",
    },
    "kits.what.clear": {
        "es": "El interruptor y el cortacircuitos de {target} vuelven a decidir.",
        "en": "The flag and the breaker of {target} decide again.",
    },
    "kits.restarts": {
        "es": "Una réplica que se reinicia lo olvida.",
        "en": "A replica that restarts forgets it.",
    },
    "kits.now": {"es": "Ahora", "en": "Now"},
    "kits.where": {"es": "Dónde", "en": "Where"},
    "count.kit_replicas.one": {"es": "la única réplica", "en": "the only replica"},
    "count.kit_replicas": {"es": "las {count} réplicas a la vez", "en": "all {count} replicas at once"},
    "kits.only": {"es": "solo {replica}", "en": "only {replica}"},
    "kits.minutes": {
        "es": "Durante cuántos minutos (vacío: hasta restablecerlo)",
        "en": "For how many minutes (empty: until reset)",
    },
    "kits.reason": {"es": "Por qué", "en": "Why"},
    "kits.reason.hint": {
        "es": "Queda en el registro de auditoría y en el del servicio.",
        "en": "Kept in the audit log and in the service's own.",
    },
    "kits.cancel": {"es": "No hacer nada", "en": "Do nothing"},
    "kits.obeyed_all": {"es": "Obedecieron todas ({count} de {all})", "en": "All obeyed ({count} of {all})"},
    "kits.obeyed_some": {"es": "Obedecieron {count} de {all}", "en": "{count} of {all} obeyed"},
    "kits.obeyed_none": {"es": "No obedeció ninguna (0 de {all})", "en": "None obeyed (0 of {all})"},
    "kits.outcome": {"es": "Resultado", "en": "Outcome"},
    "kits.said": {"es": "Lo que se sabe", "en": "What is known"},
    "kit_outcome.obeyed": {"es": "obedeció", "en": "obeyed"},
    "kit_outcome.refused": {"es": "se negó", "en": "refused"},
    "kit_outcome.unreached": {"es": "no se llegó", "en": "not reached"},
    "kit_outcome.unknown": {"es": "no se sabe", "en": "unknown"},
    "kits.stands": {"es": "ahora: {state}", "en": "now: {state}"},
    "kits.unknown.lead": {
        "es": "Donde no se sabe, la orden salió y no hubo respuesta que se entienda: puede que valga. Mira otra vez.",
        "en": "Where it is unknown, the command was sent and no answer was understood: it may hold. Look again.",
    },
    "kits.back": {"es": "Ver los kits de {service}", "en": "See the kits of {service}"},
    "kits.again": {"es": "Intentar otra vez", "en": "Try again"},
}  # fmt: skip

TROUBLES: Phrases = {
    "not_json": {"es": "lo que dice no es JSON", "en": "what it says is not JSON"},
    "not_a_kit": {"es": "lo que dice no es de un kit", "en": "what it says is not a kit's"},
    "version": {
        "es": "habla la versión {value}; este Sereno lee la 1",
        "en": "it speaks version {value}; this Sereno reads version 1",
    },
    "late": {"es": "sin respuesta completa en {value} s", "en": "no complete answer within {value} s"},
    "slow": {"es": "sin respuesta a tiempo", "en": "no answer in time"},
    "policy": {
        "es": "las reglas no permiten llamar a esa dirección",
        "en": "policy does not allow calling this address",
    },
    "unreachable": {"es": "no se llega a ella", "en": "it cannot be reached"},
    "broken": {"es": "la conexión se cortó", "en": "the connection failed"},
    "unusable": {
        "es": "la dirección o el token no se pueden usar",
        "en": "the address or the token cannot be used",
    },
    "packed": {
        "es": "su respuesta viene comprimida sin que se pidiera",
        "en": "its answer is packed, which was not asked for",
    },
    "large": {"es": "dice más de {value} KiB", "en": "it says more than {value} KiB"},
    "redirect": {
        "es": "responde {value}; no se siguen redirecciones",
        "en": "it answers {value}; redirects are not followed",
    },
    "status": {"es": "responde {value}", "en": "it answers {value}"},
    "token_refused": {"es": "no acepta nuestro token ({value})", "en": "it does not take our token ({value})"},
    "no_endpoint": {
        "es": "ahí no se administra nada ({value}): el kit no tiene token, o es otra ruta",
        "en": "there is no admin endpoint here ({value}): the kit there has no token, or another path",
    },
    "throttled": {
        "es": "recibió demasiados tokens equivocados ({value})",
        "en": "it has had too many wrong tokens ({value})",
    },
    "no_token": {
        "es": "Sereno no tiene token para ella: falta {value}",
        "en": "Sereno has no token for it: {value} is not set",
    },
    "stateless": {
        "es": "tomó la orden y no dice cómo está ahora",
        "en": "it took the command, and does not say how it stands now",
    },
    "contrary": {
        "es": "tomó la orden y está en {value}",
        "en": "it took the command, and stands at {value}",
    },
    "said": {"es": "dice: {value}", "en": "it says: {value}"},
}
"""Why a replica is unknown, or did not obey."""
