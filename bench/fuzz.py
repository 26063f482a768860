"""Random triples (query, samples, grid), asked of us and of the packaged Prometheus.

    bench/run fuzz --seed 7 --count 10000

A triple agrees when both refuse it, or give the same series at the same instants with values to a billionth (sums that
cancel: to 1e-9 of the largest value among them). The first that does not is made small and printed, with what makes it
again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.promql.fuzzing import Speaker, samples
from tests.promql.peer_compare import Points, differences, ours, points_of
from tests.promql.prometheus_peer import Prometheus, Series, Store
from tests.promql.remote_writing import written_prometheus

from bench.figure import Figure
from sereno.kernel.errors import QueryError
from sereno.promql import Grid, Settings, evaluate, parse
from sereno.promql.ast import Expr, children
from sereno.promql.printer import text_of

PER_SAMPLES = 1000
"""How many queries are asked of one set of samples."""
SETTINGS = Settings(dialect=2)
_SMALLER_MAX = 30


def options(arguments: list[str]) -> dict[str, int]:
    """The bench's own arguments."""
    parser = argparse.ArgumentParser(prog="bench/run fuzz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10_000)
    return vars(parser.parse_args(arguments))


@dataclass(frozen=True, slots=True)
class Triple:
    """One question: of which samples (their seed), what, and when."""

    samples: int
    expr: str
    grid: Grid


def triples(seed: int, count: int) -> Iterator[Triple]:
    """All questions of a seed."""
    source = random.Random(seed)
    speaker = Speaker(seed)
    for number in range(count):
        if number % PER_SAMPLES == 0:
            made = source.randrange(2**31)
            end_ms = max(int(times[-1]) for _, times, _ in samples(made)) + 300_000
        yield Triple(made, speaker.vector(speaker.random.choice((1, 2, 2, 3))).text, speaker.grid(end_ms))


def disagreement(expr: str, grid: Grid, peer: Prometheus, store: Store) -> str:
    """What Prometheus sees otherwise; empty if nothing."""
    return judged(expr, grid, peer.query(expr, grid), store)


def judged(expr: str, grid: Grid, answer: dict, store: Store) -> str:
    """What `answer` says otherwise than we do; empty if nothing."""
    try:
        result = evaluate(expr, grid, store.select, settings=SETTINGS)
    except QueryError as error:
        return "" if answer["status"] == "error" else f"we refuse: {error.message}"
    if answer["status"] == "error":
        return f"Prometheus refuses: {answer['error']}"
    expected, kind = points_of(answer, grid)
    if kind != "matrix" and kind != result.kind:
        return f"a {result.kind}, expected a {kind}"
    found = ours(result, grid)
    said = differences(expected, found)
    return "; ".join(said[:2]) if said and differences(expected, found, _slack(expected)) else ""


def _slack(expected: Points) -> float:
    """How far sums that cancel may be off: a billionth of the largest value in sight, at most a thousandth."""
    finite = [abs(v) for _, points in expected for v in points.values() if v == v and abs(v) != float("inf")]
    return min(1e-3, 1e-9 * max(1.0, max(finite, default=1.0)))


# Smaller ------------------------------------------------------------------------------------------------------------


def smallest(triple: Triple, peer: Prometheus, store: Store) -> Triple:
    """A part of the query that fails by itself, at as few instants as can be."""
    expr, grid = triple.expr, triple.grid
    smaller: Expr | None = parse(expr, SETTINGS.language)
    while smaller is not None:
        expr = text_of(smaller)
        parts = [part for part in children(smaller) if _asks(part)]
        smaller = next((part for part in parts if disagreement(text_of(part), grid, peer, store)), None)
    for instant in grid.instants_ms[:: max(1, len(grid.instants_ms) // 50)].tolist():
        if disagreement(expr, Grid.at(instant), peer, store):
            return Triple(triple.samples, expr, Grid.at(instant))
    return Triple(triple.samples, expr, grid)


def _asks(part: Expr) -> bool:
    try:
        return not text_of(part).startswith('"') and "]" not in text_of(part)[-20:]
    except RecursionError:
        return False


def needed(triple: Triple, series: list[Series]) -> list[Series]:
    """As few of the series as still fail, found by leaving out one half after another."""
    kept, size = list(series), max(1, len(series) // 2)
    for _ in range(_SMALLER_MAX):
        for begin in range(0, len(kept), size):
            fewer = kept[:begin] + kept[begin + size :]
            if fewer and _fails(triple, fewer):
                kept = fewer
                break
        else:
            if size == 1:
                return kept
            size = max(1, size // 2)
    return kept


def _fails(triple: Triple, series: list[Series]) -> bool:
    with tempfile.TemporaryDirectory() as folder, written_prometheus(Path(folder), series) as peer:
        return bool(disagreement(triple.expr, triple.grid, peer, Store.of(series)))


def _told(triple: Triple, wrong: str, series: list[Series]) -> str:
    lines = [f"  {wrong}", f"  query   {triple.expr}", f"  grid    {triple.grid}"]
    around = (triple.grid.start_ms - 3_600_000, triple.grid.end_ms)
    for labels, times, values in series[:10]:
        near = [(int(t), float(v)) for t, v in zip(times, values, strict=True) if around[0] <= t <= around[1]]
        lines.append(f"  samples {labels}: {near[-12:]}")
    return "\n".join(lines)


# The figure ---------------------------------------------------------------------------------------------------------


def measure(seed: int = 1, count: int = 10_000) -> list[Figure]:
    """How many of `count` triples agree."""
    agreed = valued = 0
    failed: list[tuple[Triple, str]] = []
    every = list(triples(seed, count))
    for begin in range(0, count, PER_SAMPLES):
        part = every[begin : begin + PER_SAMPLES]
        series = samples(part[0].samples)
        store = Store.of(series)
        with tempfile.TemporaryDirectory() as folder, written_prometheus(Path(folder), series) as peer:
            for triple in part:
                answer = peer.query(triple.expr, triple.grid)
                wrong = judged(triple.expr, triple.grid, answer, store)
                agreed += not wrong
                valued += answer["status"] == "success" and bool(answer["data"]["result"])
                if wrong:
                    small = smallest(triple, peer, store)
                    failed.append((small, disagreement(small.expr, small.grid, peer, store) or wrong))
        print(f"fuzz: {begin + len(part)} of {count}, {len(failed)} otherwise", file=sys.stderr)
    if failed:
        triple, wrong = min(failed, key=lambda one: (len(one[0].expr), one[0].grid.end_ms - one[0].grid.start_ms))
        print(f"fuzz: --seed {seed} --count {count}, samples {triple.samples}; the smallest of {len(failed)}:",
              file=sys.stderr)  # fmt: skip
        print(_told(triple, wrong, needed(triple, samples(triple.samples))), file=sys.stderr)
        for other, why in failed[:20]:
            print(f"  also: {other.expr}: {why}"[:300], file=sys.stderr)
    return [Figure("random triples that agree with Prometheus", agreed, "triples", least=count,
                   beside=f"of {count}, --seed {seed}"),
            Figure("of them with values in the answer", 100 * valued / max(1, count), "%", least=50)]  # fmt: skip
