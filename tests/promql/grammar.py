"""Random expressions that a person might write, for comparing with a real Prometheus."""

from __future__ import annotations

import random

_COUNTERS = ["http_requests_total", "brief_total", "sparse_total", "latency_seconds_count"]
_GAUGES = ["temperature", "level", "up", "odd", "constant", "falling"]
_MATCHERS = ['instance="a:80"', 'instance!="b:80"', 'instance=~"a.*|c:80"', 'status=~"5.."', 'status!~"2..|404"',
             'endpoint="/pay"', 'nowhere=""', 'instance=~".+"']  # fmt: skip
_WINDOWS = ["15s", "1m", "2m30s", "5m", "17m", "1h"]
_OVER_COUNTERS = ["rate", "increase", "irate", "resets", "changes"]
_OVER_GAUGES = [
    *(f"{name}_over_time" for name in ("avg", "sum", "min", "max", "count", "last", "stddev", "present")),
    "delta",
    "idelta",
    "deriv",
    "changes",
]
_AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev"]
_LABELS = ["instance", "status", "endpoint", "job", "kind", "nowhere"]
_SIMPLE = ["abs", "sqrt", "exp", "ln"]  # none that turns the last bit of a mean into a whole number


class Grammar:
    """A source of expressions; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, choices: list[str]) -> str:
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def selector(self, metrics: list[str]) -> str:
        inside = ",".join(self.random.sample(_MATCHERS, self.random.choice([0, 0, 1, 1, 2])))
        return self.pick(metrics) + (f"{{{inside}}}" if inside else "")

    def shift(self) -> str:
        return f" offset {self.pick(['3m', '-2m', '20m', '1m13s'])}" if self.chance(0.2) else ""

    def windowed(self, depth: int) -> str:
        if depth > 0 and self.chance(0.25):
            step = self.pick(["", "30s", "1m", "47s"])
            inner = f"({self.vector(depth - 2)})[{self.pick(['3m', '10m', '31m'])}:{step}]{self.shift()}"
            return f"{self.pick(['avg_over_time', 'max_over_time', 'min_over_time', 'count_over_time'])}({inner})"
        counter = self.chance(0.5)
        function = self.pick(_OVER_COUNTERS if counter else _OVER_GAUGES)
        return f"{function}({self.selector(_COUNTERS if counter else _GAUGES)}[{self.pick(_WINDOWS)}]{self.shift()})"

    def grouping(self) -> str:
        names = ", ".join(self.random.sample(_LABELS, self.random.choice([0, 1, 1, 2])))
        return f"{self.pick(['by', 'without'])} ({names}) " if self.chance(0.8) else ""

    def number(self) -> str:
        return self.pick(["0.37", "2.53", "-3.1", "101.7", "1e-3"])

    def vector(self, depth: int) -> str:
        """An instant vector."""
        if depth <= 0 or self.chance(0.15):
            return self.selector(_COUNTERS + _GAUGES) + self.shift() if self.chance(0.5) else self.windowed(0)
        roll = self.random.random()
        inner = self.vector(depth - 1)
        if roll < 0.25:
            return f"{self.pick(_AGGREGATIONS)} {self.grouping()}({inner})"
        if roll < 0.45:
            return self.windowed(depth)
        if roll < 0.55:
            return f"{self.pick(_SIMPLE)}({inner})"
        if roll < 0.65:
            return f"({inner}) {self.pick(['+', '*', '/'])} {self.number()}"
        if roll < 0.75:
            return f"({inner}) {self.pick(['>', '<', '>=', '!='])} {self.pick(['', 'bool '])}{self.number()}"
        if roll < 0.9:
            return f"({inner}) {self.pick(['and', 'or', 'unless'])} {self.matching()}({self.vector(depth - 1)})"
        op = self.pick(["*", "/", ">", "> bool"])
        left = f"sum by (instance) ({inner})"
        return (
            f"{left} {op} on (instance) {self.pick(['', 'group_left () '])}max by (instance) ({self.vector(depth - 1)})"
        )

    def matching(self) -> str:
        if self.chance(0.4):
            return ""
        names = ", ".join(self.random.sample(_LABELS, self.random.choice([0, 1, 2])))
        return f"{self.pick(['on', 'ignoring'])} ({names}) "
