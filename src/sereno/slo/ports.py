"""What budgets need of a store."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sereno.slo.model import Correction


class Corrections(Protocol):
    """The ledger of corrections. Nothing in it is ever changed or deleted."""

    def add(self, correction: Correction) -> None:
        """Append an entry. Raises Conflict if its identity is taken."""
        ...

    def withdraw(self, correction_id: str, entry_id: str, *, at: datetime, by: str, why: str) -> Correction:
        """Append the entry `entry_id` that withdraws another, and return that one as it is now.

        Raises NotFound if there is none, Conflict if it is withdrawn already.
        """
        ...

    def find(self, correction_id: str) -> Correction | None:
        """The entry, with what withdrew it."""
        ...

    def all(self, service: str | None = None, *, limit: int | None = None) -> tuple[Correction, ...]:
        """All entries (of one service), withdrawn or not, newest first."""
        ...

    def standing(self) -> tuple[Correction, ...]:
        """The entries that count, oldest first."""
        ...
