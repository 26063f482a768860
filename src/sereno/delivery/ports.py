"""What switches need of a store."""

from __future__ import annotations

from typing import Protocol

from sereno.delivery.model import Override


class Overrides(Protocol):
    """The overrides, at most one a switch."""

    def all(self) -> tuple[Override, ...]:
        """All of them, those that have expired too, by their flags."""
        ...

    def find(self, flag: str) -> Override | None:
        """The one of that switch."""
        ...

    def put(self, override: Override) -> None:
        """Set it, in place of the one before."""
        ...

    def drop(self, flag: str) -> bool:
        """Forget it; says whether there was one."""
        ...
