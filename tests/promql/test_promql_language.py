"""What the parser understands of version 3, what must be switched on, and where mistakes are shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.promql.fuzzing import Speaker

from sereno.kernel.errors import QueryError, UnsupportedQuery, UsageError
from sereno.promql import Grid, Settings, parse
from sereno.promql.ast import Binary, Call, Matching, Number, RangeSelector, Selector, Subquery
from sereno.promql.columns import Matcher
from sereno.promql.dialect import EVERYTHING, FLAGS, Features, Language
from sereno.promql.durations import context_of, resolved
from sereno.promql.errors import point_at
from sereno.promql.printer import duration_text, number_text, text_of

VERSION_2 = Language(2)
VERSION_3 = Language(3)
ALL = Language(3, EVERYTHING)
M = 60_000


def named(name: str, **more: object) -> Selector:
    return Selector((Matcher("__name__", "=", name),), **more)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("up[300]", RangeSelector(named("up"), 5 * M)),
        ("up[0.5]", RangeSelector(named("up"), 500)),
        ("up offset 60", named("up", offset_ms=M)),
        ("up offset -60 * 2", Binary("*", named("up", offset_ms=-M), Number(2))),  # a literal offset ends there
        ("5m", Number(300)),
        ("1h30m + 1", Binary("+", Number(5400), Number(1))),
        ("1_000.5", Number(1000.5)),
        ("0x_1F", Number(31)),
        ('{"with.dots"}', named("with.dots")),
        ('{"up", "a b"="c"}', Selector((Matcher("__name__", "=", "up"), Matcher("a b", "=", "c")))),
        ("start", named("start")),
        ("fill + fill_left", Binary("+", named("fill"), named("fill_left"))),  # words only before a parenthesis
        ("smoothed", named("smoothed")),
        ("up @ 5m", named("up", at=300_000)),
        ("first_over_time(up[5m])", Call("first_over_time", (RangeSelector(named("up"), 5 * M),))),
    ],
)
def test_what_version_3_understands(text, tree):
    assert parse(text, VERSION_3) == tree
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("up[300]", 3),
        ("up offset 60", 10),
        ("5m", 0),
        ('{"with.dots"}', 1),
        ('sum by ("a") (up)', 8),
        ("first_over_time(up[5m])", 0),
        ("limitk(2, up)", 0),
        ("up[5m * 2]", 6),
        ("up </ 3", 3),
    ],
)
def test_version_2_refuses_what_came_later(text, position):
    with pytest.raises(QueryError) as caught:
        parse(text, VERSION_2)
    assert caught.value.position == position


def test_each_version_has_its_name_for_smoothing():
    assert parse("holt_winters(up[5m], 0.5, 0.5)", VERSION_2)
    with pytest.raises(QueryError, match="no function 'holt_winters' in Prometheus 3") as caught:
        parse("holt_winters(up[5m], 0.5, 0.5)", VERSION_3)
    assert "double_exponential_smoothing" in caught.value.hint


EXPERIMENTS = [
    ("info(up)", 0, "promql-experimental-functions"),
    ("1 + limitk(2, up)", 4, "promql-experimental-functions"),
    ("sort_by_label(up, 'a')", 0, "promql-experimental-functions"),
    ("step()", 0, "promql-experimental-functions"),
    ("rate(up[5m] smoothed)", 12, "promql-extended-range-selectors"),
    ("up anchored", 3, "promql-extended-range-selectors"),
    ("a + fill(0) b", 4, "promql-binop-fill-modifiers"),
    ("a + on (x) fill_left(0) fill_right(1) b", 11, "promql-binop-fill-modifiers"),
]


@pytest.mark.parametrize(("text", "position", "flag"), EXPERIMENTS)
def test_experiments_are_refused_with_the_name_of_their_switch(text, position, flag):
    with pytest.raises(UnsupportedQuery, match="not enabled") as caught:
        parse(text, VERSION_3)
    assert caught.value.position == position
    assert flag in caught.value.hint
    assert parse(text, Language(3, Features.of([flag])))
    assert parse(text, ALL)


def test_features_are_called_as_prometheus_calls_them():
    assert Features.of(FLAGS) == EVERYTHING
    with pytest.raises(UsageError, match="no feature 'promql-at-modifier'"):
        Features.of(["promql-at-modifier"])
    with pytest.raises(UnsupportedQuery, match="computed duration"):
        parse("up[5m * 2]", Language(3, Features(duration_expressions=False)))


@pytest.mark.parametrize(
    ("text", "range_ms"),
    [
        ("up[5m * 2]", 10 * M),
        ("up[(1h + 30m) / 2]", 45 * M),
        ("up[-1m + 3m]", 2 * M),
        ("up[2 ^ 3 ^ 2]", 512_000),  # from the right
        ("up[-2 ^ 2 + 10]", 6000),
        ("up[90s % 1m]", 30_000),
        ("up[step()]", 15_000),
        ("up[step() + 1m]", M + 15_000),
        ("up[max_of(step(), range() / 2)]", 30 * M),
        ("up[min_of(step(), range())]", 15_000),
        ("up[RANGE()]", 60 * M),
    ],
)
def test_durations_are_computed_for_their_query(text, range_ms):
    tree = resolved(parse(text, VERSION_3), context_of(Grid(0, 60 * M, 15_000)))
    assert tree == RangeSelector(named("up"), range_ms)


def test_computed_offsets_and_steps_and_functions_of_the_query():
    context = context_of(Grid(1000 * M, 1060 * M, M))
    tree = resolved(
        parse("sum_over_time((up offset (-step() * 2))[10m:step() / 2] offset range())", VERSION_3), context
    )
    inner = tree.args[0]
    assert isinstance(inner, Subquery)
    assert (inner.step_ms, inner.offset_ms) == (30_000, 60 * M)
    assert inner.expr.expr.offset_ms == -2 * M
    assert resolved(parse("end() - start()", ALL), context) == Binary("-", Number(63_600), Number(60_000))


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("up[1m - 5m]", 6, "greater than 0"),
        ("up[0 * 5m]", 5, "greater than 0"),
        ("up[5m / 0]", 6, "division by zero"),
        ("up[5m % (1 - 1)]", 6, "modulo by zero"),
        ("up[1e300 * 1h]", 9, "out of range"),
        ("up[(0 - 1) ^ 0.5]", 11, "NaN"),
    ],
)
def test_durations_that_are_none(text, position, said):
    with pytest.raises(QueryError, match=said) as caught:
        resolved(parse(text, VERSION_3), context_of(Grid.at(0)))
    assert caught.value.position == position


def test_fill_modifiers():
    def matching(text: str) -> Matching:
        return parse(text, ALL).matching

    assert matching("a + fill(0) b") == Matching(fill_left=0.0, fill_right=0.0)
    assert matching("a > bool fill_left(-1) b") == Matching(fill_left=-1.0)
    assert matching("a + on (x) group_left (y) fill_right(2) fill_left(5m) b") == Matching(
        True, ("x",), "left", ("y",), 300.0, 2.0
    )
    for text, said in (
        ("1 + fill(0) a", "between instant vectors"),
        ("a and fill(0) b", "set operators"),
        ("a + fill(0) fill(1) b", "unexpected 'fill'"),
        ("a + fill(b) c", "expected a number"),
    ):
        with pytest.raises(QueryError, match=said):
            parse(text, ALL)


def test_info_takes_labels_and_no_metric():
    assert parse('info(up, {region=~".*"})', ALL)
    for text, said, position in (
        ("info(up, target_info)", "got vector selector instead", 9),
        ("info(up, sum(up))", "label selectors only", 9),
        ('{region=~".*"}', "non-empty matcher", 0),
    ):
        with pytest.raises(QueryError, match=said) as caught:
            parse(text, ALL)
        assert caught.value.position == position


# Mistakes ------------------------------------------------------------------------------------------------------------


def caret(text: str) -> str:
    with pytest.raises(QueryError) as caught:
        parse(text)
    return point_at(text, caught.value)


def test_a_mistake_is_shown_under_its_line():
    assert caret("sum(up) by\n\t(job,\n  1)") == (
        "3:3: unexpected '1' in the list of labels, expected the name of a label\n    1)\n    ^"
    )
    assert caret("rate(up_total)").splitlines()[1:] == ["  rate(up_total)", "       ^^^^^^^^"]
    assert caret("sum(up").splitlines()[1:] == ["  sum(up", "        ^"]
    assert caret("a\tb").splitlines()[1:] == ["  a b", "    ^"]


def test_a_long_line_is_cut_around_its_mistake():
    shown = caret("a" * 300 + " + rate(b) + " + "c" * 300).splitlines()
    assert shown[0].startswith("1:309: expected range vector")
    assert len(shown[1]) < 130
    assert shown[1][shown[2].index("^")] == "b"
    assert point_at("up", QueryError("no place")) == "no place"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 10_000 + "1" + ")" * 10_000,
        "-" * 10_000 + "1",
        "up[" + "(" * 10_000,
        "sum(" * 10_000,
        "a" + " + a" * 200_000,
        "a" + "[5m:1m]" * 100_000,
        "a" + " offset 5m" * 100_000,
        "{" * 500_000,
        "{" + 'a="b",' * 100_000 + "!",
        '"' + "\\" * 900_000,
        "up{a=~'" + "(" * 5000 + "'}",
        "up{a=~'" + "(a|b)*" * 1000 + "('}",
        "9" * 1_000_000 + "x",
        "1e" * 400_000,
        "up[" + "5m+" * 100_000 + "]",
        "x" * 3_000_000,
        "#" * 1_000_000,
        "a@" * 100_000,
    ],
    ids=lambda text: text[:12],
)
def test_giants_end_quickly_with_a_place(text):
    began = time.process_time()
    with pytest.raises(QueryError) as caught:
        parse(text, ALL)
    assert caught.value.position is not None
    assert len(caught.value.message) < 500
    assert len(point_at(text, caught.value)) < 1500
    assert time.process_time() - began < 10


def test_a_giant_that_is_right_is_read():
    assert parse("up{" + ",".join(f'a{i}="{i}"' for i in range(50_000)) + "}")
    assert parse("'" + "x" * 1_000_000 + "'")


def read(text: str):
    try:
        return parse(text, Language(None, EVERYTHING)), None
    except QueryError as error:
        return None, error


@given(st.text(alphabet="abup{}()[],=~!'\"`\\+-*/^%<>@:#0159msh. \n\t", max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text):
    tree, error = read(text)
    if error is None:
        assert text_of(parse(text_of(tree), Language(None, EVERYTHING))) == text_of(tree)
    else:
        assert error.position is None or 0 <= error.position <= len(text)
        assert error.message in point_at(text, error)


# Text ----------------------------------------------------------------------------------------------------------------

WRITTEN = [
    'sum by (job, "a b") (rate(x_total{b!="1",a=~"2"}[5m] @ 1.500 offset -1h))',
    "topk without () (3, up) > bool 1",
    'a * on (x) group_left ("y z") b or c unless ignoring () d',
    "a + fill (0) b - on (x) fill_left (1) fill_right (-2) c",
    "rate(x[1h + step()] anchored @ end()) + x smoothed offset (5m * 2)",
    'max_over_time((a ^ b ^ -c)[30m:1m] @ start()) / {__name__="with.dots",z="\\n\\"é"}',
    "-(a) % +b </ 3",
    '{__name__=~"a|b"}',
    'info(up, {region=~".+"}) + min_of(1, Inf) * -NaN + 5m',
    "1e300 + 0.1 + 1_000_000",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_tree_is_written_so_that_it_is_read_back(text):
    tree = parse(text, ALL)
    again = parse(text_of(tree), ALL)
    assert text_of(again) == text_of(tree)
    assert again == tree or "NaN" in text or "{" in text  # matchers are written in order


@pytest.mark.parametrize("seed", range(20))
def test_random_trees_are_written_and_read_back(seed):
    speaker = Speaker(seed)
    for _ in range(20):
        tree, error = read(speaker.vector(4).text)
        assert error is not None or text_of(parse(text_of(tree))) == text_of(tree)


def test_numbers_and_durations_as_go_writes_them():
    assert [number_text(v) for v in (1.0, 0.5, 1e21, 1e-7, float("inf"), -0.25)] == [
        "1", "0.5", "1000000000000000000000", "0.0000001", "+Inf", "-0.25",
    ]  # fmt: skip
    assert [duration_text(ms) for ms in (0, 500, 90_000, 86_400_000, 90_000_000, 604_800_000, 31_536_000_000)] == [
        "0s", "500ms", "1m30s", "1d", "25h", "1w", "1y",
    ]  # fmt: skip


def test_settings_carry_the_language():
    assert Settings(dialect=3, features=EVERYTHING).language == ALL
    assert Settings(dialect=2).language == VERSION_2
    assert Settings.of(3, features=FLAGS).language == ALL
    assert Settings.of().language == VERSION_3
