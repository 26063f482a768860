"""Where an objective also lives in somebody else's monitoring, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CloudWatch:
    """The two metrics of Amazon CloudWatch whose sums are all events and the bad (or, `counts_good`, the good) ones."""

    namespace: str
    total: str
    chosen: str
    counts_good: bool = False
    dimensions: tuple[tuple[str, str], ...] = ()
