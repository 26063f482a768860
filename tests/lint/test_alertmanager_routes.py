"""Alertmanager's routes: what the linter says nothing reaches, amtool never reaches either."""

from __future__ import annotations

import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sereno.lint.alertmanager_model import Route, every_route, parse, tree
from sereno.lint.documents import read
from sereno.lint.lint import lint
from sereno.lint.model import Finding
from sereno.spec.source import File, Scalar

TWO = """\
route:
  receiver: default
  routes:
    - matchers: ['severity="warning"']
      receiver: all-day
    - matchers: ['severity="warning"']
      receiver: office
      active_time_intervals: [hours]
    - matchers: ['severity="critical"']
      receiver: pager
      continue: true
    - matchers: ['severity=~"warning|info"', 'team="a"']
      receiver: narrow
      routes:
        - matchers: ['team="b"']
          receiver: never
receivers: [{name: default}, {name: all-day}, {name: office}, {name: pager}, {name: narrow}, {name: never}]
time_intervals: [{name: hours, time_intervals: [{times: [{start_time: '09:00', end_time: '18:00'}]}]}]
"""


def look(text: str) -> list[Finding]:
    found = read("am.yml", text)
    return [*found.findings, *lint(found.documents)]


def lines(text: str, code: str) -> list[int]:
    return [f.diagnostic.line for f in look(text) if f.diagnostic.code == code]


def test_routes_that_nothing_reaches_are_named() -> None:
    assert lines(TWO, "SER311") == [6, 15], "the second for warnings, and one that contradicts the route above it"
    assert lines(TWO, "SER312") == [11]


def test_order_continuing_and_narrowness_matter() -> None:
    turned = TWO.replace("active_time_intervals: [hours]", "group_wait: 1m").replace(
        "receiver: all-day", "receiver: all-day\n      continue: true"
    )
    assert 7 not in lines(turned, "SER311")
    narrow_first = """\
route:
  receiver: a
  routes:
    - {matchers: ['severity="warning"', 'team="x"'], receiver: a}
    - {matchers: ['severity="warning"'], receiver: a}
    - {matchers: ['severity!="critical"'], receiver: a}
    - {matchers: ['severity=~"info|none"'], receiver: a}
receivers: [{name: a}]
"""
    assert lines(narrow_first, "SER311") == []


def test_the_route_for_everything_ends_the_list() -> None:
    text = "route:\n  receiver: a\n  routes:\n    - {receiver: a}\n    - {matchers: ['x=\"1\"'], receiver: a}\nreceivers: [{name: a}]\n"
    assert lines(text, "SER311") == [5]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ('severity="critical"', [("severity", "=", "critical")]),
        ("severity = critical", [("severity", "=", "critical")]),
        ("severity=~'a|b'", [("severity", "=~", "a|b")]),
        ('{a="1", b!="2"}', [("a", "=", "1"), ("b", "!=", "2")]),
        ('a="x,y=z"', [("a", "=", "x,y=z")]),
        ('a="say \\"no\\""', [("a", "=", 'say "no"')]),
        ('a=""', [("a", "=", "")]),
        ("severity", None),
        ("=x", None),
        ('a="b" c', None),
    ],
)
def test_conditions_are_read_as_alertmanager_writes_them(
    written: str, read_as: list[tuple[str, str, str]] | None
) -> None:
    file = File.of("a.yml", written)
    found = parse(Scalar(file, 0, len(written), written))
    assert (None if found is None else [(c.label, c.op, c.value) for c in found]) == read_as


LABELS = ("severity", "team")
VALUES = ("a", "b", "c")
CONDITION = st.builds(
    lambda label, op, values: f'{label}{op}"{values}"', st.sampled_from(LABELS), st.sampled_from(("=", "!=", "=~", "!~")),
    st.sampled_from((*VALUES, "a|b", "b|c", ".*", "")),
)  # fmt: skip
ROUTES = st.recursive(
    st.builds(lambda m, c: {"matchers": m, "continue": c}, st.lists(CONDITION, max_size=2), st.booleans()),
    lambda inner: st.builds(
        lambda m, c, r: {"matchers": m, "continue": c, "routes": r},
        st.lists(CONDITION, max_size=2), st.booleans(), st.lists(inner, max_size=3),
    ),
    max_leaves=5,
)  # fmt: skip


def numbered(routes: list[dict[str, object]], names: list[str]) -> list[dict[str, object]]:
    """Each route with a receiver of its own."""
    found = []
    for route in routes:
        names.append(f"r{len(names)}")
        found.append({**route, "receiver": names[-1], "routes": numbered(list(route.get("routes", [])), names)})  # type: ignore[call-overload]
    return found


def reached(route: Route, labels: dict[str, str]) -> list[str]:
    """The receivers that Alertmanager tells, as its documentation says: a second reading of the same words."""
    if not all(condition.holds(labels.get(condition.label, "")) for condition in route.conditions):
        return []
    found: list[str] = []
    for child in route.routes:
        below = reached(child, labels)
        found += below
        if below and not child.goes_on:
            break
    return found or [route.receiver]


@settings(max_examples=150, deadline=None)
@given(st.lists(ROUTES, min_size=1, max_size=4))
def test_whatever_is_called_unreachable_no_alert_reaches(routes: list[dict[str, object]]) -> None:
    names = ["root"]
    made = {"route": {"receiver": "root", "routes": numbered(routes, names)}, "receivers": [{"name": n} for n in names]}
    text = yaml.safe_dump(made, sort_keys=False)
    found = read("am.yml", text)
    root = tree(found.documents[0].node)
    assert root is not None
    dead = set()
    places = {route.node.file.place(route.node.start): route for route in every_route(root)}
    for finding in lint(found.documents):
        if finding.diagnostic.code == "SER311":
            route = places[finding.diagnostic.line, finding.diagnostic.column]
            dead |= {one.receiver for one in every_route(route)}
    for values in product(("", *VALUES, "z"), repeat=len(LABELS)):
        labels = {name: value for name, value in zip(LABELS, values, strict=True) if value}
        assert not dead & set(reached(root, labels)), labels


def test_amtool_reaches_what_we_say_it_reaches(tmp_path: Path) -> None:
    if shutil.which("amtool") is None:
        pytest.skip("amtool is missing")
    file = tmp_path / "am.yml"
    file.write_text(TWO)
    root = tree(read("am.yml", TWO).documents[0].node)
    assert root is not None
    told: set[str] = set()
    for severity, team in product(("critical", "warning", "info"), ("a", "b")):
        done = subprocess.run(
            ["amtool", "config", "routes", "test", f"--config.file={file}", f"severity={severity}", f"team={team}"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        says = done.stdout.strip().split(",")
        assert says == reached(root, {"severity": severity, "team": team})
        told |= set(says)
    assert told & {"office", "never"} == set(), "the two that SER311 named"
    assert told == {"default", "all-day", "pager", "narrow"}


def test_what_is_mended_amtool_still_takes_and_routes_alike(tmp_path: Path) -> None:
    if shutil.which("amtool") is None:
        pytest.skip("amtool is missing")
    from sereno.lint.fixing import mend

    before = """\
route:
  receiver: a
  routes:
    - match:
        severity: critical
        team: 'shop "1"'
      receiver: b
    - match_re:
        severity: warn.*
      receiver: c
receivers: [{name: a}, {name: b}, {name: c}]
"""
    after = mend(before, look).text
    assert "match:" not in after
    assert "match_re:" not in after
    file = tmp_path / "am.yml"
    file.write_text(after)
    for labels, receiver in (
        (["severity=critical", 'team=shop \\"1\\"'], "b"), (["severity=warning"], "c"), (["severity=critical"], "a"),
    ):  # fmt: skip
        done = subprocess.run(
            ["amtool", "config", "routes", "test", f"--config.file={file}", *labels],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.stdout.strip() == receiver, done.stderr


def test_a_regex_of_nothing_is_not_made_one_of_everything() -> None:
    """Alertmanager refuses `match_re: {team: }`; `team=~""` would be a route for all alerts without a team."""
    text = (
        "route:\n  receiver: a\n  routes:\n    - match_re:\n        team:\n      receiver: a\nreceivers: [{name: a}]\n"
    )
    found = look(text)
    assert {one.diagnostic.code for one in found} >= {"SER304", "SER310"}
    assert not any(one.edits for one in found if one.diagnostic.code == "SER310")
