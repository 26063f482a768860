"""Evaluating: rules as JSONLogic has them, and an answer whatever is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from sereno_kit.flags import Flags
from sereno_kit.flags.compact import condition, flag
from sereno_kit.flags.definitions import BadDefinitions, build, read
from sereno_kit.flags.logic import BadRule, Compiler, operations
from sereno_kit.flags.semver import compare
from sereno_kit.metrics import registry


def run(rule: Any, data: Any = None) -> Any:
    return Compiler("key", {}, lambda: 1_700_000_000.9).compile(rule)({} if data is None else data)


# Rules and what they give, by jsonlogic.com's page of operations and JavaScript's own arithmetic.
@pytest.mark.parametrize(
    ("rule", "data", "expected"),
    [
        ({"var": "a.b.1"}, {"a": {"b": [1, 2]}}, 2), ({"var": ["x", 7]}, {}, 7), ({"var": ""}, {"a": 1}, {"a": 1}),
        ({"var": {"cat": ["a", "b"]}}, {"ab": 3}, 3), ({"missing": ["a", "b"]}, {"a": 1}, ["b"]),
        ({"missing_some": [1, ["a", "b"]]}, {"a": 1}, []), ({"missing_some": [2, ["a", "b"]]}, {"a": 1}, ["b"]),
        ({"if": [False, 1, True, 2, 3]}, {}, 2), ({"if": [[], 1, 2]}, {}, 2), ({"if": ["0", 1, 2]}, {}, 1),
        ({"if": [{"var": "o"}, 1, 2]}, {"o": {}}, 1), ({"if": []}, {}, None),
        ({"==": [1, "1"]}, {}, True), ({"==": [0, False]}, {}, True), ({"==": [None, 0]}, {}, False),
        ({"===": [1, "1"]}, {}, False), ({"===": [1, 1.0]}, {}, True), ({"===": [1, True]}, {}, False),
        ({"!=": [1, 2]}, {}, True), ({"!==": [1, "1"]}, {}, True), ({"!": [[]]}, {}, True), ({"!!": ["0"]}, {}, True),
        ({"or": [0, "", "a", "b"]}, {}, "a"), ({"and": [1, "", 3]}, {}, ""), ({"and": [1, 2, 3]}, {}, 3),
        ({"<": [1, 2, 3]}, {}, True), ({"<": [1, 3, 2]}, {}, False), ({"<=": [1, 1, 3]}, {}, True),
        ({">": ["10", 9]}, {}, True), ({">": ["10", "9"]}, {}, False), ({">=": [2, "x"]}, {}, False),
        ({"max": [1, 3, 2]}, {}, 3), ({"min": []}, {}, None), ({"+": ["1", 2.5]}, {}, 3.5), ({"-": [5]}, {}, -5),
        ({"-": [5, 7]}, {}, -2), ({"*": [2, 3, 4]}, {}, 24), ({"/": [1, 4]}, {}, 0.25), ({"/": [1, 0]}, {}, None),
        ({"%": [7, 3]}, {}, 1), ({"%": [-7, 3]}, {}, -1), ({"%": [1, 0]}, {}, None),
        ({"cat": ["a", 1.0, True, None, 2.5]}, {}, "a1true2.5"), ({"substr": ["jsonlogic", 4]}, {}, "logic"),
        ({"substr": ["jsonlogic", -5]}, {}, "logic"), ({"substr": ["jsonlogic", 1, 3]}, {}, "son"),
        ({"substr": ["jsonlogic", 4, -2]}, {}, "log"), ({"in": ["Spring", "Springfield"]}, {}, True),
        ({"in": [1, [1, 2]]}, {}, True), ({"in": ["1", [1, 2]]}, {}, False), ({"in": ["a", None]}, {}, False),
        ({"map": [{"var": "n"}, {"*": [{"var": ""}, 2]}]}, {"n": [1, 2]}, [2, 4]),
        ({"filter": [{"var": "n"}, {">": [{"var": ""}, 1]}]}, {"n": [1, 2]}, [2]),
        ({"reduce": [{"var": "n"}, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]}, {"n": [1, 2, 3]}, 6),
        ({"all": [[], True]}, {}, False), ({"some": [[0, 1], {"var": ""}]}, {}, True), ({"none": [[], 1]}, {}, True),
        ({"merge": [[1], 2, [3, 4]]}, {}, [1, 2, 3, 4]), ({"log": ["x"]}, {}, "x"),
        ({"var": "$flagd.flagKey"}, {"$flagd": {"flagKey": "forged"}}, "key"),
        ({"var": "$flagd.timestamp"}, {}, 1_700_000_000),
    ],
)  # fmt: skip
def test_operations(rule: Any, data: dict[str, Any], expected: Any) -> None:
    found = run(rule, data)
    assert (found, type(found)) == (expected, type(expected))


def test_what_is_no_operation_is_refused_when_it_is_read() -> None:
    for rule in ({"eval": ["1"]}, {"$ref": "nothing"}, {"if": [{"nope": []}]}):
        with pytest.raises(BadRule):
            run(rule)
    deep: Any = True
    for _ in range(100):
        deep = {"!": [deep]}
    with pytest.raises(BadRule):
        run(deep)


def test_rules_that_grow_without_end_do_not() -> None:
    doubled = {"reduce": [{"var": "n"}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "xx"]}
    squared = {"reduce": [{"var": "n"}, {"*": [{"var": "accumulator"}, {"var": "accumulator"}]}, 9]}
    flags = Flags.of({"flags": {key: {"state": "ENABLED", "variants": {"a": 1}, "targeting": rule}
                                for key, rule in (("d", doubled), ("s", squared))}})  # fmt: skip
    assert flags.evaluate("d", "number", 7, {"n": list(range(64))}).error_code == "PARSE_ERROR"
    assert flags.evaluate("s", "number", 7, {"n": list(range(64))}).value == 7


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*sorted(operations()), "x", "$ref"]) if operations() else st.text(),
            inner,
            min_size=1,
            max_size=1,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON, st.dictionaries(st.text(max_size=4), JSON, max_size=4), st.text(max_size=5))
def test_whatever_is_asked_is_answered(rule: Any, context: dict[str, Any], user: str) -> None:
    """No rule and no context make it raise, and the answer has the caller's type."""
    flags = Flags.of({"flags": {"f": {"state": "ENABLED", "variants": {"a": 1, "true": "b"}, "targeting": rule}}})
    for kind, default in (("number", 0), ("string", ""), ("boolean", True), ("object", None), ("integer", 3)):
        found = flags.evaluate("f", kind, default, {**context, "targetingKey": user})
        assert found.value in (default, 1, "b")
        assert (found.reason == "ERROR") is (found.error_code is not None)
    assert flags.evaluate("f", "number", 1, {"targetingKey": {"a": [object()]}}).value == 1


def test_what_is_malformed_is_refused_whole_and_named() -> None:
    good = {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"}
    for bad in ({**good, "state": "on"}, {**good, "variants": {}}, {**good, "variants": []}, {**good, "metadata": 3},
                {**good, "defaultVariant": "b"}, {**good, "defaultVariant": 1}, [], None):  # fmt: skip
        with pytest.raises(BadDefinitions, match="bad"):
            build([{"flags": {"good": good, "bad": bad}}])
    for document in ({}, {"flags": 3}, {"flags": {"": good}}, {"flags": {"x" * 201: good}}, [], "x"):
        with pytest.raises(BadDefinitions):
            build([document])
    with pytest.raises(BadDefinitions, match="twice"):
        build([{"flags": {"a": good}}, {"flags": {"a": good}}])
    with pytest.raises(BadDefinitions, match="not JSON"):
        read(b"\xff\xfe")
    assert build([{"flags": [{"key": "a", **good}]}]).flags.keys() == {"a"}


def test_one_bad_rule_costs_its_flag_only() -> None:
    flags = Flags.of({"flags": {
        "good": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"},
        "bad": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a", "targeting": {"nope": 1}},
    }})  # fmt: skip
    assert (flags.number("good"), flags.number("bad", 5)) == (1, 5)
    assert "nope" in flags.view()["faults"]["bad"]


def test_objects_are_the_caller_s_own() -> None:
    flags = Flags.of({"flags": {"f": {"state": "ENABLED", "variants": {"a": {"list": [1]}}, "defaultVariant": "a"}}})
    flags.object("f")["list"].append(2)
    assert flags.object("f") == {"list": [1]}
    assert flags.object("nothing", {"d": 1}) == {"d": 1}


# The short form.
@pytest.mark.parametrize(
    ("when", "fits", "not_"),
    [
        ({"plan": "pro"}, {"plan": "pro"}, {"plan": "free"}), ({"plan": ["pro", "team"]}, {"plan": "team"}, {}),
        ({"beta": True}, {"beta": True}, {"beta": "true"}), ({"email": {"ends_with": "@x"}}, {"email": "a@x"}, {}),
        ({"age": {"above": 18}}, {"age": 19}, {"age": 18}), ({"age": {"below": 18}}, {"age": 17}, {}),
        ({"app": {"at_least": "2.1"}}, {"app": "2.10.0"}, {"app": "2.0"}),
        ({"app": {"older_than": "2"}}, {"app": "1.9"}, {"app": "2.0.0"}),
        ({"plan": {"is_not": ["free"]}}, {"plan": "pro"}, {"plan": "free"}), ({"user": "ana"}, {"targetingKey": "ana"}, {}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1}), ({"x": {"above": 1, "below": 3}}, {"x": 2}, {"x": 3}),
    ],
)  # fmt: skip
def test_conditions(when: Any, fits: Any, not_: Any) -> None:
    rule = condition(when)
    assert bool(run(rule, fits))
    assert not run(rule, not_)


@pytest.mark.parametrize(
    "one",
    [
        {}, {"type": "boolean"}, {"type": "boolean", "default": "maybe"}, {"type": "number", "default": "NaN"},
        {"type": "boolean", "default": False, "share": "10%"}, {"type": "boolean", "default": False, "users": ["a"]},
        {"type": "boolean", "default": False, "to": True, "rules": [{"to": True}]},
        {"type": "boolean", "default": False, "to": True, "rules": [{"when": {"a": {"like": 1}}}]},
        {"type": "boolean", "default": False, "colour": 1}, {"type": "string", "default": 3},
        {"type": "boolean", "default": False, "to": True, "users": "ana"}, {"type": "number", "default": 10**400},
    ],
)  # fmt: skip
def test_short_forms_that_are_wrong_are_refused(one: dict[str, Any]) -> None:
    with pytest.raises((ValueError, OverflowError)):
        flag(one)


def test_a_percentage_of_zero_is_nobody_and_lists_count_beside_it() -> None:
    """The bugs of many: 0 is not "no percentage", and a list does not end where a percentage begins."""
    define = [{"name": "f", "type": "boolean", "default": False, "to": True, "share": "0%", "users": ["ana"]}]
    flags = Flags.of({"flags": "x", "define": define})
    assert flags.enabled("f", user="ana")
    assert not any(flags.enabled("f", user=f"u{n}") for n in range(1000))


@pytest.mark.parametrize(
    ("one", "operator", "other", "expected"),
    [
        ("1.0.0-alpha", "<", "1.0.0-alpha.1", True), ("1.0.0-alpha.1", "<", "1.0.0-alpha.beta", True),
        ("1.0.0-beta.2", "<", "1.0.0-beta.11", True), ("1.0.0-rc.1", "<", "1.0.0", True),
        ("1.0.0-1", "<", "1.0.0-a", True), ("01.0.0", "=", "1.0.0", None), ("1.0.0", "~>", "1.0.0", None),
        ("1.2-rc", "=", "1.2", None), ("9" * 300, "=", "1", None), (True, "=", "1", None), (None, "=", "1", None),
    ],
)  # fmt: skip
def test_versions_stand_in_the_order_of_semver_org(one: Any, operator: str, other: str, expected: bool | None) -> None:
    assert compare(one, operator, other) is expected


# What is told.
def test_evaluations_are_counted_and_flags_nobody_declared_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = registry.Registry(CollectorRegistry())
    with registry.use(mine):
        flags = Flags.of({"flags": {"f": {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}}})
        for _ in range(3):
            flags.enabled("f")
        for n in range(1000):
            flags.enabled(f"made-up-{n}")
        text = generate_latest(mine.prometheus).decode()
    counted = [line for line in text.splitlines() if line.startswith("feature_flag_evaluations_total{")]
    assert len(counted) == 2
    assert 'feature_flag_evaluations_total{key="f",reason="STATIC",variant="on"} 3.0' in counted


def test_a_broken_metric_does_not_break_an_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "current", lambda: 1 / 0)
    flags = Flags.of({"flags": {"f": {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}}})
    assert flags.enabled("f")


def test_a_view_is_json() -> None:
    flags = Flags.of({"flags": {"f": {"state": "DISABLED", "variants": {"on": True}}}})
    assert json.loads(json.dumps(flags.view()))["flags"]["f"]["state"] == "disabled"


def test_an_evaluation_is_an_event_of_the_span_in_hand() -> None:
    from opentelemetry.sdk.trace import TracerProvider

    flags = Flags.of({"flags": {"f": {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}}})
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("work") as span:
        flags.enabled("f")
        flags.enabled("nothing")
    events = [(event.name, dict(event.attributes or {})) for event in span.events]  # type: ignore[attr-defined]
    assert [name for name, _ in events] == ["feature_flag.evaluation"] * 2
    assert events[0][1]["feature_flag.result.variant"] == "on"
    assert (events[1][1]["feature_flag.key"], events[1][1]["error.type"]) == ("nothing", "flag_not_found")


def test_a_program_that_never_read_its_flags_counts_one_series() -> None:
    mine = registry.Registry(CollectorRegistry())
    with registry.use(mine):
        flags = Flags()
        for n in range(100):
            flags.enabled(f"made-up-{n}")
        text = generate_latest(mine.prometheus).decode()
    assert sum(line.startswith("feature_flag_evaluations_total{") for line in text.splitlines()) == 1
