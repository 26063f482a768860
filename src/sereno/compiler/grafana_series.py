"""The recorded series that dashboards read, and how they are asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from sereno.kernel.duration import format_duration
from sereno.promql import matchers_of, selector_text
from sereno.promql.columns import Matcher
from sereno.slo.exact import written
from sereno.slo.expressions import bad_rate, bad_ratio, slo_ratio, total_rate
from sereno.slo.queries import inside, whole
from sereno.slo.recording import in_slices
from sereno.spec.model import CompositeSli, EventsSli, GaugeSli, LatencySli, NativeLatencySli, QuerySli, Sli, Slo

BAD, TOTAL = "sereno:bad:rate5m", "sereno:total:rate5m"
SHARE, LEFT = "sereno:error:ratio_period", "sereno:budget:remaining_ratio"
SLICE = "sereno:slice:bad"
BURN, OBJECTIVE, COVERAGE = "sereno:burn:rate1h", "sereno:objective:ratio", "sereno:coverage:ratio_period"
INTERVAL = "$__rate_interval"
SHARE_WINDOW = timedelta(minutes=5)


def selected(series: str, service: str, slo: str = "") -> str:
    """One recorded series of a service, or of one of its objectives."""
    matchers = [Matcher("__name__", "=", series), Matcher("service", "=", service)]
    return selector_text(matchers + ([Matcher("slo", "=", slo)] if slo else []))


def counted(sli: Sli) -> bool:
    """Whether events are counted, so that all and the bad ones are recorded as rates."""
    match sli:
        case QuerySli(ratio=ratio):
            return ratio is None
        case GaugeSli() | CompositeSli():
            return False
    return True


def rates(sli: Sli) -> tuple[str, str] | None:
    """All and the bad events a second, as of now; None where events are not counted."""
    if isinstance(sli, EventsSli | LatencySli | NativeLatencySli | QuerySli) and counted(sli):
        return total_rate(sli, INTERVAL), bad_rate(sli, INTERVAL)
    return None


def share(sli: Sli) -> str | None:
    """The share of bad events as of now; None for a composite, whose parts have theirs."""
    match sli:
        case CompositeSli():
            return None
        case GaugeSli():
            return bad_ratio(sli, SHARE_WINDOW)
        case QuerySli(ratio=str(ratio)):
            return whole("ratio", ratio, INTERVAL)
    found = rates(sli)
    assert found is not None
    total, bad = found
    return f"{bad} / ({total} > 0)"


def burn(service: str, slo: Slo, window: timedelta) -> str:
    """The burn rate over `window`, from what is recorded; of a composite, which records no counts, as alerts ask."""
    budget, span = written_budget(slo), format_duration(window)
    if in_slices(slo):
        return f"avg(avg_over_time({selected(SLICE, service, slo.name)}[{span}])) / {budget}"
    if isinstance(slo.sli, CompositeSli):
        return f"{inside(slo_ratio(slo, window))} / {budget}"
    bad = f"sum(sum_over_time({selected(BAD, service, slo.name)}[{span}]))"
    total = f"sum(sum_over_time({selected(TOTAL, service, slo.name)}[{span}]))"
    return f"{bad} / ({total} > 0) / {budget}"


def written_budget(slo: Slo) -> str:
    """1 − objective, with its digits."""
    return f"{written(Fraction(slo.objective.budget)):f}"


def quantiles(sli: LatencySli | NativeLatencySli) -> list[tuple[str, str]]:
    """Estimates of the duration that a share of the events stays below, each with its name."""
    shares = (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"))
    buckets = (
        f"sum by (le) (rate({bucket_selector(sli)}[{INTERVAL}]))"
        if isinstance(sli, LatencySli)
        else f"sum(rate({sli.histogram}[{INTERVAL}]))"
    )
    return [(f"histogram_quantile({share}, {buckets})", name) for share, name in shares]


def bucket_selector(sli: LatencySli) -> str:
    """All the buckets of a classic histogram: its name with `_bucket`, its matchers as they are."""
    matchers = matchers_of(sli.histogram)
    named = (replace(m, value=f"{m.value}_bucket") if m.name == "__name__" else m for m in matchers)
    return selector_text(named)
