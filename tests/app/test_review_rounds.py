"""What one bad rule, one bad answer or one slow neighbour may not do to all the others."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.app.town import SPEC, Town, opened

from sereno.adapters.sql.errors import DatabaseDied
from sereno.app import evaluate
from sereno.app.commands import reload_spec
from sereno.app.evaluate import DUTY, BudgetRound, fetch
from sereno.app.outlive import outlive
from sereno.kernel.errors import QueryError, Unavailable
from sereno.promql.columns import Columns, Matcher, Selection

SEARCH = """
---
service: search
team: payments
slos:
  - name: availability
    objective: 99%
    window: 7d
    sli: {events: {total: 'searches_total{job="payments"}', bad: 'status=~"5.."'}}
alerts:
  - {alert: SearchDown, expr: 'sum(searches_total{job="payments"}) > 1e9', severity: SEV2, summary: Nobody finds}
status: {page: public, component: Search}
"""


class Moody:
    """A source of samples that refuses, or does not answer, when it is told so."""

    def __init__(self, source) -> None:
        self.source = source
        self.dead = False
        self.refused: Callable[[str], bool] = lambda name: False

    async def fetch(self, wanted):
        if self.dead:
            raise Unavailable("Prometheus does not answer")
        for one in wanted:
            if any(self.refused(m.value) for m in one.matchers):
                raise QueryError("too many series")
        return await self.source.fetch(wanted)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    town = await opened(tmp_path, spec=SPEC.replace("components: [", "components: [{component: Search}, ") + SEARCH)
    town.control.source = Moody(town.control.source)
    yield town
    await town.close()


def metric(town: Town, name: str, **labels: str) -> float | None:
    return town.control.metrics.registry.get_sample_value(name, labels)


async def miss(town: Town) -> None:
    """Five seconds in which the samples cannot be had."""
    town.clock.instant += town.interval
    with outlive("rules", town.control.metrics) as failures:
        await town.rules.once(town.clock.now())
    assert failures
    await town.settle()


async def test_a_round_that_failed_is_tried_again_in_the_next_slot(town: Town):
    town.control.source.dead = True
    await miss(town)
    town.control.source.dead = False
    town.clock.instant += town.interval
    assert await town.rules.once(town.clock.now()), "the duty was given back, not held until its lease ran out"


async def test_while_samples_cannot_be_had_nothing_is_shown_as_fine(town: Town):
    assert await town.component() == "operational"
    town.control.source.dead = True
    await miss(town)
    assert await town.component() == "operational", "one missed look says nothing yet"
    for _ in range(7):
        await miss(town)
    assert await town.component() == "unknown"
    town.control.source.dead = False
    await town.tick()
    assert await town.component() == "operational"


async def test_an_expression_that_the_source_refuses_spoils_no_other(town: Town):
    town.control.source.refused = lambda value: value == "searches_total"
    town.broken = True

    async def paged():
        return town.mail.taken

    assert (await town.until(paged, timedelta(minutes=2)))[0].person == "ana"
    assert "search/alert:SearchDown: too many series" in (town.control.evaluation_error or "")
    assert metric(town, "sereno_evaluations_total", outcome="error") > 0


async def test_a_fault_of_ours_in_one_rule_spoils_no_other(town: Town, monkeypatch: pytest.MonkeyPatch):
    evaluator = importlib.import_module("sereno.promql.evaluate")  # the function of that name hides it
    right = evaluator._Tile.compute

    def wrong(tile, expression, grid):
        if expression == evaluate.parsed('sum(searches_total{job="payments"}) > 1e9'):
            raise ZeroDivisionError("a bug")
        return right(tile, expression, grid)

    monkeypatch.setattr(evaluator._Tile, "compute", wrong)
    found = {one.rule: one.error for one in await _next(town)}
    assert {key: why for key, why in found.items() if why} == {
        "search/alert:SearchDown": "it cannot be computed (ZeroDivisionError)"
    }
    assert len(found) > 1


async def _next(town: Town):
    town.clock.instant += town.interval
    return await town.rules.once(town.clock.now())


async def test_one_budget_that_cannot_be_counted_leaves_the_others_true(town: Town):
    town.control.source.refused = lambda value: value == "http_requests_total"
    await BudgetRound(town.control).once(town.clock.now())
    assert ("payments", "availability") not in town.control.budgets
    assert town.control.budgets["search", "availability"].state == "unknown"
    assert metric(town, "sereno_loop_errors_total", loop="budgets") == 1


async def test_the_budget_of_an_objective_that_left_is_forgotten_even_if_it_is_being_counted(town: Town):
    path = town.folder / "reliability" / "all.yaml"
    await town.budgets.once(town.clock.now())
    assert metric(town, "sereno_budget_remaining_ratio", service="payments", slo="availability") is not None
    counting, go_on = asyncio.Event(), asyncio.Event()
    fetch = town.control.source.fetch

    async def slow(wanted):
        counting.set()
        await go_on.wait()
        return await fetch(wanted)

    town.control.source.fetch = slow
    round_ = asyncio.create_task(town.budgets.once(town.clock.now()))
    await counting.wait()
    path.write_text(path.read_text().replace("name: availability", "name: uptime"))
    assert await reload_spec(town.control, actor="test")
    go_on.set()
    await round_
    assert ("payments", "availability") not in town.control.budgets
    assert metric(town, "sereno_budget_remaining_ratio", service="payments", slo="availability") is None
    await town.budgets.once(town.clock.now())
    assert ("payments", "uptime") in town.control.budgets


async def test_a_tightened_objective_does_not_keep_the_budget_of_the_loose_one(town: Town):
    await town.budgets.once(town.clock.now())
    path = town.folder / "reliability" / "all.yaml"
    path.write_text(path.read_text().replace("99.95%", "99.99%"))
    assert await reload_spec(town.control, actor="test")
    assert ("payments", "availability") not in town.control.budgets, "unknown until it is counted"
    assert ("search", "availability") in town.control.budgets


async def test_slots_that_nobody_evaluated_are_counted(town: Town):
    before = metric(town, "sereno_evaluations_missed_total")
    town.clock.instant += 4 * town.interval
    await town.rules.once(town.clock.now())
    assert metric(town, "sereno_evaluations_missed_total") - before == 3


async def test_a_rule_that_is_gone_ends_its_alerts_and_their_page(town: Town):
    town.broken = True

    async def paged():
        return town.mail.taken

    await town.until(paged)
    path = town.folder / "reliability" / "all.yaml"
    path.write_text(SPEC.replace("99.95%", "50%"))  # such an objective has no tier that could fire
    assert await reload_spec(town.control, actor="test")
    await town.run(seconds=10)
    assert (await town.pages())[0].state == "closed"


def test_only_the_death_of_the_store_ends_a_loop():
    from sereno.app.metrics import Metrics

    metrics = Metrics()
    with outlive("x", metrics) as failures:
        raise ValueError("secret=hunter2")
    assert [type(one) for one in failures] == [ValueError]
    with pytest.raises(DatabaseDied), outlive("x", metrics):
        raise DatabaseDied("gone")
    assert metrics.registry.get_sample_value("sereno_loop_errors_total", {"loop": "x"}) == 1


async def test_every_loop_lives_on_after_an_error_that_nobody_foresaw(town: Town, monkeypatch: pytest.MonkeyPatch):
    from sereno.app import serve
    from sereno.app.evaluate import RuleRound
    from sereno.app.retention import Retention
    from sereno.app.workers import AuditorLoop

    async def fails(*args, **kwargs):
        raise RuntimeError("a bug")

    def fail(*args, **kwargs):
        raise RuntimeError("a bug")

    for name in ("WATCH_SECONDS", "UPKEEP_SECONDS"):
        monkeypatch.setattr(serve, name, 0.01)
    for kind in (RuleRound, BudgetRound, Retention):
        monkeypatch.setattr(kind, "once", fails)
    monkeypatch.setattr(town.control.database, "write", fails)
    monkeypatch.setattr(town.control.database, "read", fails)
    monkeypatch.setattr(town.control.store, "maintain", fails)
    monkeypatch.setattr(serve, "fingerprint", fail)
    running = [asyncio.create_task(loop) for loop in serve.loops(town.control)]
    names = ("rules", "budgets", "retention", "spec", "samples", "dispatch", "steps", "delivery", AuditorLoop.name)
    try:
        async with asyncio.timeout(60):
            while not all(metric(town, "sereno_loop_errors_total", loop=name) for name in names):
                await asyncio.sleep(0.01)
        assert not [task for task in running if task.done()]
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        monkeypatch.undo()


async def test_a_duty_that_we_held_is_free_once_we_have_left(town: Town):
    held = await town.control.database.write(
        lambda unit: unit.duties.claim(DUTY, town.control.owner, town.clock.now() + town.interval, evaluate.LEASE)
    )
    assert held
    await town.control.database.write(lambda unit: unit.duties.release(town.control.owner))
    assert await _next(town)


async def test_one_selection_that_is_refused_costs_a_thousand_others_little():
    wanted = [Selection((Matcher("__name__", "=", f"m{number}"),), 0, 1) for number in range(1000)]
    asked = []

    class Source:
        async def fetch(self, selections):
            asked.append(len(selections))
            if wanted[617] in selections:
                raise QueryError("too many series")
            return dict.fromkeys(selections, Columns.of([]))

    select = await fetch(SimpleNamespace(samples=Source()), wanted)
    assert all(len(select(one)) == 0 for one in wanted if one is not wanted[617])
    with pytest.raises(QueryError, match="too many series"):
        select(wanted[617])
    assert len(asked) < 25
    assert sum(asked) <= 3000
