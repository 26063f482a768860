"""A tree back into text, as Prometheus 3 writes it. Source: promql/parser/printer.go."""

from __future__ import annotations

import math
from decimal import Decimal

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
    Span,
    Subquery,
    Text,
    Unary,
)
from sereno.promql.cursor import LABEL_NAME
from sereno.promql.matching import quoted

_UNITS = (("w", 604_800_000, True), ("d", 86_400_000, True), ("h", 3_600_000, False), ("m", 60_000, False),
          ("s", 1000, False), ("ms", 1, False))  # fmt: skip
_YEAR_MS = 365 * 86_400_000


def text_of(expr: Expr) -> str:
    """The text of `expr`; what it is parsed back to means the same."""
    match expr:
        case Number():
            return _number(expr)
        case Text():
            return quoted(expr.value)
        case Selector():
            return f"{_name_and_labels(expr)}{_at(expr.at)}{_extended(expr)}{_offset(expr.offset_ms, expr.offset)}"
        case RangeSelector():
            inner = expr.selector
            after = f"{_extended(inner)}{_at(inner.at)}{_offset(inner.offset_ms, inner.offset)}"
            return f"{_name_and_labels(inner)}[{_length(expr.range_ms, expr.range)}]{after}"
        case Subquery():
            step = "" if expr.step_ms is None and expr.step is None else _length(expr.step_ms or 0, expr.step)
            window = f"[{_length(expr.range_ms, expr.range)}:{step}]"
            return f"{text_of(expr.expr)}{window}{_at(expr.at)}{_offset(expr.offset_ms, expr.offset)}"
        case Call():
            return f"{expr.function}({', '.join(map(text_of, expr.args))})"
        case Aggregate():
            param = "" if expr.param is None else f"{text_of(expr.param)}, "
            return f"{expr.op}{_grouping(expr)}({param}{text_of(expr.expr)})"
        case Binary():
            bool_ = " bool" if expr.bool_ else ""
            return f"{text_of(expr.left)} {expr.op}{bool_}{_matching(expr.matching)} {text_of(expr.right)}"
        case Unary():
            return f"{expr.op}{text_of(expr.expr)}"
        case Paren():
            return f"({text_of(expr.expr)})"


def number_text(value: float) -> str:
    """`value` as Go writes it without an exponent: 0.5, 100000, +Inf, NaN."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = f"{Decimal(repr(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration_text(milliseconds: int) -> str:
    """A duration as Prometheus writes it: 1h30m, 1d, 500ms; years, weeks and days only where they come out even."""
    if milliseconds == 0:
        return "0s"
    if milliseconds % _YEAR_MS == 0:
        return f"{milliseconds // _YEAR_MS}y"
    parts, rest = [], milliseconds
    for unit, size, exact in _UNITS:
        if exact and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _number(expr: Number) -> str:
    if not expr.duration:
        return number_text(expr.value)
    whole = round(abs(expr.value) * 1000)
    return ("-" if expr.value < 0 else "") + duration_text(whole)


def _label(name: str) -> str:
    return name if LABEL_NAME.fullmatch(name) else quoted(name)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(map(_label, names))


def _name_and_labels(expr: Selector) -> str:
    name, matchers = "", list(expr.matchers)
    if expr.named and matchers:
        name = matchers.pop(0).value
    inside = ",".join(sorted(f"{_label(m.name)}{m.op}{quoted(m.value)}" for m in matchers))
    return f"{name}{{{inside}}}" if inside or not name else name


def _at(at: At) -> str:
    if at is None:
        return ""
    return f" @ {at}()" if isinstance(at, str) else f" @ {Decimal(at) / 1000:.3f}"


def _extended(expr: Selector) -> str:
    return f" {expr.extended}" if expr.extended else ""


def _offset(offset_ms: int, offset: Span | None) -> str:
    if offset is not None:
        return f" offset {_span(offset)}"
    if not offset_ms:
        return ""
    return f" offset {'-' if offset_ms < 0 else ''}{duration_text(abs(offset_ms))}"


def _length(milliseconds: int, span: Span | None) -> str:
    return duration_text(milliseconds) if span is None else _span(span)


def _span(span: Span | float | None) -> str:
    """A computed duration; what stands for seconds is written as such."""
    if not isinstance(span, Span):
        return number_text(span or 0.0)
    if span.op in ("step", "range"):
        text = f"{span.op}()"
    elif span.op in ("min_of", "max_of"):
        text = f"{span.op}({_span(span.left)}, {_span(span.right)})"
    elif span.left is None:
        text = ("-" if span.op == "-" else "") + _span(span.right)
    else:
        text = f"{_span(span.left)} {span.op} {_span(span.right)}"
    return f"({text})" if span.wrapped else text


def _grouping(expr: Aggregate) -> str:
    if expr.without:
        return f" without ({_names(expr.grouping)}) "
    return f" by ({_names(expr.grouping)}) " if expr.grouping else ""


def _matching(matching: Matching) -> str:
    found = ""
    if matching.labels or matching.on or matching.many:
        found = f" {'on' if matching.on else 'ignoring'} ({_names(matching.labels)})"
    if matching.many:
        found += f" group_{matching.many} ({_names(matching.include)})"
    left, right = matching.fill_left, matching.fill_right
    if left is not None and right is not None and (left == right or (left != left and right != right)):
        return f"{found} fill ({number_text(left)})"
    found += "" if left is None else f" fill_left ({number_text(left)})"
    return found + ("" if right is None else f" fill_right ({number_text(right)})")
