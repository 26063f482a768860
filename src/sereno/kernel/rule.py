"""A rule: an expression evaluated on a schedule, whose result is alerts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from sereno.kernel.labels import Labels


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule of one service.

    `labels` and `annotations` may hold Prometheus templates (`{{ $labels.x }}`, `{{ $value }}`).
    `origin` says where it was declared: `alert:NAME` or `slo:NAME/1h`.
    """

    name: str
    expr: str
    service: str
    severity: str
    for_: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    labels: Labels = field(default_factory=Labels)
    annotations: Labels = field(default_factory=Labels)
    origin: str = ""

    @property
    def key(self) -> str:
        """What identifies the rule across restarts and reloads."""
        return f"{self.service}/{self.origin or self.name}"
