"""Random triples (query, samples, grid): everything that 2.42 has, over samples of every awkward kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tests.promql.prometheus_peer import Series

from sereno.kernel.labels import Labels
from sereno.promql import STALE, Grid

START_MS = 1_700_000_000_000
_STATUS = ("200", "404", "500")
_INSTANCES = ("a:80", "b:80", "c:80", "d:80")
_BOUNDS = ("0.1", "0.5", "1", "2.5", "+Inf")


def samples(seed: int) -> list[Series]:
    """Some forty series over one to three hours: gaps, resets, stale markers, NaN, infinities, jitter, births."""
    rng = np.random.default_rng(seed)
    end = START_MS + int(rng.integers(60, 180)) * 60_000
    found: list[Series] = []

    def add(name: str, times: np.ndarray, values: np.ndarray, **labels: str) -> None:
        found.append((Labels(labels, __name__=name), times, values))

    for instance in _INSTANCES:
        times = _times(rng, end)
        for status in _STATUS:
            kept = _gaps(rng, times)
            add("requests_total", kept, _stale(rng, kept, _counter(rng, len(kept))), job="j", instance=instance,
                status=status)  # fmt: skip
        kept = _gaps(rng, times)
        add("level", kept, _stale(rng, kept, rng.integers(-3, 9, len(kept)).astype(float)), instance=instance)
        add(
            "temperature", times, rng.normal(20, 30, len(times)).round(3), instance=instance, rack=f"r{rng.integers(2)}"
        )
        add("up", times, (rng.random(len(times)) > 0.1).astype(float), job="j", instance=instance)
        add("odd", times, _odd(rng, len(times)), kind=instance[0])
        cumulative = np.zeros(len(times))
        for bound in _BOUNDS:
            cumulative = cumulative + np.cumsum(rng.poisson(1, len(times)))
            add("latency_bucket", times, cumulative, job="j", instance=instance, le=bound)
    times = _times(rng, end)
    add("wide", times, rng.normal(0, 1, len(times)) * 10.0 ** rng.integers(-12, 13, len(times)), kind="wide")
    add("flat", times, np.full(len(times), 0.1), kind="tenth")
    sparse = times[::20]
    add("sparse_total", sparse, _counter(rng, len(sparse)), kind="slow")
    return found


def _times(rng: np.random.Generator, end: int) -> np.ndarray:
    every = int(rng.choice([5000, 10_000, 15_000, 30_000, 60_000]))
    begin = START_MS + int(rng.integers(0, 900_000))
    regular = np.arange(begin, end, every, dtype=np.int64)
    jittered = regular + rng.integers(0, max(1, int(every * rng.choice([0, 0.01, 0.3]))), len(regular))
    return jittered[rng.random(len(jittered)) > rng.choice([0, 0.02, 0.2])]


def _gaps(rng: np.random.Generator, times: np.ndarray) -> np.ndarray:
    for _ in range(int(rng.integers(0, 3))):
        at, size = int(rng.integers(0, len(times))), int(rng.integers(1, max(2, len(times) // 5)))
        times = np.delete(times, np.arange(at, min(at + size, len(times) - 2)))
    return times


def _counter(rng: np.random.Generator, count: int) -> np.ndarray:
    rises = rng.poisson(rng.choice([0.02, 0.5, 20]), count).astype(float)
    if rng.random() < 0.3:
        rises = rises * 0.37
    values = np.cumsum(rises)
    for at in rng.integers(1, max(2, count), int(rng.integers(0, 6))):
        values[at:] -= values[at - 1]
    return np.maximum(values, 0.0)


def _stale(rng: np.random.Generator, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values`, some of them staleness markers: where a gap follows, or just so."""
    values = values.copy()
    follows = np.flatnonzero(np.diff(times) > 200_000)
    values[follows[rng.random(len(follows)) < 0.7]] = STALE
    values[rng.random(len(values)) < rng.choice([0, 0.01])] = STALE
    return values


def _odd(rng: np.random.Generator, count: int) -> np.ndarray:
    values = rng.normal(5, 3, count)
    for what, share in ((np.nan, 0.03), (np.inf, 0.01), (-np.inf, 0.01), (0.0, 0.05)):
        values[rng.random(count) < share * rng.choice([0, 1])] = what
    return values


@dataclass(frozen=True)
class Part:
    """An expression; `exact` if both sides compute it to the last bit, whatever the order of the series."""

    text: str
    exact: bool


class Speaker:
    """A source of expressions and grids; the same seed gives the same ones.

    Prometheus adds the series of a group in random order, so a sum has no last bit. What tells numbers apart by their
    last bit (floor, ==, count_values, a division by a difference) is said of exact parts only.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def grid(self, end_ms: int) -> Grid:
        """Instants around the samples: one, or up to two hundred."""
        begin = self.random.randrange(START_MS - 300_000, end_ms)
        if self.chance(0.35):
            return Grid.at(begin)
        step = self.random.choice((1000, 15_000, 30_000, 60_000, 37_123, 300_000, 61_001))
        return Grid(begin, begin + step * self.random.randrange(1, 200), step)

    # Pieces -----------------------------------------------------------------------------------------------------

    def selector(self, *metrics: str) -> str:
        inside = self.random.sample(
            ('instance="a:80"', 'instance!="b:80"', 'instance=~"a.*|c:80"', 'status=~"5..|2.."', 'status!~"4.+"',
             'nowhere=""', 'instance=~".+"', 'job="j"', 'rack!="r0"'),
            self.random.choice((0, 0, 0, 1, 1, 2)),
        )  # fmt: skip
        return self.pick(*metrics) + (f"{{{','.join(inside)}}}" if inside else "")

    def shift(self) -> str:
        found = f" offset {self.pick('3m', '-2m', '20m', '1m13s', '7s')}" if self.chance(0.15) else ""
        if self.chance(0.08):
            at = f"{(START_MS + self.random.randrange(7_200_000)) / 1000:.3f}"
            found += f" @ {self.pick(at, 'start()', 'end()')}"
        return found

    def window(self) -> str:
        return self.pick("15s", "1m", "2m30s", "5m", "17m", "1h", "1m1ms", "40s")

    def number(self) -> str:
        return self.pick("0.37", "2.53", "-3.1", "101.7", "1e-3", "17")

    def labels(self) -> str:
        names = ("instance", "status", "job", "rack", "kind", "nowhere", "le")
        return ", ".join(self.random.sample(names, self.random.choice((0, 1, 1, 2))))

    def grouping(self) -> str:
        return f"{self.pick('by', 'without')} ({self.labels()}) " if self.chance(0.8) else ""

    def matching(self) -> str:
        return f"{self.pick('on', 'ignoring')} ({self.labels()}) " if self.chance(0.6) else ""

    # Expressions ------------------------------------------------------------------------------------------------

    def vector(self, depth: int) -> Part:
        """An instant vector."""
        if depth <= 0:
            return self.leaf()
        kinds: tuple[tuple[float, Callable[[int], Part]], ...] = (
            (0.22, self.aggregation), (0.14, self.mapped), (0.12, self.with_number), (0.14, self.over_subquery),
            (0.12, self.paired), (0.12, self.set_operation), (0.05, self.relabelled), (0.04, self.quantile_of_buckets),
            (0.05, self.wrapped),
        )  # fmt: skip
        roll = self.random.random()
        for share, kind in kinds:
            if roll < share:
                return kind(depth)
            roll -= share
        return self.leaf()

    def leaf(self) -> Part:
        if self.chance(0.35):
            names = ("requests_total", "level", "temperature", "up", "odd", "flat", "sparse_total", "wide")
            return Part(self.selector(*names) + self.shift(), True)
        return self.over_time()

    def over_time(self) -> Part:
        """A function of a window of samples."""
        counters = ("requests_total", "sparse_total", "latency_bucket")
        gauges = ("level", "temperature", "odd", "flat", "wide", "up")
        roll = self.random.random()
        if roll < 0.35:
            function = self.pick("rate", "increase", "irate", "resets", "changes")
            return Part(f"{function}({self.selector(*counters)}[{self.window()}]{self.shift()})", True)
        ranged = f"{self.selector(*gauges)}[{self.window()}]{self.shift()}"
        if roll < 0.6:
            function = self.pick(
                "min_over_time", "max_over_time", "count_over_time", "last_over_time", "present_over_time", "idelta",
                "delta", "changes", "resets", "absent_over_time",
            )  # fmt: skip
            return Part(f"{function}({ranged})", True)
        moderate = f"{self.selector('level', 'temperature', 'odd', 'flat', 'up')}[{self.window()}]{self.shift()}"
        if roll < 0.8:
            function = self.pick("sum_over_time", "avg_over_time", "stddev_over_time", "stdvar_over_time", "deriv")
            return Part(f"{function}({moderate})", False)
        if roll < 0.9:
            return Part(f"quantile_over_time({self.pick('0.3', '0.5', '0.99', '-1', '2')}, {moderate})", False)
        if roll < 0.96:
            moderate = moderate.partition(" @ ")[0]  # there 2.42 moves the window along, which later versions mended
            return Part(f"predict_linear({moderate}, {self.pick('60', '3600', '-30')})", False)
        return Part(
            f"holt_winters({moderate}, 0.{self.random.randrange(1, 10)}, 0.{self.random.randrange(1, 10)})", False
        )

    def aggregation(self, depth: int) -> Part:
        inner = self.vector(depth - 1)
        roll = self.random.random()
        if roll < 0.4:
            return Part(f"{self.pick('min', 'max', 'count', 'group')} {self.grouping()}({inner.text})", inner.exact)
        if roll < 0.75 or not inner.exact:
            return Part(f"{self.pick('sum', 'avg', 'sum')} {self.grouping()}({inner.text})", False)
        if roll < 0.82:
            return Part(f"{self.pick('stddev', 'stdvar')} {self.grouping()}({inner.text})", False)
        if roll < 0.9:
            return Part(f"quantile {self.grouping()}({self.pick('0.3', '0.5', '-1', '1.1')}, {inner.text})", False)
        if roll < 0.95:
            return Part(f'count_values {self.grouping()}("value", {inner.text})', True)
        k = self.pick("1", "2", "3", "0")  # which of equal values stay is nobody's promise
        return Part(
            f"{self.pick('sum', 'count')}({self.pick('topk', 'bottomk')} {self.grouping()}({k}, {inner.text}))", False
        )

    def mapped(self, depth: int) -> Part:
        inner = self.vector(depth - 1)
        roll = self.random.random()
        if inner.exact and roll < 0.5:
            function = self.pick(
                "ceil", "floor", "sgn", "round", "sqrt", "hour", "day_of_week", "timestamp", "abs", "-"
            )
            return Part(f"{function}({inner.text})", True)
        if inner.exact and roll < 0.6:
            return Part(f"round({inner.text}, {self.pick('0.5', '10', '0.03')})", True)
        if roll < 0.75:
            clamp = self.pick("clamp_min({}, 1.7)", "clamp_max({}, 3.3)", "clamp({}, -2.2, 40.1)", "clamp({}, 3, 1)")
            return Part(clamp.format(inner.text), inner.exact)
        if inner.exact:
            function = self.pick("exp", "ln", "log2", "log10", "sin", "cos", "atan", "tanh", "deg", "rad", "asinh")
            return Part(f"{function}({inner.text})", False)
        return Part(f"{self.pick('abs', '-', 'rad', 'atan')}({inner.text})", False)

    def with_number(self, depth: int) -> Part:
        inner = self.vector(depth - 1)
        if self.chance(0.5):
            op = self.pick("+", "*", "-", "/") if not inner.exact else self.pick("+", "*", "-", "/", "%")
            sides = (inner.text, self.number())
            left, right = sides if op in "%/" or self.chance(0.6) else sides[::-1]
            return Part(f"({left}) {op} ({right})", inner.exact)
        op = self.pick(">", "<", ">=", "<=", *(("==", "!=") if inner.exact else ()))
        bool_ = self.pick("", "bool ")
        return Part(f"({inner.text}) {op} {bool_}{self.number()}", inner.exact)

    def over_subquery(self, depth: int) -> Part:
        inner = self.vector(depth - 2)
        step = self.pick("", "30s", "1m", "47s")
        ranged = f"({inner.text})[{self.pick('3m', '10m', '31m')}:{step}]{self.shift()}"
        exact = ("count_over_time", "last_over_time", "present_over_time", "min_over_time", "max_over_time")
        if inner.exact:
            function = self.pick(*exact, "rate", "increase", "delta", "changes", "resets")
            return Part(f"{function}({ranged})", True)
        function = self.pick(*exact, "avg_over_time")
        return Part(f"{function}({ranged})", False)

    def paired(self, depth: int) -> Part:
        """Two vectors met one to one, or many to one."""
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        exact = left.exact and right.exact
        op = self.pick("+", "*", *((">", "<= bool", "==", "-", "/", "%") if exact else ("> bool",)))
        if self.chance(0.5):
            name = self.pick("instance", "status", "job")
            group = self.pick("", "group_left () ", f"group_left ({self.pick('rack', 'status', 'kind')}) ")
            one = f"max by ({name}) ({right.text})"
            many = left.text if group else f"min by ({name}) ({left.text})"
            return Part(f"({many}) {op} on ({name}) {group}({one})", exact)
        return Part(f"({left.text}) {op} {self.matching()}({right.text})", exact)

    def set_operation(self, depth: int) -> Part:
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        op = self.pick("and", "or", "unless")
        return Part(f"({left.text}) {op} {self.matching()}({right.text})", left.exact and right.exact)

    def relabelled(self, depth: int) -> Part:
        inner = self.vector(depth - 1)
        how = self.pick(
            'label_replace({}, "fresh", "$1-x", "instance", "(.).*")', 'label_replace({}, "status", "", "status", ".*")',
            'label_join({}, "both", "/", "job", "instance")', 'label_replace({}, "job", "$0", "rack", "r.|")',
        )  # fmt: skip
        return Part(how.format(inner.text), inner.exact)

    def quantile_of_buckets(self, depth: int) -> Part:
        q = self.pick("0.5", "0.9", "0.99", "-1", "1.2", "0")
        inner = f"rate({self.selector('latency_bucket')}[{self.window()}]{self.shift()})"
        if self.chance(0.5):
            inner = f"{self.pick('min', 'max')} by ({self.pick('le', 'le, instance')}) ({inner})"
        return Part(f"histogram_quantile({q}, {inner})", False)

    def wrapped(self, depth: int) -> Part:
        inner = self.vector(depth - 1)
        how = self.pick(
            "vector(scalar({}))", "absent({})", "{} * scalar(max(up))", "vector(time() - 1.7e9) + scalar({})"
        )
        return Part(how.format(f"({inner.text})"), inner.exact)
