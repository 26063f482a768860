"""How rightly and how fast: what was raised, held against when people suffered.

precision = |raised that overlap an incident| / |raised|, recall = |incidents overlapped| / |incidents|, detection =
first raised − beginning, reset = end of the last raised − end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from sereno.insight.model import Found, Incident, Question, Score
from sereno.slo.exact import ratio


@dataclass(frozen=True, slots=True)
class Raised:
    """Something that demanded attention, of `service` ('' is of no one service), from when until when."""

    service: str
    start_ms: int
    end_ms: int | None


def about(raised: Raised, incident: Incident, grace_ms: int = 0) -> bool:
    """Whether the two overlap, for the same service, or for one that neither or only one of them names."""
    if incident.service is not None and raised.service and incident.service != raised.service:
        return False
    ended = raised.end_ms is not None and raised.end_ms < incident.start_ms - grace_ms
    return not ended and raised.start_ms <= incident.end_ms + grace_ms


def right(raised: Raised, incidents: Iterable[Incident], grace_ms: int = 0) -> bool:
    """Whether it was about any of `incidents`."""
    return any(about(raised, incident, grace_ms) for incident in incidents)


def noticed(incident: Incident, raised: Sequence[Raised], grace_ms: int = 0) -> Found | None:
    """How `incident` was noticed; None if nothing was about it. What was raised before it counts as at once."""
    mine = [one for one in raised if about(one, incident, grace_ms)]
    if not mine:
        return None
    first = min(one.start_ms for one in mine)
    ends = [one.end_ms for one in mine]
    last = None if None in ends else max(end for end in ends if end is not None)
    return Found(
        incident,
        timedelta(milliseconds=max(0, first - incident.start_ms)),
        None if last is None else timedelta(milliseconds=last - incident.end_ms),
    )


def score(
    raised: Sequence[Raised],
    incidents: Sequence[Incident],
    question: Question,
    *,
    judgeable: bool = True,
    blind: Callable[[Raised], bool] = lambda one: False,
) -> Score:
    """The score of `raised` against `incidents`; unless `judgeable`, nobody knows when people suffered, and so whether
    what was raised was right; so it is for those that are `blind`, if they are not about an incident that is known.
    """
    grace = question.grace // timedelta(milliseconds=1)
    verdicts = [right(one, incidents, grace) for one in raised]
    good = sum(verdicts)
    unknown = sum(not verdict and blind(one) for one, verdict in zip(raised, verdicts, strict=True))
    found = [one for incident in incidents if (one := noticed(incident, raised, grace)) is not None]
    return summed(len(raised), good, len(incidents), found, question, judgeable=judgeable, unknown=unknown)


def summed(
    raised: int,
    good: int,
    incidents: int,
    found: Sequence[Found],
    question: Question,
    *,
    judgeable: bool = True,
    unknown: int = 0,
) -> Score:
    """The score of these counts. Without incidents nothing can be wrongly missed, and recall is unknown."""
    precision = Fraction(good, raised - unknown) if raised > unknown and judgeable else None
    recall = Fraction(len(found), incidents) if incidents else None
    detections = [one.detection for one in found]
    resets = [one.reset for one in found if one.reset is not None]
    weeks = Fraction(question.weeks)
    return Score(
        raised=raised,
        right=good,
        incidents=incidents,
        found=len(found),
        precision=None if precision is None else ratio(precision),
        recall=None if recall is None else ratio(recall),
        f_score=_f(precision, recall, Fraction(question.beta)),
        detection=median(detections),
        detection_worst=max(detections, default=None),
        reset=median(resets),
        reset_worst=max(resets, default=None),
        per_week=ratio(Fraction(raised) / weeks),
        wrong_per_week=ratio(Fraction(raised - unknown - good) / weeks) if judgeable else None,
        unknown=unknown,
    )


def _f(precision: Fraction | None, recall: Fraction | None, beta: Fraction) -> Decimal | None:
    if precision is None or recall is None:
        # Nothing raised although there was something to find is the worst there is.
        return Decimal(0) if recall is not None else None
    weight = beta * beta
    below = weight * precision + recall
    return ratio((1 + weight) * precision * recall / below) if below else Decimal(0)


def median(values: Sequence[timedelta]) -> timedelta | None:
    """The middle one, or the mean of the two in the middle."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
