"""Reads promtool's unit-test files, with the place of every mistake."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sereno.alerts.unit_tests import (
    MINUTE,
    AlertTest,
    ExpectedAlert,
    ExpectedSample,
    ExprTest,
    InputSeries,
    UnitTest,
    UnitTestFile,
)
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.labels import Labels
from sereno.kernel.moment import to_ms
from sereno.spec.fields import Fields, expect
from sereno.spec.ports import MatcherTuple
from sereno.spec.reading import Reading
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence
from sereno.spec.tree import documents
from sereno.spec.values import duration

T = TypeVar("T")
_NODES_MAX = 1_000_000
_UNIX = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ReadTests:
    """What a file says, unless it has mistakes, and the mistakes."""

    file: UnitTestFile | None
    diagnostics: tuple[Diagnostic, ...]


class _NoPromql:
    """Expressions in tests are judged when they are computed."""

    def check(self, text: str) -> None:
        """Accept anything."""

    def selector(self, text: str) -> tuple[MatcherTuple, ...]:
        """Nothing."""
        return ()


def read_unit_tests(path: str, text: str) -> ReadTests:
    """The unit tests in `text`; `path` is what messages call the file. Never raises."""
    reading = Reading(_NoPromql())
    file = File.of(path, text)

    def complain(code: str, index: int, length: int, message: str, hint: str | None) -> None:
        reading.complain_at(code, file, index, length, message, hint=hint)

    nodes = documents(file, complain, nodes_max=_NODES_MAX)
    found = _file(reading, path, nodes[0]) if nodes else UnitTestFile(path)
    return ReadTests(None if reading.mistakes else found, reading.diagnostics())


def _file(reading: Reading, path: str, node: Node) -> UnitTestFile:
    fields = Fields(
        reading, node, "a unit-test file",
        optional=("rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"),
    )  # fmt: skip
    every = fields.read("evaluation_interval", duration) or MINUTE
    order = _list(fields, "group_eval_order", _text)
    for place, name in enumerate(order):
        if name in order[:place]:
            reading.complain("SER012", fields.value("group_eval_order") or node, f"the group `{name}` is named twice")
    fuzzy = fields.read("fuzzy_compare", _flag) or False
    tests = _list(fields, "tests", lambda reading, node: _test(reading, node, every))
    return UnitTestFile(path, tuple(_list(fields, "rule_files", _text)), every, tuple(order), fuzzy, tuple(tests))


def _test(reading: Reading, node: Node, every: timedelta) -> UnitTest:
    fields = Fields(
        reading, node, "a test",
        optional=("name", "interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels",
                  "external_url", "start_timestamp"),
    )  # fmt: skip
    return UnitTest(
        name=fields.read("name", _text) or "",
        interval=fields.read("interval", duration) or every,
        series=tuple(_list(fields, "input_series", _series)),
        alerts=tuple(_list(fields, "alert_rule_test", _alert_test)),
        exprs=tuple(_list(fields, "promql_expr_test", _expr_test)),
        external_labels=fields.read("external_labels", _labels) or Labels(),
        external_url=fields.read("external_url", _text) or "",
        start_ms=fields.read("start_timestamp", _instant) or 0,
        line=reading.source(node).line,
    )


def _series(reading: Reading, node: Node) -> InputSeries:
    fields = Fields(reading, node, "a series", required=("series",), optional=("values",))
    line = reading.source(node).line
    return InputSeries(fields.read("series", _text) or "", fields.read("values", _text) or "", line)


def _alert_test(reading: Reading, node: Node) -> AlertTest:
    fields = Fields(
        reading, node, "an alert test", required=("alertname",), optional=("eval_time", "exp_alerts")
    )  # fmt: skip
    name = fields.read("alertname", _text) or ""
    if not name and fields.has("alertname"):
        reading.complain("SER023", node, "`alertname` has no value", expected="the name of an alert")
    return AlertTest(
        fields.read("eval_time", duration) or timedelta(0), name,
        tuple(_list(fields, "exp_alerts", _expected_alert)), reading.source(node).line,
    )  # fmt: skip


def _expected_alert(reading: Reading, node: Node) -> ExpectedAlert:
    if isinstance(node, Scalar) and node.kind == "null":
        return ExpectedAlert(Labels())
    fields = Fields(reading, node, "an expected alert", optional=("exp_labels", "exp_annotations"))
    return ExpectedAlert(fields.read("exp_labels", _labels) or Labels(), fields.read("exp_annotations", _pairs) or ())


def _expr_test(reading: Reading, node: Node) -> ExprTest:
    fields = Fields(
        reading, node, "an expression's test", required=("expr",), optional=("eval_time", "exp_samples")
    )  # fmt: skip
    return ExprTest(
        fields.read("expr", _text) or "", fields.read("eval_time", duration) or timedelta(0),
        tuple(_list(fields, "exp_samples", _expected_sample)), reading.source(node).line,
    )  # fmt: skip


def _expected_sample(reading: Reading, node: Node) -> ExpectedSample:
    fields = Fields(reading, node, "an expected sample", optional=("labels", "value", "histogram"))
    return ExpectedSample(
        fields.read("labels", _text) or "", fields.read("value", _number) or 0.0, fields.read("histogram", _text) or ""
    )


def _list(fields: Fields, key: str, read: Callable[[Reading, Node], T | None]) -> list[T]:
    """A list, which may be empty; what of it is wrong is reported and left out."""
    node = fields.value(key)
    if node is None or (isinstance(node, Scalar) and node.kind == "null"):
        return []
    if not isinstance(node, Sequence):
        expect(fields.reading, node, f"a list of {key.replace('_', ' ')}")
        return []
    return [found for item in node.items if (found := read(fields.reading, item)) is not None]


def _text(reading: Reading, node: Node) -> str | None:
    """Text as it is written."""
    if not isinstance(node, Scalar):
        expect(reading, node, "text")
        return None
    return "" if node.kind == "null" else node.value


def _labels(reading: Reading, node: Node) -> Labels | None:
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of names to texts")
        return None
    return Labels(_pairs(reading, node) or ())


def _pairs(reading: Reading, node: Node) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of names to texts")
        return None
    return tuple(sorted((key.value, _text(reading, value) or "") for key, value in node.entries))


def _number(reading: Reading, node: Node) -> float | None:
    word = node.value.strip() if isinstance(node, Scalar) and node.kind != "null" else ""
    try:
        lowered = word.lower().replace(".inf", "inf").replace(".nan", "nan")
        return float(int(lowered, 0)) if re.fullmatch(r"[+-]?0[xo][0-9a-f]+", lowered) else float(lowered)
    except ValueError:
        expect(reading, node, "a number")
        return None


def _flag(reading: Reading, node: Node) -> bool | None:
    if isinstance(node, Scalar) and node.kind == "boolean":
        return node.value.lower() == "true"
    expect(reading, node, "true or false")
    return None


def _instant(reading: Reading, node: Node) -> int | None:
    """Seconds since the epoch, or RFC 3339; in milliseconds."""
    word = node.value.strip() if isinstance(node, Scalar) else ""
    if _UNIX.fullmatch(word):
        return round(float(word) * 1000)
    try:
        found = datetime.fromisoformat(word)
        if found.tzinfo is not None:
            return to_ms(found)
    except ValueError:
        pass
    expect(reading, node, "an instant: seconds since 1970, or such as 2026-01-05T00:00:00Z")
    return None
