"""How full things are: alerts at declared levels, and days ahead of the moment at which nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sereno.kernel.duration import format_duration
from sereno.kernel.labels import Labels
from sereno.kernel.language import Phrases, say, span
from sereno.kernel.message import Language
from sereno.kernel.rule import Rule
from sereno.kernel.severity import DEFAULT_SEVERITIES
from sereno.slo.naming import annotated, camel, inert
from sereno.slo.queries import inside
from sereno.slo.words import exactly, percentage
from sereno.spec.model import Saturation, Service, Spec, Threshold

POINTS = 96
"""How many values of the past a trend is drawn through (15 minutes apart over a day)."""
_MINUTE = timedelta(minutes=1)
_KNOWN_LEAST = 2
_AHEAD_FOR = timedelta(hours=1)

PHRASES: Phrases = {
    "level": {"es": "{service}: {what} está al {at} o más", "en": "{service}: {what} is {at} full or more"},
    "level_description": {
        "es": "{what} lleva {for_} al {at} de su capacidad o más{next}. Cuando se llene, {service} empezará a fallar.",
        "en": "{what} has been at {at} of its capacity or more for {for_}{next}. Once it is full, {service} will fail.",
    },
    "next": {"es": "; el próximo nivel es el {at}", "en": "; the next level is {at}"},
    "ahead": {
        "es": "{service}: {what} se llenará dentro de {ahead}",
        "en": "{service}: {what} will be full within {ahead}",
    },
    "ahead_description": {
        "es": "Si {what} sigue creciendo como en {over}, no le quedará capacidad antes de {ahead}. La recta se ajusta"
        " por mínimos cuadrados a ese tiempo; no hay alerta si baja, ni con menos de la mitad de ese tiempo conocida.",
        "en": "If {what} goes on growing as over the last {over}, nothing of it will be left before {ahead} have"
        " passed. The line is fitted to that time by least squares; there is no alert while it falls, nor with less"
        " than half of that time known.",
    },
}


def saturation_rules(spec: Spec, service: Service, *, language: Language = "en") -> tuple[Rule, ...]:
    """The alerting rules of everything of `service` that can be full: one a level, one ahead of time where asked for.

    Series keep their own labels, so that one alert says which pool, disk or queue it is.
    """
    return tuple(
        annotated(spec, service, rule)
        for saturation in service.saturation
        for rule in (*_levels(service, saturation, language), *_ahead(service, saturation, language))
    )


def level_expression(saturation: Saturation, level: Threshold) -> str:
    """Whether it is at least as full as `level` says, as PromQL; its value is how full (0 … 1)."""
    return f"{inside(saturation.used)} >= {level.at:f}"


def ahead_expression(saturation: Saturation, ahead: timedelta) -> str:
    """Whether its trend reaches 1 within `ahead`, as PromQL; its value is how full it will be by then.

    Not while it falls or stands still, and not before half of the time that the trend is drawn through is known.
    """
    step = max(_MINUTE, saturation.over / POINTS)
    step -= step % _MINUTE
    points = saturation.over // step
    past = f"{inside(saturation.used)}[{format_duration(saturation.over)}:{format_duration(step)}]"
    seconds = ahead // timedelta(seconds=1)
    return (
        f"predict_linear({past}, {seconds}) >= 1\n"
        f"and deriv({past}) > 0\n"
        f"and count_over_time({past}) >= {max(_KNOWN_LEAST, points // 2)}"
    )


def _levels(service: Service, saturation: Saturation, language: Language) -> Iterator[Rule]:
    ordered = sorted(saturation.levels, key=lambda level: level.at)
    for place, level in enumerate(ordered):
        above = ordered[place + 1].at if place + 1 < len(ordered) else None
        at = exactly(level.at * 100, "en")
        words = {
            "service": service.title or service.name, "what": saturation.title or saturation.name,
            "at": percentage(level.at, language), "for_": span(level.for_, language),
            "next": "" if above is None else say(PHRASES, "next", language, at=percentage(above, language)),
        }  # fmt: skip
        yield _rule(
            service, saturation, f"Saturation{at.replace('.', '_')}", level_expression(saturation, level),
            level.severity, level.for_, f"saturation:{saturation.name}/{at}%",
            {"level": f"{at}%"}, say(PHRASES, "level", language, **words),
            say(PHRASES, "level_description", language, **words),
        )  # fmt: skip


def _ahead(service: Service, saturation: Saturation, language: Language) -> Iterator[Rule]:
    if saturation.ahead is None:
        return
    words = {
        "service": service.title or service.name, "what": saturation.title or saturation.name,
        "ahead": span(saturation.ahead, language), "over": span(saturation.over, language),
    }  # fmt: skip
    mildest = min(saturation.levels, key=lambda level: (level.at, level.for_), default=None)
    severity = mildest.severity if mildest else DEFAULT_SEVERITIES.scale[2].name
    yield _rule(
        service, saturation, "FullAhead", ahead_expression(saturation, saturation.ahead), severity,
        min(_AHEAD_FOR, saturation.over / 24), f"saturation:{saturation.name}/ahead",
        {"ahead": format_duration(saturation.ahead)}, say(PHRASES, "ahead", language, **words),
        say(PHRASES, "ahead_description", language, **words),
    )  # fmt: skip


def _rule(
    service: Service, saturation: Saturation, suffix: str, expr: str, severity: str, for_: timedelta, origin: str,
    labels: dict[str, str], summary: str, description: str,
) -> Rule:  # fmt: skip
    return Rule(
        name=f"{camel(service.name)}{camel(saturation.name)}{suffix}",
        expr=expr,
        service=service.name,
        severity=severity,
        for_=for_ - for_ % timedelta(seconds=1),
        labels=Labels(service=service.name, team=service.team, severity=severity, saturation=saturation.name, **labels),
        annotations=Labels(
            summary=inert(summary), description=inert(description), runbook_url=saturation.runbook or ""
        ),
        origin=origin,
    )
