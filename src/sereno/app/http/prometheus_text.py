"""Expressions written anew: laid out as Prometheus's `format_query`, and as its `parse_query` shows their tree."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sereno.app.http.prometheus_json import exponential, go_float
from sereno.promql.ast import (
    Aggregate,
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
from sereno.promql.columns import Matcher
from sereno.promql.matching import quoted
from sereno.promql.signatures import FUNCTIONS, kind_of

LINE_MAX = 100
_UNITS = (("y", 31_536_000_000, True), ("w", 604_800_000, True), ("d", 86_400_000, False), ("h", 3_600_000, False),
          ("m", 60_000, False), ("s", 1000, False), ("ms", 1, False))  # fmt: skip
_KINDS = {"scalar": "scalar", "vector": "vector", "range": "matrix", "string": "string"}


def pretty(tree: Expr, text: str) -> str:
    """The expression laid out: parts longer than 100 characters are broken over lines (promql/parser/prettier.go)."""
    return _pretty(tree, text, 0)


def _pretty(tree: Expr, text: str, level: int) -> str:
    whole, pad = printed(tree, text), "  " * level
    if isinstance(tree, Unary):
        return f"{pad}{tree.op}{_pretty(tree.expr, text, level).strip()}"
    if len(whole) <= LINE_MAX:
        return whole if isinstance(tree, Subquery) else pad + whole
    match tree:
        case Aggregate():
            param = f"{_pretty(tree.param, text, level + 1)},\n" if tree.param is not None else ""
            return f"{pad}{_aggregation(tree)}(\n{param}{_pretty(tree.expr, text, level + 1)}\n{pad})"
        case Binary():
            left, right = _pretty(tree.left, text, level + 1), _pretty(tree.right, text, level + 1)
            return f"{left}\n{pad}{_operator(tree)}\n{right}"
        case Call():
            inner = ",\n".join(_pretty(arg, text, level + 1) for arg in tree.args)
            return f"{pad}{tree.function}(\n{inner}\n{pad})"
        case Paren():
            return f"{pad}(\n{_pretty(tree.expr, text, level + 1)}\n{pad})"
        case Subquery():
            return _pretty(tree.expr, text, level) + _brackets(tree)
        case _:
            return pad + whole


def printed(tree: Expr, text: str) -> str:
    """The expression on one line, in Prometheus's spelling (promql/parser/printer.go)."""
    match tree:
        case Number():
            return number(tree.value)
        case Text():
            return quoted(tree.value)
        case Selector():
            return _selector(tree) + _moved(tree)
        case RangeSelector():
            return f"{_selector(tree.selector)}[{duration(tree.range_ms)}]{_moved(tree.selector)}"
        case Subquery():
            return printed(tree.expr, text) + _brackets(tree)
        case Call():
            return f"{tree.function}({', '.join(printed(arg, text) for arg in tree.args)})"
        case Aggregate():
            param = f"{printed(tree.param, text)}, " if tree.param is not None else ""
            return f"{_aggregation(tree)}({param}{printed(tree.expr, text)})"
        case Binary():
            return f"{printed(tree.left, text)} {_operator(tree)} {printed(tree.right, text)}"
        case Unary():
            return f"{tree.op}{printed(tree.expr, text)}"
        case Paren():
            return f"({printed(tree.expr, text)})"
        case _:  # what later versions add stays as it was written
            return text[tree.position : tree.end]


def number(value: float) -> str:
    """A number as Go's `%v` has it: an exponent below 1e-4 and from 1e6 on."""
    if value != value or value in (float("inf"), float("-inf")):
        return go_float(value)
    power = Decimal(repr(value)).adjusted() if value else 0
    return exponential(value) if power < -4 or power >= 6 else go_float(value)


def duration(ms: int) -> str:
    """A duration as Prometheus writes it; years and weeks only when they leave nothing over."""
    if ms == 0:
        return "0s"
    parts = []
    for unit, size, exact in _UNITS:
        if ms >= size and not (exact and ms % size):
            count, ms = divmod(ms, size)
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _selector(tree: Selector) -> str:
    name = next((m.value for m in tree.matchers if m.name == "__name__" and m.op == "="), "")
    rest = [m for m in tree.matchers if not (m.name == "__name__" and m.op == "=" and m.value == name)]
    inside = ",".join(sorted(f"{m.name}{m.op}{quoted(m.value)}" for m in rest))
    return f"{name}{{{inside}}}" if inside or not name else name


def _moved(tree: Selector | Subquery) -> str:
    at = ""
    if tree.at is not None:
        at = f" @ {tree.at}()" if isinstance(tree.at, str) else f" @ {Decimal(tree.at) / 1000:.3f}"
    if not tree.offset_ms:
        return at
    sign = "-" if tree.offset_ms < 0 else ""
    return f"{at} offset {sign}{duration(abs(tree.offset_ms))}"


def _brackets(tree: Subquery) -> str:
    step = duration(tree.step_ms) if tree.step_ms else ""
    return f"[{duration(tree.range_ms)}:{step}]{_moved(tree)}"


def _aggregation(tree: Aggregate) -> str:
    if tree.without:
        return f"{tree.op} without ({', '.join(tree.grouping)}) "
    return f"{tree.op} by ({', '.join(tree.grouping)}) " if tree.grouping else tree.op


def _operator(tree: Binary) -> str:
    return tree.op + (" bool" if tree.bool_ else "") + _matching(tree.matching)


def _matching(matching: Matching) -> str:
    if not matching.labels and not matching.on:
        return ""
    said = f" {'on' if matching.on else 'ignoring'} ({', '.join(matching.labels)})"
    return said + (f" group_{matching.many} ({', '.join(matching.include)})" if matching.many else "")


def tree_json(tree: Expr, text: str) -> Any:
    """The tree as Prometheus 3's `parse_query` shows it (web/api/v1/translate_ast.go)."""
    match tree:
        case Number():
            return {"type": "numberLiteral", "val": go_float(tree.value)}
        case Text():
            return {"type": "stringLiteral", "val": tree.value}
        case Selector():
            return {"type": "vectorSelector", **_selection(tree)}
        case RangeSelector():
            return {"type": "matrixSelector", "range": tree.range_ms, **_selection(tree.selector)}
        case Subquery():
            return {
                "type": "subquery", "expr": tree_json(tree.expr, text), "range": tree.range_ms,
                "step": tree.step_ms or 0, **_when(tree),
            }  # fmt: skip
        case Call():
            return {
                "type": "call", "func": _function(tree.function), "args": [tree_json(arg, text) for arg in tree.args],
            }  # fmt: skip
        case Aggregate():
            return {
                "type": "aggregation", "op": tree.op, "expr": tree_json(tree.expr, text),
                "param": None if tree.param is None else tree_json(tree.param, text),
                "grouping": list(tree.grouping), "without": tree.without,
            }  # fmt: skip
        case Binary():
            return {
                "type": "binaryExpr", "op": tree.op, "lhs": tree_json(tree.left, text),
                "rhs": tree_json(tree.right, text), "matching": _match_json(tree), "bool": tree.bool_,
            }  # fmt: skip
        case Unary():
            return {"type": "unaryExpr", "op": tree.op, "expr": tree_json(tree.expr, text)}
        case Paren():
            return {"type": "parenExpr", "expr": tree_json(tree.expr, text)}
        case _:
            return {"type": "other", "text": text[tree.position : tree.end]}


def _selection(tree: Selector) -> dict[str, Any]:
    name = next((m.value for m in tree.matchers if m.name == "__name__" and m.op == "="), "")
    return {
        "name": name, "matchers": [_matcher(m) for m in tree.matchers], "anchored": False, "smoothed": False,
        **_when(tree),
    }  # fmt: skip


def _matcher(matcher: Matcher) -> dict[str, str]:
    return {"name": matcher.name, "value": matcher.value, "type": matcher.op}


def _when(tree: Selector | Subquery) -> dict[str, Any]:
    fixed = tree.at if isinstance(tree.at, int) else None
    return {"offset": tree.offset_ms, "timestamp": fixed, "startOrEnd": tree.at if isinstance(tree.at, str) else None}


def _function(name: str) -> dict[str, Any]:
    signature = FUNCTIONS[name]
    variadic = -1 if signature.variadic else signature.optional
    kinds = [_KINDS[kind] for kind in signature.args]
    return {"name": name, "argTypes": kinds, "variadic": variadic, "returnType": _KINDS[signature.result]}


def _match_json(tree: Binary) -> dict[str, Any] | None:
    if "scalar" in (kind_of(tree.left), kind_of(tree.right)):
        return None
    many = {"left": "many-to-one", "right": "one-to-many", None: "one-to-one"}[tree.matching.many]
    card = "many-to-many" if tree.op in ("and", "or", "unless") else many
    return {
        "card": card, "labels": list(tree.matching.labels), "on": tree.matching.on,
        "include": list(tree.matching.include), "fillValues": {"lhs": None, "rhs": None},
    }  # fmt: skip
