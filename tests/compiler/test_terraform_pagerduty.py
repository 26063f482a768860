"""PagerDuty is told of the same people at the same times as Sereno itself."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.oracles.terraform import check, complaints

from sereno.compiler.targets import Output, Request, build
from sereno.compiler.terraform import labels, text
from sereno.oncall.schedule import on_call
from sereno.spec.model import Spec

SHOP = """
service: api
team: web
title: "The $${API} %{of}"
description: Takes orders
---
service: pay.1
team: web
---
{service: pay_1, team: data}
---
{team: web, escalation: shop}
---
{team: data, escalation: data}
---
person: ana
contacts: [{phone: "+51 999 000 111"}, {email: ana@shop.example}]
---
{person: bo, title: Bo, contacts: [{email: env:MAIL_BO}]}
---
{person: cy, contacts: [{email: cy@shop.example}]}
---
{person: boss, contacts: [{email: boss@shop.example}]}
---
{person: nobody, contacts: [{email: nobody@shop.example}]}
---
schedule: shop
zone: America/Santiago
handover: monday 09:00
start: 2026-01-05
people: [ana, bo, cy]
roles: [primary, secondary]
---
escalation: shop
schedule: shop
steps:
  - page: primary
  - {page: [secondary, boss], after: 15m, via: [phone]}
  - {page: [boss, primary], after: 30m}
repeat_every: 20m
---
escalation: data
steps: [{page: cy}, {page: boss, after: 90s}]
"""


def made(spec_text: str = SHOP) -> tuple[Spec, Output, Any]:
    from sereno.app.spec_folder import read_texts

    loaded = read_texts({"shop.yaml": spec_text})
    assert loaded.spec is not None, [one.render() for one in loaded.diagnostics]
    output = build("terraform-pagerduty", Request(loaded.spec, ()))
    [found] = output.files.values()
    return loaded.spec, output, json.loads(found)


def test_every_block_is_one_that_the_provider_takes(tmp_path: Path) -> None:
    _, output, document = made()
    assert check(output.files, tmp_path) == []
    assert document["resource"]["pagerduty_service"]["api"]["name"] == "The $${API} %%{of}"
    assert set(document["resource"]["pagerduty_service"]) == {"api", "pay_1", "pay_1_" + _sum("pay.1")}


def _sum(name: str) -> str:
    from hashlib import sha256

    return sha256(name.encode()).hexdigest()[:8]


def test_secrets_are_variables_and_nobody_is_named_who_is_not_called() -> None:
    _, output, document = made()
    assert document["variable"]["pagerduty_token"]["sensitive"] is True
    assert document["output"]["integration_keys"]["sensitive"] is True
    assert document["data"]["pagerduty_user"]["bo"] == {"email": "${var.email_bo}"}
    assert document["data"]["pagerduty_user"]["ana"] == {"email": "ana@shop.example"}
    [written] = output.files.values()
    assert "MAIL_BO" not in written
    assert "nobody" not in written
    assert "999" not in written


def test_each_role_is_held_week_by_week_by_whom_sereno_calls() -> None:
    spec, _, document = made()
    schedule = spec.schedules["shop"]
    for role in schedule.roles:
        found = document["resource"]["pagerduty_schedule"][f"shop-{role}"]
        [layer] = found["layer"]
        start = datetime.fromisoformat(layer["start"])
        assert (start.isoformat(), found["time_zone"]) == ("2026-01-05T09:00:00-03:00", "America/Santiago")
        assert layer["rotation_turn_length_seconds"] == 7 * 86_400
        users = [one.removeprefix("${data.pagerduty_user.").removesuffix(".id}") for one in layer["users"]]
        for week in range(7):
            at = (start + timedelta(weeks=week, hours=1)).astimezone(UTC)
            assert users[week % len(users)] == on_call(schedule, at)[role]


def test_a_page_walks_the_same_steps_at_the_same_minutes() -> None:
    _, output, document = made()
    shop = document["resource"]["pagerduty_escalation_policy"]["shop"]
    assert [rule["escalation_delay_in_minutes"] for rule in shop["rule"]] == [15, 15, 20]
    reached = [[target["id"].split(".")[-2] for target in rule["target"]] for rule in shop["rule"]]
    assert reached == [["shop-primary"], ["shop-secondary", "boss"], ["boss", "shop-primary"]]
    data = document["resource"]["pagerduty_escalation_policy"]["data"]
    assert [rule["escalation_delay_in_minutes"] for rule in data["rule"]] == [2, 15]
    assert any("escalation data" in note and "rounded up" in note for note in output.notes)
    assert any("escalation shop" in note and "means" in note for note in output.notes)


def test_the_oracle_sees_what_is_wrong() -> None:
    _, output, document = made()
    [right] = output.files.values()
    assert complaints(right) == []
    for old, new, said in (
        ('"time_zone"', '"timezone"', "has no timezone"),
        ('"time_zone"', '"timezone"', "lacks time_zone"),
        ('"escalation_delay_in_minutes": 15', '"escalation_delay_in_minutes": "15"', "not a number"),
        ("${var.email_bo}", "${var.email_bob}", "no variable email_bob"),
        ("data.pagerduty_user.boss.id", "data.pagerduty_user.chief.id", "refers to nothing"),
        ("$${API}", "${API}", "no reference"),
        ("%%{of}", "%{of}", "directive"),
        ('"pagerduty_schedule": {', '"pagerduty_rota": {', "no provider has"),
        ('"cy": {', '"ana": {', "twice"),
        ("boss.id", "boss.email", "no attribute"),
    ):
        assert old in right
        assert any(said in line for line in complaints(right.replace(old, new))), said
    assert document


@pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform is installed: only the schema is checked")
def test_terraform_itself_is_an_oracle(tmp_path: Path) -> None:
    _, output, _ = made()
    [(name, right)] = output.files.items()
    for number, (old, new) in enumerate(
        (
            ('"pagerduty_schedule": {', '"pagerduty schedule": {'),
            ('"sensitive": true', '"sensitve": true'),
            ('"~> 3.30"', '"about 3"'),
        )
    ):
        assert old in right
        said = check({name: right.replace(old, new)}, tmp_path / str(number))
        assert any("terraform does not read it" in line for line in said), new


def test_labels_are_unlike_each_other_and_texts_no_templates() -> None:
    found = labels(["a b", "a.b", "a_b", "9", "-x", "ñ", "日本"])
    assert len(set(found.values())) == 7
    assert found["a_b"] == "a_b"
    assert found["9"] == "_9"
    assert text("$${a} ${b} %{c} $d") == "$$${a} $${b} %%{c} $d"


def test_without_teams_there_is_nothing_and_it_is_said() -> None:
    output = build("terraform-pagerduty", Request(Spec(), ()))
    assert not output.files
    assert output.notes
