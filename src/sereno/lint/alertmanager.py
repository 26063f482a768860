"""Checks of Alertmanager's configuration."""

from __future__ import annotations

import re

from sereno.kernel.duration import parse_duration
from sereno.lint import alertmanager_receivers, alertmanager_routes
from sereno.lint.alertmanager_model import Condition, Route, conditions_of, every_route, tree
from sereno.lint.model import Context, Document
from sereno.lint.paths import at, entries, items, key, mappings, text
from sereno.lint.reporting import Report
from sereno.spec.reading import closest
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_TOP = (
    "global",
    "templates",
    "route",
    "inhibit_rules",
    "receivers",
    "mute_time_intervals",
    "time_intervals",
    "tracing",
)
_ROUTE = ("receiver", "group_by", "continue", "match", "match_re", "matchers", "group_wait", "group_interval",
          "repeat_interval", "mute_time_intervals", "active_time_intervals", "routes")  # fmt: skip
_INHIBIT = ("name", "source_match", "source_match_re", "source_matchers", "sources", "target_match", "target_match_re",
            "target_matchers", "equal")  # fmt: skip
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_DEPRECATED = ("match", "match_re")


def check(document: Document, context: Context, report: Report) -> None:
    """Everything that shows in one configuration."""
    node = document.node
    if not isinstance(node, Mapping):
        return
    _keys(node, _TOP, "an Alertmanager configuration", report)
    root = tree(node)
    if root is None:
        report.complain(
            "SER302", node, "there is no `route`: no alert is sent to anyone", expected="route: {receiver: …}"
        )
    for route in every_route(root):
        _route(route, report)
    for rule in mappings(node.get("inhibit_rules")):
        _keys(rule, _INHIBIT, "an inhibition", report)
        for side in ("source_", "target_"):
            conditions, broken = conditions_of(rule, side)
            _conditions(rule, conditions, broken, side, report)
    names = _named(node, root, report)
    _intervals(node, root, report)
    alertmanager_receivers.check(node, names, root, report)
    if root is not None:
        alertmanager_routes.check(node, root, report, context)


def _keys(node: Mapping, known: tuple[str, ...], what: str, report: Report) -> None:
    for name, _ in node.entries:
        if name.value not in known:
            report.complain(
                "SER300", name, f"{what} has no key `{name.value[:60]}`: Alertmanager refuses the whole file",
                expected=f"one of {', '.join(known)}", hint=closest(name.value, known),
            )  # fmt: skip


def _route(route: Route, report: Report) -> None:
    _keys(route.node, _ROUTE, "a route", report)
    _conditions(route.node, route.conditions, route.broken, "", report)
    for name in ("group_wait", "group_interval", "repeat_interval"):
        value = route.node.get(name)
        if isinstance(value, Scalar) and _duration(value.value) is None:
            report.complain(
                "SER304", value, f"`{value.value[:40]}` is not a duration", expected="such as 30s, 5m or 4h"
            )
    if route.node.get("group_by") is not None:
        _group_by(route.node.get("group_by"), report)
    below = route.node.get("routes")
    if below is not None and not isinstance(below, Sequence) and text(below):
        report.complain("SER300", below, "`routes` is a list of routes")


def _group_by(node: Node | None, report: Report) -> None:
    seen: set[str] = set()
    names = items(node)
    for name in names:
        if text(name) == "..." and len(names) > 1:
            report.complain("SER304", name, "`...` groups by all labels, and stands alone")
        if text(name) in seen:
            report.complain("SER304", name, f"`{text(name)}` stands in group_by twice")
        seen.add(text(name))


def _conditions(node: Mapping, conditions: tuple[Condition, ...], broken: bool, side: str, report: Report) -> None:
    if broken:
        place = node.get(f"{side}matchers") or node
        report.complain(
            "SER304", place, "this is no list of conditions", expected="matchers: ['severity=\"critical\"', …]"
        )
    for condition in conditions:
        wrong = condition.holds("") is None or (condition.op == "=~" and isinstance(condition.place, Scalar)
                                                and condition.place.kind == "null")  # fmt: skip
        if wrong:
            report.complain(
                "SER304", condition.place, f"the regular expression for `{condition.label}` is wrong or missing"
            )
    for name in _DEPRECATED:
        found = key(node, f"{side}{name}")
        if found is not None and entries(node.get(f"{side}{name}")):
            report.complain(
                "SER310", found, f"`{side}{name}` is deprecated since Alertmanager 0.22 and will be removed",
                expected=f"{side}matchers: [{_as_matchers(conditions)}]",
                edits=alertmanager_routes.as_matchers(node, side, name),
            )  # fmt: skip


def _as_matchers(conditions: tuple[Condition, ...]) -> str:
    return ", ".join(f"'{c.label}{c.op}\"{c.value}\"'" for c in conditions[:4])


def _named(node: Mapping, root: Route | None, report: Report) -> dict[str, Mapping]:
    """The receivers by name; those named twice, unknown or never used are reported."""
    found: dict[str, Mapping] = {}
    for receiver in mappings(node.get("receivers")):
        name = receiver.get("name")
        if not isinstance(name, Scalar) or not text(name):
            report.complain("SER300", receiver, "a receiver has no name", expected="name: …")
        elif name.value in found:
            report.complain("SER303", name, f"there are two receivers called `{name.value}`")
        else:
            found[name.value] = receiver
    used: set[str] = set()
    for route in every_route(root):
        place = route.node.get("receiver")
        if not isinstance(place, Scalar):
            continue
        used.add(place.value)
        if place.value not in found:
            report.complain(
                "SER301", place, f"there is no receiver `{place.value[:60]}`", expected=f"one of {', '.join(found)}",
                hint=closest(place.value, found),
            )  # fmt: skip
    for unused in found if root is not None else ():
        if unused not in used:
            place = found[unused].get("name")
            report.complain("SER318", place or found[unused], f"no route leads to the receiver `{unused[:60]}`")
    return found


def _intervals(node: Mapping, root: Route | None, report: Report) -> None:
    known: dict[str, Node] = {}
    for section in ("time_intervals", "mute_time_intervals"):
        for interval in mappings(node.get(section)):
            name = interval.get("name")
            if isinstance(name, Scalar) and name.value in known:
                report.complain("SER303", name, f"there are two time intervals called `{name.value}`")
            elif isinstance(name, Scalar):
                known[name.value] = name
            _local(interval, report)
    used: set[str] = set()
    for route in every_route(root):
        for word in ("mute_time_intervals", "active_time_intervals"):
            for item in items(route.node.get(word)):
                used.add(text(item))
                if text(item) not in known:
                    report.complain(
                        "SER305", item, f"there is no time interval `{text(item)[:60]}`",
                        expected=f"one of {', '.join(known)}" if known else "time_intervals: […]",
                        hint=closest(text(item), known),
                    )  # fmt: skip
    for label, place in known.items():
        if label not in used and root is not None:
            report.complain("SER322", place, f"no route uses the time interval `{label[:60]}`")


def _local(interval: Mapping, report: Report) -> None:
    """Hours of a day without a zone are those of UTC."""
    for one in mappings(interval.get("time_intervals")):
        times = key(one, "times")
        if times is not None and at(one, "location") is None:
            report.complain(
                "SER324", times, "hours of the day without a zone are UTC's: in Lima they begin five hours early",
                expected="location: America/Lima",
            )  # fmt: skip


def _duration(written: str) -> float | None:
    try:
        return parse_duration(written.strip()).total_seconds()
    except (ValueError, OverflowError):
        return None
