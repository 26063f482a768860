"""Tokens into a tree: a Pratt parser for the grammar of Prometheus 2.42 and 3."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, cast

from sereno.kernel.errors import QueryError
from sereno.promql.ast import Aggregate, Binary, Call, Expr, Matching, Number, Paren, Selector, Text, Unary
from sereno.promql.check import check, check_selector
from sereno.promql.columns import Matcher
from sereno.promql.dialect import ANY, Language
from sereno.promql.lexer import Token, number_of, unquote
from sereno.promql.selecting import SelectorParser, duration_of
from sereno.promql.signatures import AGGREGATIONS, FUNCTIONS, TRIED_AGGREGATIONS, WITH_PARAM

_PRECEDENCE = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", ">", "<", ">=", "<=", "</", ">/"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_UNARY_OPERAND = 6
"""A sign binds as multiplication does: only a power is taken before it."""
_NEVER_METRICS = frozenset({"on", "ignoring", "bool", "group_left", "group_right", "atan2"})
_FILLS = ("fill", "fill_left", "fill_right")
_CHAIN_MAX = 900
_KEPT_MAX = 10_000
"""The longest text whose tree is kept for the next time."""
_LENGTH_MAX = 2_000_000


def parse(text: str, language: Language = ANY) -> Expr:
    """The tree of `text`, with every type checked.

    Raises QueryError, its `position` the offset of the character at fault; UnsupportedQuery for what `language`
    leaves out: the other version's grammar, and experiments that are not switched on.
    """
    return _kept(text, language) if len(text) <= _KEPT_MAX else _parsed(text, language)


@lru_cache(maxsize=2048)
def _kept(text: str, language: Language) -> Expr:
    return _parsed(text, language)


def _parsed(text: str, language: Language) -> Expr:
    if len(text) > _LENGTH_MAX:
        raise QueryError(f"an expression of more than {_LENGTH_MAX:,} characters", position=_LENGTH_MAX)
    parser = _Parser(text, language)
    try:
        expr = parser.expression(0)
        parser.expect_end()
        check(expr, language)
    except RecursionError:
        raise QueryError("the expression is nested too deep", position=parser.here.position) from None
    return expr


def matchers_in_braces(text: str) -> tuple[Matcher, ...]:
    """The matchers of `text`, braces and all. Raises QueryError."""
    parser = _Parser(text)
    matchers = parser.braces()
    parser.expect_end()
    return matchers


class _Parser(SelectorParser):
    """A cursor that reads expressions."""

    def expression(self, binding: int) -> Expr:
        """An expression whose operators bind tighter than `binding`."""
        self.deeper()
        left = self.operand()
        for _ in range(_CHAIN_MAX):
            op = self.word or (self.here.text if self.here.kind == "mark" else "")
            precedence = _PRECEDENCE.get(op, 0)
            if precedence <= binding:
                break
            left = self.binary(left, op, precedence)
        else:
            raise QueryError(f"nested too deep: more than {_CHAIN_MAX} operators in a row", position=self.here.position)
        self.depth -= 1
        return left

    def binary(self, left: Expr, op: str, precedence: int) -> Binary:
        token = self.take()
        if op in ("</", ">/"):
            self.needs_3(f"the operator {op}", token.position, token.end)
        bool_ = self.word == "bool"
        if bool_:
            self.take()
        matching = self.matching()
        right = self.expression(precedence - 1 if op == "^" else precedence)
        return Binary(op, left, right, bool_, matching, left.position, right.end, token.position)

    def matching(self) -> Matching:
        on = False
        labels: tuple[str, ...] = ()
        include: tuple[str, ...] = ()
        many: Literal["left", "right"] | None = None
        if self.word in ("on", "ignoring"):
            on = self.take().text.lower() == "on"
            labels = self.label_names()
            if self.word in ("group_left", "group_right"):
                many = "left" if self.take().text.lower() == "group_left" else "right"
                include = self.label_names() if self.is_mark("(") else ()
        fill_left, fill_right = self.fills()
        return Matching(on, labels, many, include, fill_left, fill_right)

    def fills(self) -> tuple[float | None, float | None]:
        """What stands in for series that are missing on the left and on the right."""
        left: float | None = None
        right: float | None = None
        allowed = list(_FILLS)
        while self.word in allowed and self.is_mark("(", 1):
            keyword = self.take()
            which = keyword.text.lower()
            on = self.language.features.fill_modifiers
            what = f"the modifier {which}"
            self.needs_flag("promql-binop-fill-modifiers", on, what, keyword.position, keyword.end)
            value = self.fill_value()
            left = value if which != "fill_right" else left
            right = value if which != "fill_left" else right
            allowed = [] if which == "fill" else [one for one in allowed if one not in ("fill", which)]
        return left, right

    def fill_value(self) -> float:
        self.expect("(", "the fill modifier")
        negative = self.is_mark("-")
        self.index += negative or self.is_mark("+")
        token = self.here
        if token.kind == "number" or self.word in ("inf", "nan"):
            self.take()
            value = number_of(token) if token.kind == "number" else float(token.text)
        elif token.kind == "duration":
            self.take()
            value = duration_of(token) / 1000
        else:
            self.unexpected("the fill modifier", "a number")
        self.expect(")", "the fill modifier")
        return -value if negative else value

    def operand(self) -> Expr:
        token = self.here
        if token.kind == "mark" and token.text in ("+", "-"):
            self.take()
            inner = self.expression(_UNARY_OPERAND - 1)
            if isinstance(inner, Number):
                value = -inner.value if token.text == "-" else inner.value
                return Number(value, token.position, inner.end, inner.duration)
            return Unary(cast(Literal["+", "-"], token.text), inner, token.position, inner.end)
        return self.modified(self.primary())

    def primary(self) -> Expr:
        token = self.here
        if token.kind == "number":
            self.take()
            return Number(number_of(token), token.position, token.end)
        if token.kind == "string":
            self.take()
            return Text(unquote(token), token.position, token.end)
        if self.is_mark("("):
            self.take()
            inner = self.expression(0)
            self.expect(")", "the parentheses")
            return Paren(inner, token.position, self.last_end)
        if self.is_mark("{"):
            return self.selector(token)
        if token.kind == "duration":
            self.needs_3(f"a duration ({token.text[:20]}) as a number", token.position, token.end)
            self.take()
            return Number(duration_of(token) / 1000, token.position, token.end, True)
        if token.kind != "word":
            self.unexpected("the expression", "a metric, a function, a number or a parenthesis")
        return self.named(token)

    def named(self, token: Token) -> Expr:
        """What begins with a word: a number, an aggregation, a call or a metric."""
        lower = token.text.lower()
        opens = self.is_mark("(", 1)
        if lower in ("inf", "nan"):
            self.take()
            return Number(float(lower), token.position, token.end)
        following = self.ahead()
        groups = following.kind == "word" and following.text.lower() in ("by", "without")
        if lower in AGGREGATIONS and (opens or (groups and (lower not in TRIED_AGGREGATIONS or self.knows_3))):
            return self.aggregate()
        if lower in _NEVER_METRICS or (lower in _FILLS and opens and self.knows_3):
            self.unexpected("the expression", "a metric, a function, a number or a parenthesis")
        if opens and ":" not in token.text:
            return self.call()
        return self.selector(token)

    @property
    def knows_3(self) -> bool:
        """Whether the words of version 3 are words here."""
        return self.language.dialect != 2

    def aggregate(self) -> Aggregate:
        token = self.take()
        op = token.text.lower()
        if op in TRIED_AGGREGATIONS:
            on = self.language.features.experimental_functions
            self.needs_flag("promql-experimental-functions", on, f"{op}()", token.position, token.end)
        grouping = self.grouping()
        args, _ = self.arguments(op)
        if grouping is None:
            grouping = self.grouping()
        wanted = 2 if op in WITH_PARAM else 1
        if len(args) != wanted:
            raise QueryError(
                f"{op} takes {wanted} argument(s), got {len(args)}", position=token.position, end=self.last_end
            )
        without, names = grouping or (False, ())
        param = args[0] if wanted == 2 else None
        return Aggregate(op, args[-1], param, names, without, token.position, self.last_end)

    def grouping(self) -> tuple[bool, tuple[str, ...]] | None:
        if self.word not in ("by", "without"):
            return None
        without = self.take().text.lower() == "without"
        return without, self.label_names()

    def call(self) -> Call:
        token = self.take()
        self.check_function(token)
        args, end = self.arguments(token.text)
        return Call(token.text, args, token.position, end)

    def check_function(self, token: Token) -> None:
        """Raise QueryError if there is no function called `token`, or not in this language."""
        name = token.text
        signature = FUNCTIONS.get(name)
        if signature is None:
            raise QueryError(f"there is no function {name[:100]!r}", position=token.position, end=token.end)
        if signature.experimental:
            on = self.language.features.experimental_functions
            self.needs_flag("promql-experimental-functions", on, f"function {name!r}", token.position, token.end)
        elif signature.since == 3:
            self.needs_3(f"the function {name}", token.position, token.end)
        if signature.until == 2 and self.language.dialect == 3:
            raise QueryError(
                f"there is no function {name!r} in Prometheus 3", position=token.position, end=token.end,
                hint="it is double_exponential_smoothing there; or set the dialect to 2",
            )  # fmt: skip

    def arguments(self, context: str) -> tuple[tuple[Expr, ...], int]:
        self.expect("(", context)
        args: list[Expr] = []
        while not self.is_mark(")"):
            args.append(self.expression(0))
            if not self.is_mark(","):
                break
            self.take()
            if self.is_mark(")"):
                self.unexpected(f"the arguments of {context}", "an argument")
        self.expect(")", f"the arguments of {context}")
        return tuple(args), self.last_end

    def selector(self, token: Token) -> Selector:
        matchers = self.matchers(token)
        named = token.kind == "word"
        expr = Selector(matchers, position=token.position, end=self.last_end, named=named)
        if named:
            check_selector(expr, named=True)
        return expr
