"""What a backtest says to people, in Spanish and English."""

from __future__ import annotations

from sereno.kernel.language import Phrases

PHRASES: Phrases = {
    # The whole
    "title": {"es": "Lo que habría pasado", "en": "What would have happened"},
    "name": {"es": "Prueba sobre el pasado", "en": "Backtest"},
    "span": {
        "es": "Del {start} al {end}, mirado cada {interval}",
        "en": "{start} to {end}, looked at every {interval}",
    },
    "verdict.none": {
        "es": "Ningún aviso en estas {weeks} semanas.",
        "en": "Not one page in these {weeks} weeks.",
    },
    "verdict.pages": {"es": "{pages} avisos en {weeks} semanas", "en": "{pages} pages in {weeks} weeks"},
    "verdict.pages.one": {"es": "Un aviso en {weeks} semanas", "en": "One page in {weeks} weeks"},
    "right.all": {"es": ", todos por un incidente.", "en": ", all of them about an incident."},
    "right.all.one": {"es": ", por un incidente.", "en": ", about an incident."},
    "right.some": {"es": ", {right} de ellos por un incidente.", "en": ", {right} of them about an incident."},
    "right.none": {"es": ", ninguno por un incidente.", "en": ", none of them about an incident."},
    "right.none.one": {"es": ", pero no por un incidente.", "en": ", but not about an incident."},
    "found.all": {
        "es": "Se avisó de los {incidents} incidentes.",
        "en": "Somebody was paged for all {incidents} incidents.",
    },
    "found.all.one": {
        "es": "Se avisó del único incidente.",
        "en": "Somebody was paged for the one incident there was.",
    },
    "found.some": {
        "es": "Se avisó de {found} de los {incidents} incidentes.",
        "en": "Somebody was paged for {found} of the {incidents} incidents.",
    },
    "found.none": {
        "es": "De ninguno de los {incidents} incidentes se avisó a nadie.",
        "en": "Nobody was paged for any of the {incidents} incidents.",
    },
    "found.none.one": {
        "es": "Del único incidente no se avisó a nadie.",
        "en": "Nobody was paged for the one incident there was.",
    },
    "verdict.no_incidents": {
        "es": "No hay incidentes con que juzgar: de ahí no se sabe si algo se habría perdido.",
        "en": "There are no incidents to judge by, so nobody can say whether one would have been missed.",
    },
    "verdict.nights": {"es": "Rompió {nights} noches de sueño.", "en": "It broke {nights} nights of sleep."},
    "verdict.nights.one": {"es": "Rompió una noche de sueño.", "en": "It broke one night of sleep."},
    "verdict.unknown": {
        "es": "{what}: no hay datos del {share} del tiempo. Eso no es calma, es no saber.",
        "en": "{what}: nothing is known of {share} of the time. That is not calm, it is not knowing.",
    },
    "verdict.unknown.all": {
        "es": "{what}: no hubo ni un dato. Eso no es calma, es no saber.",
        "en": "{what}: there was not one sample. That is not calm, it is not knowing.",
    },
    "origin.declared": {"es": "Incidentes: los de un archivo.", "en": "Incidents: those of a file."},
    "origin.recorded": {
        "es": "Incidentes: los que Sereno registró (los que un aviso abrió, entre ellos).",
        "en": "Incidents: those that Sereno recorded (among them those that a page opened).",
    },
    "origin.derived": {
        "es": "Incidentes: deducidos de los eventos mismos, donde se gastó de una vez tanto presupuesto como un "
        "nivel "
        "de alerta vigila.",
        "en": "Incidents: derived from the events themselves, wherever as much of a budget went at once as a tier "
        "watches for.",
    },
    # Figures
    "precision": {"es": "Precisión", "en": "Precision"},
    "precision.why": {"es": "avisos por un incidente", "en": "pages about an incident"},
    "recall": {"es": "Exhaustividad", "en": "Recall"},
    "recall.why": {"es": "incidentes avisados", "en": "incidents paged about"},
    "f_score": {"es": "F{beta}", "en": "F{beta}"},
    "f_score.why": {"es": "ambas en una cifra", "en": "both in one figure"},
    "detection": {"es": "Detección", "en": "Detection"},
    "detection.why": {"es": "mediana; la peor, {worst}", "en": "median; at worst {worst}"},
    "reset": {"es": "Vuelta a la calma", "en": "Reset"},
    "reset.before": {"es": "{span} antes del fin", "en": "{span} before the end"},
    "reset.why": {"es": "mediana tras el fin; la peor, {worst}", "en": "median after the end; at worst {worst}"},
    "per_week": {"es": "Avisos por semana", "en": "Pages a week"},
    "per_week.why": {"es": "falsos: {wrong}", "en": "false: {wrong}"},
    "nights": {"es": "Noches rotas", "en": "Nights broken"},
    "nights.why": {"es": "de 22 a 6 donde vive cada quien", "en": "22 to 6 where people live"},
    "unknown": {"es": "sin datos", "en": "unknown"},
    "nothing": {"es": "—", "en": "—"},
    # Sections
    "services": {"es": "Servicio por servicio", "en": "Service by service"},
    "people": {"es": "Lo que habría costado a las personas", "en": "What it would have cost people"},
    "people.none": {"es": "Nadie habría sido llamado.", "en": "Nobody would have been called."},
    "heat": {
        "es": "Llamadas por hora y día de la semana, donde vive quien fue llamado",
        "en": "Calls by hour and weekday, where whoever was called lives",
    },
    "heat.cell": {"es": "{day} {hour} h: {calls} llamadas", "en": "{day} {hour}:00: {calls} calls"},
    "compare": {"es": "Frente a {base}", "en": "Beside {base}"},
    "gate": {"es": "Lo que se exige", "en": "What is demanded"},
    "gate.passed": {"es": "Todo lo exigido se cumple.", "en": "Every demand is met."},
    "gate.none": {
        "es": "La especificación no exige nada (`backtest:`).",
        "en": "The spec demands nothing (`backtest:`).",
    },
    "gate.spec": {
        "es": "{service}: {measure} es {found}; la especificación exige {limit}",
        "en": "{service}: {measure} is {found}; the spec demands {limit}",
    },
    "gate.base": {
        "es": "{service}: {measure} baja de {limit} ({base}) a {found}",
        "en": "{service}: {measure} falls from {limit} ({base}) to {found}",
    },
    "gate.unseen": {
        "es": "{service}: no hay ni una muestra; nada de lo que pide el spec se puede juzgar",
        "en": "{service}: there is not one sample; nothing that the spec demands can be judged",
    },
    "measure.coverage": {"es": "la cobertura", "en": "coverage"},
    "measure.precision": {"es": "la precisión", "en": "precision"},
    "measure.recall": {"es": "la exhaustividad", "en": "recall"},
    "measure.pages_per_week": {"es": "avisos por semana", "en": "pages a week"},
    "whatif": {"es": "¿Y si…?", "en": "What if?"},
    "whatif.lead": {
        "es": "{tried} variantes de {slo} sobre el mismo pasado. Entre las {front} mejores, ninguna gana en algo sin "
        "perder en otra cosa. El número de una es lo que `--apply` espera.",
        "en": "{tried} variants of {slo} over the same past. Among the {front} best, none gains something without "
        "losing something else. The number of one is what `--apply` takes.",
    },
    "whatif.lead.one": {
        "es": "{tried} variantes de {slo} sobre el mismo pasado. Una es la mejor en todo. Su número es lo que "
        "`--apply` espera.",
        "en": "{tried} variants of {slo} over the same past. One is best in everything. Its number is what `--apply` "
        "takes.",
    },
    "whatif.blind": {
        "es": "Sin incidentes con que juzgar, ninguna variante es mejor que otra: {slo}.",
        "en": "Without incidents to judge by, no variant is better than another: {slo}.",
    },
    "whatif.best": {"es": "de las mejores", "en": "one of the best"},
    "whatif.misses": {"es": "pierde algún incidente", "en": "misses an incident"},
    "whatif.axes": {
        "es": "Tiempo de detección (horizontal) y avisos por semana (vertical): abajo a la izquierda es mejor",
        "en": "Detection time (across) and pages a week (up): lower left is better",
    },
    "method": {"es": "Cómo se calculó", "en": "How this was computed"},
    "method.text": {
        "es": "Las reglas se evaluaron sobre las muestras guardadas en cada instante, con los estados de Prometheus "
        "(pendiente, disparada). Los avisos son los que la propia guardia de Sereno habría hecho: agrupados por "
        "servicio "
        "y severidad mientras siguen abiertos, con los turnos de entonces. Precisión: avisos que coinciden con un "
        "incidente. Exhaustividad: incidentes con algún aviso. Presupuestos exactos, sin extrapolar. Respecto "
        "de lo que "
        "de verdad se habría disparado, los tiempos pueden diferir en hasta un intervalo: la fase de las "
        "evaluaciones no "
        "se guarda.",
        "en": "The rules were evaluated over the kept samples at every instant, with Prometheus's states (pending, "
        "firing). The pages are those that Sereno's own on-call would have made: grouped by service and "
        "severity while "
        "one is open, with the shifts of then. Precision: pages that overlap an incident. Recall: incidents "
        "with a page. "
        "Budgets are exact, nothing is extrapolated. Times may differ by up to one interval from what really would "
        "have fired: the phase of evaluations is not kept.",
    },
    # Services
    "pages": {"es": "Avisos", "en": "Pages"},
    "pages.none": {"es": "Ningún aviso.", "en": "No page."},
    "incidents": {"es": "Incidentes", "en": "Incidents"},
    "alerts": {"es": "Alertas", "en": "Alerts"},
    "rules": {"es": "Reglas", "en": "Rules"},
    "missed": {"es": "Incidentes sin aviso", "en": "Incidents missed"},
    "missed.one": {"es": "Incidente sin aviso", "en": "Incident missed"},
    "missed.unknown": {"es": "no había datos", "en": "there were no samples"},
    "missed.silent": {"es": "solo alertas que no avisan: {alerts}", "en": "only alerts that page nobody: {alerts}"},
    "missed.waiting": {
        "es": "{alert} esperaba: `for` es {for_}, y duró {held}",
        "en": "{alert} was waiting: `for` is {for_}, and it held {held}",
    },
    "missed.below": {
        "es": "lo más cercano fue {alert}: llegó al {share} de su umbral",
        "en": "{alert} came closest: it reached {share} of its threshold",
    },
    "missed.nothing": {"es": "ninguna regla lo mira", "en": "no rule looks at it"},
    "plot.title": {"es": "{service}: incidentes, avisos y consumo", "en": "{service}: incidents, pages and burn"},
    "plot.desc": {
        "es": "Arriba los incidentes y los avisos; debajo, cuánto de su umbral alcanzó cada nivel: por encima "
        "de 1 se "
        "dispara. La escala es logarítmica. Las tablas de abajo dicen lo mismo.",
        "en": "Incidents and pages above; below, how much of its threshold each tier reached: above 1 it fires. The "
        "scale is logarithmic. The tables below say the same.",
    },
    "fires": {"es": "se dispara", "en": "fires"},
    "covered": {"es": "Cobertura", "en": "Coverage"},
    "gaps": {"es": "Sin datos", "en": "No samples"},
    "why.no_samples": {"es": "sin muestras", "en": "no samples"},
    # Objectives
    "days": {"es": "{slo}: día por día", "en": "{slo}: day by day"},
    "kept": {
        "es": "{service} cumplió {kept} o más en {days} de {all} días.",
        "en": "{service} kept {kept} or better on {days} of {all} days.",
    },
    "suggest.same": {
        "es": "El objetivo declarado, {objective}, se sostuvo en toda ventana de {window}; ninguno usual más estricto "
        "lo habría hecho.",
        "en": "The declared objective, {objective}, held over every window of {window}; no stricter usual one would "
        "have.",
    },
    "suggest.stricter": {
        "es": "Declara {objective}, y se sostuvo en toda ventana de {window}; hasta {suggested} se habría sostenido.",
        "en": "It declares {objective}, which held over every window of {window}; so would have anything up to "
        "{suggested}.",
    },
    "suggest.looser": {
        "es": "Declara {objective}, que se rompió en {broken} de {windows} ventanas de {window}; {suggested} es lo más "
        "estricto, de lo usual, que ninguna habría roto.",
        "en": "It declares {objective}, which was broken over {broken} of {windows} windows of {window}; {suggested} "
        "is the strictest usual objective that none would have broken.",
    },
    "suggest.none": {
        "es": "Declara {objective}, que se rompió en {broken} de {windows} ventanas de {window}; tampoco ningún "
        "objetivo usual se habría sostenido en todas.",
        "en": "It declares {objective}, which was broken over {broken} of {windows} windows of {window}; no usual "
        "objective would have held over all of them either.",
    },
    "suggest.wait": {
        "es": "Muy poca historia para sugerir un objetivo: hay {days} días conocidos, faltan {missing}.",
        "en": "Too little history to suggest an objective: {days} days are known, {missing} more are needed.",
    },
    "candidates": {"es": "Si se hubiera prometido…", "en": "Had one promised…"},
    "low": {
        "es": "{alert}: un solo fallo avisa cuando en {long} hay menos de {needed} eventos. Así fue el {share} "
        "del tiempo "
        "con tráfico: {hours}.",
        "en": "{alert}: one failure alone pages when {long} holds fewer than {needed} events. So it was {share} "
        "of the time "
        "with traffic: {hours}.",
    },
    "low.hour": {"es": "{hour} h ({share}, {events} eventos)", "en": "{hour}:00 ({share}, {events} events)"},
    # Columns
    "col.service": {"es": "servicio", "en": "service"},
    "col.alert": {"es": "alerta", "en": "alert"},
    "col.severity": {"es": "severidad", "en": "severity"},
    "col.opened": {"es": "abierto", "en": "opened"},
    "col.lasted": {"es": "duró", "en": "lasted"},
    "col.called": {"es": "llamados", "en": "called"},
    "col.right": {"es": "por un incidente", "en": "about an incident"},
    "col.spent": {"es": "presupuesto gastado", "en": "budget spent"},
    "col.exhausts": {"es": "se agota en", "en": "gone in"},
    "col.fired": {"es": "disparos", "en": "fired"},
    "col.precision": {"es": "precisión", "en": "precision"},
    "col.recall": {"es": "exhaustividad", "en": "recall"},
    "col.detection": {"es": "detección", "en": "detection"},
    "col.reset": {"es": "calma", "en": "reset"},
    "col.per_week": {"es": "por semana", "en": "a week"},
    "col.person": {"es": "persona", "en": "person"},
    "col.pages": {"es": "avisos", "en": "pages"},
    "col.calls": {"es": "llamadas", "en": "calls"},
    "col.nights": {"es": "noches rotas", "en": "nights broken"},
    "col.night": {"es": "de noche", "en": "at night"},
    "col.weekend": {"es": "fin de semana", "en": "weekend"},
    "col.shift": {"es": "peor turno de 12 h", "en": "worst 12 hours"},
    "col.weeks": {"es": "por semana", "en": "by week"},
    "col.incident": {"es": "incidente", "en": "incident"},
    "col.began": {"es": "empezó", "en": "began"},
    "col.why": {"es": "por qué", "en": "why"},
    "col.objective": {"es": "objetivo", "en": "objective"},
    "col.days_kept": {"es": "días cumplidos", "en": "days kept"},
    "col.windows": {"es": "ventanas rotas", "en": "windows broken"},
    "col.worst": {"es": "peor gasto", "en": "worst spent"},
    "col.number": {"es": "n.º", "en": "no."},
    "col.tiers": {"es": "ventanas y factores", "en": "windows and factors"},
    "col.for": {"es": "espera", "en": "for"},
    "col.what": {"es": "qué", "en": "what"},
    "col.from": {"es": "desde", "en": "from"},
    "col.until": {"es": "hasta", "en": "until"},
    "col.date": {"es": "día", "en": "day"},
    "col.sli": {"es": "buenos", "en": "good"},
    "col.before": {"es": "antes", "en": "before"},
    "col.after": {"es": "después", "en": "after"},
    "col.change": {"es": "cambio", "en": "change"},
    "change.added": {"es": "nuevo", "en": "added"},
    "change.removed": {"es": "ya no", "en": "gone"},
    "change.earlier": {"es": "{span} antes", "en": "{span} earlier"},
    "change.later": {"es": "{span} después", "en": "{span} later"},
    "change.none": {"es": "Los mismos avisos, en los mismos momentos.", "en": "The same pages, at the same moments."},
    "yes": {"es": "sí", "en": "yes"},
    "no": {"es": "no", "en": "no"},
    "still": {"es": "seguía abierto", "en": "still open"},
    "nobody": {"es": "nadie", "en": "nobody"},
    "declared": {"es": "declarada", "en": "declared"},
    "rules.silent": {
        "es": "{count} reglas nunca se dispararon: {names}",
        "en": "{count} rules never fired: {names}",
    },
    "rules.silent.one": {"es": "Una regla nunca se disparó: {names}", "en": "One rule never fired: {names}"},
    "humane": {"es": "más de 2 en 12 h", "en": "more than 2 in 12 h"},
    "day.0": {"es": "lun", "en": "Mon"},
    "day.1": {"es": "mar", "en": "Tue"},
    "day.2": {"es": "mié", "en": "Wed"},
    "day.3": {"es": "jue", "en": "Thu"},
    "day.4": {"es": "vie", "en": "Fri"},
    "day.5": {"es": "sáb", "en": "Sat"},
    "day.6": {"es": "dom", "en": "Sun"},
}
