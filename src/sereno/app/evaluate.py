"""The rounds: every interval all rules are evaluated, every minute all budgets are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import structlog

from sereno.adapters.samples.target import TargetState
from sereno.adapters.sql.errors import DatabaseDied
from sereno.adapters.sql.unit import Unit
from sereno.alerts import service as alerts
from sereno.alerts.model import Evaluation
from sereno.app.control import Control
from sereno.kernel.errors import QueryError, SerenoError
from sereno.kernel.events import Event, ServiceObserved
from sereno.kernel.moment import EPOCH, iso, to_ms
from sereno.kernel.rule import Rule
from sereno.promql import evaluate, matchers_of, parse, selections
from sereno.promql.ast import Expr
from sereno.promql.columns import Columns, Grid, Matcher, Select, Selection
from sereno.slo import budget, budget_selections
from sereno.spec.model import EventsSli, Service

log = structlog.get_logger()
LEASE = timedelta(seconds=60)
DUTY = "evaluate"
NAN = float("nan")

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
    """Get samples for all of `wanted` at once; the answer serves each of them."""
    cover = covering(wanted)
    columns = await control.source.fetch(tuple(cover.values()))

    def select(selection: Selection) -> Columns:
        return columns[cover[selection.matchers]]

    return select


class RuleRound:
    """Evaluates every rule once an interval, on whichever replica holds the duty."""

    def __init__(self, control: Control) -> None:
        self.control = control

    async def run(self) -> None:
        """Go round until cancelled."""
        control, interval = self.control, self.control.settings.evaluation_interval
        while True:
            try:
                await self.once(control.clock.now())
            except DatabaseDied:
                raise
            except Exception as error:
                known = isinstance(error, SerenoError)
                control.evaluation_error = error.message if isinstance(error, SerenoError) else type(error).__name__
                control.metrics.loop_errors.labels("rules").inc()
                log.error("evaluation_failed", error=control.evaluation_error, exc_info=None if known else error)
            now = control.clock.now()
            await asyncio.sleep((next_slot(now, interval) - now).total_seconds())

    async def once(self, now: datetime) -> Sequence[Evaluation]:
        """One round at `now`, if it is due and nobody else does it: evaluate, then write all states at once."""
        control, interval = self.control, self.control.settings.evaluation_interval
        fence = await control.database.write(
            lambda unit: unit.duties.claim(DUTY, control.owner, now, LEASE, period=interval)
        )
        if fence is None:
            return ()
        began = control.clock.monotonic()
        services = control.spec.current.services
        asked = {rule.key: rule for rule in control.rules}
        evaluations, known = await self._look(asked, services, now)
        seconds = control.clock.monotonic() - began

        def write(unit: Unit) -> dict[str, str]:
            if not unit.duties.done(fence, next_slot(now, interval)):
                return {}
            recorded = alerts.record_round(unit.alerts, asked, evaluations, now)
            events: list[Event] = list(recorded.events)
            events += observed(unit.facts.get("known") or {}, known, now)
            unit.facts.set("known", known, now)
            unit.facts.set("heartbeat", iso(now), now)
            unit.ledger.add(events)
            return recorded.unknown

        unknown = await control.database.write(write)
        control.evaluated_at = now
        control.evaluation_error = "; ".join(f"{key}: {why}" for key, why in unknown.items()) or None
        control.metrics.evaluation_seconds.observe(seconds)
        for evaluation in evaluations:
            control.metrics.evaluations.labels("error" if evaluation.error else "ok").inc()
        return evaluations

    async def _look(
        self, rules: Mapping[str, Rule], services: Mapping[str, Service], now: datetime
    ) -> tuple[list[Evaluation], dict[str, bool]]:
        grid = Grid.at(to_ms(now))
        expressions = {key: parsed(rule.expr) for key, rule in rules.items()}
        wanted = [one for expression in expressions.values() for one in selections(expression, grid)]
        signs = {name: signs_of_life(service, now) for name, service in services.items()}
        wanted += [one for signs_of_one in signs.values() for one in signs_of_one]
        select, targets = await fetch(self.control, wanted), self.control.targets

        def compute() -> tuple[list[Evaluation], dict[str, bool]]:
            found = [_evaluation(key, expression, grid, select, now) for key, expression in expressions.items()]
            known = {name: alive(signs[name], select) for name in services if signs[name]}
            return found, {name: lives and not blind(services[name], targets) for name, lives in known.items()}

        return await asyncio.to_thread(compute)


def _evaluation(key: str, expression: Expr, grid: Grid, select: Select, now: datetime) -> Evaluation:
    try:
        result = evaluate(expression, grid, select)
    except QueryError as error:
        return Evaluation(key, now, error=error.message)
    return Evaluation(key, now, tuple(result.instant()))


def next_slot(now: datetime, interval: timedelta) -> datetime:
    """The first multiple of `interval` since the epoch that lies after `now`."""
    return EPOCH + ((now - EPOCH) // interval + 1) * interval


def signs_of_life(service: Service, now: datetime) -> tuple[Selection, ...]:
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
    texts = [slo.sli.total if isinstance(slo.sli, EventsSli) else slo.sli.count for slo in service.slos]
    matchers = [matchers_of(text) for text in texts]
    matchers += [one.matchers for rule in service.alerts for one in selections(parsed(rule.expr), Grid.at(end))]
    return tuple(Selection(one, end - 300_000, end) for one in matchers)


def alive(signs: Sequence[Selection], select: Select) -> bool:
    """Whether any of `signs` shows something (a scrape that succeeded, or a counter's sample)."""
    for sign in signs:
        columns = select(sign)
        fresh = columns.times >= sign.start_ms
        values = columns.values[fresh]
        is_up = any(m.name == "__name__" and m.value == "up" for m in sign.matchers)
        if ((values == 1) if is_up else (values == values)).any():
            return True
    return False


def blind(service: Service, targets: Iterable[TargetState]) -> bool:
    """Whether what is read of `service` is none of its samples of now: the clock went back, and none are taken."""
    jobs = {job.job for job in service.scrape}
    mine = [target for target in targets if target.job in jobs]
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
            try:
                await self.once(self.control.clock.now())
            except DatabaseDied:
                raise
            except Exception as error:
                known = isinstance(error, SerenoError)
                self.control.metrics.loop_errors.labels("budgets").inc()
                log.error("budgets_failed", error=str(error), exc_info=None if known else error)
            await asyncio.sleep(self.control.settings.budget_interval.total_seconds())

    async def once(self, now: datetime) -> None:
        """Count all budgets at `now`, one objective at a time so that memory stays small."""
        control = self.control
        began = control.clock.monotonic()
        for key, plan in tuple(control.plans.items()):
            select = await fetch(control, budget_selections(plan.slo, now))
            control.budgets[key] = await asyncio.to_thread(budget, plan.service, plan.slo, select, now)
            remaining, rate = control.budgets[key].remaining, control.budgets[key].burn_rate
            control.metrics.budget_remaining.labels(*key).set(NAN if remaining is None else float(remaining))
            control.metrics.burn_rate.labels(*key).set(NAN if rate is None else float(rate))
        control.metrics.budget_seconds.observe(control.clock.monotonic() - began)
