"""How selectors are read: matchers in braces, ranges in brackets, offset, @, anchored and smoothed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal, cast

from sereno.kernel.duration import parse_duration
from sereno.kernel.duration import to_ms as duration_ms
from sereno.kernel.errors import QueryError
from sereno.promql.ast import At, Expr, RangeSelector, Selector, Span, Subquery
from sereno.promql.columns import Matcher
from sereno.promql.cursor import DEPTH_MAX, Cursor
from sereno.promql.durations import SECONDS_MAX
from sereno.promql.lexer import Token, number_of, unquote
from sereno.promql.regex import compile_regex

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_UNARY = 2
_MODIFIERS = ("anchored", "smoothed")


def duration_of(token: Token) -> int:
    """The milliseconds of a duration such as 1h30m. Raises QueryError if it is none."""
    try:
        found = duration_ms(parse_duration(token.text))
    except OverflowError:
        raise QueryError("duration out of range", position=token.position, end=token.end) from None
    except ValueError as error:
        raise QueryError(str(error)[:200], position=token.position, end=token.end) from None
    if found / 1000 > SECONDS_MAX:
        raise QueryError("duration out of range", position=token.position, end=token.end)
    return found


def _whole_ms(seconds: float) -> int:
    """Milliseconds of a literal, as Go rounds them: to nanoseconds first."""
    return int(math.copysign(math.floor(abs(seconds) * 1e9 + 0.5) // 1_000_000, seconds))


class SelectorParser(Cursor):
    """A cursor that reads selectors and durations."""

    def matchers(self, token: Token) -> tuple[Matcher, ...]:
        """The matchers of a selector that begins with `token`: a name, braces, or both."""
        named: tuple[Matcher, ...] = ()
        if token.kind == "word":
            self.take()
            named = (Matcher("__name__", "=", token.text),)
        return named + (self.braces() if self.is_mark("{") else ())

    def braces(self) -> tuple[Matcher, ...]:
        """The matchers between braces."""
        self.expect("{", "the matchers")
        found: list[Matcher] = []
        while not self.is_mark("}"):
            found.append(self.matcher())
            if not self.is_mark(","):
                break
            self.take()
        self.expect("}", "the matchers")
        return tuple(found)

    def matcher(self) -> Matcher:
        """One condition, or a metric's name in quotes."""
        if self.here.kind == "string":
            name = self.quoted_name("matching")
            if self.is_mark(",") or self.is_mark("}"):
                return Matcher("__name__", "=", name)
        elif self.here.kind == "word":
            name = self.take().text
        else:
            self.unexpected("the matchers", 'the name of a label or "}"')
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

    # Ranges -------------------------------------------------------------------------------------------------

    def bracket(self, expr: Expr) -> Expr:
        """`expr` with the range or the subquery that follows it."""
        opening = self.take()
        range_ms, range_ = self.length("the range")
        if self.is_mark(":"):
            self.take()
            step_ms, step = (None, None) if self.is_mark("]") else self.length("the step of the subquery")
            self.expect("]", "the subquery")
            return Subquery(expr, range_ms, step_ms, position=expr.position, end=self.last_end, range=range_, step=step)
        self.expect("]", "the range")
        if not isinstance(expr, Selector):
            raise QueryError(
                "ranges only allowed for vector selectors; a subquery is written [5m:]",
                position=opening.position, end=self.last_end,
            )  # fmt: skip
        if expr.offset_ms or expr.offset is not None or expr.at is not None:
            raise QueryError(
                "no offset or @ modifier allowed before the range", position=opening.position, end=self.last_end
            )
        return RangeSelector(expr, range_ms, expr.position, self.last_end, range=range_)

    def length(self, context: str) -> tuple[int, Span | None]:
        """A duration above zero: its milliseconds, or what computes them."""
        token = self.here
        found = self.span(0, context)
        if isinstance(found, Span):
            return 0, found
        if token.kind == "number" and self.language.dialect == 2:
            raise QueryError(f"missing unit in {context}: 5m, 1h, 30s", position=token.position, end=token.end)
        if not found > 0:
            raise QueryError("duration must be greater than 0", position=token.position, end=token.end)
        return self.within(found, token), None

    def within(self, seconds: float, token: Token) -> int:
        """The milliseconds of a literal. Raises QueryError if Go could not hold it."""
        if not abs(seconds) <= SECONDS_MAX:
            raise QueryError("duration out of range", position=token.position, end=token.end)
        return _whole_ms(seconds)

    def span(self, binding: int, context: str) -> Span | float:
        """A computed duration whose operators bind tighter than `binding`; seconds, if it is a literal."""
        self.deeper()
        left = self.span_operand(context)
        begun = self.index
        while (
            self.index - begun < 4 * DEPTH_MAX
            and self.here.kind == "mark"
            and _PRECEDENCE.get(self.here.text, 0) > binding
        ):
            op = self.take()
            precedence = _PRECEDENCE[op.text]
            right = self.span(precedence - 1 if op.text == "^" else precedence, context)
            left = self.computed(op.text, left, right, op)
        self.depth -= 1
        return left

    def span_operand(self, context: str) -> Span | float:
        """A computed duration behind a sign, or an atom."""
        token = self.here
        if self.is_mark("-") or self.is_mark("+"):
            self.take()
            return self.signed(token, self.span(_UNARY, context))
        return self.span_atom(context)

    def signed(self, sign: Token, inner: Span | float) -> Span | float:
        """`inner` behind a sign."""
        if isinstance(inner, Span):
            return self.computed("-", None, inner, sign) if sign.text == "-" else inner
        if sign.text == "+":
            self.needs_3("a plus sign in a duration", sign.position, sign.end)
        return -inner if sign.text == "-" else inner

    def span_atom(self, context: str) -> Span | float:
        """A literal, step(), range(), min_of(…), max_of(…), or anything in parentheses."""
        token = self.here
        if token.kind == "number":
            self.take()
            return number_of(token)
        if token.kind == "duration":
            self.take()
            return duration_of(token) / 1000
        if self.is_mark("("):
            self.take()
            inner = self.span(0, context)
            self.expect(")", context)
            found = inner if isinstance(inner, Span) else self.computed("+", None, inner, token)
            return replace(found, wrapped=True)
        if self.word in ("step", "range") and self.is_mark("(", 1):
            self.index += 2
            self.expect(")", context)
            return self.computed(token.text.lower(), None, None, token)
        if self.word in ("min_of", "max_of") and self.is_mark("(", 1):
            self.index += 2
            left = self.span(0, context)
            self.expect(",", context)
            right = self.span(0, context)
            self.expect(")", context)
            return self.computed(token.text.lower(), left, right, token)
        self.unexpected(context, "a duration such as 5m")

    def computed(self, op: str, left: Span | float | None, right: Span | float | None, token: Token) -> Span:
        """A computed duration, if that is switched on."""
        on = self.language.features.duration_expressions
        self.needs_flag("promql-duration-expr", on, "a computed duration", token.position, token.end)
        if op in ("/", "%") and right == 0:
            what = "division" if op == "/" else "modulo"
            raise QueryError(f"{what} by zero", position=token.position, end=token.end)
        return Span(op, left, right, position=token.position, end=self.last_end)  # type: ignore[arg-type]

    # Modifiers ----------------------------------------------------------------------------------------------

    def modified(self, expr: Expr) -> Expr:
        """`expr` with all that follows it: a range, offset, @, anchored or smoothed."""
        for _ in range(DEPTH_MAX):
            if self.is_mark("["):
                expr = self.bracket(expr)
            elif self.word == "offset":
                expr = self.offset(expr)
            elif self.is_mark("@"):
                expr = self.at(expr)
            elif self.word in _MODIFIERS and self.language.dialect != 2:
                expr = self.extended(expr)
            else:
                return expr
        raise QueryError(f"nested more than {DEPTH_MAX} deep", position=self.here.position)

    def offset(self, expr: Expr) -> Expr:
        """`expr` with its offset."""
        keyword = self.take()
        offset_ms, span = self.offset_length()
        selector = expr.selector if isinstance(expr, RangeSelector) else expr
        if not isinstance(selector, Selector | Subquery):
            raise QueryError("offset must follow a selector or a subquery", position=keyword.position, end=keyword.end)
        if selector.offset_ms or selector.offset is not None:
            raise QueryError("offset may not be set multiple times", position=keyword.position, end=keyword.end)
        return _put_back(expr, replace(selector, offset_ms=offset_ms, offset=span, end=self.last_end))

    def offset_length(self) -> tuple[int, Span | None]:
        """A duration of either sign. What follows a literal is no part of it: `up offset 5m * 2` is a product."""
        sign = self.here if self.is_mark("-") or self.is_mark("+") else None
        if sign is not None:
            self.take()
        token = self.here
        found = self.span_atom("the offset")
        if sign is not None:
            found = self.signed(sign, found)
        if isinstance(found, Span):
            return 0, found
        if token.kind == "number":
            if self.language.dialect == 2:
                raise QueryError("missing unit in the offset: 5m, 1h, 30s", position=token.position, end=token.end)
        elif not found and self.language.dialect == 2:
            raise QueryError("duration must be greater than 0", position=token.position, end=token.end)
        return self.within(found, token), None

    def extended(self, expr: Expr) -> Expr:
        """`expr` anchored or smoothed."""
        keyword = self.take()
        which = keyword.text.lower()
        on = self.language.features.extended_ranges
        what = f"the modifier {which}"
        self.needs_flag("promql-extended-range-selectors", on, what, keyword.position, keyword.end)
        selector = expr.selector if isinstance(expr, RangeSelector) else expr
        if not isinstance(selector, Selector):
            context = "for subqueries" if isinstance(expr, Subquery) else "here"
            raise QueryError(f"{which} modifier is not supported {context}", position=keyword.position, end=keyword.end)
        if selector.extended not in ("", which):
            raise QueryError(
                "anchored and smoothed modifiers cannot be used together", position=keyword.position, end=keyword.end
            )
        return _put_back(expr, replace(selector, extended=cast(Literal["anchored", "smoothed"], which)))

    def at(self, expr: Expr) -> Expr:
        """`expr` with its instant."""
        mark = self.take()
        selector = expr.selector if isinstance(expr, RangeSelector) else expr
        if not isinstance(selector, Selector | Subquery):
            raise QueryError("@ must follow a selector or a subquery", position=mark.position, end=mark.end)
        if selector.at is not None:
            raise QueryError("@ may not be set multiple times", position=mark.position, end=mark.end)
        return _put_back(expr, replace(selector, at=self.instant(), end=self.last_end))

    def instant(self) -> At:
        """What stands after an @."""
        if self.word in ("start", "end"):
            which: Literal["start", "end"] = "start" if self.take().text.lower() == "start" else "end"
            self.expect("(", "the @ modifier")
            self.expect(")", "the @ modifier")
            return which
        negative = self.is_mark("-")
        self.index += negative or self.is_mark("+")
        token = self.here
        if token.kind not in ("number", "duration") and self.word not in ("inf", "nan"):
            self.unexpected("the @ modifier", "a timestamp in seconds, start() or end()")
        self.take()
        if token.kind == "duration":
            self.needs_3("a duration as a number", token.position, token.end)
            seconds = duration_of(token) / 1000
        else:
            seconds = number_of(token) if token.kind == "number" else float(token.text)
        seconds = -seconds if negative else seconds
        if not math.isfinite(seconds) or abs(seconds) >= 2**63:
            raise QueryError("timestamp out of bounds for @", position=token.position, end=token.end)
        return int(math.copysign(math.floor(abs(seconds * 1000) + 0.5), seconds))


def _put_back(expr: Expr, selector: Selector | Subquery) -> Expr:
    """`expr` with its selector changed."""
    if isinstance(expr, RangeSelector) and isinstance(selector, Selector):
        return replace(expr, selector=selector, end=max(expr.end, selector.end))
    return selector
