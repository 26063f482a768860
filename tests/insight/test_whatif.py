"""What if: variants judged on one look at the past, the best of them, and the text of the spec changed for one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from tests.insight.worlds import MONDAY, PEOPLE, SHOP, World, during, spec_of

from sereno.app.promql_checker import Checker
from sereno.insight.backtest import judge
from sereno.insight.cases import cases_of
from sereno.insight.editing import edited, holds
from sereno.insight.model import Knobs, Question, Variant
from sereno.insight.states import stretches
from sereno.insight.whatif import neighbours, pareto, variants_of
from sereno.kernel.errors import NotFound
from sereno.kernel.moment import to_ms
from sereno.slo import plans_of
from sereno.spec.loader import load_text
from sereno.spec.model import Objective

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY = timedelta(seconds=30)


def explored(world: World, spec, knobs: Knobs, **more):
    question = Question(spec, to_ms(MONDAY), to_ms(MONDAY + 2 * DAY), EVERY, knobs=knobs, **more)
    outcome = judge(cases_of(spec, interval=EVERY)[0], question, world.select)
    return outcome, outcome.explored[0].tried


@pytest.fixture(scope="module")
def past() -> World:
    return World(
        MONDAY - 3 * DAY, MONDAY + 2 * DAY,
        during((MONDAY + 3 * HOUR, 25 * MINUTE, 0.6), (MONDAY + 30 * HOUR, 3 * HOUR, 0.02), otherwise=0.0002),
    )  # fmt: skip


def test_the_declared_variant_does_what_the_replay_says(past):
    outcome, tried = explored(past, spec_of(), Knobs())
    declared = tried[0]
    assert declared.variant.declared
    assert declared.number == 0
    assert declared.score.raised == len([page for page in outcome.pages if page.severity == "SEV2"])
    assert declared.score.detection == outcome.score.detection
    assert len(tried) > 50


def test_every_variant_does_what_a_replay_of_its_spec_says(past):
    """What is found by moving thresholds is what evaluating the changed rules finds."""
    knobs = Knobs(None, (Fraction(1), Fraction(2)), (Fraction(1), Fraction(2)), (timedelta(0), 3 * MINUTE))
    _, tried = explored(past, spec_of(), knobs)
    for one in tried[:: max(1, len(tried) // 6)]:
        changed = edited("all.yaml", SHOP + PEOPLE, plans_of(spec_of(), evaluation_interval=EVERY)[0], one.variant)
        loaded = load_text({"all.yaml": changed}, promql=Checker())
        assert loaded.spec is not None
        again, _ = explored(past, loaded.spec, Knobs((), (), (), ()))
        pages = [page for page in again.pages if page.severity == "SEV2"]
        assert len(pages) == one.score.raised, one.variant
        if one.score.detection is not None and again.incidents:
            first = min(page.opened_ms for page in pages)
            assert timedelta(milliseconds=first - to_ms(MONDAY + 3 * HOUR)) >= timedelta(0)


def test_variants_that_mean_nothing_are_not_tried():
    (plan,) = plans_of(spec_of(SHOP.replace("99.9%", "90%")), evaluation_interval=EVERY)
    variants = variants_of(plan, Knobs(shares=(Fraction(1, 100), Fraction(50))), 2 * MINUTE)
    for variant in variants:
        for tier in variant.tiers:
            assert tier.factor > 1
            assert Fraction(tier.factor) * Fraction(variant.objective.budget) < 1
            assert tier.short < tier.long


def test_neighbours_are_what_people_promise():
    assert [one.text for one in neighbours(Objective("99.9%", Decimal("0.999")))] == ["99.9%", "99.8%", "99.95%"]
    assert [one.text for one in neighbours(Objective("99.97%", Decimal("0.9997")))] == ["99.97%", "99.95%", "99.98%"]


# costs, the places that no other beats
FRONTS = [
    ([(1, 5), (5, 1), (3, 3), (4, 4)], {0, 1, 2}),
    ([(1, 1), (1, 1), (2, 0)], {0, 2}),  # of equals the first
    ([(1, 1), (1, 2)], {0}),
    ([], set()),
]


@pytest.mark.parametrize(("costs", "front"), FRONTS)
def test_the_front_is_what_no_other_beats(costs, front):
    assert pareto(costs) == front


# holds (a character an instant), for, keep (instants), when it fires and stops
STATES = [
    ("..###..", 0, 0, [(2, 5)]),
    ("..###..", 2, 0, [(4, 5)]),
    ("..##...", 2, 0, []),
    ("#.#.#..", 0, 0, [(0, 1), (2, 3), (4, 5)]),
    ("#.#.#..", 0, 2, [(0, None)]),
    ("#.#....", 0, 2, [(0, 5)]),
    ("###..##", 1, 0, [(1, 3), (6, None)]),
    ("##...##", 1, 3, [(1, 5), (6, None)]),
]


@pytest.mark.parametrize(("holds_", "wait", "keep", "want"), STATES)
def test_states_over_a_row_are_prometheuss(holds_, wait, keep, want):
    import numpy as np

    found = stretches(
        np.array([c == "#" for c in holds_]), np.arange(len(holds_), dtype=np.int64), for_ms=wait, keep_ms=keep
    )
    assert [(one.fired_ms, one.resolved_ms) for one in found] == want


def test_the_text_of_a_spec_is_changed_in_place():
    (plan,) = plans_of(spec_of(), evaluation_interval=EVERY)
    target = Objective("99.95%", Decimal("0.9995"))
    only_target = edited("a.yaml", SHOP, plan, Variant(target, plan.tiers[:2], timedelta(0)))
    assert only_target == SHOP.replace("objective: 99.9%", "objective: 99.95%")
    slower = tuple(
        t for t in variants_of(plan, Knobs((target,), (Fraction(1),), (Fraction(2),), (2 * MINUTE,)), 2 * MINUTE)
    )[-1]
    both = edited("a.yaml", SHOP, plan, slower)
    assert "  - name: availability   # the promise\n" in both
    assert (
        "    tiers:\n      - {long: 1h, short: 5m, burn: 28.8, for: 2m}\n      - {long: 6h, short: 30m, burn: 12, for: 2m}\n"
        "      - {long: 1d, short: 2h, burn: 3, kind: ticket}\n---\n"
    ) in both
    loaded = load_text({"a.yaml": both + PEOPLE}, promql=Checker())
    assert loaded.spec is not None
    (again,) = plans_of(loaded.spec, evaluation_interval=EVERY)
    assert edited("a.yaml", both, again, Variant(target, again.tiers[:2], 2 * MINUTE)) == both
    back = edited("a.yaml", both, again, Variant(plan.slo.objective, plan.tiers[:2], timedelta(0)))
    assert "burn: 14.4}" in back
    assert back.count("tiers:") == 1


FLOW = """\
# kept
{service: shop, team: pay, slos: [{name: 'availability', objective: "99.9%", window: 30d, sli: {events: {total: t_total, bad: 'c="5"'}}}]} # and this
"""


def test_a_spec_in_one_line_keeps_its_quotes_and_comments():
    loaded = load_text({"a.yaml": FLOW + "---\n" + PEOPLE}, promql=Checker())
    assert loaded.spec is not None, loaded.diagnostics
    (plan,) = plans_of(loaded.spec, evaluation_interval=EVERY)
    variant = variants_of(plan, Knobs((Objective("99%", Decimal("0.99")),), (Fraction(1),), (Fraction(2),), ()), MINUTE)
    moved = Variant(Objective("99%", Decimal("0.99")), variant[0].tiers[:1], timedelta(0))
    changed = edited("a.yaml", FLOW, plan, moved)
    assert changed.startswith("# kept\n{service: shop")
    assert changed.endswith(" # and this\n")
    assert 'objective: "99%"' in changed
    assert "tiers: [{long: 1h, short: 5m, burn: 14.4}, {long: 1d" in changed
    assert load_text({"a.yaml": changed + "---\n" + PEOPLE}, promql=Checker()).spec is not None


def test_an_objective_that_is_not_there_is_not_invented():
    (plan,) = plans_of(spec_of(), evaluation_interval=EVERY)
    assert holds("a.yaml", SHOP, plan)
    with pytest.raises(NotFound, match="shop/availability"):
        edited("a.yaml", "service: other\n", plan, Variant(plan.slo.objective, plan.tiers, timedelta(0)))


def test_a_comment_behind_the_last_value_stays_with_it():
    text = SHOP.replace("    window: 30d\n", "").replace("---\n", "    window: 30d   # rolling\n---\n")
    loaded = load_text({"a.yaml": text + PEOPLE}, promql=Checker())
    assert loaded.spec is not None
    (plan,) = plans_of(loaded.spec, evaluation_interval=EVERY)
    changed = edited("a.yaml", text, plan, Variant(plan.slo.objective, plan.tiers[:1], timedelta(0)))
    assert "    window: 30d   # rolling\n    tiers:\n" in changed
    assert load_text({"a.yaml": changed + PEOPLE}, promql=Checker()).spec is not None
