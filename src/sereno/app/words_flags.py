"""The words of the page of switches."""

from __future__ import annotations

from sereno.kernel.language import Phrases

FLAGS: Phrases = {
    "nav.flags": {"es": "Interruptores", "en": "Flags"},
    "flags.title": {"es": "Interruptores", "en": "Flags"},
    "flags.lead": {
        "es": "Lo que se enciende, se apaga o se reparte mientras los servicios están en marcha. Un cambio les llega "
        "en alrededor de un segundo.",
        "en": "What is switched on, off or shared out while services run. A change reaches them within about a second.",
    },
    "flags.none": {
        "es": "La especificación no declara interruptores: un documento `flags` los declara.",
        "en": "The spec declares no flags: a `flags` document declares them.",
    },
    "flags.name": {"es": "Interruptor", "en": "Flag"},
    "flags.now": {"es": "Ahora", "en": "Now"},
    "flags.declared": {"es": "Declarado", "en": "Declared"},
    "flags.owner": {"es": "Responsable", "en": "Owner"},
    "flags.state.on": {"es": "Encendido para todos", "en": "On for everybody"},
    "flags.state.off": {"es": "Apagado para todos", "en": "Off for everybody"},
    "flags.state.share": {"es": "Para {share}", "en": "For {share}"},
    "flags.state.declared": {"es": "Como se declaró", "en": "As declared"},
    "flags.default": {"es": "{value} por omisión", "en": "{value} by default"},
    "flags.to": {"es": "{value} para {share}", "en": "{value} for {share}"},
    "count.named.one": {"es": "1 persona nombrada", "en": "1 user named"},
    "count.named": {"es": "{count} personas nombradas", "en": "{count} users named"},
    "count.flag_rules.one": {"es": "1 regla", "en": "1 rule"},
    "count.flag_rules": {"es": "{count} reglas", "en": "{count} rules"},
    "flags.services": {"es": "De {services}", "en": "Of {services}"},
    "flags.every": {"es": "De todos los servicios", "en": "Of every service"},
    "flags.overdue": {"es": "Debió retirarse el {date}", "en": "Was to be taken out by {date}"},
    "flags.expires": {"es": "Se retira el {date}", "en": "To be taken out by {date}"},
    "flags.by": {"es": "{author}, {when}: {reason}", "en": "{author}, {when}: {reason}"},
    "flags.until": {"es": "Hasta el {when}", "en": "Until {when}"},
    "flags.change": {"es": "Cambiar {name}", "en": "Change {name}"},
    "flags.set": {"es": "Poner", "en": "Set to"},
    "flags.choice.off": {"es": "apagado para todos", "en": "off for everybody"},
    "flags.choice.on": {"es": "encendido para todos", "en": "on for everybody"},
    "flags.choice.share": {"es": "para un porcentaje", "en": "for a percentage"},
    "flags.share": {"es": "Porcentaje (si es el caso)", "en": "Percentage (if so)"},
    "flags.minutes": {"es": "Durante cuántos minutos (vacío: hasta quitarlo)", "en": "For how many minutes (empty: "
                      "until reset)"},
    "flags.reason": {"es": "Por qué", "en": "Why"},
    "flags.apply": {"es": "Aplicar", "en": "Apply"},
    "flags.reset": {"es": "Volver a lo declarado", "en": "Back to what is declared"},
    "flags.explain": {"es": "¿Qué recibe una persona?", "en": "What does one user get?"},
    "flags.user": {"es": "Usuario", "en": "User"},
    "flags.ask": {"es": "Preguntar", "en": "Ask"},
    "flags.gets": {"es": "Recibe {value}", "en": "Gets {value}"},
    "flags.because.override": {"es": "porque {author} lo cambió para todos.", "en": "because {author} changed it for "
                               "everybody."},
    "flags.because.user": {"es": "porque está entre las personas nombradas.", "en": "because this user is named."},
    "flags.because.rule": {"es": "por la regla {rule}.", "en": "by rule {rule}."},
    "flags.because.rule_share": {
        "es": "por la regla {rule}: su lugar es {place} y la parte llega a {share}.",
        "en": "by rule {rule}: their place is {place}, and the share goes up to {share}.",
    },
    "flags.because.share": {
        "es": "porque su lugar es {place} y la parte llega a {share}.",
        "en": "because their place is {place}, and the share goes up to {share}.",
    },
    "flags.because.default": {"es": "porque es el valor por omisión.", "en": "because that is the default."},
    "flags.because.unknown_user": {
        "es": "porque no se sabe quién pregunta: sin usuario nadie entra en una parte.",
        "en": "because nobody knows who asks: without a user nobody is in a share.",
    },
    "done.flag_set": {"es": "Hecho: los servicios lo sabrán en un segundo.", "en": "Done: services know within a "
                      "second."},
    "done.flag_reset": {"es": "Hecho: vale otra vez lo declarado.", "en": "Done: what is declared counts again."},
}  # fmt: skip
