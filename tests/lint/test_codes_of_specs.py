"""The examples of the loader's codes: what is wrong is found, and what is right is not."""

from __future__ import annotations

import pytest

from sereno.app.promql_checker import Checker
from sereno.lint.spec_examples import EXAMPLES, Example
from sereno.spec.codes import CODES
from sereno.spec.loader import load_text


def _found(text: str) -> dict[str, str]:
    loaded = load_text({"web.yaml": text}, promql=Checker())
    return {diagnostic.code: diagnostic.render() for diagnostic in loaded.diagnostics}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.code)
def test_the_loader_finds_what_the_example_shows(example: Example) -> None:
    assert example.code in CODES
    assert example.code in _found(example.wrong), _found(example.wrong)
    right = _found(example.right)
    assert not right, "\n".join(right.values())


def test_at_least_forty_codes_have_examples() -> None:
    assert len({example.code for example in EXAMPLES}) >= 40
