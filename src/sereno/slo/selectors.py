"""Which samples an objective is counted from."""

from __future__ import annotations

from sereno.kernel.duration import to_ms
from sereno.kernel.errors import UsageError
from sereno.promql import Selection, matchers_of, selections
from sereno.slo.composites import parts_of
from sereno.slo.methods import method_of
from sereno.slo.queries import SETTINGS, queries_of
from sereno.spec.model import CompositeSli, EventsSli, LatencySli, NativeLatencySli, Slo

LOOKBACK_MS = 5 * 60_000
"""How far before a window its first sample may lie: Prometheus's own lookback."""


def counted(slo: Slo) -> bool:
    """Whether the objective's events are counted by two counters, one of all and one of a part of them."""
    return isinstance(slo.sli, EventsSli | LatencySli)


def total_selector(slo: Slo) -> str:
    """The selector of all events. Raises UsageError where counters do not tell them (see `counted`)."""
    match slo.sli:
        case EventsSli(total=total):
            return total
        case LatencySli(count=count):
            return count
    raise _uncounted(slo)


def part_selector(slo: Slo) -> str:
    """The selector of the events on one side: the bad ones, or the good ones where `counts_good` says so.

    Raises UsageError where counters do not tell them (see `counted`).
    """
    match slo.sli:
        case EventsSli(bad=bad, good=good):
            return bad if bad is not None else good or ""
        case LatencySli(buckets=buckets):
            return buckets
    raise _uncounted(slo)


def counts_good(slo: Slo) -> bool:
    """Whether `part_selector` counts good events, so that bad is total − good."""
    return isinstance(slo.sli, LatencySli | NativeLatencySli) or (
        isinstance(slo.sli, EventsSli) and slo.sli.bad is None
    )


def selections_between(slo: Slo, start_ms: int, end_ms: int) -> tuple[Selection, ...]:
    """The samples that tell what happened in (start, end]: of all events and of one side of them, of a histogram, or
    of whatever the objective's queries ask for."""
    slice_ms = to_ms(slo.slice_length) if method_of(slo) != "occurrences" else 1
    since_ms = start_ms // slice_ms * slice_ms - LOOKBACK_MS
    match slo.sli:
        case EventsSli() | LatencySli():
            texts = (total_selector(slo), part_selector(slo))
            return tuple(Selection(matchers_of(text), since_ms, end_ms) for text in texts)
        case NativeLatencySli(histogram=histogram):
            return (Selection(matchers_of(histogram), since_ms, end_ms),)
        case CompositeSli():
            found = (one for part in parts_of(slo) for one in selections_between(part, start_ms, end_ms))
            return tuple(dict.fromkeys(found))
    asked = queries_of(slo)
    grid = asked.grid(start_ms, end_ms)
    return tuple(dict.fromkeys(one for text in asked.texts for one in selections(text, grid, settings=SETTINGS)))


def jobs_of(slo: Slo) -> frozenset[str]:
    """The scrape jobs that the objective names."""
    asked = (one.matchers for one in selections_between(slo, 0, 0))
    return frozenset(m.value for matchers in asked for m in matchers if m.name == "job" and m.op == "=")


def _uncounted(slo: Slo) -> UsageError:
    return UsageError(
        f"{slo.name}: its events are not counted by two counters",
        hint="this can be done for indicators of `events` and of `latency` with classic histograms",
    )
