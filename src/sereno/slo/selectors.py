"""Which samples an objective is counted from."""

from __future__ import annotations

from sereno.promql import Selection, matchers_of
from sereno.spec.model import LatencySli, Slo

LOOKBACK_MS = 5 * 60_000
"""How far before a window its first sample may lie: Prometheus's own lookback."""


def total_selector(slo: Slo) -> str:
    """The selector of all events."""
    return slo.sli.count if isinstance(slo.sli, LatencySli) else slo.sli.total


def part_selector(slo: Slo) -> str:
    """The selector of the events on one side: the bad ones, or the good ones where `counts_good` says so."""
    if isinstance(slo.sli, LatencySli):
        return slo.sli.buckets
    return slo.sli.bad if slo.sli.bad is not None else slo.sli.good or ""


def counts_good(slo: Slo) -> bool:
    """Whether `part_selector` counts good events, so that bad is total − good."""
    return isinstance(slo.sli, LatencySli) or slo.sli.bad is None


def selections_between(slo: Slo, start_ms: int, end_ms: int) -> tuple[Selection, Selection]:
    """The samples of all events and of one side of them that tell what happened in (start, end]."""
    since_ms = start_ms - LOOKBACK_MS
    return (
        Selection(matchers_of(total_selector(slo)), since_ms, end_ms),
        Selection(matchers_of(part_selector(slo)), since_ms, end_ms),
    )


def jobs_of(slo: Slo) -> frozenset[str]:
    """The scrape jobs that the objective names."""
    return frozenset(m.value for m in matchers_of(total_selector(slo)) if m.name == "job" and m.op == "=")
