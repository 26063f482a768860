"""An alert from the first suspicion to the all-clear, told look by look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sereno.adapters.memory.paging import MemoryAlerts
from sereno.alerts.model import Alert, Evaluation
from sereno.alerts.rules import advance
from sereno.alerts.service import record, record_round
from sereno.kernel.events import AlertFired, AlertResolved, Event
from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOWN = Rule(
    "ApiDown", "up == 0", "checkout", "SEV1", for_=2 * MINUTE,
    labels=Labels(team="payments", where="{{ $labels.instance }}"),
    annotations=Labels(summary="{{ $labels.instance }} is down ({{ $value }})"),
)  # fmt: skip
ONE = Labels(__name__="up", instance="a:80", job="shop")


class Watch:
    """A rule watched minute by minute over stored alerts."""

    def __init__(self, *rules: Rule) -> None:
        self.alerts = MemoryAlerts()
        self.rules = {rule.key: rule for rule in rules or (DOWN,)}
        self.at = NOON
        self.unknown: dict[str, str] = {}

    def look(
        self, *series: Labels, value: float = 0.0, error: str | None = None, by: timedelta = MINUTE
    ) -> list[Event]:
        (rule,) = self.rules.values()
        evaluation = Evaluation(rule.key, self.at, tuple((one, value) for one in series), error)
        found = record_round(self.alerts, self.rules, [evaluation], self.at)
        self.at += by
        self.unknown = found.unknown
        return list(found.events)

    @property
    def states(self) -> list[str]:
        return [alert.state for alert in self.alerts.active()]


def kinds(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_from_the_first_suspicion_to_the_all_clear() -> None:
    watch = Watch()
    assert watch.look(ONE) == []
    assert watch.look(ONE) == []
    assert watch.states == ["pending"]
    (fired,) = watch.look(ONE, value=3)
    assert isinstance(fired, AlertFired)
    assert fired.labels == {
        "alertname": "ApiDown", "instance": "a:80", "job": "shop", "service": "checkout", "severity": "SEV1",
        "team": "payments", "where": "a:80",
    }  # fmt: skip
    assert fired.annotations == {"summary": "a:80 is down (3)"}
    assert (fired.active_at, fired.at) == (NOON, NOON + 2 * MINUTE)
    assert fired.fingerprint == Labels(fired.labels).fingerprint
    assert watch.look(ONE) == []
    (resolved,) = watch.look()
    assert isinstance(resolved, AlertResolved)
    assert (resolved.fingerprint, resolved.reason) == (fired.fingerprint, "cleared")
    stored = watch.alerts.find(fired.fingerprint)
    assert stored is not None
    assert stored.resolved_at == resolved.at
    assert watch.look() == []


def test_a_suspicion_that_passes_leaves_nothing() -> None:
    watch = Watch()
    watch.look(ONE)
    assert watch.look() == []
    assert watch.alerts.rows == {}


def test_each_firing_is_a_new_one() -> None:
    watch = Watch(replace(DOWN, for_=timedelta(0)))
    assert kinds([*watch.look(ONE), *watch.look(), *watch.look(ONE), *watch.look()]) == [
        "AlertFired", "AlertResolved", "AlertFired", "AlertResolved",
    ]  # fmt: skip


def test_unknown_is_not_fine() -> None:
    """A rule that cannot be computed neither resolves its alerts nor starts their time anew."""
    watch = Watch()
    watch.look(ONE)
    assert watch.look(error="no answer from Prometheus") == []
    assert watch.unknown == {DOWN.key: "no answer from Prometheus"}
    assert kinds(watch.look(ONE)) == ["AlertFired"]
    for _ in range(100):
        assert watch.look(error="no answer from Prometheus") == []
    assert watch.states == ["firing"]
    assert kinds(watch.look()) == ["AlertResolved"]
    assert watch.unknown == {}


def test_series_that_end_with_equal_labels_are_an_error() -> None:
    watch = Watch(replace(DOWN, labels=Labels(instance="all", where="x"), for_=timedelta(0)))
    assert watch.look(ONE, ONE.with_(instance="b:80")) == []
    assert "same labels" in watch.unknown[DOWN.key]
    assert watch.states == []


def test_kept_firing_for_a_while_counted_from_the_first_absence() -> None:
    watch = Watch(replace(DOWN, for_=timedelta(0), keep_firing_for=2 * MINUTE))
    watch.look(ONE)
    assert watch.look() == watch.look() == []
    assert watch.look(ONE) == []  # back: the count starts again
    assert watch.look() == watch.look() == []
    assert kinds(watch.look()) == ["AlertResolved"]


def test_a_restart_loses_no_time() -> None:
    before = Watch()
    before.look(ONE)
    before.look(ONE)
    after = Watch()
    after.alerts, after.at = before.alerts, before.at
    assert kinds(after.look(ONE)) == ["AlertFired"]


def test_a_rule_that_is_gone_takes_its_alerts_along() -> None:
    watch = Watch(replace(DOWN, for_=timedelta(0)))
    watch.look(ONE)
    other = replace(DOWN, name="Other", origin="alert:Other")
    pending = record(
        watch.alerts, {DOWN.key: DOWN, other.key: other}, [Evaluation(other.key, NOON, ((ONE, 1.0),))], NOON
    )
    assert pending == []
    (resolved,) = record(watch.alerts, {}, [], watch.at)
    assert isinstance(resolved, AlertResolved)
    assert (resolved.alert, resolved.reason) == ("ApiDown", "rule_removed")
    assert watch.alerts.active() == ()
    assert record(watch.alerts, {}, [], watch.at) == []


def test_rules_that_were_not_looked_at_stay_as_they_are() -> None:
    watch = Watch(replace(DOWN, for_=timedelta(0)))
    watch.look(ONE)
    assert record(watch.alerts, watch.rules, [], watch.at) == []
    assert watch.states == ["firing"]


def test_changed_labels_are_another_alert_and_the_page_never_stands_empty() -> None:
    """The new one fires before the old one resolves, so a page that holds both is not closed in between."""
    watch = Watch(replace(DOWN, for_=timedelta(0)))
    watch.look(ONE)
    watch.rules = {DOWN.key: replace(DOWN, for_=timedelta(0), labels=Labels(team="shop"))}
    assert kinds(watch.look(ONE)) == ["AlertFired", "AlertResolved"]


def test_two_rules_do_not_overwrite_each_others_alerts() -> None:
    first = replace(DOWN, for_=timedelta(0), origin="alert:first")
    second = replace(first, origin="alert:second")
    alerts = MemoryAlerts()
    rules = {rule.key: rule for rule in (first, second)}
    found = record_round(alerts, rules, [Evaluation(key, NOON, ((ONE, 0.0),)) for key in rules], NOON)
    assert kinds(found.events) == ["AlertFired"]
    assert first.key in found.unknown[second.key]
    later = record_round(
        alerts, rules, [Evaluation(first.key, NOON + MINUTE), Evaluation(second.key, NOON + MINUTE, ((ONE, 0.0),))],
        NOON + MINUTE,
    )  # fmt: skip
    assert kinds(later.events) == ["AlertResolved", "AlertFired"]
    assert [alert.rule for alert in alerts.active()] == [second.key]


@pytest.mark.parametrize("jump", [-2, -1, 1, 24])
def test_a_clock_that_jumps_never_unfires(jump: int) -> None:
    watch = Watch(replace(DOWN, keep_firing_for=MINUTE))
    for _ in range(3):
        watch.look(ONE)
    watch.at += timedelta(hours=jump)
    assert watch.look(ONE) == []
    assert watch.states == ["firing"]
    assert watch.look() == []
    assert kinds(watch.look()) == ["AlertResolved"]


def test_a_clock_put_back_neither_fires_early_nor_holds_back_for_an_hour() -> None:
    watch = Watch()
    watch.look(ONE)
    watch.at -= timedelta(hours=1)
    began = watch.at
    while not (events := watch.look(ONE)):
        assert watch.at - began < timedelta(minutes=10)
    assert events[0].at - began == DOWN.for_


def test_values_and_texts_are_todays() -> None:
    watch = Watch(replace(DOWN, for_=timedelta(0)))
    watch.look(ONE, value=1)
    watch.look(ONE, value=2)
    (alert,) = watch.alerts.active()
    assert (alert.value, dict(alert.annotations)) == (2, {"summary": "a:80 is down (2)"})
    assert alert.last_true_at == alert.evaluated_at == NOON + MINUTE


def test_a_decision_changes_nothing_it_was_given() -> None:
    alert = Alert(
        "f", DOWN.key, "ApiDown", "checkout", "SEV1", "firing", Labels(), Labels(), 0.0, NOON, NOON, NOON, NOON
    )
    active = [alert]
    changes = advance(DOWN, active, Evaluation(DOWN.key, NOON + MINUTE))
    assert active == [alert]
    assert changes.save[0].state == "resolved"
