"""docs/reference/promql.md is what its generator writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import promql_reference, promqltest

PAGE = promql_reference.PAGE.read_text(encoding="utf-8")
SCRIPTS = Path(__file__).parents[3] / "shared" / "data" / "promql"


def test_the_page_is_current():
    before, heading, _ = PAGE.partition(promql_reference.SCRIPTS_HEADING)
    assert heading
    assert before.rstrip() == promql_reference.language().rstrip(), "run `uv run python -m bench.promql_reference`"


def test_every_section_begins_with_a_sentence_of_meaning():
    sections = re.split(r"^## .+$", PAGE, flags=re.MULTILINE)[1:]
    assert len(sections) >= 8
    assert all(section.strip()[0].isupper() for section in sections)


@pytest.mark.slow(minutes=1)
def test_the_list_of_what_fails_is_current():
    if not SCRIPTS.exists():
        pytest.skip(f"{SCRIPTS} is missing")
    assert promql_reference.judged(promqltest.scripts()) in PAGE, "run `uv run python -m bench.promql_reference`"
