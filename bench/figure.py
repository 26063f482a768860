"""A figure: what was measured, and the floor it must keep."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `most` and `least` are its floor; `beside` says what its peer measured in the same run."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None
    beside: str = ""

    @property
    def passed(self) -> bool:
        """Whether the floor is kept."""
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    def __str__(self) -> str:
        floor = f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}" if self.least is not None else "—"
        mark = "ok  " if self.passed else "FAIL"
        measured = f"{self.name:<44} {self.value:>10.3g} {self.unit:<8}"
        return f"{mark} {measured} floor {floor} {self.unit}  {self.beside}".rstrip()
