"""Which alerts reach whom, and how often they are told."""

from __future__ import annotations

import re

from sereno.kernel.duration import parse_duration
from sereno.lint.alertmanager_model import Route, conditions_of, every_route
from sereno.lint.model import Context, Edit
from sereno.lint.paths import at, entries, items, key, mappings, text
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Node, Scalar

_PAGERS = ("pagerduty_configs", "opsgenie_configs", "victorops_configs", "pushover_configs", "incidentio_configs")
_CRITICAL = re.compile(r"(?i)\A(critical|page|p1|p2|sev1|sev2|emergency|high|error)\Z")
_URGENT = re.compile(r"(?i)critical|pager|oncall|on-call|urgent|emergenc|page")
_NEAR = 400
"""So many routes beside one another are held against each; more than anyone writes by hand."""
_WATCHDOG = re.compile(r"(?i)watchdog|deadman|dead.?man|heartbeat|always.?firing")


def check(node: Mapping, root: Route, report: Report, context: Context) -> None:
    """Report routes that nothing reaches, and manners that wake people for nothing."""
    _root(node, root, report)
    for route in every_route(root):
        _siblings(route, report)
        _manners(node, route, report)
    _severity_in_groups(root, report)
    _inhibition(node, root, report)
    _watchdog(root, node, report)


def _root(node: Mapping, root: Route, report: Report) -> None:
    if root.conditions or root.broken:
        report.complain("SER302", root.node, "the first route must take every alert: it has no conditions")
    if not root.receiver:
        report.complain("SER302", root.node, "the first route has no receiver", expected="receiver: …")
    place = root.placed("continue")
    if place is not None and root.goes_on:
        report.complain("SER302", place, "the first route cannot continue: there is nothing beside it")
    default = root.node.get("receiver")
    if isinstance(default, Scalar) and root.routes and _URGENT.search(default.value):
        report.complain(
            "SER313", default, f"`{default.value[:60]}` is told of everything that no route takes: alerts without a "
            "severity, for information, misspelt",
            expected="a receiver of its own for what nobody thought of, and a route that names the critical ones",
        )  # fmt: skip
    elif isinstance(default, Scalar) and _loses(node, default.value):
        report.complain(
            "SER313", default, f"whatever no route takes goes to `{default.value[:60]}`, where nobody looks",
            expected="a receiver that people read",
        )  # fmt: skip


def _loses(node: Mapping, name: str) -> bool:
    """Whether the receiver is a webhook to the machine itself."""
    found = next((r for r in mappings(node.get("receivers")) if text(r.get("name")) == name), None)
    urls = [text(c.get("url")) for c in mappings(at(found, "webhook_configs"))]
    others = [word for word, _ in entries(found) if word.value not in ("name", "webhook_configs")]
    return bool(urls) and not others and all(re.match(r"https?://(localhost|127\.)", url) for url in urls)


def _siblings(parent: Route, report: Report) -> None:
    routes = parent.routes
    for index, route in enumerate(routes):
        if _contradicts(route):
            report.complain(
                "SER311", route.node, "nothing ever comes here: its conditions contradict those of the route above"
            )
            continue
        before = next((r for r in routes[max(0, index - _NEAR) : index] if _takes_all(r, route)), None)
        if before is not None:
            line, _ = before.node.file.place(before.node.start)
            report.complain(
                "SER311", route.node, f"nothing ever comes here: the route on line {line} takes it all and does not "
                "continue",
                expected="the narrower route first, or `continue: true` there",
            )  # fmt: skip
        place = route.placed("continue")
        after = routes[index + 1 :]
        alone = len(after) <= _NEAR and not any(_may_meet(route, later) for later in after)
        if place is not None and route.goes_on and alone:
            report.complain(
                "SER312", place, "no later route takes what this one takes: `continue` does nothing, and nobody else "
                "is told",
                expected="a later route for the same alerts, or no `continue`",
            )  # fmt: skip


def _contradicts(route: Route) -> bool:
    return any(mine.excludes(other) for mine in route.conditions for other in route.above)


def _takes_all(before: Route, route: Route) -> bool:
    return not (before.goes_on or before.broken or route.broken) and _implied(before, route)


def _implied(before: Route, route: Route) -> bool:
    return all(condition.implied_by(route.every) for condition in before.conditions)


def _may_meet(route: Route, later: Route) -> bool:
    return not any(mine.excludes(other) for mine in route.every for other in later.conditions)


def _pages(node: Mapping, route: Route) -> bool:
    """Whether the route wakes people: its receiver does, or it is for what is critical; not in working hours alone."""
    if route.node.get("active_time_intervals"):
        return False
    receiver = next((r for r in mappings(node.get("receivers")) if text(r.get("name")) == route.receiver), None)
    if receiver is not None and any(receiver.get(kind) for kind in _PAGERS):
        return True
    return any(c.label == "severity" and c.op == "=" and _CRITICAL.match(c.value) for c in route.every)


def _manners(node: Mapping, route: Route, report: Report) -> None:
    for name, least, why in (
        ("group_interval", 60, "each further alert of an outage is a notification of its own: a storm"),
        ("repeat_interval", 300, "the same notification over and over: people stop reading"),
    ):
        value = route.node.get(name)
        seconds = _seconds(value)
        if seconds is not None and 0 < seconds < least:
            report.complain(
                "SER316", value or route.node, f"`{name}: {text(value)}`: {why}", expected=f"at least {least // 60}m"
            )
    wait = route.node.get("group_wait")
    seconds = _seconds(wait)
    if seconds is not None and seconds < 15 and not route.parents:
        report.complain(
            "SER316", wait or route.node, f"`group_wait: {text(wait)}` for everything: an outage arrives as many first "
            "notifications",
            expected="30s; 0s only on the route of what pages",
        )  # fmt: skip
    if route.parents and _pages(node, route):
        _repeats(route, report)


def _repeats(route: Route, report: Report) -> None:
    for holder in (route.node, *reversed(route.parents)):
        value = holder.get("repeat_interval")
        seconds = _seconds(value)
        if seconds is None:
            continue
        if seconds > 4 * 3600:
            report.complain(
                "SER316", value or holder, f"`repeat_interval: {text(value)}` for what wakes people: a page that was "
                "lost comes again half a day later",
                expected="at most 4h on the routes that page",
            )  # fmt: skip
        return


def _severity_in_groups(root: Route, report: Report) -> None:
    for route in every_route(root):
        names = items(route.node.get("group_by"))
        for name in names:
            if text(name) == "severity":
                report.complain(
                    "SER317", name, "grouped by severity, one outage is two groups, warning and critical: two pages, "
                    "two threads",
                    expected="[alertname, cluster, service] or whatever one outage has in common",
                )  # fmt: skip


def _inhibition(node: Mapping, root: Route, report: Report) -> None:
    rules = mappings(node.get("inhibit_rules"))
    if any(c.label == "severity" for rule in rules for c in conditions_of(rule, "source_")[0]):
        return
    named = {c.value.lower() for r in every_route(root) for c in r.conditions if c.label == "severity"}
    if len(named) > 1:
        report.complain(
            "SER319", _first(node, "route"), "nothing keeps a warning quiet while the critical alert of the same name "
            "fires: people get both",
            expected="inhibit_rules: source_matchers ['severity=\"critical\"'], target_matchers "
            "['severity=\"warning\"'], equal [alertname, service]",
        )  # fmt: skip


def _watchdog(root: Route, node: Mapping, report: Report) -> None:
    routes = list(every_route(root))
    if len(routes) > 1 and not any(
        c.label == "alertname" and _WATCHDOG.search(c.value) for r in routes for c in r.conditions
    ):
        report.complain(
            "SER320", _first(node, "route"), "no route for an alert that always fires (Watchdog): when Prometheus or "
            "Alertmanager dies, silence looks like all is well",
            expected="a route for alertname=\"Watchdog\" to a service that calls when it no longer hears of it",
        )  # fmt: skip


def _first(node: Mapping, name: str) -> Node:
    return key(node, name) or node


def _seconds(value: Node | None) -> float | None:
    try:
        return parse_duration(text(value)).total_seconds() if text(value) else None
    except (ValueError, OverflowError):
        return None


def as_matchers(node: Mapping, side: str, name: str) -> tuple[Edit, ...]:
    """`match:` and what is below it as `matchers:`, where it is written in lines of its own."""
    found, values = key(node, f"{side}{name}"), entries(node.get(f"{side}{name}"))
    other = f"{side}{'match_re' if name == 'match' else 'match'}"
    if found is None or not values or node.get(f"{side}matchers") is not None or node.get(other) is not None:
        return ()
    op = "=" if name == "match" else "=~"
    file = found.file
    first, last = values[0][0], values[-1][1]
    if not isinstance(last, Scalar) or file.place(first.start)[0] == file.place(found.start)[0]:
        return ()
    listed = [f"{label.value}{op}{_quoted(text(value))}" for label, value in values]
    if any("'" in condition or "\n" in condition for condition in listed):
        return ()
    edits = [Edit(found.start, found.end, f"{side}matchers")]
    for (label, value), condition in zip(values, listed, strict=True):
        # A regex of nothing is refused by Alertmanager; as a matcher it would be one of everything without that label.
        if not isinstance(value, Scalar) or value.style in ("literal", "folded") or value.kind == "null":
            return ()
        edits.append(Edit(label.start, value.end, f"- '{condition}'"))
    return tuple(edits)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
