"""How much a sample store holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What the store holds: `samples`, and `thinned` ones in its tiers, which partly are the same.

    `refused` scrapes were not later than their stream's latest. `corrupt_chunks` counts what was found damaged: chunks,
    and rows of the head, of the journal and of names; what was cleared away since the file was made included.
    """

    series: int
    samples: int
    bytes: int
    oldest: datetime | None
    newest: datetime | None
    corrupt_chunks: int
    refused: int
    thinned: int = 0
