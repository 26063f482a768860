"""A past replayed: what fires when, what is recorded, who sees what, and that it is what the rounds would have done."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.adapters.memory.paging import MemoryAlerts
from sereno.alerts.model import Evaluation
from sereno.alerts.replay import Replayed, replay
from sereno.alerts.service import record
from sereno.kernel.labels import Labels
from sereno.kernel.moment import EPOCH
from sereno.kernel.rule import Rule
from sereno.promql import STALE, Columns, Grid, Select, Selection, evaluate, matches
from sereno.spec.rule_groups import GroupRule, RuleGroup

MINUTE = 60_000


def world(**series: str) -> Select:
    """Series told as letters, a minute each: a digit is a value, `.` no sample, `s` a staleness marker."""
    made = []
    for name, letters in series.items():
        metric, _, instance = name.partition("__")
        labels = Labels(__name__=metric, instance=instance) if instance else Labels(__name__=metric)
        points = [(i * MINUTE, STALE if c == "s" else float(c)) for i, c in enumerate(letters) if c != "."]
        made.append((labels, np.array([t for t, _ in points], dtype=np.int64), np.array([v for _, v in points])))

    def select(selection: Selection) -> Columns:
        return Columns.of([one for one in made if matches(selection.matchers, one[0])])

    return select


def alert(expr: str, name: str = "Wrong", for_: int = 0, keep: int = 0, **labels: str) -> GroupRule:
    minute = timedelta(minutes=1)
    return GroupRule("alert", name, expr, for_ * minute, keep * minute, Labels(labels), Labels(text="{{ $value }}"))


def recording(name: str, expr: str, **labels: str) -> GroupRule:
    return GroupRule("record", name, expr, labels=Labels(labels))


def group(*rules: GroupRule, name: str = "g", **more: object) -> RuleGroup:
    return RuleGroup(name, rules, **more)  # type: ignore[arg-type]


def told(found: Replayed) -> list[tuple[str, float, float | None, float | None]]:
    """Alerts as name/instance and minutes: active, fired, resolved."""

    def minute(ms: int | None) -> float | None:
        return None if ms is None else ms / MINUTE

    return [
        (f["alertname"] + "/" + f.get("instance", ""), minute(one.active_at_ms), minute(one.fired_at_ms),
         minute(one.resolved_at_ms))
        for one in found.firings for f in [one.labels]
    ]  # fmt: skip


def run(groups: list[RuleGroup], select: Select, minutes: int, **more: object) -> Replayed:
    return replay(groups, 0, minutes * MINUTE, select, interval_ms=MINUTE, **more)  # type: ignore[arg-type]


def samples(found: Replayed, **labels: str) -> list[tuple[float, float]]:
    index = found.recorded.labels.index(Labels(labels))
    times, values = found.recorded.series(index)
    return [(t / MINUTE, v) for t, v in zip(times.tolist(), values.tolist(), strict=True)]


def test_an_alert_waits_fires_and_ends() -> None:
    found = run([group(alert("up == 0", for_=2))], world(up__a="1100001100", up__b="0111011111"), 9)
    assert told(found) == [
        ("Wrong/b", 0, None, 1),
        ("Wrong/a", 2, 4, 6),
        ("Wrong/b", 4, None, 5),
        ("Wrong/a", 8, None, None),
    ]
    fired = found.firings[1]
    assert (fired.group, fired.value, fired.annotations) == (";g", 0.0, {"text": "0"})
    assert not found.problems


def test_kept_firing_and_back_again_is_one_alert() -> None:
    select = world(up__a="0110111110")
    assert told(run([group(alert("up == 0", keep=3))], select, 9)) == [("Wrong/a", 0, 0, 7), ("Wrong/a", 9, 9, None)]


def test_later_rules_see_what_earlier_ones_record() -> None:
    rules = group(recording("twice", "up * 2", team="x"), alert('twice{team="x"} > 2'))
    found = run([rules], world(up__a="1213"), 3)
    assert told(found) == [("Wrong/a", 1, 1, 2), ("Wrong/a", 3, 3, None)]
    assert samples(found, __name__="twice", instance="a", team="x") == [(0, 2), (1, 4), (2, 2), (3, 6)]


def test_a_rule_sees_of_later_rules_only_the_past() -> None:
    rules = group(recording("before", "last_over_time(now_[10m])"), recording("now_", "up"))
    found = run([rules], world(up__a="1234"), 3)
    assert samples(found, __name__="before", instance="a") == [(1, 1), (2, 2), (3, 3)]


def test_a_rule_that_reads_itself_counts() -> None:
    rules = group(recording("count_", "(last_over_time(count_[10m]) or vector(0)) + 1"))
    assert samples(run([rules], world(), 4), __name__="count_") == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]


def test_two_rules_that_read_each_other() -> None:
    rules = group(recording("a", "(b or vector(0)) + 1"), recording("b", "a * 2"))
    found = run([rules], world(), 2)
    assert samples(found, __name__="a") == [(0, 1), (1, 3), (2, 7)]
    assert samples(found, __name__="b") == [(0, 2), (1, 6), (2, 14)]


def test_a_series_that_vanishes_is_marked_stale() -> None:
    found = run([group(recording("bad", "up == 0"))], world(up__a="0010"), 3)
    (first, second, gone, back) = samples(found, __name__="bad", instance="a")
    assert (first, second, back) == ((0, 0), (1, 0), (3, 0))
    assert gone[0] == 2
    assert math.isnan(gone[1])
    late = run([group(recording("bad", "up == 0"), recording("seen", "bad"))], world(up__a="0111"), 3)
    assert [t for t, v in samples(late, __name__="seen", instance="a") if v == 0] == [0]


def test_rules_can_read_alerts() -> None:
    rules = group(alert("up == 0", for_=1), alert('count(ALERTS{alertstate="firing"}) > 1', name="Many"))
    found = run([rules], world(up__a="0000", up__b="1100"), 3)
    assert told(found) == [("Wrong/a", 0, 1, None), ("Wrong/b", 2, 3, None), ("Many/", 3, 3, None)]
    with_series = run([rules], world(up__a="0000", up__b="1100"), 3, alert_series=True)
    assert samples(with_series, __name__="ALERTS_FOR_STATE", alertname="Wrong", instance="b") == [(2, 120), (3, 120)]
    pending = samples(with_series, __name__="ALERTS", alertname="Wrong", alertstate="pending", instance="a")
    assert pending[0] == (0, 1)
    assert math.isnan(pending[1][1])
    assert len(pending) == 2
    assert all("ALERTS" not in labels["__name__"] for labels in found.recorded.labels)


def test_groups_have_intervals_of_their_own() -> None:
    slow = group(recording("slow", "up"), name="slow", interval=timedelta(minutes=2))
    found = run([slow, group(alert("slow == 0"))], world(up__a="10001"), 4)
    assert [t for t, _ in samples(found, __name__="slow", instance="a")] == [0, 2, 4]
    assert told(found) == [("Wrong/a", 2, 2, 4)]


def test_an_offset_looks_back_and_writes_back() -> None:
    late = group(recording("late", "up"), name="late", query_offset=timedelta(minutes=1))
    found = run([late], world(up__a="123"), 3)
    assert samples(found, __name__="late", instance="a") == [(0, 1), (1, 2), (2, 3)]
    read = run([late, group(recording("seen", "late"))], world(up__a="123"), 3)
    # At minute 3 the sample of minute 3 is not yet written; that of minute 2 is what there is.
    assert samples(read, __name__="seen", instance="a") == [(1, 1), (2, 2), (3, 3)]


def test_alike_once_labelled_is_unknown_then_not_fine() -> None:
    rules = group(alert("up == 0", instance="all"))
    found = run([rules], world(up__a="00011", up__b="10001"), 4)
    assert told(found) == [("Wrong/all", 0, 0, 4)]
    (problem,) = found.problems
    assert (problem.since_ms, problem.until_ms) == (1 * MINUTE, 3 * MINUTE)
    assert "same labelset" in problem.why


def test_a_limit_fails_and_changes_nothing() -> None:
    rules = group(alert("up == 0"), recording("bad", "up == 0"), limit=1)
    found = run([rules], world(up__a="00001", up__b="10011"), 4)
    assert told(found) == [("Wrong/a", 0, 0, 4)]
    assert [(p.rule.kind, p.since_ms // MINUTE, p.until_ms // MINUTE) for p in found.problems] == [
        ("alert", 1, 3),
        ("record", 1, 3),
    ]
    assert [t for t, _ in samples(found, __name__="bad", instance="a")] == [0, 3, 4]


def test_a_rule_that_fails_at_some_instants_is_unknown_there() -> None:
    rules = group(alert("up * on() other == 0"))
    found = run([rules], world(up__a="0000", up__b="1sss", other="1111"), 3)
    assert told(found) == [("Wrong/", 1, 1, None)]
    assert [(p.since_ms // MINUTE, p.until_ms // MINUTE) for p in found.problems] == [(0, 1)]
    assert "many" in found.problems[0].why or "duplicate" in found.problems[0].why


def test_a_rule_that_cannot_be_read_is_told_and_the_others_run() -> None:
    found = run([group(alert("up ==", name="Bad"), alert("up == 0"))], world(up__a="0"), 0)
    assert told(found) == [("Wrong/a", 0, 0, None)]
    assert [(p.rule.name, p.since_ms, p.until_ms) for p in found.problems] == [("Bad", 0, 0)]


def test_series_from_outside_that_rules_make_themselves() -> None:
    rules = [group(recording("twice", "up * 2"), recording("seen", "sum_over_time(twice[10m])"))]
    select = world(up__a="1111", twice__a="9999")
    assert samples(run(rules, select, 2), __name__="seen", instance="a") == [(0, 2), (1, 4), (2, 6)]
    merged = run(rules, select, 2, own_series="merge")
    assert samples(merged, __name__="seen", instance="a") == [(0, 9), (1, 18), (2, 27)]


def test_templates_can_ask_questions() -> None:
    text = '{{ with query "up" }}{{ len . }} of them, {{ . | first | value }}{{ end }}'
    rule = GroupRule("alert", "Asks", "up == 0", annotations=Labels(text=text))
    found = run([group(rule)], world(up__a="110", up__b="111"), 2)
    assert found.firings[0].annotations["text"] == "2 of them, 0"


@pytest.mark.parametrize("tile", [1, 2, 3, 7])
def test_tiles_change_nothing(tile: int) -> None:
    rules = [
        group(recording("r", "sum_over_time(up[3m])"), alert("r < 2", for_=1, keep=2), alert("up == 0", n="{{ $value }}")),
        group(recording("self", "(self or vector(0)) + count(ALERTS)"), name="h", interval=timedelta(minutes=2)),
    ]  # fmt: skip
    select = world(up__a="110000111000", up__b="010101110011")
    whole, parts = run(rules, select, 11), run(rules, select, 11, tile_ms=tile * MINUTE)
    assert told(whole) == told(parts)
    assert len(whole.firings) > 4
    for labels, other in zip(whole.recorded.labels, parts.recorded.labels, strict=True):
        assert labels == other
    np.testing.assert_array_equal(whole.recorded.values, parts.recorded.values)
    np.testing.assert_array_equal(whole.recorded.times, parts.recorded.times)


letters = st.text("01.s", min_size=12, max_size=12)


@settings(max_examples=150, deadline=None)
@given(letters, letters, st.integers(0, 3), st.integers(0, 3), st.booleans(), st.integers(1, 12))
def test_it_is_what_the_rounds_do(one: str, other: str, for_: int, keep: int, valued: bool, tile: int) -> None:
    """Vectorised and tiled, against the state machine of production, evaluation by evaluation."""
    labels = {"n": "{{ $value }}"} if valued else {}
    select = world(up__a=one, up__b=other)
    rule = alert("up < 2" if valued else "up == 0", for_=for_, keep=keep, **labels)
    found = run([group(rule)], select, 11, tile_ms=tile * MINUTE)

    live, alerts, seen = _live(rule), MemoryAlerts(), []
    for minute in range(12):
        at = EPOCH + timedelta(minutes=minute)
        series = tuple(evaluate(rule.expr, Grid.at(minute * MINUTE), select).instant())
        before = {a.fingerprint: a for a in alerts.active()}
        record(alerts, {live.key: live}, [Evaluation(live.key, at, series)], at)
        after = {a.fingerprint: a for a in alerts.active()}
        seen += [(a, minute) for key, a in before.items() if key not in after]
    seen += [(a, None) for a in alerts.active()]

    def minutes(at: datetime | None) -> int | None:
        return None if at is None else (at - EPOCH) // timedelta(minutes=1)

    expected = sorted(
        (a.labels.without("service", "severity").pairs, *map(str, (minutes(a.active_at), minutes(a.fired_at), end)))
        for a, end in seen
    )
    got = sorted(
        (f.labels.pairs, *(str(None if ms is None else ms // MINUTE) for ms in
                           (f.active_at_ms, f.fired_at_ms, f.resolved_at_ms)))
        for f in found.firings
    )  # fmt: skip
    assert got == expected


def _live(rule: GroupRule) -> Rule:
    return Rule(rule.name, rule.expr, "s", "SEV1", rule.for_, rule.keep_firing_for, rule.labels, rule.annotations)
