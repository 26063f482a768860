"""Flota's own arithmetic, its made-up people, and its code as a stranger checks it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples.flota_worlds import EXAMPLE

from sereno.app.cli import run
from sereno_kit.redact import DEFAULT

from flota.credit import (  # isort: skip - of the example
    AGE_FROM_DAYS, LATE_FROM_DAYS, YEARLY_RATE, Facts, Late, Reason, Tier, decide, instalments, pesos,
)  # fmt: skip
from flota.people import driver  # isort: skip
from flota.store import Store, connect  # isort: skip


@given(st.integers(1, 10**12), st.integers(1, 156))
def test_instalments_add_up_to_the_cent_and_differ_by_one_at_most(cents: int, weeks: int) -> None:
    plan = instalments(cents, weeks)
    interest = Decimal(sum(plan) - cents)
    assert len(plan) == weeks
    assert max(plan) - min(plan) <= 1
    assert abs(interest - Decimal(cents) * YEARLY_RATE * weeks / 52) <= Decimal("0.5")
    assert pesos(sum(plan)) * 100 == sum(plan)


@pytest.mark.parametrize("table", [LATE_FROM_DAYS, AGE_FROM_DAYS])
def test_levels_follow_each_other_without_a_gap(table: dict[str, tuple[float, float]]) -> None:
    bounds = list(table.values())
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    assert bounds[-1][1] == float("inf")


@pytest.mark.parametrize(
    ("income", "amount", "verified", "km", "tier", "reason"),
    [
        (4_000_000, 500_000, True, 150.0, Tier.AAA, None),
        (4_000_000, 500_000, False, 150.0, None, Reason.IDENTITY),
        (500_000, 2_900_000, True, 150.0, None, Reason.INCOME),
        (4_000_000, 2_900_000, True, None, Tier.A, None),  # nobody loses by what cannot be read
        (4_000_000, 5_000_000, True, 0.0, None, Reason.SCORE),
    ],
)
def test_who_gets_a_credit(
    income: int, amount: int, verified: bool, km: float | None, tier: Tier | None, reason: Reason | None
) -> None:
    decided = decide(Facts(income, amount, 12, verified, km), with_telematics=False)
    assert (decided.tier, decided.reason) == (tier, reason)


def test_the_papers_of_made_up_people_are_formed_as_real_ones_are() -> None:
    """The kit's redactor, which checks their digits, is the oracle."""
    dice = random.Random(5)
    for _ in range(500):
        who = driver(dice)
        for paper in (who.curp, who.rfc, who.clabe, who.email, who.phone, who.card):
            assert paper not in DEFAULT.text(f"el dato {paper} no pasa"), paper


def test_two_workers_never_hold_the_same_credit_nor_count_it_twice(tmp_path: Path) -> None:
    store = store_with_a_credit(tmp_path)
    mine = store.claim_disbursement(today=100.5, lease_days=1)
    assert mine is not None
    assert store.claim_disbursement(today=101.0, lease_days=1) is None
    other = store.claim_disbursement(today=101.6, lease_days=1)  # the first one died, or is late
    assert other is not None
    assert store.disbursed(other, "dis_1", 101.6)
    assert not store.disbursed(mine, "dis_1", 101.7)
    assert len(store.plan(mine["id"])) == 12
    assert store.settle(102.0) == (1, 0)
    assert store.settle(102.0) == (0, 0)


def test_a_credit_that_waits_too_long_is_late_once_and_its_money_still_goes(tmp_path: Path) -> None:
    store = store_with_a_credit(tmp_path)
    assert store.settle(101.9) == (0, 0)
    assert store.settle(102.1) == (0, 1)
    credit = store.claim_disbursement(103.0, 1)
    assert credit is not None
    assert store.disbursed(credit, "dis_1", 103.0)
    assert store.settle(104.0) == (0, 0)


def test_an_instalment_is_late_by_its_days(tmp_path: Path) -> None:
    store = store_with_a_credit(tmp_path)
    credit = store.claim_disbursement(100.0, 1)
    assert credit is not None
    store.disbursed(credit, "dis_1", 100.0)  # the first is due on day 107
    for day, level in ((107.9, None), (108.0, Late.WEEK), (114.9, Late.WEEK), (115.0, Late.FORTNIGHT)):
        counts = {one: store.late_dues(one, day) for one in Late}
        assert counts.get(level, 0) == (level is not None), (day, counts)


def test_a_declined_payment_has_another_key_and_a_queued_one_the_same(tmp_path: Path) -> None:
    store = store_with_a_credit(tmp_path)
    credit = store.claim_disbursement(100.0, 1)
    assert credit is not None
    store.disbursed(credit, "dis_1", 100.0)
    first = store.claim_due(1, "card", 107.0, 1)
    assert first is not None
    assert store.claim_due(1, "card", 107.1, 1) is None, "it is being charged"
    assert store.declined(first)
    second = store.claim_due(1, "card", 107.2, 1)
    assert second is not None
    assert second["attempt"] == first["attempt"] + 1
    assert not store.queue(first, 107.3), "whose lease is over has nothing to say"
    assert store.queue(second, 107.3)
    third = store.claim_queued(107.4, 1)
    assert third is not None
    assert third["attempt"] == second["attempt"]
    assert store.charged(third, "cob_1")
    assert not store.charged(second, "cob_1")


def store_with_a_credit(folder: Path) -> Store:
    """One credit of 5,000 pesos over twelve weeks, approved on day 100."""
    store = Store(connect(str(folder / "flota.sqlite")))
    who = driver(random.Random(1)).document()
    row = {**{key: value for key, value in who.items() if key != "password"}, "password_digest": "x"}
    number = store.add_driver(row)
    assert number is not None
    assert store.add_driver(row) is None
    application = store.application(store.add_application(number, 500_000, 12))
    assert application is not None
    assert store.decided(application, 90, "AAA", None, 100.0)
    assert not store.decided(application, 10, None, "puntaje", 100.0)
    return store


def test_nothing_is_to_be_said_of_the_local_town(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERENO_ENVIRONMENT", "local")
    assert run(["check", str(EXAMPLE / "reliability"), "--strict", "--environment", "local"]) == 0, (
        capsys.readouterr().out
    )


def test_the_local_town_is_where_the_spec_looks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from flota.service import NEEDS
    from flota.town import Plan
    from sereno.app.spec_folder import read_folder

    spec = read_folder(EXAMPLE / "reliability", environment="local").spec
    assert spec is not None
    looked = {job.job: list(job.targets) for one in spec.services.values() for job in one.scrape}
    assert looked == {f"flota-{name}": [f"{Plan(Path()).address(name)}/metrics"] for name in NEEDS}


@pytest.mark.slow(minutes=1)
def test_its_types_hold() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "-p", "flota"],
        cwd=EXAMPLE.parents[1], env={**os.environ, "MYPYPATH": str(EXAMPLE)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
