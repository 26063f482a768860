"""prometheus/compliance's PromQL cases: the same answers as the packaged Prometheus, over the same samples.

539 queries, expanded from tests/conformance/compliance_queries.yml, over three hours of synthetic demo metrics at 5 s
that both of us hold; presence and labels the same, values to a billionth.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from tests.promql.peer_compare import differences, ours, points_of
from tests.promql.prometheus_peer import Prometheus, Series, Store, prometheus

from bench.figure import Figure
from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql import Grid, Settings, evaluate

QUERIES = Path(__file__).parents[1] / "tests" / "conformance" / "compliance_queries.yml"
START_MS = 1_700_000_000_000
HOURS = 3
EVERY_MS = 5000
HALF = START_MS + HOURS * 1_800_000
GRIDS = (
    Grid(HALF, HALF + 600_000, 10_000),
    Grid(START_MS, START_MS + HOURS * 3_600_000 + 600_000, 173_000),
)
SETTINGS = Settings(dialect=2)


@dataclass(frozen=True, slots=True)
class Query:
    """One expanded case."""

    expr: str
    fails: bool


def queries() -> Iterator[Query]:
    """All cases, each with its variants."""
    document = yaml.safe_load(QUERIES.read_text())
    for case in document["test_cases"]:
        names = case.get("variant_args", [])
        for values in itertools.product(*(document["variants"][name] for name in names)):
            expr = case["query"]
            for name, value in zip(names, values, strict=True):
                expr = expr.replace("{{." + name + "}}", value)
            yield Query(expr, case.get("should_fail", False))


def demo(seed: int = 11) -> list[Series]:
    """What three instances of the demo service would expose."""
    rng = np.random.default_rng(seed)
    found: list[Series] = []
    count = HOURS * 3_600_000 // EVERY_MS
    for port in (10000, 10001, 10002):
        times = START_MS + np.arange(count, dtype=np.int64) * EVERY_MS + int(rng.integers(0, 5000))
        instance = f"demo.promlabs.com:{port}"

        def add(name: str, values: np.ndarray, *, times: np.ndarray = times, at: str = instance, **labels: str) -> None:
            found.append((Labels(labels, __name__=name, job="demo", instance=at), times, values.astype(float)))

        for kind, level in (("used", 4e9), ("free", 2e9), ("cached", 1e9), ("buffers", 5e8)):
            add("demo_memory_usage_bytes", np.round(level + rng.normal(0, level / 20, count).cumsum() / 50), type=kind)
        add("demo_num_cpus", np.full(count, 4))
        for mode, share in (("user", 0.3), ("system", 0.1), ("idle", 0.6)):
            add("demo_cpu_usage_seconds_total", np.cumsum(rng.uniform(0, 10 * share, count)), mode=mode)
        filling = np.linspace(1e11, 2e11, count) + rng.normal(0, 1e6, count)
        add("demo_disk_usage_bytes", np.round(np.where(filling > 1.6e11, filling - 5e10, filling)))
        add("demo_disk_total_bytes", np.full(count, 2.6e11))
        seconds = times // 1000
        add("demo_batch_last_success_timestamp_seconds", (seconds - seconds % 310 - port % 7).astype(float))
        present = rng.random(count) > 0.5
        add("demo_intermittent_metric", rng.integers(0, 100, int(present.sum())), times=times[present])
        for path, method in itertools.product(("/api/foo", "/api/bar"), ("GET", "POST")):
            cumulative = np.zeros(count)
            for le in ("0.0001", "0.00025", "0.001", "0.01", "0.1", "1", "+Inf"):
                cumulative = cumulative + np.cumsum(rng.poisson(2, count))
                add(
                    "demo_api_request_duration_seconds_bucket",
                    cumulative,
                    path=path,
                    method=method,
                    status="200",
                    le=le,
                )
            add("demo_api_request_duration_seconds_count", cumulative, path=path, method=method, status="200")
            add("demo_api_request_duration_seconds_sum", cumulative * 0.004, path=path, method=method, status="200")
    return found


def compared(query: Query, grid: Grid, peer: Prometheus, store: Store) -> str:
    """What is not as Prometheus has it; empty if everything is."""
    answer = peer.query(query.expr, grid)
    try:
        result = evaluate(query.expr, grid, store.select, settings=SETTINGS)
    except QueryError as error:
        return "" if answer["status"] == "error" else f"it failed: {error}"
    if answer["status"] == "error":
        return f"it did not fail: {answer['error']}"
    if query.fails:
        return "it was meant to fail, and Prometheus did not"
    said = differences(points_of(answer, grid)[0], ours(result, grid))
    return "; ".join(said[:2])


def measure() -> list[Figure]:
    """How many of the cases agree with the Prometheus that is installed."""
    series = demo()
    store = Store.of(series)
    held = total = 0
    with tempfile.TemporaryDirectory() as folder, prometheus(Path(folder), series) as peer:
        for query in queries():
            total += 1
            wrong = next((said for grid in GRIDS if (said := compared(query, grid, peer, store))), "")
            held += not wrong
            if wrong:
                print(f"{query.expr}: {wrong}"[:400], file=sys.stderr)
    return [Figure("PromQL compliance cases that agree", held, "cases", least=539, beside=f"of {total}")]
