"""Prometheus's alert states over a row of answers, for what-if: true or false at each instant, one series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sereno.promql.columns import Int64s

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stretch:
    """When it fired, and when it stopped (None: it had not by the end)."""

    fired_ms: int
    resolved_ms: int | None


def runs(holds: Bools) -> list[tuple[int, int]]:
    """First and past-last place of every run of True."""
    edges = np.diff(np.concatenate(([False], holds, [False])).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def stretches(holds: Bools, instants_ms: Int64s, *, for_ms: int = 0, keep_ms: int = 0) -> list[Stretch]:
    """When an alert whose expression holds so would have fired: the state machine of `alerts.rules.advance`."""
    found: list[Stretch] = []
    fired: int | None = None
    until: int | None = None
    for begin, end in runs(holds):
        began = int(instants_ms[begin])
        if fired is not None and until is not None and began >= until:
            found.append(Stretch(fired, _at_or_after(instants_ms, until)))
            fired = None
        if fired is None:
            place = int(np.searchsorted(instants_ms, began + for_ms))
            if place >= end:
                continue
            fired = int(instants_ms[place])
        until = int(instants_ms[end]) + keep_ms if end < len(instants_ms) else None
    if fired is not None:
        found.append(Stretch(fired, None if until is None else _at_or_after(instants_ms, until)))
    return found


def _at_or_after(instants_ms: Int64s, at_ms: int) -> int | None:
    place = int(np.searchsorted(instants_ms, at_ms))
    return int(instants_ms[place]) if place < len(instants_ms) else None
