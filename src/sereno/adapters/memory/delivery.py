"""Overrides of switches in memory."""

from __future__ import annotations

from sereno.delivery.model import Override


class MemoryOverrides:
    """`delivery.ports.Overrides` in memory."""

    def __init__(self) -> None:
        self._found: dict[str, Override] = {}

    def all(self) -> tuple[Override, ...]:
        """All of them, those that have expired too, by their flags."""
        return tuple(self._found[flag] for flag in sorted(self._found))

    def find(self, flag: str) -> Override | None:
        """The one of that switch."""
        return self._found.get(flag)

    def put(self, override: Override) -> None:
        """Set it, in place of the one before."""
        self._found[override.flag] = override

    def drop(self, flag: str) -> bool:
        """Forget it; says whether there was one."""
        return self._found.pop(flag, None) is not None
