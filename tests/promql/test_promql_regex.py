"""Regular expressions: RE2's meaning, and no pattern that stops the house."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.kernel.errors import QueryError, QueryLimit, UnsupportedQuery
from sereno.kernel.labels import Labels
from sereno.promql import Matcher, matches
from sereno.promql.regex import Regex, compile_regex
from sereno.promql.regex_machine import Machine
from sereno.promql.regex_syntax import parse_regex


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("5..|429", ["500", "429"], ["50", "5000", "4290", ""]),
        ("", [""], ["a"]),
        (".*", ["", "abc", "a\nb"], []),  # a dot takes a newline, as in version 3
        ("(?-s:.*)", ["", "abc"], ["a\nb"]),  # unless it is told not to
        ("((?i)PRO).*", ["production", "PROx\n"], ["xpro"]),  # flags may begin anywhere
        (".+", ["a"], [""]),
        ("a|", ["a", ""], ["b"]),
        ("(?i)get", ["GET", "get", "gEt"], ["got"]),
        ("((?i)PRO).*", ["proxy", "PROxy"], ["xpro"]),  # flags in the middle hold to the end of their group
        ("(?i:a)b", ["ab", "Ab"], ["aB"]),
        ("(?s)a.b", ["a\nb"], ["ab"]),
        ("^abc$", ["abc"], ["abc\n"]),  # the end is the end, not the newline before it
        (r"\Aabc\z", ["abc"], ["abcd"]),
        ("(?m)a$\n^b", ["a\nb"], ["ab"]),
        (r"\d+", ["12"], ["١٢", "a"]),  # digits are those of ASCII
        (r"\w+", ["aZ_9"], ["é"]),
        (r"\bfoo\b.*", ["foo", "foo bar"], ["foobar"]),
        ("[[:alpha:]_]+", ["ab_"], ["a1"]),
        ("[^a-c]", ["d", "\n"], ["a"]),
        ("[]a]+", ["]a"], ["b"]),
        ("[a-]+", ["a-"], ["b"]),
        (r"[\d\-x]+", ["1-x"], ["y"]),
        (r"\Q.*\E+", [".*", ".**"], ["ab"]),
        (r"\x41\x{1F600}", ["A😀"], ["A"]),
        (r"\pL+\p{Nd}", ["ñá1"], ["1"]),
        (r"\PL", ["1"], ["a"]),
        ("a{2,3}", ["aa", "aaa"], ["a", "aaaa"]),
        ("a{,3}", ["a{,3}"], ["a"]),  # no count in Go, so a brace is a brace
        ("x{y}", ["x{y}"], ["xy"]),
        ("(?P<n>a)(b)?", ["a", "ab"], ["b"]),
        ("(a+)+", ["aaa"], ["b"]),
        ("/api/v[0-9]+/(cart|pay)", ["/api/v1/cart"], ["/api/v1/card"]),
    ],
)
def test_whole_values_match_as_in_go(pattern, yes, no):
    regex = compile_regex(pattern)
    tree, names = parse_regex(pattern)
    machine = Machine(tree, len(names))
    for value in yes:
        assert regex.matches(value), value
        assert machine.match(value) is not None, value
    for value in no:
        assert not regex.matches(value), value
        assert machine.match(value) is None, value


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "a)(b",
        "[a",
        "*a",
        "a**",
        "a{1001}",
        "a{3,2}",
        r"\1",
        r"(a)\1",
        "(?=a)",
        "(?!a)",
        "(?<=a)b",
        r"\y",
        "[b-a]",
        "(?P<n>a)(?P<n>b)",
        "(?z)",
        r"\p{",
        "[[:nope:]]",
        "\\",
        "(" * 200 + ")" * 200,
        "a" * 20_000,
    ],
)
def test_what_go_refuses_is_refused(pattern):
    with pytest.raises(QueryError):
        Regex(pattern)


def test_scripts_of_unicode_are_named_as_unsupported():
    with pytest.raises(UnsupportedQuery, match="Greek"):
        Regex(r"\p{Greek}+")


def test_a_compiled_pattern_reports_each_place_where_it_is_wrong():
    for position in (3, 9):
        with pytest.raises(QueryError) as caught:
            compile_regex("(", position=position)
        assert caught.value.position == position


EXPLOSIVE = ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "(a*)*(a*)*b", ".*.*.*.*.*b", "((a{0,20}){0,20})b"]


@pytest.mark.parametrize("pattern", EXPLOSIVE)
def test_no_pattern_explodes(pattern):
    began = time.process_time()
    assert not compile_regex(pattern).matches("a" * 300)
    assert time.process_time() - began < 2


def test_a_pattern_of_too_many_states_ends_with_a_limit():
    with pytest.raises(QueryLimit, match="too costly"):
        compile_regex("((a{0,90}){0,90})b").matches("a" * 300)
    with pytest.raises(QueryError, match="too large"):
        Regex("((a{0,100}){0,100}){0,100}")


def test_groups_go_into_templates():
    regex = compile_regex(r"(?P<host>[^:]+):(\d+)(x)?")
    assert regex.expand("$host|${host}|$2|$3|$9|$$|${2}x|$2x|$", "web:80") == "web|web|80|||$|80x||$"
    assert regex.expand("$1", "nothing") is None
    slow = compile_regex(r"((?P<host>[^:]+)+):(\d+)+")
    assert slow.expand("$host-$1-$3", "web:80") == "web-web-80"


letters = st.sampled_from(
    ["a", "b", "ab", "[ab]", "[^a]", ".", "a?", "b*", "a+", "(a)", "(b|a)", "(?:ab)?", "a{2}", "$", "^"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(letters, max_size=6), st.lists(letters, max_size=3), st.text("abc", max_size=7))
def test_both_matchers_agree_with_each_other_and_with_python(first, second, text):
    pattern = "".join(first) + ("|" + "".join(second) if second else "")
    if re.search(r"[*+?}][*+?]", pattern):
        return
    tree, names = parse_regex(pattern)
    spans = Machine(tree, len(names)).match(text)
    python = re.fullmatch(pattern.replace("$", r"\Z"), text)
    assert (spans is not None) == (python is not None) == Regex(pattern).matches(text)
    if spans is not None and python is not None:
        assert spans[2:] == tuple(edge for index in range(1, len(names) + 1) for edge in python.span(index))


def test_matchers_read_a_missing_label_as_empty():
    labels = Labels(__name__="up", job="api")
    assert matches((Matcher("job", "=~", "api|web"), Matcher("zone", "=", "")), labels)
    assert matches((Matcher("zone", "!~", ".+"), Matcher("zone", "!=", "x")), labels)
    assert not matches((Matcher("zone", "=~", ".+"),), labels)
    assert not matches((Matcher("job", "!~", "api|web"),), labels)
