"""YAML that every reader reads alike, and label sets made up to be selected."""

from __future__ import annotations

import pytest
import yaml as reference
from hypothesis import given
from hypothesis import strategies as st

from sereno.compiler.samples import labels_matching
from sereno.compiler.text import yaml
from sereno.kernel.errors import UsageError
from sereno.promql import matchers_of, matches

words = st.text() | st.sampled_from(
    ["yes", "NO", "null", "~", "1e3", "0x1", "12:30", " a\n b", "a\n", "- x", "# y", "a: b"]
)
values = st.recursive(
    words | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(words.filter(bool), values, min_size=1, max_size=5))
def test_what_is_written_is_read_back(value: dict[str, object]) -> None:
    assert reference.safe_load(yaml(value)) == value  # type: ignore[arg-type]


def test_it_reads_well() -> None:
    written = yaml(
        {"groups": [{"name": "a/b", "for": "1m", "on": "yes", "expr": "a\n  > 1\nor b", "tags": [], "m": [1, "x"]}]}
    )
    assert written.splitlines() == [
        "groups:",
        '  - name: "a/b"',
        "    for: 1m",
        '    "on": "yes"',
        "    expr: |-",
        "      a",
        "        > 1",
        "      or b",
        "    tags: []",
        "    m:",
        "      - 1",
        "      - x",
    ]


@pytest.mark.parametrize(
    ("selector", "but_not"),
    [
        ('r{job="a"}', 'r{job="a",status=~"5.."}'),
        ('r{job="a",endpoint!~"/health.*"}', 'r{job="a",endpoint!~"/health.*",status!~"5..|429"}'),
        (r'h_bucket{le=~"0\\.5"}', None),
        (r'h_bucket{le=~"1(\\.0)?"}', None),
        ('r{path=~"/(api|web)/v[12]/x+",code=~"[^4-5]\\\\d{2}"}', None),
        ('r{method=~"(?:GET|POST)",host!=""}', 'r{method="GET"}'),
        ('r{status=~"2..|3.."}', 'r{status=~"2.."}'),
    ],
)
def test_an_example_is_selected_and_the_other_one_is_not(selector: str, but_not: str | None) -> None:
    wanted, avoided = matchers_of(selector), matchers_of(but_not) if but_not else ()
    found = labels_matching(wanted, but_not=avoided)
    assert matches(wanted, found)
    assert not avoided or not matches(avoided, found)


@pytest.mark.parametrize(
    ("selector", "but_not"),
    [('r{a="1",a="2"}', None), ('r{a="1"}', 'r{a="1"}'), (r'r{a=~"(\\\\(x|y\\\\))"}', None)],
)
def test_no_example_is_said_plainly(selector: str, but_not: str | None) -> None:
    wanted, avoided = matchers_of(selector), matchers_of(but_not) if but_not else ()
    with pytest.raises(UsageError, match="no example found"):
        labels_matching(wanted, but_not=avoided)
