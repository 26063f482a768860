"""Two versions side by side, and the gate of a change: better or worse, by how much, and whether it may go in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from sereno.insight.model import Outcome, Paged, Report, Score
from sereno.spec.model import Demands, Spec

Measure = Literal["precision", "recall", "pages_per_week", "coverage"]


@dataclass(frozen=True, slots=True)
class Moved:
    """A page that both versions would have made, at another time: by how much later (negative: earlier)."""

    before: Paged
    after: Paged
    later: timedelta


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change does to one service. None: the service is not in that version."""

    name: str
    before: Score | None
    after: Score | None
    added: tuple[Paged, ...]
    removed: tuple[Paged, ...]
    moved: tuple[Moved, ...]
    same: int
    newly_missed: tuple[str, ...]
    newly_found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a change does. `base` is what the version before is called."""

    base: str
    services: tuple[Difference, ...]
    before: Score
    after: Score


@dataclass(frozen=True, slots=True)
class Failure:
    """A demand that is not met: `limit` is what was demanded by `by` (`spec`, or the base), `found` what came out;
    None when nothing can be said (no page, no incident). By `unseen` when not a sample was there to judge by."""

    service: str
    measure: Measure
    limit: Decimal
    found: Decimal | None
    by: Literal["spec", "base", "unseen"]


def compared(before: Report, after: Report, base: str) -> Comparison:
    """What changes from `before` to `after`, which must have been asked the same question."""
    old, new = {one.name: one for one in before.cases}, {one.name: one for one in after.cases}
    names = sorted({*old, *new})
    services = tuple(_difference(name, old.get(name), new.get(name)) for name in names)
    return Comparison(base, services, before.score, after.score)


def paired(
    before: Sequence[Paged], after: Sequence[Paged]
) -> tuple[list[tuple[Paged, Paged]], list[Paged], list[Paged]]:
    """Pages of the two versions that overlap in time, the nearest beginnings first; those added, those removed.

    The severity may differ: a page that became worse is still about the same thing.
    """
    pairs = sorted(
        (
            (abs(one.opened_ms - other.opened_ms), one.severity != other.severity, i, j)
            for i, one in enumerate(before)
            for j, other in enumerate(after)
            if _overlap(one, other)
        )
    )
    taken_before: set[int] = set()
    taken_after: set[int] = set()
    chosen: list[tuple[int, int]] = []
    for _, _, i, j in pairs:
        if i not in taken_before and j not in taken_after:
            taken_before.add(i)
            taken_after.add(j)
            chosen.append((i, j))
    return (
        [(before[i], after[j]) for i, j in sorted(chosen)],
        [page for j, page in enumerate(after) if j not in taken_after],
        [page for i, page in enumerate(before) if i not in taken_before],
    )


def failures(report: Report, spec: Spec, before: Report | None = None) -> tuple[Failure, ...]:
    """The demands of `spec` that `report` does not meet, and where it is worse than `before` in precision or recall.

    A share of nothing meets every demand: no page is no false page, no incident is none missed. Not so where there
    was no sample at all of a service of which something is demanded: unknown is not fine. And if there were
    incidents and no page at all, recall is 0; so it is for a service that has lost all its rules.
    """
    found: list[Failure] = []
    for case in report.cases:
        found += _below(case, spec.demands_of(case.name))
    if before is not None:
        old = {case.name: case.score for case in before.cases}
        for case in report.cases:
            if case.name in old:
                found += _worse(case, old[case.name])
        judged = {case.name for case in report.cases}
        found += [
            Failure(name, "recall", score.recall, Decimal(0), "base")
            for name, score in old.items()
            if name not in judged and name in spec.services and score.recall
        ]
    return tuple(found)


def _difference(name: str, before: Outcome | None, after: Outcome | None) -> Difference:
    pairs, added, removed = paired(before.pages if before else (), after.pages if after else ())
    moved = [
        Moved(a, b, timedelta(milliseconds=b.opened_ms - a.opened_ms)) for a, b in pairs if a.opened_ms != b.opened_ms
    ]
    missed = [{(m.incident.name, m.incident.start_ms) for m in one.missed} if one else set() for one in (before, after)]
    known = [{(i.name, i.start_ms) for i in one.incidents} if one else set() for one in (before, after)]
    both = known[0] & known[1]
    return Difference(
        name=name,
        before=before.score if before else None,
        after=after.score if after else None,
        added=tuple(added),
        removed=tuple(removed),
        moved=tuple(moved),
        same=len(pairs) - len(moved),
        newly_missed=tuple(name for name, _ in sorted((missed[1] - missed[0]) & both)),
        newly_found=tuple(name for name, _ in sorted((missed[0] - missed[1]) & both)),
    )


def _overlap(one: Paged, other: Paged) -> bool:
    return (other.closed_ms is None or one.opened_ms <= other.closed_ms) and (
        one.closed_ms is None or other.opened_ms <= one.closed_ms
    )


def _below(case: Outcome, demands: Demands) -> list[Failure]:
    score = case.score
    found: list[Failure] = []
    asked = (demands.precision, demands.recall, demands.max_pages_per_week)
    if any(one is not None for one in asked) and case.covered and not any(one.coverage for one in case.covered):
        found.append(Failure(case.name, "coverage", Decimal(1), Decimal(0), "unseen"))
    if demands.precision is not None and score.precision is not None and score.precision < demands.precision:
        found.append(Failure(case.name, "precision", demands.precision, score.precision, "spec"))
    if demands.recall is not None and score.recall is not None and score.recall < demands.recall:
        found.append(Failure(case.name, "recall", demands.recall, score.recall, "spec"))
    most = demands.max_pages_per_week
    if most is not None and score.per_week > most:
        found.append(Failure(case.name, "pages_per_week", most, score.per_week, "spec"))
    return found


def _worse(case: Outcome, before: Score) -> list[Failure]:
    after = case.score
    found: list[Failure] = []
    if before.precision is not None and after.precision is not None and after.precision < before.precision:
        found.append(Failure(case.name, "precision", before.precision, after.precision, "base"))
    if before.recall is not None and after.recall is not None and after.recall < before.recall:
        found.append(Failure(case.name, "recall", before.recall, after.recall, "base"))
    return found
