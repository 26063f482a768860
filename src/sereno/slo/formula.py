"""When a budget ends, and the sum that says so: nobody has to believe a date without its arithmetic."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.kernel.language import Phrases, local, number, percent, say, span
from sereno.kernel.message import Language
from sereno.slo.model import Budget

PHRASES: Phrases = {
    "rolling": {
        "es": "{at} + {left} × {window} ÷ {burn} = {ends} (lo que queda × la ventana ÷ la tasa de consumo de la última"
        " hora)",
        "en": "{at} + {left} × {window} ÷ {burn} = {ends} (what is left × the window ÷ the burn rate of the last hour)",
    },
    "calendar": {
        "es": "{at} + {left} × {window} ÷ {burn} = {ends} (lo que quedaría al cierre, {left}, × el período ÷ la tasa de"
        " consumo de la última hora)",
        "en": "{at} + {left} × {window} ÷ {burn} = {ends} (what would be left at the end, {left}, × the period ÷ the"
        " burn rate of the last hour)",
    },
    "renewed": {
        "es": "a {burn}× no se agota antes de que el período termine el {ends}",
        "en": "at {burn}× it lasts until the period ends on {ends}",
    },
    "spared": {"es": "no se está consumiendo", "en": "it is not being spent"},
    "gone": {"es": "ya está agotado, por {over}", "en": "it is gone already, by {over}"},
    "unknown": {"es": "no se sabe", "en": "nobody knows"},
    "projected": {
        "es": "consumido hasta ahora {so_far}; si nada más falla y el tráfico sigue, {projected} al cierre ({ends})",
        "en": "consumed so far {so_far}; if nothing else fails and traffic goes on, {projected} at the end ({ends})",
    },
    "events": {"es": "{bad} de {total} eventos; se permiten {allowed}", "en": "{bad} of {total} events; {allowed} may"},
    "slices": {
        "es": "{bad} de {total} intervalos; se permiten {allowed} ({time})",
        "en": "{bad} of {total} slices; {allowed} may ({time})",
    },
    "ratios": {
        "es": "{bad} de {total} intervalos en proporción; se permiten {allowed} ({time})",
        "en": "{bad} of {total} slices in proportion; {allowed} may ({time})",
    },
}


def exhaustion(budget: Budget, zone: str, language: Language) -> str:
    """When the budget ends at the present rate, with the sum that gives it; or why there is no such moment."""
    if budget.remaining is None or budget.burn_rate is None:
        return say(PHRASES, "unknown", language)
    if budget.remaining <= 0:
        return say(PHRASES, "gone", language, over=percent(-budget.remaining, language, 1))
    if budget.burn_rate <= 0:
        return say(PHRASES, "spared", language)
    burn = number(budget.burn_rate, language, 2)
    calendar = budget.ends_at is not None and budget.ends_at > budget.at
    if budget.exhausts_at is None:
        ends = local(budget.ends_at, zone, language) if calendar and budget.ends_at else "∞"
        return say(PHRASES, "renewed", language, burn=burn, ends=ends)
    left = budget.remaining if budget.projected is None else 1 - budget.projected
    return say(
        PHRASES, "calendar" if calendar else "rolling", language,
        at=local(budget.at, zone, language), left=percent(left, language, 2), burn=burn,
        window=span(length(budget), language), ends=local(budget.exhausts_at, zone, language),
    )  # fmt: skip


def projection(budget: Budget, zone: str, language: Language) -> str | None:
    """What a calendar's period will have consumed at its end if nothing else fails; None where it rolls."""
    if budget.projected is None or budget.consumed is None or budget.ends_at is None:
        return None
    return say(
        PHRASES, "projected", language, so_far=percent(budget.consumed, language, 1),
        projected=percent(budget.projected, language, 1), ends=local(budget.ends_at, zone, language),
    )  # fmt: skip


def counted(budget: Budget, language: Language) -> str | None:
    """What was counted, and how much of it may be bad; None for a composite, and where nothing is known."""
    if budget.total is None or budget.bad is None or budget.allowed is None or budget.counts == "parts":
        return None
    return say(
        PHRASES, budget.counts, language, bad=_count(budget.bad, language), total=_count(budget.total, language),
        allowed=_count(budget.allowed, language), time=span(budget.time_budget or timedelta(0), language),
    )  # fmt: skip


def length(budget: Budget) -> timedelta:
    """How long the budget's period is: its window, or what its calendar's period comes to."""
    if budget.starts_at is None or budget.ends_at is None:
        return budget.window
    return budget.ends_at - budget.starts_at if budget.ends_at > budget.at else budget.window


def _count(value: Decimal, language: Language) -> str:
    whole = value == value.to_integral_value()
    return number(value, language, 0 if whole else 1)
