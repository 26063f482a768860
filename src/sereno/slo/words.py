"""What burn-rate alerts and dropped tiers say to people, in Spanish and English."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sereno.kernel.language import Phrases, number, say, span
from sereno.kernel.message import Language
from sereno.slo.model import DroppedTier, Tier
from sereno.spec.model import LatencySli, NativeLatencySli, Service, Slo

PHRASES: Phrases = {
    "summary": {
        "es": "{service}: el presupuesto de error de {slo} se consume a más de {factor} veces lo sostenible ({long})",
        "en": "{service}: the error budget of {slo} burns at more than {factor} times the sustainable rate ({long})",
    },
    "description": {
        "es": "En la ventana de {long} (y también en la de {short}) más del {threshold} de los eventos {failed};"
        " el objetivo {objective} permite el {allowed}. Eso consume el {share} del presupuesto de {window} en {long};"
        " si sigue así, el presupuesto completo se agota en {exhausts}.",
        "en": "Over the last {long} (and the last {short} too) more than {threshold} of the events {failed};"
        " the objective of {objective} allows {allowed}. That spends {share} of the {window} budget in {long};"
        " if it goes on, a whole budget is gone in {exhausts}.",
    },
    "failed": {"es": "fallaron", "en": "failed"},
    "slow": {"es": "tardaron más de {within}", "en": "took longer than {within}"},
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
        objective=slo.objective.text, window=span(slo.window, language),
        long=span(tier.long, language), short=span(tier.short, language),
        share=percentage(tier.share, language), exhausts=span(tier.exhausts_in, language),
    )  # fmt: skip


def explain_dropped(dropped: DroppedTier, slo: Slo, language: Language) -> str:
    """Why a tier was left out, with the numbers that show it."""
    return say(
        PHRASES, dropped.reason, language,
        long=span(dropped.long, language), short=span(dropped.short, language),
        factor=exactly(dropped.factor, language), window=span(slo.window, language),
        threshold=percentage(dropped.factor * slo.objective.budget, language), objective=slo.objective.text,
    )  # fmt: skip


def _failed(slo: Slo, language: Language) -> str:
    if not isinstance(slo.sli, LatencySli | NativeLatencySli):
        return say(PHRASES, "failed", language)
    within = timedelta(seconds=float(slo.sli.within_seconds))
    milliseconds = slo.sli.within_seconds * 1000
    shown = f"{exactly(milliseconds, language)} ms" if milliseconds < 1000 else span(within, language)
    if slo.sli.within_seconds > 1 and slo.sli.within_seconds % 1:
        shown = f"{exactly(slo.sli.within_seconds, language)} s"
    return say(PHRASES, "slow", language, within=shown)


def percentage(ratio: Decimal, language: Language) -> str:
    """`ratio` (1 is 100 %) as a percentage with all its digits."""
    shown = exactly(ratio * 100, language)
    return f"{shown} %" if language == "es" else f"{shown}%"


def exactly(value: Decimal, language: Language) -> str:
    """`value` with all its digits and no trailing zeros."""
    plain = value.normalize()
    exponent = plain.as_tuple().exponent
    return number(plain, language, max(0, -exponent) if isinstance(exponent, int) else 0)
