"""A month of plausible history for the demo's shop, so that budgets and bars are not empty.

It is generated, and marked as such wherever it is shown. The last hours run at exactly the rates of the live
customers (examples/tienda/shop/traffic.py), so that a live outage burns the budget as the formula says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.kernel.severity import ComponentState
from sereno.promql.columns import Float64s, Int64s
from sereno.status.model import Interval
from sereno_kit.metrics.database import BOUNDS
from sereno_kit.options import SECONDS

STEP_SECONDS = 60
DAYS = 30
STEADY_HOURS = 8
"""How long before now the history already runs at the live rates."""

PAGE_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""The shop's own bounds of `page_load_seconds`; all its other histograms have the kit's."""

Series = tuple[Labels, Int64s, Float64s]


@dataclass(frozen=True, slots=True)
class Told:
    """Another counter that tells how the requests of a flow ended."""

    job: str
    name: str
    label: str
    good: str
    bad: str = ""
    """The label's value for those that failed; they are not counted at all, if not given."""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """Requests of one endpoint: how many, how slow, how often wrong on an ordinary day."""

    job: str
    method: str
    endpoint: str
    per_second: float
    median_seconds: float
    error_ratio: float
    extra: tuple[tuple[str, tuple[float, ...], float, float], ...] = ()
    """Histograms counted beside each request: name, bounds, median, spread."""
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class PastOutage:
    """A bad time in the generated month: its beginning is so many days before now."""

    job: str
    component: str
    state: ComponentState
    days_ago: float
    minutes: float
    error_ratio: float


FLOWS = (
    Flow("tienda-api", "GET", "/", 3.0, 0.03, 0.0002, (("page_load_seconds", PAGE_SECONDS, 0.55, 0.35),)),
    Flow("tienda-api", "GET", "/productos", 2.0, 0.02, 0.0002),
    Flow("tienda-api", "POST", "/checkout", 2.0, 0.09, 0.0002),
    Flow("tienda-api", "POST", "/entrar", 0.5, 0.01, 0.0001),
    Flow("catalogo", "GET", "/productos", 1.0, 0.02, 0.0001),
    Flow("catalogo", "GET", "/buscar", 2.0, 0.06, 0.0001, (("search_latency_seconds", SECONDS, 0.06, 0.4),)),
    Flow("carrito", "POST", "/carrito", 1.5, 0.015, 0.0001),
    Flow("pagos", "POST", "/pagos", 2.0, 0.08, 0.00005, told=(
        Told("tienda-api", "sereno_pipeline_calls_total", "outcome", "ok", "error", (("pipeline", "pagos"),)),
        Told("tienda-api", "orders_total", "status", "paid", "payment_pending"),
        Told("pagos", "payments_total", "status", "paid", labels=(("gateway", "culqi"),)),
    )),
)  # fmt: skip
QUERIES = (
    ("tienda-api", "products", "select", 2.0),
    ("tienda-api", "orders", "insert", 2.0),
    ("tienda-api", "orders", "update", 2.0),
    ("catalogo", "products", "select", 3.0),
    ("pagos", "payments", "insert", 2.0),
)
OUTAGES = (
    PastOutage("tienda-api", "API", "partial_outage", 23.3, 14, 0.18),
    PastOutage("pagos", "Pagos", "major_outage", 17.6, 5, 1.0),
    PastOutage("catalogo", "Búsqueda", "degraded", 9.4, 40, 0.02),
    PastOutage("tienda-api", "API", "degraded", 4.2, 25, 0.03),
)


def generate(now: datetime, instances: Mapping[str, str], *, days: int = DAYS, seed: int = 7) -> list[Series]:
    """Samples of every job in `instances` (job → host:port) for `days` until just before `now`, one a minute.

    Counters only grow; the live processes that follow start from zero, which is a reset like any other.
    """
    end = to_ms(now) // 1000 - 5
    seconds = np.arange(end - days * 86400, end + 1, STEP_SECONDS, dtype=np.int64)
    dice = np.random.default_rng(seed)
    weights = _day_and_night(seconds, end)
    made: list[Series] = []
    for flow in FLOWS:
        if flow.job in instances:
            base = Labels(job=flow.job, instance=instances[flow.job])
            made += _flow(flow, base, instances, seconds, weights, end, dice)
    for job, table, operation, rate in QUERIES:
        if job in instances:
            base = Labels(job=job, instance=instances[job], table=table, operation=operation)
            counts = dice.poisson(rate * STEP_SECONDS * weights)
            made += _histogram("db_query_duration_seconds", BOUNDS, base, seconds, counts, 0.003, 0.9)
    for job, instance in instances.items():
        made += [
            (Labels(__name__=name, job=job, instance=instance), seconds * 1000, np.ones(len(seconds)))
            for name in ("up", "pg_up")
        ]
    return made


def past_intervals(now: datetime, status_page: str, components: Sequence[str], *, days: int = DAYS) -> list[Interval]:
    """The states of public components that belong to the generated month, ending at `now`."""
    return [interval for name in components for interval in _states(now, status_page, name, days)]


def _states(now: datetime, status_page: str, component: str, days: int) -> Iterator[Interval]:
    began = now - timedelta(days=days)
    for outage in OUTAGES:
        if outage.component == component:
            start = now - timedelta(days=outage.days_ago)
            end = start + timedelta(minutes=outage.minutes)
            yield Interval(status_page, component, "operational", began, start, "generated")
            yield Interval(status_page, component, outage.state, start, end, "generated")
            began = end
    yield Interval(status_page, component, "operational", began, now, "generated")


def _day_and_night(seconds: Int64s, end: int) -> Float64s:
    """Traffic over the day in Lima, 1 at its live level; steady in the last hours."""
    local_hours = (seconds - 5 * 3600) % 86400 / 3600
    wave = 0.65 - 0.45 * np.cos((local_hours - 4) / 24 * 2 * math.pi)
    return np.where(seconds > end - STEADY_HOURS * 3600, 1.0, wave)


def _flow(
    flow: Flow,
    base: Labels,
    instances: Mapping[str, str],
    seconds: Int64s,
    weights: Float64s,
    end: int,
    dice: np.random.Generator,
) -> list[Series]:
    counts = dice.poisson(flow.per_second * STEP_SECONDS * weights)
    ratios = np.full(len(seconds), flow.error_ratio)
    ratios[seconds > end - STEADY_HOURS * 3600] = 0
    for outage in OUTAGES:
        if outage.job == flow.job:
            start = end - outage.days_ago * 86400
            ratios[(seconds > start) & (seconds <= start + outage.minutes * 60)] = outage.error_ratio
    bad = dice.binomial(counts, ratios)
    labels = base.with_(method=flow.method, endpoint=flow.endpoint)
    made = [
        _counter("http_requests_total", labels.with_(status="200"), seconds, counts - bad),
        _counter("http_requests_total", labels.with_(status="503"), seconds, bad),
    ]
    made += _histogram("http_request_duration_seconds", SECONDS, labels, seconds, counts, flow.median_seconds, 0.45)
    for name, bounds, median, spread in flow.extra:
        made += _histogram(name, bounds, base, seconds, counts, median, spread)
    for told in flow.told:
        if told.job in instances:
            labels = Labels(job=told.job, instance=instances[told.job]).with_(**dict(told.labels))
            made.append(_counter(told.name, labels.with_(**{told.label: told.good}), seconds, counts - bad))
            if told.bad:
                made.append(_counter(told.name, labels.with_(**{told.label: told.bad}), seconds, bad))
    return made


def _counter(name: str, labels: Labels, seconds: Int64s, counts: npt.NDArray[np.int64]) -> Series:
    return labels.with_(__name__=name), seconds * 1000, np.cumsum(counts).astype(np.float64)


def _histogram(
    name: str,
    bounds: Sequence[float],
    labels: Labels,
    seconds: Int64s,
    counts: npt.NDArray[np.int64],
    median: float,
    spread: float,
) -> list[Series]:
    """A classic histogram of log-normal times: every bucket holds its exact share of all counts, rounded down."""
    total = np.cumsum(counts).astype(np.float64)
    made = []
    for bound in bounds:
        share = 0.5 * (1 + math.erf((math.log(bound) - math.log(median)) / (spread * math.sqrt(2))))
        le = labels.with_(__name__=f"{name}_bucket", le=str(bound))
        made.append((le, seconds * 1000, np.floor(total * share)))
    mean = median * math.exp(spread * spread / 2)
    return [
        *made,
        (labels.with_(__name__=f"{name}_bucket", le="+Inf"), seconds * 1000, total),
        (labels.with_(__name__=f"{name}_count"), seconds * 1000, total),
        (labels.with_(__name__=f"{name}_sum"), seconds * 1000, total * mean),
    ]
