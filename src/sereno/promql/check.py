"""The types of an expression, as Prometheus checks them."""

from __future__ import annotations

import re

from sereno.kernel.errors import QueryError
from sereno.promql.ast import (
    COMPARISONS,
    KIND_NAMES,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Expr,
    Kind,
    Matching,
    Selector,
    Subquery,
    Text,
    Unary,
    bare,
    children,
)
from sereno.promql.matching import predicate
from sereno.promql.regex import compile_regex
from sereno.promql.signatures import FUNCTIONS, WITH_PARAM, kind_of

LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(expr: Expr) -> None:
    """Raise QueryError at the first part of `expr` whose type does not fit."""
    for child in children(expr):
        check(child)
    match expr:
        case Binary():
            _check_binary(expr)
        case Call():
            _check_call(expr)
        case Aggregate():
            _expect(expr.expr, "vector", f"the aggregation {expr.op}")
            if expr.param is not None:
                _expect(expr.param, WITH_PARAM[expr.op], f"the parameter of {expr.op}")
            if expr.op == "count_values":
                _label_name(expr.param, "count_values")
        case Unary():
            if kind_of(expr.expr) not in ("scalar", "vector"):
                _wrong("a sign needs a scalar or an instant vector", expr.expr)
        case Subquery():
            _expect(expr.expr, "vector", "the subquery")
        case _:
            pass


def check_selector(expr: Selector, *, named: bool) -> None:
    """Raise QueryError if `expr` would select everything, or names its metric twice."""
    if named:
        if any(m.name == "__name__" for m in expr.matchers[1:]):
            raise QueryError("metric name must not be set twice", position=expr.position)
        return
    if all(predicate(matcher)("") for matcher in expr.matchers):
        raise QueryError("vector selector must contain at least one non-empty matcher", position=expr.position)


def _wrong(message: str, expr: Expr) -> None:
    raise QueryError(f"{message}, got {KIND_NAMES[kind_of(expr)]}", position=expr.position)


def _expect(expr: Expr, kind: Kind, context: str) -> None:
    if kind_of(expr) != kind:
        _wrong(f"expected {KIND_NAMES[kind]} in {context}", expr)


def _check_binary(expr: Binary) -> None:
    left, right = kind_of(expr.left), kind_of(expr.right)
    for side, kind in ((expr.left, left), (expr.right, right)):
        if kind not in ("scalar", "vector"):
            _wrong(f"{expr.op} works on scalars and instant vectors", side)
    both = left == right == "vector"
    if expr.bool_ and expr.op not in COMPARISONS:
        raise QueryError("bool can only be used on comparisons", position=expr.op_position)
    if expr.op in COMPARISONS and not expr.bool_ and left == right == "scalar":
        raise QueryError("comparisons between scalars must use bool", position=expr.op_position)
    if expr.op in SET_OPERATORS and not both:
        raise QueryError(f"{expr.op} is not allowed with a scalar", position=expr.op_position)
    if not both and expr.matching != Matching():
        raise QueryError("vector matching only allowed between instant vectors", position=expr.op_position)
    if expr.op in SET_OPERATORS and expr.matching.many:
        raise QueryError(f"no grouping allowed for {expr.op}", position=expr.op_position)
    twice = set(expr.matching.labels) & set(expr.matching.include) if expr.matching.on else set()
    if twice:
        raise QueryError(f"label {min(twice)!r} must not occur in on and group at once", position=expr.op_position)


def _check_call(expr: Call) -> None:
    signature = FUNCTIONS[expr.function]
    least, most = len(signature.args) - signature.optional, len(signature.args)
    count = len(expr.args)
    if count < least or (count > most and not signature.variadic):
        wanted = str(least) if least == most else f"{least} or more" if signature.variadic else f"{least} to {most}"
        raise QueryError(f"{expr.function} takes {wanted} argument(s), got {count}", position=expr.position)
    for index, arg in enumerate(expr.args):
        _expect(arg, signature.args[min(index, most - 1)], expr.function)
    if expr.function == "label_replace":
        _label_name(expr.args[1], "label_replace")
        pattern = bare(expr.args[4])
        if isinstance(pattern, Text):
            compile_regex(pattern.value, position=pattern.position)
    if expr.function == "label_join":
        for arg in (expr.args[1], *expr.args[3:]):
            _label_name(arg, "label_join")


def _label_name(expr: Expr | None, context: str) -> None:
    name = bare(expr) if expr is not None else None
    if isinstance(name, Text) and not LABEL_NAME.fullmatch(name.value):
        raise QueryError(f"{name.value!r} in {context} is not the name of a label", position=name.position)
