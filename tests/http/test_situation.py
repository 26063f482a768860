"""Calm, or not: the first word of the console, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.http.badday import BURN, DISK, LIVE, OPEN, TAKEN
from tests.http.house import Target
from tests.http.shop import NOW, shop

from sereno.app.http.situation import judge, what_is_missing, without_userinfo
from sereno.slo.model import Budget
from sereno.spec.model import Spec

FINE = Budget(
    "pagos", "disponibilidad", NOW, timedelta(days=30), Decimal("0.9995"), Decimal(100), Decimal(0), Decimal(1),
    Decimal(0), Decimal(1), Decimal(1), Decimal(0), None, "ok",
)  # fmt: skip
RISKY = replace(FINE, state="at_risk", remaining=Decimal("0.1"))
GAP = what_is_missing(Spec(), (), {}, NOW, evaluated_at=NOW, evaluation_error=None)


@pytest.mark.parametrize(
    ("pages", "incidents", "alerts", "budgets", "missing", "mood"),
    [
        ((), (), (), (FINE,), (), "calm"),
        ((), (), (DISK,), (FINE,), (), "calm"),  # pending is not firing
        ((), (), (), (FINE,), GAP, "unknown"),  # never calm while something is missing
        ((), (), (BURN,), (), (), "attention"),
        ((), (), (), (RISKY,), GAP, "attention"),
        ((), (LIVE,), (BURN,), (), (), "working"),
        ((TAKEN,), (), (), (), (), "working"),
        ((TAKEN, OPEN), (LIVE,), (BURN,), (RISKY,), GAP, "action"),
    ],
)
def test_what_is_said_first(pages, incidents, alerts, budgets, missing, mood) -> None:  # type: ignore[no-untyped-def]
    found = judge(pages, incidents, alerts, budgets, missing)
    assert found.mood == mood
    assert found.unanswered == sum(page is OPEN for page in pages)


def test_worst_budgets_come_first() -> None:
    worse = replace(RISKY, state="exhausted", remaining=Decimal("-0.5"))
    assert judge((), (), (), (RISKY, FINE, worse), ()).budgets == (worse, RISKY)


def test_rules_that_cannot_be_evaluated_are_told_one_by_one() -> None:
    found = missing(rules=(("shop/A", "why"), ("rules.yml:3:4", "what")))
    assert found == ["missing.rule", "missing.rule"]
    assert missing(rules=tuple((f"shop/{n}", "why") for n in range(9)))[4:] == ["missing.rule", "missing.rules"]


def missing(**change: object) -> list[str]:
    spec = shop()
    given: dict[str, object] = {
        "spec": spec,
        "targets": [Target("http://a/metrics", "a")],
        "budgets": {
            (s.name, o.name): replace(FINE, service=s.name, slo=o.name) for s in spec.services.values() for o in s.slos
        },
        "now": NOW,
        "evaluated_at": NOW,
        "evaluation_error": None,
        **change,
    }  # fmt: skip
    return [gap.phrase for gap in what_is_missing(**given)]  # type: ignore[arg-type]


def test_credentials_in_addresses_are_not_told() -> None:
    assert without_userinfo("http://ana:clave@a:9100/metrics?x=@") == "http://a:9100/metrics?x=@"
    assert without_userinfo("http://a/metrics") == "http://a/metrics"
    assert without_userinfo("a:9100") == "a:9100"


def test_everything_known_is_nothing_missing() -> None:
    assert missing() == []


@pytest.mark.parametrize(
    ("change", "phrases"),
    [
        ({"evaluated_at": None}, ["missing.never"]),
        ({"evaluated_at": NOW - timedelta(minutes=6)}, ["missing.late"]),
        ({"evaluated_at": NOW - timedelta(minutes=4)}, []),
        ({"evaluation_error": "no disk"}, ["missing.evaluation"]),
        ({"targets": [Target("http://a/metrics", "a", "down", "timeout")]}, ["missing.target"]),
        ({"targets": [Target("http://a/metrics", "a", "unknown")]}, ["missing.target.unknown"]),
        ({"budgets": {}}, ["missing.budget"] * 5),
        ({"spec": Spec(), "budgets": {}}, ["missing.nothing"]),
        ({"now": NOW + timedelta(minutes=7), "evaluated_at": NOW + timedelta(minutes=7)}, ["missing.stale"] * 5),
    ],
)
def test_what_nobody_knows_is_named(change: dict[str, object], phrases: list[str]) -> None:
    assert missing(**change) == phrases
