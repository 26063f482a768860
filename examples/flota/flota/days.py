"""Time, compressed: a day of the business may take two seconds, so that weeks of instalments fit into minutes."""

from __future__ import annotations

from dataclasses import dataclass

from sereno_kit.clock import SYSTEM, Clock

REAL = 86_400.0
"""Seconds of a day that takes a day."""


@dataclass(frozen=True, slots=True)
class Days:
    """The calendar of the business. Every process with the same `seconds` reads the same day.

    Args:
        seconds: how long one day takes.
        clock: what it is read from.
    """

    seconds: float = REAL
    clock: Clock = SYSTEM

    def today(self) -> float:
        """Days since 1970, with their fraction."""
        return self.clock.now() / self.seconds

    def real_seconds(self, days: float) -> float:
        """How long one really waits for so many days."""
        return days * self.seconds
