"""Why an incident was missed: what came closest, what waited, what spoke to nobody, what nobody could see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np

from sereno.insight.known import Known
from sereno.insight.model import Closest, Fired, Incident, Missed, Waited
from sereno.insight.score import Raised, about

_SEEN_LEAST = Fraction(1, 2)


def why_missed(
    incident: Incident, known: Sequence[Known], fired: Iterable[Fired], waited: Iterable[Waited], grace_ms: int
) -> Missed:
    """The most telling reason for which no page was about `incident`.

    Half of it unseen is unknown; else alerts that fired without paging; else those whose `for` had not passed; else
    the tier whose burn came nearest to its factor.
    """
    if known and all(one.counts.over(incident.start_ms, incident.end_ms).coverage < _SEEN_LEAST for one in known):
        return Missed(incident, "unknown")
    spoke = [
        one for one in fired if about(Raised(one.service, one.fired_ms, one.resolved_ms), incident, grace_ms)
    ]  # fmt: skip
    closest = max((_closest(incident, one) for one in known), key=lambda c: c.share if c else Decimal(-1), default=None)
    if spoke:
        return Missed(incident, "silent", closest, alerts=tuple(dict.fromkeys(one.alert for one in spoke)))
    patient = [w for w in waited if about(Raised(w.service, w.active_ms, w.resolved_ms), incident, grace_ms)]
    if patient:
        return Missed(incident, "waiting", closest, waited=max(patient, key=_length))
    return Missed(incident, "below" if closest else "nothing", closest)


def _length(waited: Waited) -> int:
    return (waited.resolved_ms or waited.active_ms) - waited.active_ms


def _closest(incident: Incident, known: Known) -> Closest | None:
    """The tier of one objective that pages and came nearest to firing within `incident`."""
    at = known.ratios.instants_ms
    inside = (at >= incident.start_ms) & (at <= incident.end_ms)
    best: Closest | None = None
    for tier, rule in zip(known.plan.tiers, known.plan.rules, strict=True):
        if tier.kind != "page":
            continue
        limit = float(Fraction(tier.factor) * Fraction(known.plan.slo.objective.budget))
        shares = np.where(inside, known.ratios.over(tier), np.nan) / limit
        if np.isnan(shares).all():
            continue
        place = int(np.nanargmax(shares))
        found = Closest(rule.name, Decimal(f"{shares[place]:.4g}"), int(at[place]))
        if best is None or found.share > best.share:
            best = found
    return best
