"""Every expression of the rule files that people publish: read, and evaluated where there is nothing to see."""

from __future__ import annotations

from pathlib import Path

import promql_parser
import pytest
import yaml
from tests.promql.test_promql_parser import sketch, translated

from sereno.promql import Columns, Grid, evaluate, parse, selections

RULES = Path(__file__).parents[3] / "shared" / "data" / "rules"


def _documents(path: Path):
    text = path.read_text()
    if "{{" in text.split("groups:")[0]:
        return
    try:
        yield from yaml.safe_load_all(text)
    except yaml.YAMLError:
        return


def expressions() -> list[str]:
    found = []
    for path in sorted(RULES.rglob("*.y*ml")):
        for document in _documents(path):
            spec = document.get("spec", document) if isinstance(document, dict) else {}
            for group in (spec or {}).get("groups") or []:
                found += [str(rule["expr"]) for rule in group.get("rules") or [] if "expr" in rule]
    return found


def test_every_published_rule_is_read_as_another_parser_reads_it():
    if not RULES.exists():
        pytest.skip(f"{RULES} is missing")
    found = expressions()
    assert len(found) >= 1_100
    for text in found:
        assert translated(sketch(promql_parser.parse(text))) == sketch(parse(text)), text


def test_every_published_rule_is_evaluated():
    if not RULES.exists():
        pytest.skip(f"{RULES} is missing")
    nothing = Columns.of([])
    grid = Grid(1_700_000_000_000, 1_700_000_300_000, 60_000)
    for text in expressions():
        assert evaluate(text, grid, lambda _: nothing).kind in ("vector", "scalar"), text
        assert selections(text, grid) or "vector(1)" in text, text
