"""Expressions written anew: laid out as Prometheus's `format_query`, and as its `parse_query` shows their tree."""

from __future__ import annotations

from typing import Any

from sereno.app.http.prometheus_json import go_float
from sereno.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Paren,
    RangeSelector,
    Selector,
    Span,
    Subquery,
    Text,
    Unary,
)
from sereno.promql.columns import Matcher
from sereno.promql.printer import text_of
from sereno.promql.signatures import FUNCTIONS, kind_of

LINE_MAX = 100
_KINDS = {"scalar": "scalar", "vector": "vector", "range": "matrix", "string": "string"}


def pretty(tree: Expr, level: int = 0) -> str:
    """The expression laid out: parts longer than 100 characters are broken over lines (promql/parser/prettier.go)."""
    whole, pad = text_of(tree), "  " * level
    if isinstance(tree, Unary):
        return f"{pad}{tree.op}{pretty(tree.expr, level).strip()}"
    if len(whole) <= LINE_MAX:
        return whole if isinstance(tree, Subquery) else pad + whole
    match tree:
        case Aggregate():
            param = f"{pretty(tree.param, level + 1)},\n" if tree.param is not None else ""
            head = whole[: len(whole) - len(_inside(tree)) - 2]
            return f"{pad}{head}(\n{param}{pretty(tree.expr, level + 1)}\n{pad})"
        case Binary():
            left, right = text_of(tree.left), text_of(tree.right)
            middle = whole[len(left) + 1 : len(whole) - len(right) - 1]
            return f"{pretty(tree.left, level + 1)}\n{pad}{middle}\n{pretty(tree.right, level + 1)}"
        case Call():
            inner = ",\n".join(pretty(arg, level + 1) for arg in tree.args)
            return f"{pad}{tree.function}(\n{inner}\n{pad})"
        case Paren():
            return f"{pad}(\n{pretty(tree.expr, level + 1)}\n{pad})"
        case Subquery():
            return pretty(tree.expr, level) + whole[len(text_of(tree.expr)) :]
        case _:
            return pad + whole


def _inside(tree: Aggregate) -> str:
    """What stands between the parentheses of an aggregation."""
    param = "" if tree.param is None else f"{text_of(tree.param)}, "
    return param + text_of(tree.expr)


def tree_json(tree: Expr) -> Any:
    """The tree as Prometheus 3's `parse_query` shows it (web/api/v1/translate_ast.go)."""
    match tree:
        case Number():
            return {"type": "numberLiteral", "val": go_float(tree.value)}
        case Text():
            return {"type": "stringLiteral", "val": tree.value}
        case Selector():
            return {"type": "vectorSelector", **_selection(tree)}
        case RangeSelector():
            return {
                "type": "matrixSelector", "range": tree.range_ms, "rangeExpr": _span(tree.range),
                **_selection(tree.selector),
            }  # fmt: skip
        case Subquery():
            return {
                "type": "subquery", "expr": tree_json(tree.expr), "range": tree.range_ms,
                "rangeExpr": _span(tree.range), "step": tree.step_ms or 0, "stepExpr": _span(tree.step), **_when(tree),
            }  # fmt: skip
        case Call():
            return {"type": "call", "func": _function(tree.function), "args": [tree_json(arg) for arg in tree.args]}
        case Aggregate():
            return {
                "type": "aggregation", "op": tree.op, "expr": tree_json(tree.expr),
                "param": None if tree.param is None else tree_json(tree.param),
                "grouping": list(tree.grouping), "without": tree.without,
            }  # fmt: skip
        case Binary():
            return {
                "type": "binaryExpr", "op": tree.op, "lhs": tree_json(tree.left), "rhs": tree_json(tree.right),
                "matching": _matching(tree), "bool": tree.bool_,
            }  # fmt: skip
        case Unary():
            return {"type": "unaryExpr", "op": tree.op, "expr": tree_json(tree.expr)}
        case Paren():
            return {"type": "parenExpr", "expr": tree_json(tree.expr)}


def _selection(tree: Selector) -> dict[str, Any]:
    name = next((m.value for m in tree.matchers if m.name == "__name__" and m.op == "="), "")
    return {
        "name": name, "matchers": [_matcher(m) for m in tree.matchers], "anchored": tree.extended == "anchored",
        "smoothed": tree.extended == "smoothed", **_when(tree),
    }  # fmt: skip


def _matcher(matcher: Matcher) -> dict[str, str]:
    return {"name": matcher.name, "value": matcher.value, "type": matcher.op}


def _when(tree: Selector | Subquery) -> dict[str, Any]:
    return {
        "offset": tree.offset_ms, "offsetExpr": _span(tree.offset),
        "timestamp": tree.at if isinstance(tree.at, int) else None,
        "startOrEnd": tree.at if isinstance(tree.at, str) else None,
    }  # fmt: skip


def _span(span: Span | float | None) -> Any:
    if isinstance(span, Span):
        sides = {"lhs": _span(span.left), "rhs": _span(span.right)}
        return {"type": "durationExpr", "op": span.op, **sides, "wrapped": span.wrapped}
    return None if span is None else {"type": "numberLiteral", "val": go_float(span), "duration": False}


def _function(name: str) -> dict[str, Any]:
    signature = FUNCTIONS[name]
    variadic = -1 if signature.variadic else signature.optional
    kinds = [_KINDS[kind] for kind in signature.args]
    return {"name": name, "argTypes": kinds, "variadic": variadic, "returnType": _KINDS[signature.result]}


def _matching(tree: Binary) -> dict[str, Any] | None:
    if "scalar" in (kind_of(tree.left), kind_of(tree.right)):
        return None
    matching = tree.matching
    many = {"left": "many-to-one", "right": "one-to-many", None: "one-to-one"}[matching.many]
    return {
        "card": "many-to-many" if tree.op in ("and", "or", "unless") else many, "labels": list(matching.labels),
        "on": matching.on, "include": list(matching.include),
        "fillValues": {"lhs": _number(matching.fill_left), "rhs": _number(matching.fill_right)},
    }  # fmt: skip


def _number(value: float | None) -> float | str | None:
    """A number as JSON can carry it."""
    return value if value is None or abs(value) < float("inf") else go_float(value)
