"""When an outage really began and ended: seen in the events, not in the alert that noticed it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

from sereno.kernel.moment import from_ms, to_ms
from sereno.promql.columns import Select, Selection
from sereno.slo.account import account
from sereno.slo.selectors import selections_between
from sereno.slo.spans import AnySpan
from sereno.slo.thinned import WHOLE, Thinned
from sereno.spec.model import Slo

INSTANTS_MAX = 5000


def harm(
    slo: Slo, select: Select, start: datetime, end: datetime, thinned: Thinned = WHOLE
) -> tuple[datetime, datetime] | None:
    """The part of (start, end] in which customers suffered most: where bad events most exceed what `slo` allows.

    It is the interval between two scrapes that maximises bad − budget·total; None when no interval exceeds what is
    allowed. An alert notices an outage late and lets go of it later still; the events themselves know. Source: the
    cumulative sum test of E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954), with the allowed ratio
    as its reference; the interval is found in one pass (Kadane). Where samples are `thinned`, it is one between the
    borders of steps. Of a composite that counts parts there is no such interval: ask its parts.
    """
    start_ms, end_ms = thinned.floor(to_ms(start)), thinned.ceil(to_ms(end))
    found = account("", slo, select, start_ms, end_ms, thinned)
    inside = found.instants(start_ms, end_ms, at_most=INSTANTS_MAX)
    instants = list(dict.fromkeys(thinned.floor(at) for at in (start_ms, *inside, end_ms)))
    worst = _worst(found.between(instants), Fraction(slo.objective.budget))
    return (from_ms(instants[worst[0]]), from_ms(instants[worst[1]])) if worst else None


def harm_selections(slo: Slo, start: datetime, end: datetime, thinned: Thinned = WHOLE) -> tuple[Selection, ...]:
    """The samples that `harm` will ask for."""
    return selections_between(slo, thinned.floor(to_ms(start)), thinned.ceil(to_ms(end)))


def _worst(spans: Sequence[AnySpan], allowed: Fraction) -> tuple[int, int] | None:
    """First and last boundary of the run of spans with the greatest excess."""
    best, best_at = Fraction(0), None
    running, began = Fraction(0), 0
    for index, span in enumerate(spans):
        if running <= 0:
            running, began = Fraction(0), index
        running += Fraction(span.bad) - allowed * Fraction(span.total)
        if running > best:
            best, best_at = running, (began, index + 1)
    return best_at
