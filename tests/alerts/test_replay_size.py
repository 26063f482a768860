"""A replay over thousands of series holds what it must and no more, and says the same as one that holds everything."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from sereno.alerts import replay_run, replay_size
from sereno.alerts.replay import Replayed, replay
from sereno.alerts.replay_plan import arrange
from sereno.alerts.replay_series import within
from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, Select, Selection, matches, parse, selections, supply
from sereno.promql import run as promql_run
from sereno.promql.supply import cut, end_to_end
from sereno.spec.rule_groups import GroupRule, RuleGroup

MINUTE = 60_000
HOURS = 30
TIMES = np.arange(0, HOURS * 60 * MINUTE, MINUTE, dtype=np.int64)
SERIES = 24


def shop() -> Columns:
    """Two dozen counters, of which every fourth counts errors; more of them in the tenth hour."""
    dice = np.random.default_rng(3)
    rows = []
    for number in range(SERIES):
        bad = number % 4 == 0
        steps = dice.poisson(0.2 if bad else 20.0, len(TIMES)) + (bad & (TIMES // 3_600_000 == 10)) * 40
        labels = Labels(
            __name__="asked_total", path=f"/p{number}", job=f"j{number % 3}", status="500" if bad else "200"
        )
        rows.append((labels, TIMES, np.cumsum(steps).astype(float)))
    return Columns.of(rows)


SHOP = shop()


class Source:
    """A store of samples that remembers how many it has handed out at once."""

    def __init__(self) -> None:
        self.most = self.asked = 0

    def __call__(self, selection: Selection) -> Columns:
        rows = [i for i, labels in enumerate(SHOP.labels) if matches(selection.matchers, labels)]
        found = within(
            Columns.of([(SHOP.labels[i], *SHOP.series(i)) for i in rows]), selection.start_ms, selection.end_ms
        )
        self.most, self.asked = max(self.most, len(found.times)), self.asked + 1
        return found


def rules() -> list[RuleGroup]:
    ratio = 'sum(rate(asked_total{status="500"}[12h])) / sum(rate(asked_total[12h]))'
    return [
        RuleGroup("a", (
            GroupRule("record", "path:rate", "sum by (path, status) (rate(asked_total[10m]))"),
            GroupRule("alert", "Much", 'path:rate{status="500"} > 0.3', for_=timedelta(minutes=3)),
            GroupRule("alert", "Long", f"{ratio} > 0.01"),
        )),
        RuleGroup("b", (
            GroupRule("alert", "Rare", 'max_over_time(path:rate{status="500"}[5h]) > 0.3'),
            GroupRule("record", "unread", "rate(asked_total[5m])"),
        ), interval=timedelta(hours=2)),
    ]  # fmt: skip


def run(select: Select, **more: object) -> Replayed:
    return replay(rules(), 12 * 60 * MINUTE // 2, int(TIMES[-1]), select, interval_ms=MINUTE, **more)  # type: ignore[arg-type]


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that can hold four thousand samples, and as many values."""
    monkeypatch.setattr(replay_run, "SAMPLES_HELD", 4000)
    monkeypatch.setattr(replay_size, "CELLS_HELD", 4000)
    for module in (supply, promql_run):
        monkeypatch.setattr(module, "WHOLE_SAMPLES", 4000)
        monkeypatch.setattr(module, "RESIDENT_SAMPLES", 2000)


def told(found: Replayed) -> list[tuple[object, ...]]:
    return [
        (one.rule.name, one.labels.pairs, one.active_at_ms, one.fired_at_ms, one.resolved_at_ms, pytest.approx(one.value))
        for one in found.firings
    ]  # fmt: skip


def test_little_is_held_and_the_same_is_said(tight: None, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    found = run(source, keep_recorded=False)
    monkeypatch.undo()
    everything = Source()
    whole = run(everything)
    assert told(whole) == told(found)
    assert {one.rule.name for one in found.firings} == {"Much", "Long", "Rare"}
    assert len(whole.recorded) > SERIES
    assert found.problems == whole.problems == ()
    assert everything.most == SHOP.times.size
    assert source.most < everything.most / 4


@pytest.mark.parametrize("tile", [7, 60, 130, 500])
def test_what_was_recorded_is_let_go_only_when_nobody_looks_any_more(tile: int) -> None:
    kept, let_go = run(Source()), run(Source(), keep_recorded=False, tile_ms=tile * MINUTE)
    assert told(kept) == told(let_go)
    assert len(let_go.recorded) == 0


def test_finding_the_instants_that_fail_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = GroupRule("alert", "Twins", "asked_total * on() (asked_total > 0 and on() (minute() % 2) == 1)")
    group = [RuleGroup("g", (rule,))]
    exact = replay(group, 0, 60 * MINUTE, Source(), interval_ms=MINUTE)
    assert [(one.since_ms // MINUTE) for one in exact.problems] == list(range(1, 60, 2))
    monkeypatch.setattr(replay_size, "EFFORT_MAX", 12 * replay_size.EFFORT_OF_ONE)
    rough = replay(group, 0, 60 * MINUTE, Source(), interval_ms=MINUTE)
    covered = {minute for one in rough.problems for minute in range(one.since_ms // MINUTE, one.until_ms // MINUTE + 1)}
    assert covered >= set(range(1, 60, 2))  # what was not looked at is unknown, never fine


def test_how_many_series_an_expression_gives() -> None:
    texts = {
        "asked_total": 24, "sum(asked_total)": 1, "sum by (job) (rate(asked_total[5m]))": 3, "absent(asked_total)": 1,
        "count without (path) (asked_total)": 6, "topk(2, asked_total)": 24, "asked_total or asked_total": 48, "1": 1,
        "nothing": 0, "sum by (job) (asked_total) / on (job) group_right () asked_total": 24,
    }  # fmt: skip
    for text, rows in texts.items():
        wanted = selections(text, Grid.at(10 * MINUTE))
        sizes = replay_size.Sizes.seen(Source(), wanted, 0, int(TIMES[-1]))
        assert sizes.rows(parse(text)) == rows, text
    tasks = arrange(rules(), 0, MINUTE).tasks
    sizes = replay_size.Sizes.seen(Source(), selections("asked_total", Grid.at(0)), 0, int(TIMES[-1]))
    # Recorded ones count threefold: 24 series, their 24 in an alert, one; every two hours 24 in an alert, 24 recorded.
    assert sizes.cells(tasks) * MINUTE == pytest.approx(24 * 3 + 24 + 1 + (24 + 24 * 3) / 120)


@pytest.mark.parametrize("long", [0, 1 << 40])
def test_samples_are_cut_and_joined_alike_in_both_ways(long: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "_LONG", long)
    late = Columns.of([(Labels(__name__="late"), TIMES[900:950], np.ones(50))])
    both = Columns.of([*((SHOP.labels[i], *SHOP.series(i)) for i in range(3)), (late.labels[0], *late.series(0))])
    first = cut(both, Selection((), 0, 800 * MINUTE - 1))
    then = cut(both, Selection((), 800 * MINUTE, 949 * MINUTE))
    assert (len(first), len(then)) == (3, 4)
    assert first.times.size == 2400
    assert cut(first, Selection((), 0, 1 << 50)) is first
    assert len(cut(both, Selection((), 1 << 50, 1 << 51))) == 0
    joined = end_to_end(first, then)
    assert joined.labels == both.labels
    for row in range(3):
        assert joined.series(row)[0].tolist() == TIMES[:950].tolist()
        assert joined.series(row)[1].tolist() == SHOP.series(row)[1][:950].tolist()
    assert joined.series(3)[0].tolist() == TIMES[900:950].tolist()
