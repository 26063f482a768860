"""The rounds: every interval all rules are evaluated, every minute all budgets are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial

import structlog

from sereno.adapters.samples.target import TargetState
from sereno.adapters.sql.duties import Fence
from sereno.adapters.sql.unit import Unit
from sereno.alerts import service as alerts
from sereno.alerts.groups import from_files
from sereno.alerts.model import Evaluation
from sereno.app.control import Control
from sereno.app.heartbeat import last_look, note_look, unwatched_after
from sereno.app.outlive import outlive, shown
from sereno.kernel.errors import QueryError
from sereno.kernel.events import Event, ServiceObserved
from sereno.kernel.moment import EPOCH, to_ms
from sereno.kernel.rule import Rule
from sereno.promql import Result, Settings, evaluate_all, parse, selections
from sereno.promql.columns import Columns, Grid, Matcher, Select, Selection
from sereno.slo.selectors import selections_between
from sereno.spec.model import Service

log = structlog.get_logger()
LEASE = timedelta(seconds=30)
DUTY = "evaluate"
CLOCK_WENT_BACK = "the clock went back: no samples of now can be had until it has caught up"

parsed = lru_cache(maxsize=4096)(parse)


def covering(wanted: Iterable[Selection]) -> dict[tuple[Matcher, ...], Selection]:
    """One selection for all that ask for the same series, over the widest range."""
    widest: dict[tuple[Matcher, ...], Selection] = {}
    for one in wanted:
        known = widest.get(one.matchers)
        if known is not None:
            one = Selection(one.matchers, min(known.start_ms, one.start_ms), max(known.end_ms, one.end_ms))
        widest[one.matchers] = one
    return widest


async def fetch(control: Control, wanted: Iterable[Selection]) -> Select:
    """Get samples for all of `wanted` at once; the answer serves each of them.

    Raises Unavailable when there is no answer at all. What the source refuses is raised to whoever asks for that.
    """
    cover = covering(wanted)
    columns: dict[Selection, Columns] = {}
    refused: dict[Selection, QueryError] = {}
    await _fetch(control, tuple(cover.values()), columns, refused)

    def select(selection: Selection) -> Columns:
        one = cover[selection.matchers]
        if one in refused:
            raise refused[one]
        return columns[one]

    return select


async def _fetch(
    control: Control,
    wanted: Sequence[Selection],
    columns: dict[Selection, Columns],
    refused: dict[Selection, QueryError],
) -> None:
    """Where one of them is wrong, or too large, the others are none the worse for it: half by half it is found."""
    try:
        columns.update(await control.samples.fetch(tuple(wanted)))
    except QueryError as error:
        if len(wanted) < 2:
            refused.update(dict.fromkeys(wanted, error))
            return
        middle = len(wanted) // 2
        for half in (wanted[:middle], wanted[middle:]):
            await _fetch(control, half, columns, refused)


@dataclass(frozen=True, slots=True)
class _Turn:
    """Whether it is our turn (`fence`), how many slots before went by unseen, and when somebody last looked."""

    fence: Fence | None
    missed: int
    looked_at: datetime | None


class RuleRound:
    """Evaluates every rule once an interval, on whichever replica holds the duty."""

    def __init__(self, control: Control) -> None:
        self.control = control

    async def run(self) -> None:
        """Go round until cancelled."""
        control, interval = self.control, self.control.settings.evaluation_interval
        while True:
            with outlive("rules", control.metrics) as failures:
                await self.once(control.clock.now())
            if failures:
                control.evaluation_error = shown(failures[0])
            now = control.clock.now()
            await asyncio.sleep((next_slot(now, interval) - now).total_seconds())

    async def once(self, now: datetime) -> Sequence[Evaluation]:
        """One round at `now`, if it is due and nobody else does it: evaluate, then write all states at once.

        What fails before that gives the duty back: the next slot is nobody's loss.
        """
        control = self.control
        turn = await control.database.write(lambda unit: self._claim(unit, now))
        if turn.fence is None:
            if turn.looked_at != control.evaluated_at:  # somebody else does it, and does it well
                control.evaluated_at, control.evaluation_error = turn.looked_at, None
            return ()
        control.metrics.evaluations_missed.inc(turn.missed)
        try:
            return await self._round(turn.fence, now)
        except Exception:
            await control.database.write(partial(self._give_back, fence=turn.fence, now=now))
            raise

    async def _round(self, fence: Fence, now: datetime) -> Sequence[Evaluation]:
        control, spec = self.control, self.control.spec.current
        began = control.clock.monotonic()
        asked = {rule.key: rule for rule in control.rules}
        evaluations, known = await self._look(asked, spec.services, now)
        seconds = control.clock.monotonic() - began

        def write(unit: Unit) -> dict[str, str] | None:
            if not unit.duties.done(fence, next_slot(now, control.settings.evaluation_interval)):
                return None
            recorded = alerts.record_round(unit.alerts, asked, evaluations, now, mine=lambda key: not from_files(key))
            unit.ledger.add([*recorded.events, *observed(unit.facts.get("known") or {}, known, now)])
            unit.facts.set("known", known, now)
            note_look(unit, now)
            return recorded.unknown

        unknown = await control.database.write(write)
        if unknown is None:  # it took so long that somebody else took over
            return ()
        control.evaluated_at = now
        control.evaluation_error = "; ".join(f"{key}: {why}" for key, why in unknown.items()) or None
        control.metrics.evaluation_seconds.observe(seconds)
        for evaluation in evaluations:
            control.metrics.evaluations.labels("error" if evaluation.rule in unknown else "ok").inc()
        return evaluations

    def _claim(self, unit: Unit, now: datetime) -> _Turn:
        """Take the duty, if it is due and in nobody's hands."""
        due, interval = unit.duties.next_due(DUTY), self.control.settings.evaluation_interval
        fence = unit.duties.claim(DUTY, self.control.owner, now, LEASE, period=interval)
        missed = max((now - due) // interval, 0) if fence and due else 0
        return _Turn(fence, missed, last_look(unit))

    def _give_back(self, unit: Unit, fence: Fence, now: datetime) -> None:
        """End a round that saw nothing. Once that has lasted for a while, nothing is known of any service."""
        interval = self.control.settings.evaluation_interval
        if not unit.duties.done(fence, next_slot(now, interval)):
            return
        looked_at = last_look(unit)
        if looked_at is None or now - looked_at > unwatched_after(interval):
            unknown = dict.fromkeys(self.control.spec.current.services, False)
            unit.ledger.add(observed(unit.facts.get("known") or {}, unknown, now))
            unit.facts.set("known", unknown, now)

    async def _look(
        self, rules: Mapping[str, Rule], services: Mapping[str, Service], now: datetime
    ) -> tuple[list[Evaluation], dict[str, bool]]:
        grid, settings = Grid.at(to_ms(now)), self.control.settings.promql
        expressions = {key: parsed(rule.expr, settings.language) for key, rule in rules.items()}
        wanted = [one for expression in expressions.values() for one in selections(expression, grid, settings=settings)]
        signs = {name: signs_of_life(service, now, settings) for name, service in services.items()}
        wanted += [one for signs_of_one in signs.values() for one in signs_of_one]
        select, targets = await fetch(self.control, wanted), self.control.targets
        unseen = {name for name, service in services.items() if blind(service, targets)}

        def compute() -> tuple[list[Evaluation], dict[str, bool]]:
            seen = {key: tree for key, tree in expressions.items() if rules[key].service not in unseen}
            results = evaluate_all([*seen.values()], grid, select, settings=settings)
            found = [_evaluation(key, result, now) for key, result in zip(seen, results, strict=True)]
            found += [Evaluation(key, now, error=CLOCK_WENT_BACK) for key in expressions.keys() - seen.keys()]
            known = {name: alive(signs[name], select) for name in services if signs[name]}
            return found, {name: lives and name not in unseen for name, lives in known.items()}

        return await asyncio.to_thread(compute)


def _evaluation(key: str, result: Result | QueryError, now: datetime) -> Evaluation:
    if isinstance(result, Result):
        return Evaluation(key, now, tuple(result.instant()))
    if result.__cause__ is not None:
        log.error("rule_failed", rule=key, exc_info=result.__cause__)
    return Evaluation(key, now, error=result.message)


def next_slot(now: datetime, interval: timedelta) -> datetime:
    """The first multiple of `interval` since the epoch that lies after `now`."""
    return EPOCH + ((now - EPOCH) // interval + 1) * interval


def signs_of_life(service: Service, now: datetime, settings: Settings) -> tuple[Selection, ...]:
    """The samples by which one knows that anything is known about `service`: its targets' `up`; without targets
    of its own, whatever its objectives and alerts look at.
    """
    end = to_ms(now)
    if service.scrape:
        return tuple(
            Selection(
                (Matcher("__name__", "=", "up"), Matcher("job", "=", job.job)),
                end - round((2 * job.every + job.timeout).total_seconds() * 1000),
                end,
            )
            for job in service.scrape
        )
    matchers = [one.matchers for slo in service.slos for one in selections_between(slo, end, end)[:1]]
    trees = [parsed(rule.expr, settings.language) for rule in service.alerts]
    matchers += [one.matchers for tree in trees for one in selections(tree, Grid.at(end), settings=settings)]
    return tuple(Selection(one, end - 300_000, end) for one in matchers)


def alive(signs: Sequence[Selection], select: Select) -> bool:
    """Whether any of `signs` shows something (a scrape that succeeded, or a counter's sample)."""
    for sign in signs:
        try:
            columns = select(sign)
        except QueryError:
            continue
        fresh = columns.times >= sign.start_ms
        values = columns.values[fresh]
        is_up = any(m.name == "__name__" and m.value == "up" for m in sign.matchers)
        if ((values == 1) if is_up else (values == values)).any():
            return True
    return False


def blind(service: Service, targets: Iterable[TargetState]) -> bool:
    """Whether what is read of `service` are old samples: the clock went back, and none are taken until it catches up.

    A service without targets of its own lives off those of others.
    """
    jobs = {job.job for job in service.scrape}
    mine = [target for target in targets if target.job in jobs or not jobs]
    return bool(mine) and all(target.health == "unknown" and target.error is not None for target in mine)


def observed(before: Mapping[str, bool], after: Mapping[str, bool], now: datetime) -> list[Event]:
    """What changed in what is known about services."""
    return [
        ServiceObserved(at=now, service=name, known=known, reason="samples" if known else "no samples")
        for name, known in after.items()
        if before.get(name) != known
    ]


class BudgetRound:
    """Counts every budget once a minute; what it finds is kept for the pages."""

    def __init__(self, control: Control) -> None:
        self.control = control

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            with outlive("budgets", self.control.metrics):
                await self.once(self.control.clock.now())
            await asyncio.sleep(self.control.settings.budget_interval.total_seconds())

    async def once(self, now: datetime) -> None:
        """Count all budgets at `now`, one objective at a time so that memory stays small, and none the worse for
        another's failure. One that fails keeps the figures, and the moment, of its last count.
        """
        from sereno.app.budgeting import counted, exclusions_of

        control = self.control
        began = control.clock.monotonic()
        exclusions = await exclusions_of(control)
        for key, plan in tuple(control.plans.items()):
            with outlive("budgets", control.metrics):
                found = await counted(control, plan, now, exclusions)
                # A reload may have changed the objective while it was being counted.
                if control.plans.get(key) == plan:
                    control.budgets[key] = found
                    control.metrics.show_budget(found)
        control.metrics.budget_seconds.observe(control.clock.monotonic() - began)
