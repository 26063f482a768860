"""Severities are data: a team declares its own scale, and other scales map onto it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

ComponentState = Literal["operational", "degraded", "partial_outage", "major_outage", "maintenance", "unknown"]


@dataclass(frozen=True, slots=True)
class Severity:
    """How bad, and what that asks of people.

    `page` says when a person is woken: `always`, in `working_hours` (otherwise at their next beginning), or
    `never`. `incident` opens one by itself. `acknowledge_within` and `update_every` are the promised times.
    `status` is what the public component shows while an incident of this severity lasts.
    """

    name: str
    page: Literal["always", "working_hours", "never"] = "always"
    incident: bool = False
    acknowledge_within: timedelta = timedelta(minutes=5)
    update_every: timedelta = timedelta(minutes=15)
    status: ComponentState = "degraded"
    description: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Severities:
    """A scale of severities, worst first."""

    scale: tuple[Severity, ...]
    _by_name: dict[str, Severity] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {s.name.lower(): s for s in self.scale}
        for severity in self.scale:
            for alias in severity.aliases:
                names.setdefault(alias.lower(), severity)
        object.__setattr__(self, "_by_name", names)

    def __iter__(self) -> Iterator[Severity]:
        return iter(self.scale)

    def find(self, name: str) -> Severity | None:
        """The severity of that name or alias, whatever its case."""
        return self._by_name.get(name.lower())

    def __getitem__(self, name: str) -> Severity:
        return self._by_name[name.lower()]

    def rank(self, name: str) -> int:
        """0 for the worst; the length of the scale for an unknown name."""
        found = self.find(name)
        return self.scale.index(found) if found else len(self.scale)


DEFAULT_SEVERITIES = Severities(
    (
        Severity("SEV1", "always", True, timedelta(minutes=5), timedelta(minutes=15), "major_outage",
                 "Down, or money is being lost", ("P1", "critical", "page")),
        Severity("SEV2", "always", True, timedelta(minutes=15), timedelta(minutes=30), "partial_outage",
                 "Badly degraded", ("P2", "error", "high")),
        Severity("SEV3", "working_hours", False, timedelta(hours=1), timedelta(hours=4), "degraded",
                 "Slightly degraded", ("P3", "warning", "ticket", "medium")),
        Severity("SEV4", "never", False, timedelta(days=1), timedelta(days=1), "operational",
                 "For information", ("P4", "info", "low")),
    )
)  # fmt: skip
