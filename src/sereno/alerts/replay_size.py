"""How much of a replay is held at once, reckoned from a look at a few moments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sereno.alerts.replay_plan import Task, selectors
from sereno.kernel.errors import QueryError
from sereno.kernel.labels import Labels
from sereno.promql import Expr, Matcher, Select, Selection
from sereno.promql.ast import Aggregate, Binary, Call, Selector, children
from sereno.promql.matching import canonical

SAMPLES_HELD = 6_000_000
"""Up to so many samples are asked for once and kept for a tile; of more the evaluator holds what it looks at."""
CELLS_HELD = 3_000_000
"""About so many values of rules are held at once, of which one that is recorded is worth three."""
EFFORT_MAX = 400_000_000
"""How many samples may be looked at, an evaluation being worth some, to find at which instants a rule fails."""
EFFORT_OF_ONE = 30_000
_PROBE_MS = 900_000
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class Sizes:
    """Samples a millisecond of each selector, and its series, as seen at the beginning, the middle and the end."""

    densities: dict[tuple[Matcher, ...], float] = field(default_factory=dict)
    labels: dict[tuple[Matcher, ...], set[Labels]] = field(default_factory=dict)
    recorded: dict[str, int] = field(default_factory=dict)
    """How many series a recording rule makes."""

    @staticmethod
    def seen(select: Select, wanted: Iterable[Selection], start_ms: int, end_ms: int) -> Sizes:
        """Look; what cannot be had counts nothing."""
        sizes = Sizes()
        probe = min(_PROBE_MS, max(end_ms - start_ms, 1))
        moments = sorted({start_ms, (start_ms + end_ms - probe) // 2, end_ms - probe})
        for matchers in dict.fromkeys(one.matchers for one in wanted):
            for begin in moments:
                try:
                    columns = select(Selection(matchers, begin, begin + probe))
                except (LookupError, QueryError):
                    break
                inside = int(((columns.times >= begin) & (columns.times <= begin + probe)).sum())
                sizes.densities[matchers] = max(sizes.densities.get(matchers, 0.0), inside / probe)
                sizes.labels.setdefault(matchers, set()).update(columns.labels)
        return sizes

    def samples(self, wanted: Iterable[Selection]) -> float:
        """How many samples `wanted` are, each series asked for once over the longest range."""
        spans: dict[tuple[Matcher, ...], tuple[int, int]] = {}
        for one in wanted:
            begin, end = spans.get(one.matchers, (one.start_ms, one.end_ms))
            spans[one.matchers] = (min(begin, one.start_ms), max(end, one.end_ms))
        return sum((end - begin) * self.densities.get(matchers, 0.0) for matchers, (begin, end) in spans.items())

    def cells(self, tasks: Sequence[Task]) -> float:
        """How many values the rules give in a millisecond, at most; those recorded count threefold."""
        found = 0.0
        for task in tasks:
            rows = self.rows(task.tree)
            if task.rule.kind == "record":
                self.recorded[task.rule.name] = self.recorded.get(task.rule.name, 0) + rows
            found += rows * (3 if task.rule.kind == "record" else 1) / task.interval_ms
        return found

    def rows(self, expr: Expr) -> int:
        """How many series the value of `expr` has, at most."""
        match expr:
            case Selector():
                named = [m.value for m in expr.matchers if m.name == "__name__" and m.op == "="]
                own = len(self.labels.get(canonical(expr.matchers), ()))
                return own + sum(self.recorded.get(name, 0) for name in named)
            case Aggregate() if expr.param is None:
                return min(self.rows(expr.expr), self._groups(expr))
            case Binary(op="or"):
                return self.rows(expr.left) + self.rows(expr.right)
            case Call(function="absent" | "absent_over_time" | "scalar" | "vector"):
                return 1
            case _:
                return max((self.rows(child) for child in children(expr)), default=1)

    def _groups(self, expr: Aggregate) -> int:
        if not expr.grouping and not expr.without:
            return 1
        if any(name == m.value for s, _, _ in selectors(expr) for m in s.matchers for name in self.recorded):
            return self.rows(expr.expr)
        kept = set(expr.grouping)
        return len({
            tuple((name, value) for name, value in labels.items() if (name in kept) != expr.without)
            for selector, _, _ in selectors(expr) for labels in self.labels.get(canonical(selector.matchers), ())
        })  # fmt: skip


def tile_ms(sizes: Sizes, tasks: Sequence[Task], wanted: Sequence[Selection], stepwise: bool, span: int) -> int:
    """How much time of a replay over `span` to hold at once.

    Windows are read anew in every tile, so that one is not much shorter than they are. Rules that go `stepwise` have
    all of their samples at hand.
    """
    window = max((one.end_ms - one.start_ms for one in wanted), default=0)
    a_ms = max(sizes.cells(tasks), 1e-9)
    cells = max(CELLS_HELD / a_ms, min(window, 3 * CELLS_HELD / a_ms))
    dense = {one.matchers: sizes.densities.get(one.matchers, 0.0) for one in wanted}
    samples = SAMPLES_HELD / max(sum(dense.values()), 1e-9) if stepwise else span
    return max(_HOUR_MS, min(span, int(cells), int(samples)))


@dataclass(slots=True)
class Effort:
    """What has been spent to find out at which instants a rule fails."""

    sizes: Sizes
    spent: float = 0.0

    def allows(self, wanted: Iterable[Selection]) -> bool:
        """Whether one more evaluation, of `wanted`, is worth it; if so it counts."""
        cost = EFFORT_OF_ONE + self.sizes.samples(wanted)
        if self.spent + cost > EFFORT_MAX:
            return False
        self.spent += cost
        return True
