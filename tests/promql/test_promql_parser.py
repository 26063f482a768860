"""The parser: what it accepts, what it refuses and where, and that it agrees with another parser."""

from __future__ import annotations

import math

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.promql.grammar import Grammar
from tests.promql.test_promql_against_prometheus import EXPRESSIONS

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.promql import Matcher, conditions_of, matchers_of, parse, selector_text
from sereno.promql.ast import Aggregate, Binary, Call, Number, Paren, RangeSelector, Selector, Subquery, Text, Unary

M, H = 60_000, 3_600_000


def named(name: str, **more: object) -> Selector:
    return Selector((Matcher("__name__", "=", name),), **more)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("up", named("up")),
        ("job:rate:sum", named("job:rate:sum")),
        ("sum", named("sum")),  # the names of operators may be metrics
        ("offset offset 5m", named("offset", offset_ms=5 * M)),
        ("up offset -1h30m", named("up", offset_ms=-90 * M)),
        ("up @ 1.5 offset 5m", named("up", at=1500, offset_ms=5 * M)),
        ("up offset 5m @ end()", named("up", at="end", offset_ms=5 * M)),
        ("up[5m] @ start()", RangeSelector(named("up", at="start"), 5 * M)),
        ("up[1h:1m]", Subquery(named("up"), H, M)),
        ("up[1h:] offset 2m", Subquery(named("up"), H, None, offset_ms=2 * M)),
        ("1 + 2 * 3", Binary("+", Number(1), Binary("*", Number(2), Number(3)))),
        ("2 ^ 3 ^ 2", Binary("^", Number(2), Binary("^", Number(3), Number(2)))),
        ("1 - 2 - 3", Binary("-", Binary("-", Number(1), Number(2)), Number(3))),
        ("-2 ^ 2", Unary("-", Binary("^", Number(2), Number(2)))),
        ("-1", Number(-1)),
        ("2 ^ -1", Binary("^", Number(2), Number(-1))),
        ("a or b and c", Binary("or", named("a"), Binary("and", named("b"), named("c")))),
        ("a > b == c", Binary("==", Binary(">", named("a"), named("b")), named("c"))),
        ("-up offset 5m", Unary("-", named("up", offset_ms=5 * M))),
        ("0x1F", Number(31)),
        ("017", Number(15)),
        ("1e3", Number(1000)),
        ("+Inf", Number(math.inf)),
        ("(up)", Paren(named("up"))),
        (r'"a\tb\x41\u00e9\'" # a comment'.replace(r"\'", "'"), Text("a\tbAé'")),
        ("'it'", Text("it")),
        (r"`raw\d`", Text(r"raw\d")),
        ("SUM BY (a,) (up)", Aggregate("sum", named("up"), None, ("a",))),
        ("sum(up) without ()", Aggregate("sum", named("up"), None, (), True)),
        ("topk(3, up)", Aggregate("topk", named("up"), Number(3))),
        ("time()", Call("time", ())),
    ],
)
def test_trees(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("", 0, "unexpected end of input"),
        ("sum(up", 6, '")"'),
        ("up{job=}", 7, "a string in quotes"),
        ('up{job="a}', 7, "no end"),
        ("up{job='\\q'}", 8, "unknown escape"),
        ('up{job=~"("}', 8, "not closed"),
        ('{job=~".*"}', 0, "non-empty matcher"),
        ('up{__name__="down"}', 0, "twice"),
        ("rate(up)", 5, "expected range vector in rate, got instant vector"),
        ("up[5m", 5, '"]"'),
        ("up[0s]", 3, "greater than 0"),
        ("sum(up)[5m]", 7, "ranges only allowed"),
        ("up offset 5m [5m]", 13, "before the range"),
        ('count_values("", up)', 13, "invalid label name"),
        ("sum(up) offset 5m", 8, "must follow a selector"),
        ("up offset 5m offset 5m", 13, "multiple times"),
        ("up @ 1 @ 2", 7, "multiple times"),
        ("1 > 2", 2, "bool"),
        ("up + bool up", 3, "bool"),
        ("up and 1", 3, "scalar"),
        ("1 + on (a) up", 2, "between instant vectors"),
        ("a + on (x) group_left (x) b", 2, "must not occur"),
        ("a and on (x) group_left () b", 2, "no grouping"),
        ("nothing_of_the_kind(up)", 0, "there is no function"),
        ("round(up, 1, 2)", 0, "takes 1 to 2"),
        ("histogram_quantile(0.9, up) by (table)", 28, "unexpected 'by'"),
        ("up up", 3, "unexpected 'up'"),
        ("up $ 3", 3, "unexpected character"),
        ("5 5m", 2, "unexpected '5m'"),
        ("topk(up)", 0, "takes 2"),
        ('"a" + 1', 0, "got string"),
        ("sum by (1) (up)", 8, "name of a label"),
    ],
)
def test_mistakes_are_shown_where_they_are(text, position, said):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("sort_by_label(up, 'a')", 0),
        ("limitk(2, up)", 0),
        ("double_exponential_smoothing(up[5m], 0.5, 0.5)", 0),
        (r'up{a=~"\\p{Greek}"}', 6),
    ],
)
def test_what_later_versions_have_is_named_as_unsupported(text, position):
    with pytest.raises(UnsupportedQuery) as caught:
        parse(text)
    assert caught.value.position == position


def test_deep_nesting_is_refused_and_does_not_crash():
    with pytest.raises(QueryError, match="deep"):
        parse("(" * 5000 + "1" + ")" * 5000)
    with pytest.raises(QueryError, match="deep"):
        parse("-" * 5000 + "up")
    with pytest.raises(QueryError, match="deep"):
        parse(" + ".join(["up"] * 20_000))
    assert parse(" or ".join(f"m{i}" for i in range(200)))


def test_matchers_of_a_selector():
    assert matchers_of('up{job=~"a|b",code!="5"}') == (
        Matcher("__name__", "=", "up"),
        Matcher("job", "=~", "a|b"),
        Matcher("code", "!=", "5"),
    )
    for wrong in ("up[5m]", "sum(up)", "up offset 5m", "up + 1"):
        with pytest.raises(QueryError):
            matchers_of(wrong)


def test_conditions_without_braces():
    assert conditions_of('status=~"5..|429"') == (Matcher("status", "=~", "5..|429"),)
    assert conditions_of("{a='1', b!='2',}") == (Matcher("a", "=", "1"), Matcher("b", "!=", "2"))
    with pytest.raises(QueryError) as caught:
        conditions_of("status=5")
    assert caught.value.position == 7


values = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "job", "__name__"]), st.sampled_from(["=", "!="]), values)))
def test_a_selector_reads_back_as_it_was_written(triples):
    matchers = (Matcher("anchor", "=", "x"), *(Matcher(*triple) for triple in triples))
    read = matchers_of(selector_text(matchers))
    assert set(read) == set(matchers)
    assert selector_text(read) == selector_text(matchers)


# Against another parser --------------------------------------------------------------------------------------


def sketch(expr: object) -> object:
    """The shape of either parser's tree, as far as both tell it."""
    name = type(expr).__name__
    if isinstance(expr, Paren | promql_parser.ParenExpr):
        return sketch(expr.expr)
    if name in ("Binary", "BinaryExpr"):
        left, right = (expr.left, expr.right) if name == "Binary" else (expr.lhs, expr.rhs)
        return (str(expr.op).split(".")[-1].lower(), sketch(left), sketch(right))
    if name in ("Unary", "UnaryExpr"):
        return sketch(expr.expr) if getattr(expr, "op", "-") == "+" else ("neg", sketch(expr.expr))
    if name in ("Number", "NumberLiteral"):
        value = expr.value if name == "Number" else expr.val
        return "nan" if math.isnan(value) else value
    if name in ("Text", "StringLiteral"):
        return expr.value if name == "Text" else expr.val
    if name in ("Call", "Aggregate", "AggregateExpr"):
        function = expr.function if name == "Call" and isinstance(expr, Call) else None
        if function is None:
            function = expr.func.name if name == "Call" else str(expr.op).split(".")[-1].lower()
        args = expr.args if name == "Call" else [expr.expr]
        param = getattr(expr, "param", None)
        return (function.lower(), *([] if param is None else [sketch(param)]), *(sketch(arg) for arg in args))
    if name == "RangeSelector":
        return ("range", expr.range_ms, sketch(expr.selector))
    if name == "MatrixSelector":
        return ("range", round(expr.range.total_seconds() * 1000), sketch(expr.vector_selector))
    if name == "Subquery":
        return ("subquery", expr.range_ms, expr.step_ms, sketch(expr.expr))
    if name == "SubqueryExpr":
        step = None if expr.step is None else round(expr.step.total_seconds() * 1000)
        return ("subquery", round(expr.range.total_seconds() * 1000), step, sketch(expr.expr))
    if name == "Selector":
        return sorted((m.name, m.value) for m in expr.matchers)
    assert name == "VectorSelector", name
    pairs = [(m.name, m.value) for m in expr.matchers.matchers]
    return sorted(pairs + ([("__name__", expr.name)] if expr.name else []))


OPERATORS = {
    **{"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "pow": "^", "eqlc": "==", "neq": "!="},
    **{"gtr": ">", "lss": "<", "gte": ">=", "lte": "<=", "land": "and", "lor": "or", "lunless": "unless"},
}


def translated(tree: object) -> object:
    if isinstance(tree, tuple) and tree and isinstance(tree[0], str):
        return (OPERATORS.get(tree[0], tree[0]), *(translated(part) for part in tree[1:]))
    return tree


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_promql_parser_on_random_expressions(seed):
    grammar = Grammar(seed)
    for _ in range(20):
        text = grammar.vector(4)
        assert translated(sketch(promql_parser.parse(text))) == sketch(parse(text)), text


@pytest.mark.parametrize("text", [text for text in EXPRESSIONS if "holt_winters" not in text and "010" not in text])
def test_agrees_with_promql_parser(text):
    assert translated(sketch(promql_parser.parse(text))) == sketch(parse(text))
