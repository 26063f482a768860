"""An alert: a machine's symptom, identified by its labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sereno.kernel.labels import Labels

AlertState = Literal["pending", "firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One series of one rule that is, or lately was, wrong.

    `active_at` is when the expression first became true, `fired_at` when `for` had passed, `last_true_at` the
    last evaluation at which the expression was true, `absent_since` the first one after it at which it was not
    (`keep_firing_for` counts from there, as in Prometheus; None while it is true), `evaluated_at` the last
    evaluation. `fingerprint` is that of `labels`, which include alertname, service and severity.
    """

    fingerprint: str
    rule: str
    alert: str
    service: str
    severity: str
    state: AlertState
    labels: Labels
    annotations: Labels
    value: float
    active_at: datetime
    last_true_at: datetime
    evaluated_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    absent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One series for which an expression holds, told in full: the alert's labels and annotations, whose it is and
    how bad."""

    labels: Labels
    annotations: Labels
    value: float
    service: str
    severity: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one look at one rule found: the series for which its expression holds.

    `found` tells the alerts in full where the rule alone does not say what they are (rule files); else they are made
    from `series`. `error` is set when the expression could not be computed; then nothing is said and the states stay.
    """

    rule: str
    at: datetime
    series: tuple[tuple[Labels, float], ...] = field(default_factory=tuple)
    error: str | None = None
    found: tuple[Found, ...] | None = None
