"""One evaluation of one or many expressions: what they share, in what order they go, what each comes to.

Expressions that look at the same series go together, a part of the grid after another: samples are loaded once,
equal parts of expressions are computed once and let go as soon as nobody asks for them any more. One that fails is
left behind; the others go on.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sereno.kernel.errors import QueryError, SerenoError
from sereno.kernel.labels import Labels
from sereno.promql.annotations import Annotations
from sereno.promql.ast import Call, Expr, Text, Unary, bare
from sereno.promql.columns import Grid, Matcher, Result, Select, Selection
from sereno.promql.dialect import STABLE
from sereno.promql.limits import Limits, Watch
from sereno.promql.matching import canonical
from sereno.promql.memory import Memory, Numbering, Ready
from sereno.promql.plan import Query, Settings, needs, united
from sereno.promql.shards import Gathered, by_rows, dealt, only, shares_of
from sereno.promql.signatures import kind_of
from sereno.promql.supply import RESIDENT_SAMPLES, WHOLE_SAMPLES, LookAhead, Supply
from sereno.promql.tiles import joined, steps_of, tiles
from sereno.promql.values import Value, Vector, alike, pruned
from sereno.promql.windows import Samples


@dataclass(slots=True)
class Run:
    """What all tiles of one expression share; `index` is its place among the expressions evaluated together."""

    tree: Expr
    query: Query
    limits: Limits
    index: int = 0
    text: str | None = None
    supply: Supply | None = None
    origins: dict[Call | Unary, dict[Labels, Labels]] = field(default_factory=dict)
    notes: Annotations = field(default_factory=Annotations)
    watch: Watch = field(default_factory=Watch)
    parts: list[Value] = field(default_factory=list)
    is_ready: bool = False
    """Whether all that it needs of samples was computed beforehand."""

    @property
    def series(self) -> int:
        """The most series that any of the selections has."""
        return 0 if self.supply is None else self.supply.series

    def find(self, matchers: tuple[Matcher, ...], start_ms: int, end_ms: int) -> Samples:
        """The samples loaded for [start, end]."""
        assert self.supply is not None
        return self.supply.find(canonical(matchers), start_ms, end_ms)

    def wanted(self, grid: Grid) -> Iterator[Selection]:
        """What the expression looks at on `grid`."""
        return iter(()) if self.is_ready else needs(self.tree, grid, self.query)

    def refuse_alike(self, expr: Call | Unary, vector: Vector, labels: tuple[Labels, ...]) -> None:
        """Raise QueryError if two series with values become alike under `labels`, even at different instants."""
        if alike(labels) is None:
            return
        seen = self.origins.setdefault(expr, {})
        alive = vector.present.any(axis=1)
        for row in np.flatnonzero(alive):
            if seen.setdefault(labels[row], vector.labels[row]) != vector.labels[row]:
                raise QueryError(
                    "vector cannot contain metrics with the same labelset",
                    position=expr.position,
                    end=expr.end,
                    hint=f"two series became {labels[row]}",
                )


Compute = Callable[[Run, Memory, Grid], Value]
"""The value of a run's expression on a tile."""
Outcome = Result | Exception
Share = Literal["all", "large", "small"]


def outcomes(
    asked: Sequence[tuple[Expr, str | None]],
    grid: Grid,
    select: Select,
    limits: Limits,
    settings: Settings,
    compute: Compute,
    *,
    share: Share = "all",
) -> list[Outcome]:
    """What each expression comes to: its result, or the exception that ended it.

    Of `all` series, aggregations of more than can be held are computed over a share after another; such a share may
    be `large` still, or `small` enough to be held.
    Raises what `select` raises, other than a QueryError.
    """
    steps = steps_of(grid)
    query = Query(grid.start_ms, grid.end_ms, settings)
    found: list[Outcome | None] = [None] * len(asked)
    runs = []
    for index, (tree, text) in enumerate(asked):
        try:
            if _checked(tree, steps, limits) == "string":
                found[index] = _string(tree, steps)
            else:
                runs.append(Run(tree, query, limits, index, text, watch=limits.watch()))
        except RecursionError:
            found[index] = _too_deep(tree)
        except QueryError as error:
            found[index] = error
    for group in _related(runs, grid, found):
        _Together(group, grid, steps, select, limits, settings, compute, found).go(share)
    return [one for one in found if one is not None]


def _checked(tree: Expr, steps: int, limits: Limits) -> str:
    kind = kind_of(tree)
    if kind == "range" and steps > 1:
        raise QueryError(
            'invalid expression type "range vector" for range query, must be scalar or instant vector',
            position=tree.position, end=tree.end,
        )  # fmt: skip
    limits.check("steps_max", steps, "instants", tree.position)
    return kind


def _string(expr: Expr, steps: int) -> Result:
    inner = bare(expr)
    text = inner.value if isinstance(inner, Text) else ""
    return Result("string", (), np.zeros((0, steps)), np.zeros((0, steps), dtype=bool), text=text)


def _too_deep(tree: Expr) -> QueryError:
    return QueryError("the expression is nested too deep", position=tree.position)


def _related(runs: list[Run], grid: Grid, found: list[Outcome | None]) -> list[list[tuple[Run, tuple[Selection, ...]]]]:
    """Runs in groups, so that those that look at the same series are in the same group."""
    leader: dict[tuple[Matcher, ...], int] = {}
    groups: dict[int, list[tuple[Run, tuple[Selection, ...]]]] = {}
    for run in runs:
        try:
            wanted = tuple(run.wanted(grid))
        except RecursionError:
            found[run.index] = _too_deep(run.tree)
            continue
        except QueryError as error:
            found[run.index] = error
            continue
        matchers = {one.matchers for one in wanted}
        joined_ = sorted({leader[one] for one in matchers if one in leader})
        home = joined_[0] if joined_ else run.index
        for other in joined_[1:]:
            moved = groups.pop(other)
            groups[home] += moved
            for _, theirs in moved:
                leader.update((one.matchers, home) for one in theirs)
        leader.update((one, home) for one in matchers)
        groups.setdefault(home, []).append((run, wanted))
    return [sorted(group, key=lambda pair: pair[0].index) for _, group in sorted(groups.items())]


class _Together:
    """Runs that share samples, on their way through the grid."""

    def __init__(
        self,
        group: list[tuple[Run, tuple[Selection, ...]]],
        grid: Grid,
        steps: int,
        select: Select,
        limits: Limits,
        settings: Settings,
        compute: Compute,
        found: list[Outcome | None],
    ) -> None:
        self.alive = [run for run, _ in group]
        self.whole = united(one for _, wanted in group for one in wanted)
        self.grid, self.steps = grid, steps
        self.select, self.limits, self.settings = select, limits, settings
        self.compute = compute
        self.found = found
        self.supply = Supply(select, limits)
        self.numbering = Numbering()
        self.ready = Ready(grid)
        for run in self.alive:
            run.supply = self.supply
        for run in list(self.alive):
            self._guarded(run, lambda run: self.numbering.asked.update([self.numbering.of(run.tree)]))

    def go(self, share: Share) -> None:
        """Evaluate all, a part of the grid after another."""
        watch = self.limits.watch()
        watch.start()
        parts = [self.grid]
        looked = None if share == "small" else self.supply.looked_ahead(self.whole, self.steps)
        if looked is not None:
            if share == "all" and self.settings.features == STABLE:
                self._deal(looked, watch)
            parts = looked.parts(self.grid, self.steps, self._wanted)
        for part in parts:
            self.supply.advance(self._wanted(part))
            for run in list(self.alive):
                self._guarded(run, self._within_limits)
            for tile in tiles(part, steps_of(part), self.supply.series):
                memory = Memory(self.numbering, self.ready)
                for run in list(self.alive):
                    self._guarded(run, lambda run, memory=memory, tile=tile: self._on(run, memory, tile))  # type: ignore[misc]
            if len(self.alive) == 1:  # whoever is alone pays for the loading as well
                self.alive[0].watch.spent = watch.elapsed
            if not self.alive:
                return
        for run in list(self.alive):
            self._guarded(run, self._finish)

    def _deal(self, looked: LookAhead, watch: Watch) -> None:
        """Compute beforehand what is aggregated over shares of the series."""
        shares = shares_of(looked.weights, RESIDENT_SAMPLES)
        if shares is None:
            return
        nodes: dict[int, Expr] = {}
        runs: list[tuple[Run, list[int]]] = []
        for run in self.alive:
            found: list[Expr] = [*(dealt(run.tree) or ())] or ([run.tree] if by_rows(run.tree, shares.label) else [])
            if found:
                runs.append((run, [self.numbering.of(node) for node in found]))
                nodes.update((self.numbering.of(node), node) for node in found)
        gathered = {number: Gathered.of(node, self.steps) for number, node in nodes.items()}
        notes: dict[int, Annotations] = {number: Annotations() for number in nodes}
        failed: dict[int, Exception] = {}
        for condition in shares.conditions:
            asked = [(number, part) for number, node in gathered.items() for part in node.parts]
            large = shares.most > WHOLE_SAMPLES
            outcome = iter(self._of_share(only(self.select, condition), asked, notes, "large" if large else "small"))
            for number, node in list(gathered.items()):
                results = [next(outcome) for _ in node.parts]
                fault = next((one for one in results if isinstance(one, Exception)), None)
                fine = [one for one in results if isinstance(one, Result)]
                if fault is not None:
                    failed[number] = fault
                if fault is not None or any(one.histograms is not None for one in fine):
                    del gathered[number]  # histograms are added by those who know how, from all series at once
                else:
                    node.add(fine)
            if watch.elapsed > watch.seconds_max * len(runs):
                for run, _ in runs:
                    self._guarded(run, lambda run: watch.check(run.tree.position))
                return
        self.ready.values = {number: node.vector() for number, node in gathered.items()}
        for run, numbers in runs:
            error = next((failed[number] for number in numbers if number in failed), None)
            if error is not None:
                self._end(run, copy.copy(error))
                continue
            run.is_ready = all(number in gathered for number in numbers)
            for number in numbers if run.is_ready else ():
                for note in notes[number]:
                    run.notes.add(note)

    def _of_share(
        self, select: Select, asked: list[tuple[int, Expr]], notes: dict[int, Annotations], share: Share
    ) -> list[Outcome]:
        """The values of aggregations over one share; what is noted about them goes into `notes`."""

        def compute(run: Run, memory: Memory, tile: Grid) -> Value:
            run.notes = notes[asked[run.index][0]]
            return self.compute(run, memory, tile)

        trees = [(part, None) for _, part in asked]
        return outcomes(trees, self.grid, select, self.limits, self.settings, compute, share=share)

    def _wanted(self, part: Grid) -> tuple[Selection, ...]:
        if part == self.grid and not any(run.is_ready for run in self.alive):
            return self.whole
        return united(one for run in self.alive for one in run.wanted(part))

    def _within_limits(self, run: Run) -> None:
        """The samples of one expression are limited, however many others share them."""
        self.limits.check("samples_max", self.supply.loaded(run.wanted(self.grid)), "samples")

    def _on(self, run: Run, memory: Memory, tile: Grid) -> None:
        run.watch.start()
        with np.errstate(all="ignore"):
            value = self.compute(run, memory, tile)
        run.parts.append(pruned(value) if isinstance(value, Vector) else value)
        run.watch.stop()

    def _finish(self, run: Run) -> None:
        warnings, infos = run.notes.texts(run.text)
        result = joined(run.parts, self.limits)
        run.parts = []
        self.found[run.index] = dataclasses.replace(result, warnings=warnings, infos=infos)

    def _guarded(self, run: Run, act: Callable[[Run], None]) -> None:
        """Do something for one run; if that fails, it is the end of this run alone."""
        try:
            act(run)
        except RecursionError:
            self._end(run, _too_deep(run.tree))
        except QueryError as error:
            self._end(run, error)
        except SerenoError:
            raise
        except Exception as fault:
            self._end(run, fault)

    def _end(self, run: Run, error: Exception) -> None:
        self.found[run.index] = error
        run.parts = []
        self.alive.remove(run)
