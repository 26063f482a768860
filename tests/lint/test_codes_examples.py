"""Every code's examples: what is wrong is found, what is right is left alone, what can be mended is."""

from __future__ import annotations

import pytest

from sereno.lint.alertmanager_codes import TABLE as ALERTMANAGER
from sereno.lint.code import Code
from sereno.lint.codes import _TABLES, CODES
from sereno.lint.documents import read
from sereno.lint.documents_codes import TABLE as DOCUMENTS
from sereno.lint.fixing import mend
from sereno.lint.lint import lint, unignored
from sereno.lint.model import Context, Finding
from sereno.lint.quality_codes import TABLE as QUALITY
from sereno.lint.queries_codes import TABLE as QUERIES
from sereno.lint.rules_codes import TABLE as RULES

_ENDINGS = {"dashboard": "json", "promql": "promql", "runbook": "md"}
_LAYOUT = frozenset({"SER217", "SER219", "SER261", "SER608"})
"""Codes that need more than the file: samples, a workspace, history. Their own tests have that."""
_ALL = [code for table in (DOCUMENTS, QUERIES, RULES, ALERTMANAGER, QUALITY) for code in table]


def _look(code: Code, text: str) -> tuple[Finding, ...]:
    name = code.name or f"example.{_ENDINGS.get(code.kind, 'yaml')}"
    found = read(name, text)
    return (*unignored(found.findings, found.documents), *lint(found.documents, Context()))


def _codes(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.diagnostic.code for finding in findings}


@pytest.mark.parametrize("code", [c for c in _ALL if c.id not in _LAYOUT], ids=lambda code: code.id)
def test_the_wrong_example_has_exactly_that_and_the_right_one_nothing(code: Code) -> None:
    found = _look(code, code.wrong)
    assert code.id in _codes(found), "\n".join(f.diagnostic.render() for f in found)
    assert _codes(found) <= {code.id, *code.companions}, "\n".join(f.diagnostic.render() for f in found)
    left = _look(code, code.right)
    assert not left, "\n".join(f.diagnostic.render() for f in left)


@pytest.mark.parametrize("code", [c for c in _ALL if c.fixable], ids=lambda code: code.id)
def test_a_fix_leaves_nothing_of_it_and_nothing_new(code: Code) -> None:
    mended = mend(code.wrong, lambda text: _look(code, text))
    assert code.id in {finding.diagnostic.code for finding in mended.fixed}
    assert not _codes(_look(code, mended.text)) - set(code.companions), mended.text


@pytest.mark.parametrize("code", [c for c in _ALL if not c.fixable], ids=lambda code: code.id)
def test_what_is_not_said_to_be_mended_is_left_to_people(code: Code) -> None:
    assert not [f for f in _look(code, code.wrong) if f.edits and f.diagnostic.code == code.id]


def test_codes_are_given_out_once_and_explain_themselves() -> None:
    listed = [code.id for table in _TABLES for code in table]
    assert len(listed) == len(set(listed)) == len(CODES)
    for code in CODES.values():
        assert code.title
        assert len(code.why) > 40, code.id
        assert code.wrong != code.right, code.id
