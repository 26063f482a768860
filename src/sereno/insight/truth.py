"""When did people really suffer? Incidents derived from the events themselves, where nobody wrote them down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from sereno.insight.counts import Counts
from sereno.insight.model import Incident
from sereno.promql.columns import Int64s
from sereno.slo import SloPlan

Floats = npt.NDArray[np.float64]
Stretch = tuple[int, int]
"""First and last boundary of a run of minutes."""
CALM_MS = 30 * 60_000
"""How long nothing must get worse for what follows to be another incident."""
_COVERED = Fraction(9, 10)


def derived(
    plan: SloPlan, counts: Counts, start_ms: int, end_ms: int, *, share: Decimal | None = None
) -> tuple[Incident, ...]:
    """The incidents of one objective in [start, end], from its events alone, whatever its alerts said.

    A stretch in which bad events exceed what is allowed (see `stretches`) is an incident when what it spent of the
    budget, of the window that ends with it, is at least the share of the shortest of the objective's tiers into whose
    long window it fits (the longest tier's, if it fits into none), or at least `share`. Half an hour of calm divides
    it, where what lies before or behind is an incident by itself.
    """
    first, past = counts.place(start_ms), counts.place(end_ms) + 1
    bad, total = counts.bad[first:past], counts.total[first:past]
    allowed = float(plan.slo.objective.budget)
    excess = np.diff((bad - bad[0]).astype(np.float64)) - allowed * np.diff((total - total[0]).astype(np.float64))
    at = counts.instants_ms[first:past]
    name = f"{plan.service}/{plan.slo.name}"

    def bad_enough(stretch: Stretch) -> bool:
        one = Incident(plan.service, int(at[stretch[0]]), int(at[stretch[1]]), name, "derived")
        return (spent_by(plan, counts, one) or 0) >= _least(plan, one, share)

    found = [part for whole in stretches(excess) if bad_enough(whole) for part in _parts(whole, excess, at, bad_enough)]
    return tuple(Incident(plan.service, int(at[a]), int(at[b]), name, "derived") for a, b in found)


def _parts(whole: Stretch, excess: Floats, at: Int64s, bad_enough: Callable[[Stretch], bool]) -> list[Stretch]:
    """`whole`, or the incidents that calm divides it into; what lies between them counts if it is one as a whole."""
    good = [part for part in divided(whole, excess, at, CALM_MS) if bad_enough(part)]
    if not good:
        return [whole]
    edges = [whole[0], *(edge for part in good for edge in part), whole[1]]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        rest = [(begin + a, begin + b) for a, b in stretches(excess[begin:end])]
        good += [part for part in rest if bad_enough(part)]
    return sorted(good)


def divided(whole: Stretch, excess: Floats, at: Int64s, calm_ms: int) -> list[Stretch]:
    """The parts of `whole` between which its sum does not reach a new height for `calm_ms`."""
    sums = np.concatenate(([0.0], np.cumsum(excess[whole[0] : whole[1]]))).tolist()
    parts: list[Stretch] = []
    begin = best = 0
    for place, height in enumerate(sums):
        if best > begin and at[whole[0] + place] - at[whole[0] + best] >= calm_ms:
            parts.append((whole[0] + begin, whole[0] + best))
            begin = best = place
        if best == begin and height <= sums[begin]:
            begin = best = place
        elif height > sums[best]:
            best = place
    if best > begin:
        parts.append((whole[0] + begin, whole[0] + best))
    return parts


def merged(incidents: Sequence[Incident]) -> tuple[Incident, ...]:
    """Incidents of one service that overlap made one, their names put together; in order of time."""
    found: list[Incident] = []
    for one in sorted(incidents, key=lambda i: (i.service or "", i.start_ms, i.end_ms, i.name)):
        last = found[-1] if found else None
        if last is not None and last.service == one.service and one.start_ms <= last.end_ms:
            names = ", ".join(dict.fromkeys((*last.name.split(", "), one.name)))
            found[-1] = Incident(one.service, last.start_ms, max(last.end_ms, one.end_ms), names, last.origin)
        else:
            found.append(one)
    return tuple(sorted(found, key=lambda i: (i.start_ms, i.end_ms, i.name)))


def spent_by(plan: SloPlan, counts: Counts, incident: Incident) -> Fraction | None:
    """The share of the budget that `incident` cost, of the window that ends with it; None without any event.

    Where less than nine tenths of that window are known, its events are reckoned from those of all the known time: the
    first bad minute of a history is not half of all it has.
    """
    window = plan.slo.window // timedelta(milliseconds=1)
    part = counts.over(incident.start_ms, incident.end_ms)
    whole = counts.over(incident.end_ms - window, incident.end_ms)
    total = Fraction(whole.total)
    if whole.coverage < _COVERED:
        ever = counts.over(int(counts.instants_ms[0]), int(counts.instants_ms[-1]))
        total = Fraction(ever.total) * window / ever.covered_ms if ever.covered_ms else total
    return Fraction(part.bad) / (Fraction(plan.slo.objective.budget) * total) if total else None


def _least(plan: SloPlan, incident: Incident, share: Decimal | None) -> Fraction:
    if share is not None:
        return Fraction(share)
    length = timedelta(milliseconds=incident.end_ms - incident.start_ms)
    tiers = sorted(plan.tiers, key=lambda tier: tier.long)
    fitting = [tier for tier in tiers if length <= tier.long] or tiers[-1:]
    return Fraction(fitting[0].share) if fitting else Fraction(1, 10)


@dataclass(slots=True)
class _Run:
    """A stretch that may yet grow: its boundaries, the running sum before it and at its end, and the nearest
    earlier run whose sum before it is lower."""

    begin: int
    end: int
    left: float
    right: float
    link: int


def stretches(excess: Floats) -> list[Stretch]:
    """All maximal scoring stretches of `excess`, as first and last boundary: those that no longer one beats.

    Source: W. L. Ruzzo and M. Tompa, "A linear time algorithm for finding all maximal scoring subsequences", ISMB
    1999: what `slo.harm` finds once (the greatest), found everywhere.
    """
    kept: list[_Run] = []
    sums = np.concatenate(([0.0], np.cumsum(excess)))
    for index in np.flatnonzero(excess > 0).tolist():
        run = _Run(index, index + 1, float(sums[index]), float(sums[index + 1]), len(kept) - 1)
        while True:
            while run.link >= 0 and kept[run.link].left >= run.left:
                run.link = kept[run.link].link
            if run.link < 0 or kept[run.link].right >= run.right:
                kept.append(run)
                break
            before = kept[run.link]
            del kept[run.link :]
            run = _Run(before.begin, run.end, before.left, run.right, before.link)
    return [(run.begin, run.end) for run in kept]
