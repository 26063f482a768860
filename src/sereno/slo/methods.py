"""How an objective is counted: by its events, by slices of time, or by the mean of their ratios."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from sereno.spec.model import GaugeSli, QuerySli, Slo


def method_of(slo: Slo) -> Literal["occurrences", "timeslices", "ratio_timeslices"]:
    """How the objective is counted: as declared, but a gauge always by slices, and ratios that nothing weighs by the
    mean of theirs."""
    if slo.method == "occurrences" and isinstance(slo.sli, GaugeSli):
        return "timeslices"
    if slo.method == "occurrences" and isinstance(slo.sli, QuerySli) and slo.sli.ratio is not None:
        return "ratio_timeslices"
    return slo.method


def slice_target(slo: Slo) -> Fraction:
    """The share of good events from which on a slice is good: as declared; all of them for a gauge, else the
    objective."""
    if slo.slice_target is not None:
        return Fraction(slo.slice_target)
    return Fraction(1) if isinstance(slo.sli, GaugeSli) else Fraction(slo.objective.ratio)
