"""Single decisions about a page, at the very edge of their moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.stories.world import MONDAY_NOON, a_person, a_spec

from sereno.kernel.errors import Conflict
from sereno.kernel.events import AlertFired
from sereno.oncall import rules
from sereno.oncall.model import Page
from sereno.spec.model import Spec, Step

MINUTE, INSTANT = timedelta(minutes=1), timedelta(microseconds=1)
FIRED = AlertFired(
    at=MONDAY_NOON, fingerprint="f", alert="A", service="checkout", severity="SEV1", labels={}, annotations={},
    value=1.0, active_at=MONDAY_NOON,
)  # fmt: skip
SPEC = a_spec()


def a_page(spec: Spec = SPEC, severity: str = "SEV1") -> Page:
    policy = rules.policy_of(spec, "checkout", spec.severities[severity])
    return rules.open_page(FIRED, severity, policy, MONDAY_NOON, "pg_1")


def test_nothing_happens_before_its_moment() -> None:
    page = rules.advance(a_page(), SPEC, MONDAY_NOON).page
    assert page.due_at == MONDAY_NOON + 5 * MINUTE
    early = rules.advance(page, SPEC, page.due_at - INSTANT)
    assert (early.page, early.demands, early.events) == (page, (), ())
    assert [demand.person for demand in rules.advance(page, SPEC, page.due_at).demands] == ["bo"]


def test_a_page_that_is_answered_or_over_is_left_alone() -> None:
    page = a_page()
    later = MONDAY_NOON + timedelta(days=1)
    for done in (rules.acknowledge(page, "ana", "link", MONDAY_NOON), rules.close(page, "resolved", MONDAY_NOON)):
        assert rules.advance(done, SPEC, later).page == done
        assert rules.hurry(done, later) == done
        with pytest.raises(Conflict):
            rules.acknowledge(done, "bo", "link", later)


def test_a_later_edit_of_the_escalation_does_not_change_a_running_page() -> None:
    page = rules.advance(a_page(), SPEC, MONDAY_NOON).page
    edited = a_spec(steps=(Step(("backup",), timedelta(0)),))
    assert [d.person for d in rules.advance(page, edited, MONDAY_NOON + 5 * MINUTE).demands] == ["bo"]


def test_a_target_may_be_a_person_and_nobody_is_asked_twice_in_a_step() -> None:
    spec = a_spec(steps=(Step(("primary", "ana", "nobody", "bo"), timedelta(0)),))
    assert [d.person for d in rules.advance(a_page(spec), spec, MONDAY_NOON).demands] == ["ana", "bo"]


def test_people_and_schedules_that_are_gone_cost_no_time() -> None:
    gone = replace(SPEC, schedules={}, people={"carla": a_person("carla", "slack")})
    page = replace(a_page(), policy=replace(a_page().policy, steps=(*a_page().policy.steps,)))
    decision = rules.advance(page, gone, MONDAY_NOON)
    assert decision.demands == ()
    assert [event.step for event in decision.events] == [0, 1, 2]  # type: ignore[attr-defined]
    assert decision.page.due_at == MONDAY_NOON + 15 * MINUTE
    assert decision.page.round == 1


def test_a_repeat_of_no_time_at_all_is_no_storm() -> None:
    spec = a_spec(repeat_every=timedelta(0))
    decision = rules.advance(a_page(spec), spec, MONDAY_NOON + timedelta(hours=1))
    assert len(decision.demands) == 3
    assert decision.page.due_at == MONDAY_NOON + timedelta(hours=1) + MINUTE


def test_a_service_that_nobody_declared_keeps_its_page_open() -> None:
    policy = rules.policy_of(SPEC, "nowhere", None)
    decision = rules.advance(rules.open_page(FIRED, "SEV1", policy, MONDAY_NOON, "pg_1"), SPEC, MONDAY_NOON)
    assert decision.demands == ()
    assert decision.page.state == "open"
    assert decision.page.due_at == MONDAY_NOON + 15 * MINUTE
