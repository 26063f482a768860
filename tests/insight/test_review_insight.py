"""Whose firing it was: rules that share a name are judged one by one."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from tests.insight.worlds import MONDAY, SHOP, World, spec_of

from sereno.insight.backtest import judge, report
from sereno.insight.cases import cases_of
from sereno.insight.compare import failures
from sereno.insight.model import Case, Incident, Question
from sereno.insight.telling import Voice, failure
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.spec.rule_groups import GroupRule, RuleGroup

HOUR = timedelta(hours=1)
SHARE = 'sum(rate(http_requests_total{status="500"}[5m])) / sum(rate(http_requests_total[5m]))'


@pytest.mark.parametrize("apart", [False, True])
def test_rules_of_one_name_are_judged_one_by_one(apart: bool) -> None:
    """The warning speaks twice, once rightly; the critical one speaks once, and rightly."""
    bad, little = (
        (to_ms(MONDAY + 3 * HOUR), to_ms(MONDAY + 4 * HOUR)),
        (to_ms(MONDAY + 7 * HOUR), to_ms(MONDAY + 8 * HOUR)),
    )

    def error(times: np.ndarray) -> np.ndarray:
        return np.where(
            (times >= bad[0]) & (times < bad[1]), 0.2, np.where((times >= little[0]) & (times < little[1]), 0.02, 0.0)
        )

    rules = tuple(
        GroupRule("alert", "Failing", f"{SHARE} > {least}", labels=Labels(severity=severity, service="shop"), line=line)
        for severity, least, line in (("warning", "0.01", 1), ("critical", "0.1", 2))
    )
    groups = tuple(RuleGroup(f"g{n}", (rule,), file="a.yml") for n, rule in enumerate(rules)) if apart else (
        RuleGroup("g", rules, file="a.yml"),
    )  # fmt: skip
    question = Question(spec_of(), to_ms(MONDAY), to_ms(MONDAY + 10 * HOUR), timedelta(minutes=1))
    case = Case("rules", groups, incidents=(Incident("shop", *bad, "bad"),))
    found = judge(case, question, World(MONDAY, MONDAY + 10 * HOUR, error).select)
    assert [(one.severity, one.score.raised, one.score.right) for one in found.rules] == [
        ("SEV3", 2, 1),
        ("SEV1", 1, 1),
    ]
    assert found.rules[1].score.precision == 1


def test_of_two_rules_of_one_name_the_unseen_one_is_not_quiet() -> None:
    rules = tuple(
        GroupRule("alert", "Down", expr, labels=Labels(severity="critical", service="shop"), line=line)
        for line, expr in enumerate(('up{job="shop"} == 0', 'up{job="nobody"} == 0'))
    )
    question = Question(spec_of(), to_ms(MONDAY), to_ms(MONDAY + HOUR), timedelta(minutes=1))
    case = Case("rules", (RuleGroup("g", rules, file="a.yml"),), incidents=())
    found = judge(case, question, World(MONDAY, MONDAY + HOUR, lambda times: times * 0.0).select)
    assert [(one.what, one.coverage) for one in found.covered] == [("Down", 0)]
    assert [(one.what, one.why) for one in found.unknown] == [("Down", "no_samples")]


@pytest.mark.parametrize(("demands", "said"), [("", []), ("backtest: {precision: 80%}\n", ["unseen"])])
def test_a_gate_without_a_sample_is_not_passed(demands: str, said: list[str]) -> None:
    spec = spec_of(SHOP.replace("slos:", f"{demands}slos:"))
    later = MONDAY + 24 * HOUR
    question = Question(spec, to_ms(MONDAY), to_ms(MONDAY + HOUR), timedelta(minutes=1))
    world = World(later, later + HOUR, lambda times: times * 0.0)
    found = report([judge(cases_of(spec, interval=question.interval)[0], question, world.select)], question)
    wrong = failures(found, spec)
    assert [one.by for one in wrong] == said
    for language in ("en", "es"):
        voice = Voice(language, "UTC")
        assert all("shop" in failure(one, "", voice) for one in wrong)
