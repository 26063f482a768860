"""The types of an expression, as Prometheus checks them."""

from __future__ import annotations

from sereno.kernel.errors import QueryError
from sereno.promql.ast import (
    COMPARISONS,
    KIND_NAMES,
    SET_OPERATORS,
    TRIMS,
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
from sereno.promql.cursor import LABEL_NAME, valid_name
from sereno.promql.dialect import ANY, Language
from sereno.promql.matching import predicate, quoted
from sereno.promql.regex import compile_regex
from sereno.promql.signatures import FUNCTIONS, WITH_PARAM, kind_of


def check(expr: Expr, language: Language = ANY) -> None:
    """Raise QueryError at the first part of `expr` whose type does not fit."""
    if isinstance(expr, Call) and expr.function == "info" and len(expr.args) > 1:
        _check_info(expr, language)
    else:
        for child in children(expr):
            check(child, language)
    match expr:
        case Selector():
            check_selector(expr, named=expr.named)
        case Binary():
            _check_binary(expr)
        case Call():
            _check_call(expr, language)
        case Aggregate():
            _expect(expr.expr, "vector", f"the aggregation {expr.op}")
            if expr.param is not None:
                _expect(expr.param, WITH_PARAM[expr.op], f"the parameter of {expr.op}")
            if expr.op == "count_values":
                _label_name(expr.param, "count_values", language)
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
            raise QueryError("metric name must not be set twice", position=expr.position, end=expr.end)
        return
    if all(predicate(matcher)("") for matcher in expr.matchers):
        raise QueryError(
            "vector selector must contain at least one non-empty matcher", position=expr.position, end=expr.end
        )


def _wrong(message: str, expr: Expr) -> None:
    raise QueryError(f"{message}, got {KIND_NAMES[kind_of(expr)]}", position=expr.position, end=expr.end)


def _expect(expr: Expr, kind: Kind, context: str) -> None:
    if kind_of(expr) != kind:
        _wrong(f"expected {KIND_NAMES[kind]} in {context}", expr)


def _check_binary(expr: Binary) -> None:
    left, right = kind_of(expr.left), kind_of(expr.right)
    for side, kind in ((expr.left, left), (expr.right, right)):
        if kind not in ("scalar", "vector"):
            _wrong(f"{expr.op} works on scalars and instant vectors", side)
    wrong = _wrong_operator(expr, left, right) or _wrong_matching(expr, both=left == right == "vector")
    if wrong:
        raise QueryError(wrong, position=expr.op_position, end=expr.op_position + len(expr.op))


def _wrong_operator(expr: Binary, left: Kind, right: Kind) -> str:
    """What is wrong with the operator between sides of these kinds; empty if nothing is."""
    both = left == right == "vector"
    if expr.bool_ and expr.op not in COMPARISONS:
        return "bool can only be used on comparisons"
    if expr.op in COMPARISONS and not expr.bool_ and left == right == "scalar":
        return "comparisons between scalars must use bool"
    if expr.op in SET_OPERATORS and not both:
        return f"{expr.op} is not allowed with a scalar"
    if expr.op in TRIMS and left == right == "scalar":
        return f"{expr.op} is not allowed between scalars"
    return ""


def _wrong_matching(expr: Binary, *, both: bool) -> str:
    """What is wrong with how the series are matched; empty if nothing is."""
    matching = expr.matching
    fills = matching.fill_left is not None or matching.fill_right is not None
    if not both and fills:
        return "filling in missing series only allowed between instant vectors"
    if not both and matching != Matching():
        return "vector matching only allowed between instant vectors"
    if expr.op in SET_OPERATORS and matching.many:
        return f"no grouping allowed for {expr.op}"
    if expr.op in SET_OPERATORS and fills:
        return "filling in missing series not allowed for set operators"
    twice = set(matching.labels) & set(matching.include) if matching.on else set()
    return f"label {min(twice)!r} must not occur in on and group at once" if twice else ""


def _check_info(expr: Call, language: Language) -> None:
    """The second argument of info is a selector of labels, that may match everything."""
    check(expr.args[0], language)
    labels = expr.args[1]
    if not isinstance(labels, Selector):
        raise QueryError("expected label selectors only", position=labels.position, end=labels.end)
    if labels.named:
        raise QueryError(
            "expected label selectors only, got vector selector instead", position=labels.position, end=labels.end
        )


def _check_call(expr: Call, language: Language) -> None:
    signature = FUNCTIONS[expr.function]
    least, most = signature.least, signature.most
    count = len(expr.args)
    if count < least or (most is not None and count > most):
        wanted = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        raise QueryError(
            f"{expr.function} takes {wanted} argument(s), got {count}", position=expr.position, end=expr.end
        )
    for index, arg in enumerate(expr.args):
        _expect(arg, signature.args[min(index, len(signature.args) - 1)], expr.function)
    if expr.function == "label_replace":
        _label_name(expr.args[1], "label_replace", language)
        pattern = bare(expr.args[4])
        if isinstance(pattern, Text):
            compile_regex(pattern.value, position=pattern.position)
    if expr.function == "label_join":
        for arg in (expr.args[1], *expr.args[3:]):
            _label_name(arg, "label_join", language)


def _label_name(expr: Expr | None, context: str, language: Language) -> None:
    name = bare(expr) if expr is not None else None
    if not isinstance(name, Text):
        return
    if language.dialect == 2 and not LABEL_NAME.fullmatch(name.value):
        raise QueryError(
            f"{name.value!r} in {context} is not the name of a label", position=name.position, end=name.end
        )
    if not valid_name(name.value):
        raise QueryError(f"invalid label name {quoted(name.value)}", position=name.position, end=name.end)
