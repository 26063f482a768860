"""The exact numbers of a promise: what its budget is as time, as events and as slices, and what its tiers mean."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from sereno.compiler.manual_words import PHRASES
from sereno.kernel.language import say, span
from sereno.kernel.message import Language
from sereno.slo.composites import in_slices
from sereno.slo.exact import written
from sereno.slo.model import Tier
from sereno.slo.words import exactly
from sereno.spec.model import Slo

_DAY = 86_400
_DAYS = {"day": (1, 1), "week": (7, 7), "month": (28, 31), "quarter": (90, 92), "year": (365, 366)}
_MILLION = 1_000_000


def exact_time(seconds: Fraction, language: Language) -> str:
    """`seconds` in hours, minutes and seconds with every digit: `43 min 12 s`, `16 h 48 min`."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count]
    if left or not parts:
        parts.append(f"{exactly(written(left), language)} s")
    return " ".join(parts)


def time_budget(slo: Slo, language: Language) -> str:
    """How long the promise lets everything fail: budget × window, of calendars for their shortest and longest period.

    A day is 24 hours here, also where clocks change.
    """
    budget = Fraction(slo.objective.budget)
    if slo.calendar is None:
        return exact_time(budget * seconds_of(slo.window), language)
    least, most = _DAYS[slo.calendar.unit]
    if least == most:
        return exact_time(budget * least * _DAY, language)
    texts = [
        say(PHRASES, "days", language, time=exact_time(budget * days * _DAY, language), days=days)
        for days in (least, most)
    ]
    return say(PHRASES, "to", language, least=texts[0], most=texts[1])


def event_budget(slo: Slo, language: Language) -> str:
    """How many may fail: slices of the window where slices are counted, else of a million events."""
    budget = Fraction(slo.objective.budget)
    if not in_slices(slo):
        return say(PHRASES, "in_a_million", language, bad=exactly(written(budget * _MILLION), language))
    length = seconds_of(slo.slice_length)
    window = seconds_of(slo.window)
    least, most = (window, window) if slo.calendar is None else (days * _DAY for days in _DAYS[slo.calendar.unit])
    shown = [exactly(written(budget * seconds / length), language) for seconds in (least, most)]
    each = span(slo.slice_length, language)
    if shown[0] == shown[1]:
        return say(PHRASES, "slices_of", language, bad=shown[0], slice=each)
    return say(PHRASES, "slices_range", language, least=shown[0], most=shown[1], slice=each)


def window_of(slo: Slo, language: Language) -> str:
    """Over what the promise is judged."""
    if slo.calendar is None:
        return say(PHRASES, "rolling", language, length=span(slo.window, language))
    return say(PHRASES, f"calendar_{slo.calendar.unit}", language, zone=slo.calendar.zone)


def total_outage(slo: Slo, tier: Tier, language: Language) -> str:
    """How long after everything began to fail `tier` alerts: long window × burn rate × budget, then its wait."""
    burning = seconds_of(tier.long) * Fraction(tier.factor) * Fraction(slo.objective.budget)
    return exact_time(burning + seconds_of(tier.for_), language)


def seconds_of(duration: timedelta) -> Fraction:
    """Exactly."""
    return Fraction(duration // timedelta(microseconds=1), 1_000_000)
