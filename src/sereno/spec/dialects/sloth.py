"""Sloth's `prometheus/v1` and its Kubernetes form `PrometheusServiceLevel`: 30 days, events, raw ratios and plugins.

Both spellings of a key are read (`page_alert`, `pageAlert`). Labels of a promise go on its alerts; what names, routes
or words alerts otherwise is said and left out, since Sereno names and words them itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from sereno.kernel.labels import Labels
from sereno.spec import values
from sereno.spec.dialects import queries
from sereno.spec.dialects.gathered import (
    PAGES,
    TICKETS,
    Described,
    Gathered,
    Promise,
    absent,
    inside,
    number,
    objective_of,
    severities_of,
    text_of,
)
from sereno.spec.dialects.openslo_documents import Doc, listed
from sereno.spec.dialects.sloth_plugins import plugin
from sereno.spec.fields import expect
from sereno.spec.model import LowTraffic, QuerySli, Sli, Slo
from sereno.spec.reading import Reading
from sereno.spec.source import Mapping, Node, Scalar

WINDOW = timedelta(days=30)
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
_CORRECTED = "sloth.dev/contrib/denominator_corrected_rules/v1"
_HARMLESS = (
    "sloth.dev/core/",
    "sloth.dev/contrib/info_labels/",
    "sloth.dev/contrib/rule_intervals/",
    "sloth.dev/contrib/remove_labels/",
    "sloth.dev/contrib/validate_victoria_metrics/",
)
_OWN = values.RESERVED_LABELS | {"slo", "window_long", "window_short", "burn_factor", "budget_share", "exhausts_in"}


class Words(Doc):
    """A mapping of Sloth, whose keys may be written `like_this` or `likeThis`."""

    def __init__(self, reading: Reading, node: Node, what: str, *keys: str) -> None:
        both = {key: key if "_" not in key else camel(key) for key in keys}
        super().__init__(reading, node, what, optional=(*both, *(c for k, c in both.items() if c != k)))

    def at(self, key: str) -> Node | None:
        """The value of `key` in either spelling."""
        found = super().at(key)
        return found if found is not None else super().at(camel(key))

    def key(self, key: str) -> Scalar | None:
        """The key as it was written."""
        return super().key(key) or super().key(camel(key))


def camel(key: str) -> str:
    """`error_query` as `errorQuery`."""
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass(frozen=True, slots=True)
class _Alerting:
    """What is said of an objective's alerts."""

    page: bool = True
    ticket: bool = True
    page_severity: str = ""
    ticket_severity: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    title: str = ""
    runbook: str | None = None


def read(reading: Reading, node: Mapping, gathered: Gathered) -> None:
    """Add what a Sloth document promises to `gathered`."""
    version, api, kind = inside(node, "version"), inside(node, "apiVersion"), inside(node, "kind")
    if not absent(api):
        if text_of(api) != "sloth.slok.dev/v1" or text_of(kind) != "PrometheusServiceLevel":
            place = kind if text_of(api) == "sloth.slok.dev/v1" and kind is not None else api
            reading.complain(
                "SER150",
                place or node,
                "this kind of Sloth's documents is not known",
                expected="apiVersion: sloth.slok.dev/v1 with kind: PrometheusServiceLevel",
            )
            return
        whole = Doc(
            reading, node, "a PrometheusServiceLevel", optional=("apiVersion", "kind", "metadata", "spec", "status")
        )
        inner = whole.need("spec", "a PrometheusServiceLevel")
        if inner is None:
            return
        doc = Words(reading, inner, "Sloth's spec", "service", "labels", "slo_plugins", "slos")
    else:
        if text_of(version) != "prometheus/v1":
            reading.complain(
                "SER150",
                version or node,
                f"`{text_of(version)[:40]}` is no version of Sloth's that is known",
                expected="prometheus/v1",
            )
            return
        doc = Words(reading, node, "Sloth's spec", "version", "service", "labels", "slo_plugins", "slos")
    _spec(reading, doc, gathered)


def _spec(reading: Reading, doc: Doc, gathered: Gathered) -> None:
    service = _name(reading, doc.need("service", "Sloth's spec"))
    labels = _texts(reading, doc.at("labels"), "labels")
    slos = listed(reading, doc.at("slos"), "SLOs")
    if not slos and isinstance(doc.node, Mapping):
        reading.complain("SER022", doc.key("slos") or doc.node, "Sloth's spec promises nothing", expected="`slos`")
    guard = _plugins(reading, doc.at("slo_plugins"))
    team = labels.get("team") or labels.get("owner") or ""
    if service:
        gathered.services.append(Described(service, doc.node, team=team))
    for item in slos:
        slo = _slo(reading, item, labels, guard)
        if slo is not None and service:
            gathered.promises.append(Promise(service, slo, item, team))


def _slo(reading: Reading, node: Node, labels: dict[str, str], guard: LowTraffic | None) -> Slo | None:
    doc = Words(reading, node, "an SLO", "name", "description", "objective", "plugins", "labels", "sli", "alerting")
    name = _name(reading, doc.need("name", "an SLO"))
    goal = doc.need("objective", "an SLO")
    percent = number(reading, goal) if goal is not None else None
    if goal is not None and percent is not None and not 0 < percent < 100:
        hint = "100 leaves no budget: choose what users would really miss" if percent == 100 else None
        reading.complain(
            "SER031",
            goal,
            f"{text_of(goal)[:40]} is out of range",
            expected="a percentage above 0 and below 100",
            hint=hint,
        )
        percent = None
    own = {**labels, **_texts(reading, doc.at("labels"), "labels")}
    indicator = doc.need("sli", "an SLO")
    sli = _sli(reading, indicator) if indicator is not None else None
    alerting = _alerting(reading, doc.at("alerting"), doc)
    guard = _plugins(reading, doc.at("plugins")) or guard
    if not name or percent is None or sli is None:
        return None
    page, ticket = severities_of(reading)
    described = text_of(doc.at("description")).strip()
    return Slo(
        name=name,
        objective=objective_of(percent.scaleb(-2)),
        window=WINDOW,
        sli=sli,
        description=described,
        title=alerting.title,
        runbook=alerting.runbook,
        page_severity=alerting.page_severity or page,
        ticket_severity=alerting.ticket_severity or ticket,
        source=reading.source(node),
        tiers=() if alerting.page == alerting.ticket else PAGES if alerting.page else TICKETS,
        low_traffic=guard,
        alerting=alerting.page or alerting.ticket,
        labels=Labels(sorted((k, v) for k, v in {**own, **dict(alerting.labels)}.items() if k not in _OWN)),
    )


def _sli(reading: Reading, node: Node) -> Sli | None:
    doc = Words(reading, node, "an SLI", "raw", "events", "plugin")
    kind = doc.one("raw", "events", "plugin")
    inner = doc.at(kind) if kind else None
    if inner is None:
        return None
    if kind == "plugin":
        return plugin(reading, inner)
    if kind == "raw":
        raw = Words(reading, inner, "a raw SLI", "error_ratio_query")
        return raw_ratio(reading, raw.need("error_ratio_query", "a raw SLI"))
    events = Words(reading, inner, "an SLI of events", "error_query", "total_query")
    bad, total = events.need("error_query", "an SLI of events"), events.need("total_query", "an SLI of events")
    if not isinstance(bad, Scalar) or not isinstance(total, Scalar):
        return None
    if bad.value == total.value:
        reading.complain(
            "SER157", bad, "errors and all events are the same query: every event would be bad", expected="two queries"
        )
        return None
    texts = [queries.windowed(reading, query, query.value) for query in (total, bad)]
    if None in texts:
        return None
    found = queries.events(reading, total=total.value, bad=bad.value)
    return found or QuerySli(total=texts[0], bad=texts[1])


def raw_ratio(reading: Reading, node: Node | None) -> Sli | None:
    """A ratio of errors in one query; a quotient of counters is counted exactly."""
    if not isinstance(node, Scalar):
        return None
    text = queries.windowed(reading, node, node.value)
    if text is None:
        return None
    return queries.quotient(reading, node.value) or QuerySli(ratio=text)


def _alerting(reading: Reading, node: Node | None, slo: Doc) -> _Alerting:
    if node is None:
        page = ticket = None
        doc = None
    else:
        doc = Words(reading, node, "alerting", "name", "labels", "annotations", "page_alert", "ticket_alert")
        page, ticket = doc.at("page_alert"), doc.at("ticket_alert")
    on = [_enabled(reading, alert) for alert in (page, ticket)]
    if any(on) and (doc is None or doc.at("name") is None) and isinstance(slo.node, Mapping):
        place = slo.key("alerting") or slo.node
        reading.complain(
            "SER022", place, "Sloth's alerts need a `name`, unless both are disabled", expected="`alerting: {name: …}`"
        )
    if doc is None:
        return _Alerting(on[0], on[1])
    labels = _texts(reading, doc.at("labels"), "labels")
    notes = _texts(reading, doc.at("annotations"), "annotations")
    lost = [key for key in notes if key not in ("summary", "title", "runbook", "runbook_url", "description")]
    sides = []
    for alert in (page, ticket):
        more = _texts(reading, inside(alert, "labels"), "labels")
        lost += _texts(reading, inside(alert, "annotations"), "annotations")
        sides.append(more)
    both = {key: value for key, value in sides[0].items() if sides[1].get(key) == value and key != "severity"}
    lost += [key for side in sides for key in side if key not in both and key != "severity"]
    if lost:
        reading.complain(
            "SER162",
            doc.node,
            f"not on the alerts: {', '.join(dict.fromkeys(lost))}",
            hint="labels of `alerting` and of the SLO are on all of its alerts; route by `severity`",
        )
    runbook = notes.get("runbook_url") or notes.get("runbook")
    severities = [_severity(reading, alert) for alert in (page, ticket)]
    return _Alerting(
        page=on[0],
        ticket=on[1],
        page_severity=severities[0],
        ticket_severity=severities[1],
        labels=tuple({**labels, **both}.items()),
        title=notes.get("summary") or notes.get("title") or "",
        runbook=runbook if runbook and values.is_url(runbook) else None,
    )


def _enabled(reading: Reading, node: Node | None) -> bool:
    if node is None:
        return True
    doc = Words(reading, node, "an alert", "disable", "labels", "annotations")
    flag = doc.at("disable")
    return not (values.flag(reading, flag) if flag is not None else False)


def _severity(reading: Reading, node: Node | None) -> str:
    """The severity of ours that an alert's label means, "" if none."""
    written = inside(node, "labels", "severity")
    found = reading.severities.find(text_of(written)) if written is not None else None
    if written is not None and found is None:
        names = ", ".join(severity.name for severity in reading.severities)
        reading.complain(
            "SER159",
            written,
            f"`{text_of(written)[:40]}` is no severity of the scale; the usual one is taken",
            expected=f"one of {names}, or an alias of them in `severities`",
        )
    return found.name if found else ""


def _plugins(reading: Reading, node: Node | None) -> LowTraffic | None:
    """What the chain of SLO plugins comes to: a guard of low traffic, or nothing."""
    if node is None:
        return None
    doc = Words(reading, node, "plugins", "chain", "override_previous")
    guard = None
    for item in listed(reading, doc.at("chain"), "plugins"):
        entry = Words(reading, item, "a plugin", "id", "config", "priority")
        name = entry.need("id", "a plugin")
        if text_of(name) == _CORRECTED:
            guard = LowTraffic(budget_fraction=True)
        elif name is not None and not text_of(name).startswith(_HARMLESS):
            reading.complain("SER162", name, f"the plugin `{text_of(name)[:80]}` of Sloth's generator is not run")
    return guard


def _name(reading: Reading, node: Node | None) -> str:
    if node is None:
        return ""
    found = text_of(node)
    if _NAME.fullmatch(found):
        return found
    reading.complain(
        "SER152",
        node,
        f"`{found[:80]}` cannot be a name of Sloth's",
        expected="letters, digits, - _ and ., at most 63, beginning and ending with a letter or digit",
    )
    return ""


def _texts(reading: Reading, node: Node | None, what: str) -> dict[str, str]:
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        expect(reading, node, f"a mapping of {what}")
        return {}
    for key, value in node.entries:
        if not _LABEL.fullmatch(key.value):
            reading.complain(
                "SER164",
                key,
                f"`{key.value[:80]}` cannot be the name of one of the {what}",
                expected="letters, digits and _, not beginning with a digit",
            )
        if not isinstance(value, Scalar):
            expect(reading, value, "text")
    return {key.value: text_of(value) for key, value in node.entries}
