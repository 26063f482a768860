"""The ledger of corrections in memory: for the simulator and for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sereno.kernel.errors import Conflict, NotFound
from sereno.slo.model import Correction


class MemoryCorrections:
    """`slo.ports.Corrections` in memory."""

    def __init__(self) -> None:
        self._entries: dict[str, Correction] = {}

    def add(self, correction: Correction) -> None:
        """Append an entry. Raises Conflict if its identity is taken."""
        if correction.id in self._entries:
            raise Conflict(f"correction {correction.id} is already there")
        self._entries[correction.id] = correction

    def withdraw(self, correction_id: str, entry_id: str, *, at: datetime, by: str, why: str) -> Correction:
        """Withdraw an entry, and return it as it is now."""
        found = self._entries.get(correction_id)
        if found is None:
            raise NotFound(f"there is no correction {correction_id!r}", hint="see `sereno budget corrections`")
        if found.withdrawn_at is not None:
            raise Conflict(f"{found.withdrawn_by} has withdrawn it already")
        undone = replace(found, withdrawn_at=at, withdrawn_by=by, withdrawn_why=why)
        self._entries[correction_id] = undone
        return undone

    def find(self, correction_id: str) -> Correction | None:
        """The entry, with what withdrew it."""
        return self._entries.get(correction_id)

    def all(self, service: str | None = None, *, limit: int | None = None) -> tuple[Correction, ...]:
        """All entries (of one service), withdrawn or not, newest first."""
        mine = [one for one in self._entries.values() if service in (None, one.service)]
        return tuple(sorted(mine, key=lambda one: (one.at, one.id), reverse=True)[:limit])

    def standing(self) -> tuple[Correction, ...]:
        """The entries that count, oldest first."""
        return tuple(one for one in self.all()[::-1] if one.withdrawn_at is None)
