"""The values behind prometheus_client's children, without the five calls that lead to them.

Two thirds of what a request costs in metrics is asking again whether a child may be counted on. Where another version
keeps its values elsewhere, the public way is taken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

Observe = Callable[..., None]


def adding(child: Any) -> Callable[[float], None]:
    """What adds to a counter or a gauge; the amount is known to be right."""
    value = getattr(child, "_value", None)
    add = getattr(value, "inc", None)
    if add is None or getattr(child, "_is_most_recent", False):
        return child.inc  # type: ignore[no-any-return]
    return add  # type: ignore[no-any-return]


def observing(child: Any) -> Observe:
    """What a histogram counts with; exemplars, which are rare, take the public way."""
    total, buckets, bounds = (getattr(child, name, None) for name in ("_sum", "_buckets", "_upper_bounds"))
    add = getattr(total, "inc", None)
    if add is None or not buckets or not bounds or len(buckets) != len(bounds) or bounds[-1] != float("inf"):
        return child.observe  # type: ignore[no-any-return]
    public, counts = child.observe, tuple(bucket.inc for bucket in buckets)

    def observe(value: float, exemplar: dict[str, str] | None = None) -> None:
        if exemplar:
            public(value, exemplar)
        else:
            add(value)
            counts[bisect_left(bounds, value)](1)

    return observe
