"""Many selections at once: what they share is found and decoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sereno.adapters.samples.index import Found
from sereno.kernel.errors import QueryLimit
from sereno.promql.columns import Columns, Selection

TOGETHER_SAMPLES = 6_000_000
"""How many samples are held beside the answers; what is more is found in parts."""

One = Callable[[Selection], Columns]
Together = Callable[[Sequence[Selection], int], Sequence[Columns]]


def select_all(selections: Sequence[Selection], one: One, together: Together) -> dict[Selection, Columns]:
    """The samples of every selection: `together` answers those of one span, `one` those that are too large for that."""
    spans: dict[tuple[int, int], list[Selection]] = {}
    for selection in selections:
        spans.setdefault((selection.start_ms, selection.end_ms), []).append(selection)
    found: dict[Selection, Columns] = {}
    for same in spans.values():
        _find(same, one, together, found)
    return {selection: found[selection] for selection in selections}


def _find(same: Sequence[Selection], one: One, together: Together, found: dict[Selection, Columns]) -> None:
    if len(same) == 1:
        found[same[0]] = one(same[0])
        return
    try:
        found.update(zip(same, together(same, TOGETHER_SAMPLES), strict=True))
    except QueryLimit:
        middle = len(same) // 2
        _find(same[:middle], one, together, found)
        _find(same[middle:], one, together, found)


def all_of(each: Sequence[Found]) -> Found:
    """The series of all of them."""
    parts: dict[str, list[np.ndarray[tuple[int], np.dtype[np.int64]]]] = {}
    for one in each:
        for metric, numbers in one.items():
            parts.setdefault(metric, []).append(numbers)
    return {metric: np.unique(np.concatenate(some)) for metric, some in parts.items()}
