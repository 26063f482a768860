"""What burn-rate alerts and dropped tiers say to people, in Spanish and English."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.kernel.language import Phrases, number, say, span
from sereno.kernel.message import Language
from sereno.slo.composites import in_slices
from sereno.slo.methods import method_of
from sereno.slo.model import DroppedTier, SloPlan, Tier
from sereno.spec.model import CompositeSli, LatencySli, NativeLatencySli, Service, Slo

PHRASES: Phrases = {
    "summary": {
        "es": "{service}: el presupuesto de error de {slo} se consume a más de {factor} veces lo sostenible ({long})",
        "en": "{service}: the error budget of {slo} burns at more than {factor} times the sustainable rate ({long})",
    },
    "description": {
        "es": "En la ventana de {long} (y también en la de {short}) más del {threshold} {failed};"
        " el objetivo {objective} permite el {allowed}. Eso consume el {share} del presupuesto de {window} en {long};"
        " si sigue así, un presupuesto completo dura como mucho {exhausts}, y lo que quede de él, menos.",
        "en": "Over the last {long} (and the last {short} too) more than {threshold} {failed};"
        " the objective of {objective} allows {allowed}. That spends {share} of the {window} budget in {long};"
        " if it goes on, a whole budget lasts {exhausts} at most, and what is left of it less.",
    },
    "left_out": {"es": "se dejó fuera de {slo}: {why}", "en": "left out of {slo}: {why}"},
    "one_day": {"es": "un día", "en": "one-day"},
    "one_week": {"es": "una semana", "en": "one-week"},
    "one_month": {"es": "un mes", "en": "one-month"},
    "one_quarter": {"es": "un trimestre", "en": "one-quarter"},
    "one_year": {"es": "un año", "en": "one-year"},
    "failed": {"es": "de los eventos fallaron", "en": "of the events failed"},
    "fraction": {
        "es": "de lo que en ese tiempo sería tráfico normal (el de {window}) falló",
        "en": "of what would be usual traffic for that time (that of {window}) failed",
    },
    "slow": {"es": "de los eventos tardaron más de {within}", "en": "of the events took longer than {within}"},
    "slices": {
        "es": "de los intervalos de {slice} fueron malos",
        "en": "of the slices of {slice} were bad",
    },
    "ratios": {
        "es": "de cada intervalo de {slice}, en promedio, fue malo",
        "en": "of each slice of {slice} was bad on average",
    },
    "weighted": {
        "es": "de los eventos de sus {count} partes, según su peso, fueron malos",
        "en": "of the events of its {count} parts, by their weights, were bad",
    },
    "product": {
        "es": "de los recorridos por sus {count} partes fallaron",
        "en": "of the journeys through its {count} parts failed",
    },
    "meaningless": {
        "es": "{long} a {factor}× se dispararía sin que el presupuesto esté en peligro: a esa tasa ({factor} ≤ 1)"
        " alcanza para todo el período de {window}",
        "en": "{long} at {factor}× would fire with the budget in no danger: at that rate ({factor} ≤ 1) it lasts the"
        " whole {window} period",
    },
    "unreachable": {
        "es": "{long} a {factor}× nunca podría dispararse: haría falta un {threshold} de eventos malos"
        " (objetivo {objective})",
        "en": "{long} at {factor}× could never fire: it would take {threshold} of bad events (objective {objective})",
    },
    "too_short": {
        "es": "la ventana de {long} no es más larga que la corta de {short}, que necesita al menos cuatro muestras",
        "en": "the window of {long} is no longer than its short one of {short}, which needs at least four scrapes",
    },
}


def summary(service: Service, slo: Slo, tier: Tier, language: Language) -> str:
    """One line: what burns, how fast, over which window."""
    return say(
        PHRASES, "summary", language,
        service=service.title or service.name, slo=slo.name,
        factor=exactly(tier.factor, language), long=span(tier.long, language),
    )  # fmt: skip


def description(slo: Slo, tier: Tier, threshold: Decimal, language: Language) -> str:
    """Which windows fired, what that means, and when the budget ends. `threshold` is the ratio of bad events."""
    return say(
        PHRASES, "description", language,
        failed=_failed(slo, language),
        threshold=percentage(threshold, language), allowed=percentage(slo.objective.budget, language),
        objective=target(slo, language), window=_period(slo, language),
        long=span(tier.long, language), short=span(tier.short, language),
        share=percentage(tier.share, language), exhausts=span(tier.exhausts_in, language),
    )  # fmt: skip


def explain_dropped(dropped: DroppedTier, slo: Slo, language: Language) -> str:
    """Why a tier was left out, with the numbers that show it."""
    return say(
        PHRASES, dropped.reason, language,
        long=span(dropped.long, language), short=span(dropped.short, language),
        factor=exactly(dropped.factor, language), window=_period(slo, language),
        threshold=percentage(dropped.factor * slo.objective.budget, language), objective=target(slo, language),
    )  # fmt: skip


def left_out(plan: SloPlan, language: Language) -> list[str]:
    """A sentence for each tier that a plan does without, as `sereno build` says it."""
    name = f"{plan.service}/{plan.slo.name}"
    return [say(PHRASES, "left_out", language, slo=name, why=lost.explanation) for lost in plan.dropped]


def target(slo: Slo, language: Language) -> str:
    """The objective with the digits that its author wrote, as the language writes them: `99.9%`, `99,9 %`."""
    text = slo.objective.text.strip()
    return text.replace(".", ",").removesuffix("%").rstrip() + " %" if language == "es" and text.endswith("%") else text


def _period(slo: Slo, language: Language) -> str:
    """The time that the budget is for: `30 d`, or a month of the calendar, which has no fixed length."""
    return say(PHRASES, f"one_{slo.calendar.unit}", language) if slo.calendar else span(slo.window, language)


def _failed(slo: Slo, language: Language) -> str:
    length = span(slo.slice_length, language)
    if in_slices(slo):
        return say(PHRASES, "ratios" if method_of(slo) == "ratio_timeslices" else "slices", language, slice=length)
    if isinstance(slo.sli, CompositeSli):
        return say(PHRASES, slo.sli.mode, language, count=len(slo.sli.parts))
    if isinstance(slo.sli, LatencySli | NativeLatencySli):
        return say(PHRASES, "slow", language, within=_within(slo.sli.within_seconds, language))
    if slo.low_traffic and slo.low_traffic.budget_fraction:
        return say(PHRASES, "fraction", language, window=span(slo.window, language))
    return say(PHRASES, "failed", language)


def _within(seconds: Decimal, language: Language) -> str:
    if seconds < 1:
        return f"{exactly(seconds * 1000, language)} ms"
    if seconds % 1:
        return f"{exactly(seconds, language)} s"
    return span(timedelta(seconds=float(seconds)), language)


def percentage(ratio: Decimal, language: Language) -> str:
    """`ratio` (1 is 100 %) as a percentage with all its digits."""
    shown = exactly(ratio * 100, language)
    return f"{shown} %" if language == "es" else f"{shown}%"


def exactly(value: Decimal, language: Language) -> str:
    """`value` with all its digits and no trailing zeros."""
    plain = value.normalize()
    exponent = plain.as_tuple().exponent
    return number(plain, language, max(0, -exponent) if isinstance(exponent, int) else 0)
