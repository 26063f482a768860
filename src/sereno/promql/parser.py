"""Tokens into a tree: a Pratt parser for the grammar of Prometheus 2.42."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import lru_cache
from typing import Literal, NoReturn, cast

from sereno.kernel.duration import parse_duration
from sereno.kernel.duration import to_ms as duration_ms
from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.promql.ast import (
    Aggregate,
    At,
    Binary,
    Call,
    Expr,
    Matching,
    Number,
    Paren,
    RangeSelector,
    Selector,
    Subquery,
    Text,
    Unary,
)
from sereno.promql.check import check, check_selector
from sereno.promql.columns import Matcher
from sereno.promql.lexer import Token, number_of, tokens, unquote
from sereno.promql.regex import compile_regex
from sereno.promql.signatures import AGGREGATIONS, FUNCTIONS, LATER, WITH_PARAM

_PRECEDENCE = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", ">", "<", ">=", "<="), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_UNARY_OPERAND = 6
"""A sign binds as multiplication does: only a power is taken before it."""
_NEVER_METRICS = frozenset({"on", "ignoring", "bool", "group_left", "group_right", "atan2"})
_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEPTH_MAX = 200
_DURATION_MAX_MS = 2**63 // 1_000_000


@lru_cache(maxsize=2048)
def parse(text: str) -> Expr:
    """The tree of `text`, with every type checked.

    Raises QueryError, its `position` the offset of the character at fault; UnsupportedQuery for what is valid
    in later versions of Prometheus only.
    """
    parser = _Parser(text)
    try:
        expr = parser.expression(0)
        parser.expect_end()
        check(expr)
    except RecursionError:
        raise QueryError("the expression is nested too deep", position=parser.here.position) from None
    return expr


def matchers_in_braces(text: str) -> tuple[Matcher, ...]:
    """The matchers of `text`, braces and all. Raises QueryError."""
    parser = _Parser(text)
    matchers = parser.braces()
    parser.expect_end()
    return matchers


class _Parser:
    """A cursor over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.index = 0
        self.depth = 0

    @property
    def here(self) -> Token:
        return self.tokens[self.index]

    @property
    def word(self) -> str:
        """The word here in lower case, as keywords are read; empty for anything else."""
        return self.here.text.lower() if self.here.kind == "word" else ""

    @property
    def last_end(self) -> int:
        return self.tokens[self.index - 1].end

    def take(self) -> Token:
        token = self.here
        self.index += token.kind != "end"
        return token

    def is_mark(self, mark: str, ahead: int = 0) -> bool:
        token = self.tokens[min(self.index + ahead, len(self.tokens) - 1)]
        return token.kind == "mark" and token.text == mark

    def expect(self, mark: str, context: str) -> Token:
        if not self.is_mark(mark):
            self.unexpected(context, f'"{mark}"')
        return self.take()

    def expect_end(self) -> None:
        if self.here.kind != "end":
            self.unexpected("the expression", "an operator or the end")

    def unexpected(self, context: str, expected: str) -> NoReturn:
        token = self.here
        found = "end of input" if token.kind == "end" else repr(token.text)
        raise QueryError(f"unexpected {found} in {context}, expected {expected}", position=token.position)

    # Expressions -------------------------------------------------------------------------------------------

    def expression(self, binding: int) -> Expr:
        """An expression whose operators bind tighter than `binding`."""
        self.depth += 1
        if self.depth > _DEPTH_MAX:
            raise QueryError(f"nested more than {_DEPTH_MAX} deep", position=self.here.position)
        left = self.operand()
        while True:
            op = self.word or (self.here.text if self.here.kind == "mark" else "")
            precedence = _PRECEDENCE.get(op, 0)
            if precedence <= binding:
                break
            left = self.binary(left, op, precedence)
        self.depth -= 1
        return left

    def binary(self, left: Expr, op: str, precedence: int) -> Binary:
        op_position = self.take().position
        bool_ = self.word == "bool"
        if bool_:
            self.take()
        matching = self.matching()
        right = self.expression(precedence - 1 if op == "^" else precedence)
        return Binary(op, left, right, bool_, matching, left.position, right.end, op_position)

    def matching(self) -> Matching:
        if self.word not in ("on", "ignoring"):
            return Matching()
        on = self.take().text.lower() == "on"
        labels = self.label_names()
        if self.word not in ("group_left", "group_right"):
            return Matching(on, labels)
        many: Literal["left", "right"] = "left" if self.take().text.lower() == "group_left" else "right"
        return Matching(on, labels, many, self.label_names() if self.is_mark("(") else ())

    def label_names(self) -> tuple[str, ...]:
        self.expect("(", "the list of labels")
        names: list[str] = []
        while not self.is_mark(")"):
            token = self.here
            if token.kind != "word" or not _LABEL_NAME.fullmatch(token.text):
                self.unexpected("the list of labels", "the name of a label")
            names.append(self.take().text)
            if not self.is_mark(","):
                break
            self.take()
        self.expect(")", "the list of labels")
        return tuple(names)

    def operand(self) -> Expr:
        token = self.here
        if token.kind == "mark" and token.text in ("+", "-"):
            self.take()
            inner = self.expression(_UNARY_OPERAND - 1)
            if isinstance(inner, Number):
                return Number(-inner.value if token.text == "-" else inner.value, token.position, inner.end)
            return Unary(cast(Literal["+", "-"], token.text), inner, token.position, inner.end)
        expr = self.primary()
        while True:
            if self.is_mark("["):
                expr = self.bracket(expr)
            elif self.word == "offset":
                expr = self.offset(expr)
            elif self.is_mark("@"):
                expr = self.at(expr)
            else:
                return expr

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
            raise UnsupportedQuery(f"a duration ({token.text}) as a number", position=token.position)
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
        if lower in ("limitk", "limit_ratio") and opens:
            raise UnsupportedQuery(f"the aggregation {lower}", position=token.position)
        following = self.tokens[min(self.index + 1, len(self.tokens) - 1)]
        if lower in AGGREGATIONS and (opens or following.text.lower() in ("by", "without")):
            return self.aggregate()
        if lower in _NEVER_METRICS:
            self.unexpected("the expression", "a metric, a function, a number or a parenthesis")
        if opens and ":" not in token.text:
            return self.call()
        return self.selector(token)

    def aggregate(self) -> Aggregate:
        token = self.take()
        op = token.text.lower()
        grouping = self.grouping()
        args, _ = self.arguments(op)
        if grouping is None:
            grouping = self.grouping()
        wanted = 2 if op in WITH_PARAM else 1
        if len(args) != wanted:
            raise QueryError(f"{op} takes {wanted} argument(s), got {len(args)}", position=token.position)
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
        if token.text not in FUNCTIONS:
            if token.text in LATER:
                raise UnsupportedQuery(f"the function {token.text}", position=token.position)
            raise QueryError(f"there is no function {token.text!r}", position=token.position)
        args, end = self.arguments(token.text)
        return Call(token.text, args, token.position, end)

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

    # Selectors ---------------------------------------------------------------------------------------------

    def selector(self, token: Token) -> Selector:
        named: tuple[Matcher, ...] = ()
        if token.kind == "word":
            self.take()
            named = (Matcher("__name__", "=", token.text),)
        inside = self.braces() if self.is_mark("{") else ()
        expr = Selector(named + inside, position=token.position, end=self.last_end)
        check_selector(expr, named=bool(named))
        return expr

    def braces(self) -> tuple[Matcher, ...]:
        """The matchers between braces."""
        self.expect("{", "the matchers")
        matchers: list[Matcher] = []
        while not self.is_mark("}"):
            matchers.append(self.matcher())
            if not self.is_mark(","):
                break
            self.take()
        self.expect("}", "the matchers")
        return tuple(matchers)

    def matcher(self) -> Matcher:
        if self.here.kind == "string":
            raise UnsupportedQuery("a name in quotes", position=self.here.position)
        if self.here.kind != "word":
            self.unexpected("the matchers", 'the name of a label or "}"')
        name = self.take().text
        op = next((mark for mark in ("=", "!=", "=~", "!~") if self.is_mark(mark)), None)
        if op is None:
            self.unexpected("the matchers", "one of = != =~ !~")
        self.take()
        token = self.here
        if token.kind != "string":
            self.unexpected("the matchers", "a string in quotes")
        self.take()
        value = unquote(token)
        if op in ("=~", "!~"):
            compile_regex(value, position=token.position)
        return Matcher(name, cast(Literal["=", "!=", "=~", "!~"], op), value)

    def bracket(self, expr: Expr) -> Expr:
        opening = self.take()
        range_ms = self.duration("the range")
        if self.is_mark(":"):
            self.take()
            step_ms = None if self.is_mark("]") else self.duration("the step of the subquery")
            self.expect("]", "the subquery")
            return Subquery(expr, range_ms, step_ms, position=expr.position, end=self.last_end)
        self.expect("]", "the range")
        if not isinstance(expr, Selector):
            raise QueryError("ranges only allowed for vector selectors; a subquery is written [5m:]",
                             position=opening.position)  # fmt: skip
        if expr.offset_ms or expr.at is not None:
            raise QueryError("no offset or @ modifier allowed before the range", position=opening.position)
        return RangeSelector(expr, range_ms, expr.position, self.last_end)

    def duration(self, context: str) -> int:
        """A duration above zero, in milliseconds."""
        token = self.here
        if token.kind == "number":
            raise QueryError(f"missing unit in {context}: 5m, 1h, 30s", position=token.position)
        if token.kind != "duration":
            self.unexpected(context, "a duration such as 5m")
        self.take()
        try:
            found = duration_ms(parse_duration(token.text))
        except (ValueError, OverflowError) as error:
            raise QueryError(str(error), position=token.position) from None
        if found <= 0:
            raise QueryError("duration must be greater than 0", position=token.position)
        if found > _DURATION_MAX_MS:
            raise QueryError("duration out of range", position=token.position)
        return found

    def offset(self, expr: Expr) -> Expr:
        keyword = self.take()
        sign = -1 if self.is_mark("-") else 1
        self.index += sign < 0
        offset_ms = sign * self.duration("the offset")
        selector = expr.selector if isinstance(expr, RangeSelector) else expr
        if not isinstance(selector, Selector | Subquery):
            raise QueryError("offset must follow a selector or a subquery", position=keyword.position)
        if selector.offset_ms:
            raise QueryError("offset may not be set multiple times", position=keyword.position)
        changed = replace(selector, offset_ms=offset_ms, end=self.last_end)
        return _put_back(expr, changed)

    def at(self, expr: Expr) -> Expr:
        mark = self.take()
        selector = expr.selector if isinstance(expr, RangeSelector) else expr
        if not isinstance(selector, Selector | Subquery):
            raise QueryError("@ must follow a selector or a subquery", position=mark.position)
        if selector.at is not None:
            raise QueryError("@ may not be set multiple times", position=mark.position)
        return _put_back(expr, replace(selector, at=self.instant(), end=self.last_end))

    def sign(self) -> int:
        """-1 or 1, for the sign that may stand here."""
        negative = self.is_mark("-")
        self.index += negative or self.is_mark("+")
        return -1 if negative else 1

    def instant(self) -> At:
        """What stands after an @."""
        if self.word in ("start", "end"):
            which: Literal["start", "end"] = "start" if self.take().text.lower() == "start" else "end"
            self.expect("(", "the @ modifier")
            self.expect(")", "the @ modifier")
            return which
        sign = self.sign()
        token = self.here
        if token.kind != "number" and self.word not in ("inf", "nan"):
            self.unexpected("the @ modifier", "a timestamp in seconds, start() or end()")
        self.take()
        seconds = sign * (number_of(token) if token.kind == "number" else float(token.text))
        if not math.isfinite(seconds) or abs(seconds) >= 2**63:
            raise QueryError("timestamp out of bounds for @", position=token.position)
        return int(math.copysign(math.floor(abs(seconds * 1000) + 0.5), seconds))


def _put_back(expr: Expr, selector: Selector | Subquery) -> Expr:
    """`expr` with its selector changed."""
    if isinstance(expr, RangeSelector) and isinstance(selector, Selector):
        return replace(expr, selector=selector, end=selector.end)
    return selector
