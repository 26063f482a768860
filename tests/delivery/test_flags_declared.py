"""Flags in the spec: read whole, complained of in their place, and warned of once they are past their date."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.delivery.conftest import declared
from tests.delivery.flags import EXPRESS, LIMIT, PLAIN, THEME
from tests.spec.shop import PEOPLE, SHOP, good

from sereno.app.checking_flags import flag_findings
from sereno.app.cli import run
from sereno.app.promql_checker import Checker
from sereno.delivery.rules import document, switches
from sereno.spec.loader import load_text
from sereno.spec.model_readiness import Flag, FlagRule, FlagTest

NOW = datetime(2026, 6, 2, tzinfo=UTC)


def test_what_is_declared_is_what_is_evaluated() -> None:
    spec = good({"p.yaml": PEOPLE, "s.yaml": SHOP, "f.yaml": declared()})
    express, banner = spec.flags["checkout"].flags
    assert (express.users, express.rules, express.share) == (EXPRESS.users, EXPRESS.rules, EXPRESS.share)
    assert (banner.name, banner.default) == (PLAIN.name, PLAIN.default)
    assert spec.flags["looks"].flags == (THEME, LIMIT)
    made = document(switches(spec, (), NOW))
    assert made["flags"]["express"]["metadata"] == {
        "flagSetId": "checkout", "owner": "shop", "expires": "2026-03-01",
    }  # fmt: skip


def flag(text: str) -> Flag:
    spec = good({"p.yaml": PEOPLE, "s.yaml": SHOP, "f.yaml": f"flags: f\ndefine:\n  - {text}\n"})
    return spec.flags["f"].flags[0]


def test_tests_of_attributes_keep_their_types() -> None:
    found = flag(
        "{name: a, type: boolean, default: false, to: true, "
        'rules: [{when: {n: 3, b: true, t: "3", age: {above: 17.5, below: 66}, plan: {is_not: [x, y]}}, share: 0%}]}'
    )
    assert found.rules == (
        FlagRule(
            (
                FlagTest("n", "is", (Decimal(3),)), FlagTest("b", "is", (True,)), FlagTest("t", "is", ("3",)),
                FlagTest("age", "above", (Decimal("17.5"),)), FlagTest("age", "below", (Decimal(66),)),
                FlagTest("plan", "is_not", ("x", "y")),
            ),
            share=Decimal(0),
        ),
    )  # fmt: skip


def test_nobody_yet_can_be_declared() -> None:
    assert flag("{name: a, type: boolean, default: false, to: true, share: 0%}").share == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{name: a, type: boolean, default: false, users: [ana]}", "SER138"),
        ("{name: a, type: boolean, default: false, rules: [{when: {a: b}}]}", "SER138"),
        ("{name: a, type: boolean, default: false, to: true, rules: [{when: {a: {like: b}}}]}", "SER138"),
        ("{name: a, type: boolean, default: false, to: true, rules: [{when: {a: {above: b}}}]}", "SER138"),
        ("{name: a, type: boolean, default: false, rules: [{when: {a: b}, to: 3}]}", "SER138"),
        ("{name: a, type: string, values: [x], default: x, rules: [{when: {a: b}, to: y}]}", "SER138"),
        ("{name: a, type: boolean, default: false, to: true, share: 0.00001%}", "SER138"),
        ("{name: a, type: boolean, default: false, to: true, rules: [{to: true}]}", "SER022"),
        ("{name: a, type: boolean, default: false, to: true, rules: [{when: [a]}]}", "SER020"),
        ("{name: a, type: boolean, default: false, to: true, share: 101%}", "SER120"),
    ],
)
def test_mistakes_are_told_in_their_place(text: str, code: str) -> None:
    loaded = load_text(
        {"p.yaml": PEOPLE, "s.yaml": SHOP, "f.yaml": f"flags: f\ndefine:\n  - {text}\n"}, promql=Checker()
    )
    found = [one for one in loaded.diagnostics if one.level == "error" and one.file == "f.yaml"]
    assert code in [one.code for one in found], [one.render() for one in loaded.diagnostics]
    assert all(one.line == 3 for one in found)


def test_a_flag_past_its_date_is_warned_of_where_it_is_declared() -> None:
    texts = {"p.yaml": PEOPLE, "s.yaml": SHOP, "f.yaml": declared() + "---\nflags: other\ndefine:\n"
             "  - {name: theme, type: boolean, default: false, expires: 2026-06-02}\n"}  # fmt: skip
    found = [one.diagnostic for one in flag_findings([load_text(texts, promql=Checker())], NOW)]
    assert [(one.code, one.level, one.file) for one in found] == [
        ("SER139", "warning", "f.yaml"), ("SER142", "warning", "f.yaml"),
    ]  # fmt: skip
    assert "express" in found[0].message
    assert "theme" in found[1].message
    later = [
        one.diagnostic.code
        for one in flag_findings([load_text(texts, promql=Checker())], datetime(2026, 6, 3, tzinfo=UTC))
    ]
    assert later.count("SER139") == 2


def test_check_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reliability/runbooks").mkdir(parents=True)
    (tmp_path / "reliability/runbooks/pay.md").write_text("# Pay\n")
    for name, text in (("p", PEOPLE), ("s", SHOP), ("f", declared())):
        (tmp_path / f"reliability/{name}.yaml").write_text(text)
    assert run(["check"]) == 0
    said = capsys.readouterr().out
    assert "warning SER139: the flag `express` was to be taken out by 2026-03-01" in said
    assert run(["check", "--ignore", "SER139"]) == 0
    assert "SER139" not in capsys.readouterr().out
