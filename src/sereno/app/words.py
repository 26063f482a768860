"""The console's words, Spanish and English side by side."""

from __future__ import annotations

from sereno.app.words_explore import EXPLORE
from sereno.app.words_flags import FLAGS
from sereno.app.words_kits import KITS
from sereno.app.words_places import PLACES
from sereno.incidents.words import VOCABULARY
from sereno.kernel.language import Phrases

_CONSOLE: Phrases = {
    # Everywhere
    "skip": {"es": "Saltar al contenido", "en": "Skip to content"},
    "nav": {"es": "Principal", "en": "Main"},
    "tagline": {"es": "Vela mientras duermes.", "en": "Keeps watch while you sleep."},
    "nav.now": {"es": "Ahora", "en": "Now"},
    "nav.services": {"es": "Servicios", "en": "Services"},
    "nav.alerts": {"es": "Alertas", "en": "Alerts"},
    "nav.oncall": {"es": "De guardia", "en": "On call"},
    "nav.incidents": {"es": "Incidentes", "en": "Incidents"},
    "nav.pages": {"es": "Avisos", "en": "Pages"},
    "nav.status": {"es": "Estado público", "en": "Public status"},
    "nav.settings": {"es": "Ajustes", "en": "Settings"},
    "language": {"es": "Idioma", "en": "Language"},
    "theme": {"es": "Tema", "en": "Theme"},
    "theme.light": {"es": "Claro", "en": "Light"},
    "theme.dark": {"es": "Oscuro", "en": "Dark"},
    "theme.auto": {"es": "Según el sistema", "en": "As the system"},
    "theme.auto.short": {"es": "Auto", "en": "Auto"},
    "signed_in_as": {"es": "Sesión de {name}", "en": "Signed in as {name}"},
    "sign_out": {"es": "Salir", "en": "Sign out"},
    "ago": {"es": "hace {span}", "en": "{span} ago"},
    "in": {"es": "en {span}", "en": "in {span}"},
    "since": {"es": "desde {when}", "en": "since {when}"},
    "until": {"es": "hasta {when}", "en": "until {when}"},
    "as_of": {"es": "Visto a las {when}", "en": "As of {when}"},
    "none": {"es": "—", "en": "—"},
    "unknown": {"es": "sin datos", "en": "unknown"},
    "yes": {"es": "sí", "en": "yes"},
    "no": {"es": "no", "en": "no"},
    "details": {"es": "Ver", "en": "Open"},
    "nobody": {"es": "nadie", "en": "nobody"},
    "back_to_now": {"es": "Volver a Ahora", "en": "Back to Now"},
    "generated": {
        "es": "Historial generado para la demostración hasta el {when}: esos números no son medidas.",
        "en": "History generated for the demonstration until {when}: those numbers are not measurements.",
    },
    "samples_damaged": {
        "es": "Muestras dañadas: {count} bloques o filas no se pudieron leer y se dejaron fuera. "
        "`sereno check --samples` dice cuáles.",
        "en": "Damaged samples: {count} chunks or rows could not be read and were left out. "
        "`sereno check --samples` says which.",
    },
    "spec_bad": {
        "es": "La última recarga de la especificación falló: sigue en vigor la anterior, del {when}.",
        "en": "The last reload of the spec failed: the one before it, of {when}, stays in force.",
    },
    "spec_bad.see": {"es": "Ver los {count} problemas", "en": "See the {count} problems"},
    "lost": {
        "es": "Sin contacto con Sereno: lo que ves es de la hora de abajo, no de ahora.",
        "en": "No contact with Sereno: what you see is of the time below, not of now.",
    },
    # Sign-in
    "sign_in": {"es": "Entrar", "en": "Sign in"},
    "sign_in.title": {"es": "Buenas noches", "en": "Good evening"},
    "sign_in.lead": {"es": "Entra para ver qué necesita de alguien.", "en": "Sign in to see what needs someone."},
    "sign_in.name": {"es": "Nombre", "en": "Name"},
    "sign_in.password": {"es": "Contraseña", "en": "Password"},
    "sign_in.first": {
        "es": "La primera contraseña se imprimió una vez, al primer arranque.",
        "en": "The first password was printed once, at the first start.",
    },
    "sign_in.wrong": {"es": "El nombre o la contraseña no son correctos.", "en": "The name or the password is wrong."},
    "sign_in.too_many": {
        "es": "Demasiados intentos. Espera un minuto y prueba otra vez.",
        "en": "Too many attempts. Wait a minute and try again.",
    },
    # States
    "page.open": {"es": "sin responder", "en": "unanswered"},
    "page.acknowledged": {"es": "reconocido", "en": "acknowledged"},
    "page.closed": {"es": "cerrado", "en": "closed"},
    "alert.pending": {"es": "pendiente", "en": "pending"},
    "alert.firing": {"es": "disparada", "en": "firing"},
    "alert.resolved": {"es": "resuelta", "en": "resolved"},
    "budget.ok": {"es": "bien", "en": "fine"},
    "budget.at_risk": {"es": "en riesgo", "en": "at risk"},
    "budget.exhausted": {"es": "agotado", "en": "exhausted"},
    "budget.unknown": {"es": "sin datos", "en": "unknown"},
    "budget.idle": {"es": "sin tráfico", "en": "no traffic"},
    "budget.stale": {"es": "sin cálculo reciente", "en": "not computed lately"},
    "target.up": {"es": "responde", "en": "up"},
    "target.down": {"es": "no responde", "en": "down"},
    "target.unknown": {"es": "sin datos", "en": "unknown"},
    "message.pending": {"es": "por enviar", "en": "waiting"},
    "message.sent": {"es": "enviado", "en": "sent"},
    "message.failed": {"es": "fallido", "en": "failed"},
    "message.cancelled": {"es": "cancelado", "en": "cancelled"},
    "purpose.page": {"es": "aviso", "en": "page"},
    "purpose.closed": {"es": "cierre", "en": "closing"},
    "purpose.notice": {"es": "noticia", "en": "notice"},
    "via.link": {"es": "por el enlace", "en": "by link"},
    "via.console": {"es": "en la consola", "en": "in the console"},
    "via.command": {"es": "por la línea de órdenes", "en": "by command line"},
    "via.api": {"es": "por la API", "en": "by API"},
    "oncall.primary": {"es": "Principal", "en": "Primary"},
    "oncall.secondary": {"es": "Secundario", "en": "Secondary"},
    "oncall.backup": {"es": "Respaldo", "en": "Backup"},
    # Notices after a button
    "done.acknowledged": {"es": "Reconocido. El aviso es tuyo.", "en": "Acknowledged. The page is yours."},
    "done.closed": {"es": "Aviso cerrado.", "en": "Page closed."},
    "done.declared": {"es": "Incidente abierto.", "en": "Incident opened."},
    "done.noted": {"es": "Anotado en la cronología.", "en": "Noted in the timeline."},
    "done.updated": {"es": "Publicado en la página de estado.", "en": "Published on the status page."},
    "done.phase": {"es": "Fase cambiada.", "en": "Phase changed."},
    "done.role": {"es": "Papel asignado.", "en": "Role assigned."},
    "done.severity": {"es": "Severidad cambiada.", "en": "Severity changed."},
    "done.resolved": {"es": "Incidente resuelto. Que descanses.", "en": "Incident resolved. Rest well."},
    "done.corrected": {
        "es": "Corrección anotada; el presupuesto ya la tiene en cuenta.",
        "en": "Correction noted; the budget takes it into account.",
    },
    "done.withdrawn": {"es": "La corrección ya no cuenta.", "en": "The correction counts no more."},
    "done.reloaded": {"es": "Especificación releída y en vigor.", "en": "Spec read again and in force."},
    "done.not_reloaded": {
        "es": "La especificación tiene errores; sigue en vigor la anterior.",
        "en": "The spec has mistakes; the one before it stays in force.",
    },
    # Errors for people
    "error.401": {"es": "Hay que entrar primero", "en": "Sign in first"},
    "error.403": {"es": "Esto no te toca", "en": "Not yours to do"},
    "error.404": {"es": "Aquí no hay nada", "en": "There is nothing here"},
    "error.409": {"es": "Alguien se adelantó", "en": "Someone got there first"},
    "error.410": {"es": "Este enlace ya caducó", "en": "This link has expired"},
    "error.429": {"es": "Más despacio", "en": "Slow down"},
    "error.503": {"es": "Un momento, por favor", "en": "One moment, please"},
    "error.4xx": {"es": "No se entendió la petición", "en": "The request was not understood"},
    "error.5xx": {"es": "Algo falló de nuestro lado", "en": "Something failed on our side"},
    "error.503.lead": {
        "es": "El almacén no puede atender ahora. Nada se perdió; prueba de nuevo en unos segundos.",
        "en": "The store cannot take it now. Nothing was lost; try again in a few seconds.",
    },
    "error.401.lead": {
        "es": "No sabemos quién eres, o el enlace no es válido.",
        "en": "We do not know who you are, or the link is not valid.",
    },
    "error.403.lead": {
        "es": "Tu papel no permite esta acción, o la petición vino de otro sitio.",
        "en": "Your role does not allow this, or the request came from another site.",
    },
    "error.404.lead": {"es": "Puede que haya existido; ahora no está.", "en": "It may have existed; it does not now."},
    "error.409.lead": {
        "es": "La cosa cambió mientras mirabas. Vuelve a cargar y mira cómo está ahora.",
        "en": "It changed while you were looking. Load it again and see how it is now.",
    },
    "error.410.lead": {
        "es": "Los enlaces de reconocimiento duran poco. Entra en la consola para responder.",
        "en": "Acknowledgement links are short-lived. Sign in to the console to answer.",
    },
    "error.429.lead": {
        "es": "Demasiados intentos seguidos. Espera un minuto.",
        "en": "Too many attempts in a row. Wait a minute.",
    },
    "error.4xx.lead": {"es": "Revisa lo que enviaste y prueba otra vez.", "en": "Check what you sent and try again."},
    "error.5xx.lead": {
        "es": "Quedó registrado con el número de abajo. Los avisos siguen su camino.",
        "en": "It is in the log under the number below. Pages go on their way.",
    },
    "error.number": {"es": "Petición {id}", "en": "Request {id}"},
    # Acknowledging by link
    "ack.title": {"es": "Un aviso te espera", "en": "A page waits for you"},
    "ack.button": {"es": "Reconocer el aviso", "en": "Acknowledge the page"},
    "ack.hello": {"es": "Hola, {person}.", "en": "Hello, {person}."},
    "ack.explain": {
        "es": "Al reconocer, nadie más recibirá este aviso. Abrir esta página no reconoce nada.",
        "en": "Once acknowledged, nobody else is paged for this. Opening this page acknowledges nothing.",
    },
    "ack.done": {"es": "Reconocido", "en": "Acknowledged"},
    "ack.done.lead": {"es": "Gracias, {person}. El aviso es tuyo.", "en": "Thank you, {person}. The page is yours."},
    "ack.already": {"es": "Ya hay quien se encarga", "en": "Someone has it already"},
    "ack.already.lead": {"es": "{person} lo reconoció el {when}.", "en": "{person} acknowledged it on {when}."},
    "ack.closed": {"es": "Ya terminó", "en": "It is over"},
    "ack.closed.lead": {"es": "El aviso se cerró el {when}.", "en": "The page was closed on {when}."},
    "ack.bad": {"es": "Este enlace no sirve", "en": "This link does not work"},
    "ack.bad.lead": {
        "es": "Está incompleto o ha caducado. El aviso sigue su camino: entra en la consola para responder.",
        "en": "It is incomplete or has expired. The page goes on its way: sign in to the console to answer.",
    },
    "ack.console": {"es": "Abrir la consola", "en": "Open the console"},
}  # fmt: skip

_INCIDENTS: Phrases = {
    f"{kind}.{name}": phrase for kind in ("phase", "role") for name, phrase in VOCABULARY[kind].items()
}
PHRASES: Phrases = {**_CONSOLE, **_INCIDENTS, **EXPLORE, **FLAGS, **KITS, **PLACES}
