"""The replay itself: tile of time by tile of time, unit by unit, with the state carried along."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from sereno.alerts.outcome import Outcome, alert_rows, judge, recorded_rows
from sereno.alerts.replay import Firing, Replayed, RuleProblem
from sereno.alerts.replay_plan import Arrangement, Task, Unit, arrange
from sereno.alerts.replay_series import Overlay, within
from sereno.alerts.replay_size import SAMPLES_HELD, Effort, Sizes
from sereno.alerts.replay_size import tile_ms as tile_ms_of
from sereno.alerts.texts import REGEXES
from sereno.alerts.track import Ended, Open, absorb_limited
from sereno.kernel.duration import to_ms
from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.kernel.labels import Labels
from sereno.kernel.template import TemplateContext, asks, expand
from sereno.promql import (
    Columns,
    Grid,
    Limits,
    Matcher,
    Result,
    Select,
    Selection,
    Settings,
    evaluate,
    evaluate_all,
    selections,
)
from sereno.spec.rule_groups import GroupRule, RuleGroup

_SHORT_MS = 6 * 3_600_000


@dataclass(slots=True)
class _Course:
    """How one rule fares: its open alerts, those that ended, and the instants at which it failed."""

    open: dict[Labels, Open] = field(default_factory=dict)
    ended: list[Ended] = field(default_factory=list)
    failed: list[tuple[int, str]] = field(default_factory=list)


class Outside:
    """Samples from outside, each series asked for once in a tile, over the longest range that any rule needs."""

    def __init__(self, select: Select, wanted: Sequence[Selection]) -> None:
        self._select = select
        self._cover: dict[tuple[Matcher, ...], Selection] = {}
        self._known: dict[tuple[Matcher, ...], Columns] = {}
        self.keeps = bool(wanted)
        for one in wanted:
            known = self._cover.get(one.matchers, one)
            start, end = min(known.start_ms, one.start_ms), max(known.end_ms, one.end_ms)
            self._cover[one.matchers] = Selection(one.matchers, start, end)

    def __call__(self, selection: Selection) -> Columns:
        """The samples of at least `selection`."""
        cover = self._cover.get(selection.matchers)
        if cover is None or cover.start_ms > selection.start_ms or cover.end_ms < selection.end_ms:
            return self._select(selection)
        if selection.matchers not in self._known:
            self._known[selection.matchers] = self._select(cover)
        return self._known[selection.matchers]


class Run:
    """One replay."""

    def __init__(
        self, groups: Sequence[RuleGroup], start_ms: int, end_ms: int, select: Select, *, interval_ms: int,
        settings: Settings | None, limits: Limits | None, texts: TemplateContext, alert_series: bool, merge: bool,
        arrangement: Arrangement | None = None, recorded: bool = True,
    ) -> None:  # fmt: skip
        if interval_ms <= 0 or end_ms < start_ms:
            raise QueryError("a replay needs an interval above zero and an end not before its start")
        self.start_ms, self.end_ms, self.select = start_ms, end_ms, select
        self.settings, self.limits, self.texts = settings or Settings(), limits, texts
        self.problems: list[RuleProblem] = []
        self.arrangement = arrangement or arrange(groups, start_ms, interval_ms, settings)
        self.problems += [
            RuleProblem(group.key, rule, start_ms, end_ms, why) for group, rule, why in self.arrangement.wrong
        ]  # fmt: skip
        self.tasks, self.units, self.made = self.arrangement.tasks, self.arrangement.units, self.arrangement.makers()
        self.courses = [_Course() for _ in self.tasks]
        self.alert_series = alert_series
        read = alert_series or self.arrangement.alerts_are_read
        looks_back = any(asks(text) for task in self.tasks for text in _texts_of(task.rule))
        self.keeps_recorded = recorded
        self.forgets = not (recorded or alert_series or looks_back)
        seen = frozenset[int]().union(*self.arrangement.reads)
        self.keeps = tuple(
            (not self.forgets or task.order in seen) if task.rule.kind == "record" else read for task in self.tasks
        )
        self.sizes = Sizes()
        self.overlay = Overlay(
            tuple(made for made, kept in zip(self.made, self.keeps, strict=True) if kept), start_ms, merge=merge
        )  # fmt: skip
        self.outside = Outside(select, ())
        self.efforts: dict[int, Effort] = {}

    # Time ------------------------------------------------------------------------------------------------------

    def all(self, tile_ms: int | None) -> None:
        """Replay the whole range."""
        span = self.end_ms - self.start_ms + 1
        wanted = self._wanted(self.start_ms, self.end_ms)
        if max((one.end_ms - one.start_ms for one in wanted), default=0) > _SHORT_MS:
            self.sizes = Sizes.seen(self.select, wanted, self.start_ms, self.end_ms)
        size = tile_ms or self._tile_ms(span)
        begin = self.start_ms
        while begin <= self.end_ms:
            self._tile(begin, min(begin + size - 1, self.end_ms))
            begin += size
            if self.forgets and begin <= self.end_ms:
                self._forget(begin)

    def _tile_ms(self, span: int) -> int:
        """How much time to hold at once."""
        if not self.sizes.densities:
            return span
        alone = [task for unit in self.units if unit.stepwise for task in unit.tasks]
        tasks = [task for unit in self.units for task in unit.tasks]
        wanted = self._wanted(self.start_ms, self.start_ms, alone or tasks)
        return tile_ms_of(self.sizes, tasks, wanted, bool(alone), span)

    def _wanted(self, first_ms: int, last_ms: int, tasks: Sequence[Task] | None = None) -> list[Selection]:
        found: list[Selection] = []
        for task in self.tasks if tasks is None else tasks:
            grid = task.grid(self.start_ms, first_ms, last_ms)
            if grid is not None:
                found += selections(task.tree, grid, settings=self.settings)
        return found

    def _outside(self, wanted: Sequence[Selection]) -> Outside:
        """Samples for a tile: kept, if they are few enough; else whoever looks bounds what it holds."""
        return Outside(self.select, wanted if self.sizes.samples(wanted) <= SAMPLES_HELD else ())

    def _forget(self, first_ms: int) -> None:
        """Let go of what was made and is not looked at from `first_ms` on."""
        needed = [math.inf] * len(self.made)
        for one in self._wanted(first_ms, self.end_ms):
            for maker in self.overlay.makers(one.matchers):
                needed[maker.order] = min(needed[maker.order], one.start_ms)
        for made in self.made:
            made.drop_before(min(needed[made.order], first_ms - made.offset_ms))

    def _tile(self, first_ms: int, last_ms: int) -> None:
        whole = self.outside = self._outside(self._wanted(first_ms, last_ms))
        for _, same in groupby(self.units, key=lambda unit: unit.level):
            together: dict[Grid, list[Task]] = {}
            alone: list[Unit] = []
            for unit in same:
                if unit.stepwise:
                    alone.append(unit)
                    continue
                task = unit.tasks[0]
                grid = task.grid(self.start_ms, first_ms, last_ms)
                if grid is not None:
                    together.setdefault(grid, []).append(task)
            for grid, tasks in together.items():
                self._at_once(tasks, grid)
            for unit in alone:
                if not whole.keeps:
                    self.outside = Outside(self.select, self._wanted(first_ms, last_ms, unit.tasks))
                self._step_by_step(unit, first_ms, last_ms)
                self.outside = whole

    # Evaluation ------------------------------------------------------------------------------------------------

    def _at_once(self, tasks: Sequence[Task], grid: Grid) -> None:
        def select(selection: Selection) -> Columns:
            outside = self.outside(selection)
            # Nobody in a batch reads what a rule of its own level makes, so that all see the same.
            return (
                self.overlay.seen(outside, selection, -1, None) if self.overlay.touches(selection.matchers) else outside
            )

        trees = [task.tree for task in tasks]
        results = evaluate_all(trees, grid, select, limits=self.limits, settings=self.settings)
        for task, result in zip(tasks, results, strict=True):
            if isinstance(result, Result):
                self._absorb(task, grid, result)
            else:
                self._in_parts(task, grid, select, result)

    def _in_parts(self, task: Task, grid: Grid, select: Select, error: QueryError) -> None:
        """A rule that fails over a range may fail only at some of its instants: find them."""
        count = len(grid.instants_ms)
        hopeless = isinstance(error, UnsupportedQuery) or error.__cause__ is not None or self._is_wrong(task)
        if count == 1 or hopeless or not self._is_worth_it(task, grid):
            self._fail(task, (grid.instants_ms + task.offset_ms).tolist(), error.message)
            return
        middle = grid.start_ms + (count // 2) * grid.step_ms
        halves = (Grid(grid.start_ms, middle - grid.step_ms, grid.step_ms), Grid(middle, grid.end_ms, grid.step_ms))
        for half in halves:
            (result,) = evaluate_all([task.tree], half, select, limits=self.limits, settings=self.settings)
            if isinstance(result, Result):
                self._absorb(task, half, result)
            else:
                self._in_parts(task, half, select, result)

    def _is_worth_it(self, task: Task, grid: Grid) -> bool:
        """Whether to look closer at which instants of `grid` a rule fails; if not, all of them count as failed."""
        effort = self.efforts.setdefault(task.order, Effort(self.sizes))
        return effort.allows(selections(task.tree, grid, settings=self.settings))

    def _is_wrong(self, task: Task) -> bool:
        """Whether the expression fails over no samples too."""
        try:
            evaluate(task.tree, Grid.at(0), lambda _: Columns.of([]), limits=self.limits, settings=self.settings)
        except QueryError:
            return True
        return False

    def _step_by_step(self, unit: Unit, first_ms: int, last_ms: int) -> None:
        """Instant by instant, and at one instant in the order of the rules."""
        looks: list[tuple[int, Task]] = []
        for task in unit.tasks:
            grid = task.grid(self.start_ms, first_ms, last_ms)
            if grid is not None:
                looks += [(int(at) + task.offset_ms, task) for at in grid.instants_ms]
        for at_ms, task in sorted(looks, key=lambda look: (look[0], look[1].order)):
            grid = Grid.at(at_ms - task.offset_ms)
            (result,) = evaluate_all(
                [task.tree], grid, self._seen_by(task, at_ms), limits=self.limits, settings=self.settings
            )  # fmt: skip
            if isinstance(result, Result):
                self._absorb(task, grid, result)
            else:
                self._fail(task, [at_ms], result.message)

    def _seen_by(self, task: Task, at_ms: int) -> Select:
        def select(selection: Selection) -> Columns:
            # Whatever an expression asks, nobody sees samples that are still to come.
            end_ms = min(selection.end_ms, at_ms)
            outside = within(self.outside(selection), selection.start_ms, end_ms)
            if not self.overlay.touches(selection.matchers):
                return outside
            return self.overlay.seen(outside, selection, task.order, at_ms)

        return select

    # What follows ----------------------------------------------------------------------------------------------

    def _fail(self, task: Task, instants: Sequence[int], why: str) -> None:
        self.courses[task.order].failed += [(at_ms, why) for at_ms in instants]

    def _absorb(self, task: Task, grid: Grid, result: Result) -> None:
        """Take in what a rule's expression gave on `grid`."""
        instants = grid.instants_ms + task.offset_ms
        if result.kind == "string":
            self._fail(task, instants.tolist(), "rule result is not a vector or scalar")
        elif task.rule.kind == "record":
            self._record(task, judge(task.rule, task.group.limit, instants, result, self._context(task)))
        else:
            self._alert(task, judge(task.rule, 0, instants, result, self._context(task)))

    def _context(self, task: Task) -> TemplateContext:
        """What the templates of `task` know; its `query` looks at the instant that the context names."""
        return replace(
            self.texts, name=task.rule.name, query=lambda text, at_ms: self._query(task, text, at_ms),
            regexes=self.texts.regexes or REGEXES,
        )  # fmt: skip

    def _query(self, task: Task, text: str, at_ms: int) -> list[tuple[Labels, float]]:
        result = evaluate(
            text, Grid.at(at_ms), self._seen_by(task, at_ms), limits=self.limits, settings=self.settings
        )  # fmt: skip
        return result.instant()

    def _record(self, task: Task, outcome: Outcome) -> None:
        self._note(task, outcome.failed)
        if self.keeps[task.order]:
            self.made[task.order].add(outcome.instants_ms - task.offset_ms, recorded_rows(outcome))

    def _alert(self, task: Task, outcome: Outcome) -> None:
        self._note(task, outcome.failed)
        course, rule = self.courses[task.order], task.rule
        block = outcome.block
        found, over = absorb_limited(
            course.open, block, to_ms(rule.for_), to_ms(rule.keep_firing_for), task.group.limit
        )
        course.open = found.open
        course.ended += found.ended
        kept = np.ones(len(block.instants_ms), dtype=bool)
        if over:
            kept[list(over)] = False
            limit = task.group.limit
            self._fail(task, block.instants_ms[~kept].tolist(), f"more alerts than the group's limit of {limit}")
        if self.keeps[task.order]:
            times = block.instants_ms - task.offset_ms
            self.made[task.order].add(times[kept], alert_rows(found.spans, len(times), kept))

    def _note(self, task: Task, failed: Sequence[tuple[int, str]]) -> None:
        self.courses[task.order].failed += failed

    def found_at(self, task: Task, at_ms: int) -> dict[Labels, tuple[dict[str, str], float]]:
        """The alerts that the expression of `task` gives at one evaluation: by labels, annotations and value.

        Raises QueryError. To be asked once the replay is done, while its tile covers `at_ms`.
        """
        result = evaluate(
            task.tree, Grid.at(at_ms - task.offset_ms), self._seen_by(task, at_ms), limits=self.limits,
            settings=self.settings,
        )  # fmt: skip
        context = replace(self._context(task), at_ms=at_ms)
        outcome = judge(task.rule, 0, np.array([at_ms], dtype=np.int64), result, context)
        found: dict[Labels, tuple[dict[str, str], float]] = {}
        for row in outcome.block.rows:
            if row.present[0]:
                seen = outcome.block.seen(row, 0)
                annotations = task.rule.annotations.items()
                texts = {name: expand(text, seen.series, seen.value, context) for name, text in annotations}
                found[row.labels] = (texts, seen.value)
        return found

    def firing_at(self, task: Task, at_ms: int) -> list[Labels]:
        """The labels of the alerts of `task` that fire at one evaluation."""
        course = self.courses[task.order]
        found = [
            ended.labels for ended in course.ended
            if ended.was.fired_at_ms is not None and ended.was.fired_at_ms <= at_ms < ended.at_ms
        ]  # fmt: skip
        return found + [
            labels for labels, was in course.open.items() if was.fired_at_ms is not None and was.fired_at_ms <= at_ms
        ]

    # The end ---------------------------------------------------------------------------------------------------

    def replayed(self) -> Replayed:
        """What it all came to."""
        found: list[tuple[int, int, Firing]] = []
        for task, course in zip(self.tasks, self.courses, strict=True):
            if task.rule.kind == "record":
                continue
            ends: list[tuple[Labels, Open, int | None]] = [(e.labels, e.was, e.at_ms) for e in course.ended]
            ends += [(labels, was, None) for labels, was in course.open.items()]
            context = self._context(task)
            found += [(was.active_at_ms, task.order, _firing(task, labels, was, at_ms, context))
                      for labels, was, at_ms in ends]  # fmt: skip
        found.sort(key=lambda one: (one[0], one[1], one[2].labels.pairs))
        problems = [*self.problems, *(p for t in self.tasks for p in self.problems_of(t))]
        return Replayed(tuple(one[2] for one in found), self._recorded(), tuple(problems))

    def problems_of(self, task: Task) -> Iterator[RuleProblem]:
        """Failures of neighbouring instants, for the same reason, as one."""
        failed = sorted(self.courses[task.order].failed)
        begin = 0
        for index, (at_ms, why) in enumerate(failed):
            following = failed[index + 1] if index + 1 < len(failed) else None
            if following == (at_ms + task.interval_ms, why):
                continue
            until = min(at_ms + task.interval_ms, self.end_ms)
            yield RuleProblem(task.group.key, task.rule, failed[begin][0], until, why)
            begin = index + 1

    def _recorded(self) -> Columns:
        nothing = Columns.of([])
        far = Selection((), -(2**62), 2**62)
        own = tuple(m for m in self.made if (self.alert_series if m.alert is not None else self.keeps_recorded))
        return Overlay(own, self.start_ms, merge=True).seen(nothing, far, -1, None)


def _texts_of(rule: GroupRule) -> tuple[str, ...]:
    return (*rule.labels.values(), *rule.annotations.values())


def _firing(task: Task, labels: Labels, was: Open, at_ms: int | None, context: TemplateContext) -> Firing:
    seen = was.seen
    context = replace(context, at_ms=seen.at_ms)
    texts = {name: expand(text, seen.series, seen.value, context) for name, text in task.rule.annotations.items()}
    return Firing(
        task.group.key, task.rule, labels, Labels(texts), seen.value, was.active_at_ms, was.fired_at_ms, at_ms
    )  # fmt: skip
