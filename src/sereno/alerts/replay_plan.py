"""In which order rules can be replayed: which see each other's series, and which must go step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sereno.alerts.replay_series import Made
from sereno.kernel.errors import QueryError
from sereno.kernel.template import asks
from sereno.promql import Expr, Grid, Settings, parse
from sereno.promql.ast import Call as FunctionCall
from sereno.promql.ast import RangeSelector, Selector, Subquery, children
from sereno.promql.dialect import ANY
from sereno.spec.rule_groups import GroupRule, RuleGroup

ALERTS = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One rule to replay. `order` is its place among all rules: at one instant they are evaluated in that order."""

    order: int
    group: RuleGroup
    rule: GroupRule
    tree: Expr
    interval_ms: int
    offset_ms: int

    @property
    def names(self) -> frozenset[str]:
        """What the series that it makes are called."""
        return frozenset({self.rule.name}) if self.rule.kind == "record" else ALERTS

    def grid(self, start_ms: int, first_ms: int, last_ms: int) -> Grid | None:
        """Where its expression looks for the evaluations from `first_ms` to `last_ms` of a replay that begins at
        `start_ms`; None if there are none."""
        first = start_ms + -(-(first_ms - start_ms) // self.interval_ms) * self.interval_ms
        last = start_ms + (last_ms - start_ms) // self.interval_ms * self.interval_ms
        if last < first:
            return None
        return Grid(first - self.offset_ms, last - self.offset_ms, self.interval_ms)


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """Rules that are replayed together: at once, each over all instants; or, if they see each other's or their own
    past, instant by instant."""

    tasks: tuple[Task, ...]
    stepwise: bool
    level: int = 0


@dataclass(slots=True)
class _Node:
    task: Task
    reads: dict[int, bool] = field(default_factory=dict)
    """Whose series it reads, and whether it may see some that are not yet made when it looks."""


def tasks_of(groups: Sequence[RuleGroup], trees: Sequence[Sequence[Expr | None]], interval_ms: int) -> tuple[Task, ...]:
    """The rules of `groups` in order, those left out that have no tree."""
    found: list[Task] = []
    for group, parsed in zip(groups, trees, strict=True):
        every = group.interval // _MS if group.interval else interval_ms
        for rule, tree in zip(group.rules, parsed, strict=True):
            if tree is not None:
                found.append(Task(len(found), group, rule, tree, every, group.query_offset // _MS))
    return tuple(found)


def _nodes(tasks: Sequence[Task], made: Sequence[Made]) -> list[_Node]:
    nodes = [_Node(task) for task in tasks]
    makers = list(zip(tasks, made, strict=True))
    for node in nodes:
        _note_reads(node, makers)
    return nodes


def plan(tasks: Sequence[Task], nodes: Sequence[_Node], start_ms: int) -> tuple[Unit, ...]:
    """The units in an order in which each comes after those whose series it reads, for a replay from `start_ms`."""
    units: list[Unit] = []
    levels: dict[int, int] = {}
    for parts in _components([sorted(node.reads) for node in nodes]):
        members = sorted(parts)
        below = [levels[read] for index in members for read in nodes[index].reads if read not in parts]
        level = 1 + max(below, default=-1)
        levels |= dict.fromkeys(members, level)
        stepwise = len(members) > 1 or _stepwise(nodes[members[0]], start_ms)
        units.append(Unit(tuple(tasks[index] for index in members), stepwise, level))
    return tuple(sorted(units, key=lambda unit: (unit.level, unit.tasks[0].order)))


def _note_reads(node: _Node, makers: Sequence[tuple[Task, Made]]) -> None:
    task = node.task
    texts = (*task.rule.labels.values(),)
    everything = any(map(asks, texts)) or any(
        isinstance(part, FunctionCall) and part.function == "info" for part in walk(task.tree)
    )
    looked = tuple(selectors(task.tree))
    for maker, touch in makers:
        if everything:
            node.reads[maker.order] = True
        for selector, offset_ms, plain in looked:
            if touch.may_match(selector.matchers):
                late = not plain or maker.order >= task.order or maker.offset_ms > task.offset_ms + offset_ms
                node.reads[maker.order] = node.reads.get(maker.order, False) or late


def _stepwise(node: _Node, start_ms: int) -> bool:
    """Whether a rule that stands alone must still look instant by instant."""
    if any(node.reads.values()) or looks_ahead(node.task.tree, start_ms):
        return True
    for part in walk(node.task.tree):
        if isinstance(part, Selector | Subquery) and (part.at in ("start", "end") or part.offset is not None):
            return True
        if isinstance(part, RangeSelector | Subquery) and part.range is not None:
            return True
        if isinstance(part, Subquery) and part.step is not None:
            return True
        if isinstance(part, FunctionCall) and part.function in ("step", "range", "start", "end"):
            return True
    return False


def looks_ahead(expr: Expr, start_ms: int, offset_ms: int = 0) -> bool:
    """Whether `expr`, at instants from `start_ms` on, may look at samples later than its instant: then what it sees
    depends on when it is asked."""
    if isinstance(expr, Selector | Subquery):
        offset_ms += expr.offset_ms
        if offset_ms < 0 or (isinstance(expr.at, int) and expr.at - expr.offset_ms > start_ms):
            return True
    return any(looks_ahead(child, start_ms, offset_ms) for child in children(expr))


def walk(expr: Expr) -> Iterator[Expr]:
    """`expr` and everything below it."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def selectors(expr: Expr, offset_ms: int = 0, plain: bool = True) -> Iterator[tuple[Selector, int, bool]]:
    """The selectors of `expr`, each with how far back it looks at least, and whether that moves with the instant."""
    if isinstance(expr, Selector | Subquery):
        offset_ms += expr.offset_ms
        plain = plain and expr.at is None and expr.offset is None
    if isinstance(expr, Selector):
        yield expr, offset_ms, plain
    for child in children(expr):
        yield from selectors(child, offset_ms, plain)


def _components(edges: Sequence[Sequence[int]]) -> Iterator[frozenset[int]]:
    """Strongly connected components, each after those that it points to (Tarjan 1972, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in range(len(edges)):
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for target in rest:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members: set[int] = set()
                    while node not in members:
                        members.add(stack.pop())
                    on_stack -= members
                    yield frozenset(members)


@dataclass(frozen=True, slots=True, eq=False)
class Arrangement:
    """Rules arranged for a replay; many replays of the same rules can share it."""

    tasks: tuple[Task, ...]
    units: tuple[Unit, ...]
    reads: tuple[frozenset[int], ...]
    wrong: tuple[tuple[RuleGroup, GroupRule, str], ...]
    alerts_are_read: bool

    def makers(self) -> tuple[Made, ...]:
        """A place for what each rule makes, empty."""
        return tuple(_maker(task) for task in self.tasks)


def _maker(task: Task) -> Made:
    return Made(task.order, task.names, None if task.rule.kind == "record" else task.rule.name, task.offset_ms)


def arrange(
    groups: Sequence[RuleGroup], start_ms: int, interval_ms: int, settings: Settings | None = None
) -> Arrangement:  # fmt: skip
    """The rules of `groups` for replays from `start_ms`; those whose expression cannot be read (in the language of
    `settings`, or of either version) are `wrong`."""
    language = settings.language if settings else ANY
    wrong: list[tuple[RuleGroup, GroupRule, str]] = []
    trees: list[list[Expr | None]] = []
    for group in groups:
        trees.append([])
        for rule in group.rules:
            try:
                trees[-1].append(parse(rule.expr, language))
            except QueryError as error:
                trees[-1].append(None)
                wrong.append((group, rule, error.message))
    tasks = tasks_of(groups, trees, interval_ms)
    made = tuple(_maker(task) for task in tasks)
    nodes = _nodes(tasks, made)
    alerting = {task.order for task in tasks if task.rule.kind == "alert"}
    return Arrangement(
        tasks, plan(tasks, nodes, start_ms), tuple(frozenset(node.reads) for node in nodes), tuple(wrong),
        any(alerting & node.reads.keys() for node in nodes),
    )  # fmt: skip
