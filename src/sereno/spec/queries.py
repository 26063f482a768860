"""Reads PromQL: selectors, expressions, and the indicators that are PromQL of one's own."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, cast

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.spec import values
from sereno.spec.fields import Fields, expect
from sereno.spec.model import EventsSli, GaugeSli, QuerySli, Sli
from sereno.spec.ports import MatcherTuple
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar, locate

Matchers = tuple[MatcherTuple, ...]

WINDOW = "$window"
_STAND_IN = "000005m"  # as long as $window, so that places inside the text stay
_COMPARISON = re.compile(r"(==|!=|<=|>=|<|>)\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?)")
_COUNTER = re.compile(
    r"\s*sum\s*\(\s*(?P<function>rate|increase)\s*\((?P<selector>.*)\[\s*\$window\s*\]\s*\)\s*\)\s*", re.DOTALL
)


def query(reading: Reading, node: Node) -> Sli | None:
    """An indicator in PromQL; one that only adds up counters becomes the counters themselves."""
    fields = Fields(reading, node, "an indicator in PromQL", optional=("total", "bad", "good", "ratio"))
    if fields.has("ratio"):
        for key in ("total", "bad", "good"):
            place = fields.key(key)
            if place is not None:
                reading.complain("SER024", place, f"with `ratio` there is no `{key}`", expected="`ratio` alone")
        ratio = fields.read("ratio", windowed)
        return None if ratio is None else QuerySli(ratio=ratio)
    total = fields.read("total", windowed)
    if not fields.has("total") and isinstance(node, Mapping):
        reading.complain(
            "SER024", node, "`total` or `ratio` is needed", expected="`ratio`, or `total` with one of `bad` and `good`"
        )
        return None
    kind = fields.exactly_one("bad", "good")
    part = fields.read(kind, windowed) if kind else None
    if total is None or part is None:
        return None
    bad, good = (part, None) if kind == "bad" else (None, part)
    counters = _counter(reading, total), _counter(reading, part)
    if counters[0] and counters[1] and counters[0][0] == counters[1][0]:
        selected = counters[1][1]
        return EventsSli(counters[0][1], selected if bad else None, selected if good else None)
    return QuerySli(total=total, bad=bad, good=good)


def _counter(reading: Reading, text: str) -> tuple[str, str] | None:
    """The function and the selector of `sum(rate(counter{…}[$window]))`, or None for anything else."""
    found = _COUNTER.fullmatch(text)
    if found is None:
        return None
    try:
        matchers = reading.promql.selector(found["selector"])
    except QueryError:
        return None
    named = [matcher for matcher in matchers if matcher[0] == "__name__"]
    if len(named) != 1 or named[0][1] != "=":
        return None
    return found["function"], selector_text((named[0], *(m for m in matchers if m[0] != "__name__")))


def windowed(reading: Reading, node: Node) -> str | None:
    """PromQL in which `$window` stands for the window of its rates."""
    written = values.text(reading, node)
    if written is None:
        return None
    assert isinstance(node, Scalar)
    if WINDOW not in node.value:
        reading.complain(
            "SER113",
            node,
            "the window is not left open: every burn rate would be the same",
            expected="`$window` as the range, such as sum(rate(errors_total[$window]))",
        )
        return None
    if not _checked(reading, node, node.value.replace(WINDOW, _STAND_IN)):
        return None
    return written


def gauge(reading: Reading, node: Node) -> GaugeSli | None:
    """An indicator of the time in which a value is good."""
    fields = Fields(reading, node, "an indicator of a gauge", required=("value", "is"))
    value, compared = fields.read("value", expression), fields.read("is", comparison)
    if value is None or compared is None:
        return None
    return GaugeSli(value, compared[0], compared[1])


Operator = Literal["<", "<=", ">", ">=", "==", "!="]


def comparison(reading: Reading, node: Node) -> tuple[Operator, Decimal] | None:
    """An operator and the number to compare with."""
    expected = "an operator and a number, such as == 1 or <= 0.8"
    if not isinstance(node, Scalar):
        expect(reading, node, expected)
        return None
    written = node.value.strip()
    found = _COMPARISON.fullmatch(written)
    if found:
        return cast(Operator, found[1]), Decimal(found[2])
    hint = f"write `== {written}`" if _COMPARISON.fullmatch(f"== {written}") else None
    if written.startswith("=") and _COMPARISON.fullmatch(f"={written}"):
        hint = f"write `={written}`"
    if written.endswith("%"):
        hint = "write the number as the metric has it: 0.8 for 80%"
    reading.complain("SER119", node, f"`{written[:40]}` is no comparison", expected=expected, hint=hint)
    return None


def selector(reading: Reading, node: Node, *, bare: bool = False) -> Matchers | None:
    """The matchers in `node`. A bare list is read inside the braces of a selector that always has a name."""
    written = values.text(reading, node)
    if written is None:
        return None
    assert isinstance(node, Scalar)
    before, after = ('{__name__="x",', "}") if bare else ("", "")
    try:
        found = reading.promql.selector(before + node.value + after)
    except QueryError as error:
        expected = 'matchers such as status=~"5.."' if bare else 'a selector such as http_requests_total{job="api"}'
        complain_of_query(reading, node, error, "SER061", skip=len(before), expected=expected)
        return None
    return found[1:] if bare else found


def expression(reading: Reading, node: Node) -> str | None:
    """A PromQL expression."""
    written = values.text(reading, node)
    if written is None:
        return None
    assert isinstance(node, Scalar)
    return written if _checked(reading, node, node.value) else None


def _checked(reading: Reading, node: Scalar, text: str) -> bool:
    try:
        reading.promql.check(text)
    except QueryError as error:
        complain_of_query(reading, node, error, "SER060")
        return False
    return True


def complain_of_query(
    reading: Reading, node: Scalar, error: QueryError, code: str, *, skip: int = 0, expected: str | None = None
) -> None:
    """Report `error` at its place inside the text of `node`, whose first character is at `skip` of what was parsed."""
    if isinstance(error, UnsupportedQuery):
        code, expected = "SER064", None
    if error.position is None:
        reading.complain(code, node, error.message, expected=expected, hint=error.hint)
        return
    index = locate(node, min(max(0, error.position - skip), len(node.value)))
    reading.complain_at(code, node.file, index, 1, error.message, expected=expected, hint=error.hint)


def selector_text(matchers: Matchers) -> str:
    """The selector of `matchers`, the first of which is the metric's name."""
    inside = ",".join(f'{label}{operator}"{_escaped(value)}"' for label, operator, value in matchers[1:])
    return matchers[0][2] + (f"{{{inside}}}" if inside else "")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
