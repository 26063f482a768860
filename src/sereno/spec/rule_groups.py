"""Groups of rules as Prometheus's rule files hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from sereno.kernel.labels import Labels


@dataclass(frozen=True, slots=True)
class GroupRule:
    """One rule of a group: an alert, or a recording rule whose result becomes the series `name`.

    `line` and `column` (from 1) say where it stands in its file.
    """

    kind: Literal["alert", "record"]
    name: str
    expr: str
    for_: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    labels: Labels = field(default_factory=Labels)
    annotations: Labels = field(default_factory=Labels)
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules evaluated one after another, at the same instants.

    `interval` None means the default of whoever evaluates; `limit` is the most series or alerts that one rule may
    give (0: any number); `query_offset` is how far back its expressions look; `labels` are put on every rule's own.
    """

    name: str
    rules: tuple[GroupRule, ...]
    file: str = ""
    interval: timedelta | None = None
    query_offset: timedelta = timedelta(0)
    limit: int = 0
    labels: Labels = field(default_factory=Labels)

    @property
    def key(self) -> str:
        """What identifies the group: `file;name`, as in Prometheus."""
        return f"{self.file};{self.name}"
