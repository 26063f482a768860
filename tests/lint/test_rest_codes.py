"""Every code of dashboards, manifests, configuration and prose: its wrong example is found and nothing else is, its
right one is clean, and what `--fix` promises it does."""

from __future__ import annotations

import pytest

from sereno.lint.code import Code
from sereno.lint.codes import CODES
from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint
from sereno.lint.model import Finding

MINE = [code for code in CODES.values() if "SER400" <= code.id <= "SER599" or "SER720" <= code.id <= "SER799"]
FIXABLE = [code for code in MINE if code.fixable]
ENDINGS = {"dashboard": "file.json", "prose": "manual.md"}


def findings(code: Code, text: str) -> tuple[Finding, ...]:
    found = read(code.name or ENDINGS.get(code.kind, "file.yaml"), text)
    assert any(document.kind == code.kind for document in found.documents)
    return (*found.findings, *lint(found.documents))


def named(code: Code) -> str:
    return code.id


@pytest.mark.parametrize("code", MINE, ids=named)
def test_the_wrong_example_shows_its_mistake_and_no_other(code: Code) -> None:
    found = findings(code, code.wrong)
    assert {f.diagnostic.code for f in found} - set(code.companions) == {code.id}, [
        f.diagnostic.render() for f in found
    ]
    assert all(f.diagnostic.level == code.level for f in found if f.diagnostic.code == code.id)


@pytest.mark.parametrize("code", MINE, ids=named)
def test_the_right_example_is_clean(code: Code) -> None:
    assert [f.diagnostic.render() for f in findings(code, code.right)] == []


@pytest.mark.parametrize("code", FIXABLE, ids=named)
def test_the_fix_mends_the_wrong_example(code: Code) -> None:
    mended = mend(code.wrong, lambda text: findings(code, text))
    assert {f.diagnostic.code for f in mended.fixed} == {code.id}
    assert [f.diagnostic.render() for f in findings(code, mended.text)] == []


@pytest.mark.parametrize("code", [c for c in MINE if not c.fixable], ids=named)
def test_what_is_not_called_fixable_is_left_as_it_is(code: Code) -> None:
    assert mend(code.wrong, lambda text: findings(code, text)).text == code.wrong


@pytest.mark.parametrize("code", MINE, ids=named)
def test_the_page_of_a_code_says_what_happens(code: Code) -> None:
    assert code.wrong != code.right
    assert len(code.why) > 40
    assert len(code.title) < 60
