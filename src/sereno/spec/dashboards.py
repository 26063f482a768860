"""Reads dashboards.

```yaml
dashboard: business            # `infrastructure`, `business`, `security` and `integrations` have addresses of their own
title: Business
description: What the shop sells.
rows:
  - title: Sales
    panels:
      - title: Orders a minute
        query: sum(rate(orders_total[$__rate_interval])) * 60
        unit: opm
        description: Orders of all shops. Far below the same hour of last week, look at payments first.
      - title: Approved
        kind: gauge            # stat, timeseries (the default), gauge, bar_gauge, table, heatmap, state_timeline, text
        query: sum(increase(orders_total{status="approved"}[24h])) / (sum(increase(orders_total[24h])) > 0)
        unit: percentunit
        min: 0
        max: 1
        thresholds: [{color: red}, {at: 30%, color: green}]
        description: Below 30 % ask the risk team.
      - title: Orders by status
        queries:
          - {expr: 'sum by (status) (rate(orders_total{region=~"$region"}[$__rate_interval]))', legend: '{{status}}'}
        stacked: true
        description: Where orders end.
variables:
  - {name: region, title: Region, label: region, of: orders_total}
since: 24h                     # what is shown at first; 6h by default
---
dashboard: databases
template: postgresql           # rows that are built in, for the usual exporters
jobs: [postgres-exporter]      # which jobs it offers; all that have its metrics by default
---
dashboard: partners
template: integrations
with: {calls: partner_calls_total, failed: 'status="error"', duration: partner_call_seconds, by: partner}
```
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import cast

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.spec import values
from sereno.spec.dashboard_model import (
    COLUMNS,
    KINDS,
    Column,
    Dashboard,
    Panel,
    PanelKind,
    PanelRow,
    Query,
    Step,
    ValueText,
    Variable,
)
from sereno.spec.dashboard_queries import filled
from sereno.spec.dashboard_units import UNITS, is_unit
from sereno.spec.fields import Fields, Reader, expect
from sereno.spec.model import Link
from sereno.spec.queries import complain_of_query
from sereno.spec.reading import Reading, closest
from sereno.spec.source import Mapping, Node, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class TemplateKeys:
    """The parameters of a built-in dashboard with their meanings, and those of which one at least is needed."""

    parameters: MappingOf[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


TEMPLATES: MappingOf[str, TemplateKeys] = {
    "kubernetes": TemplateKeys(),
    "nodes": TemplateKeys(),
    "postgresql": TemplateKeys(),
    "probes": TemplateKeys(),
    "redis": TemplateKeys(),
    "storage": TemplateKeys(
        {
            "operations": "counter of operations of the object store",
            "failed": "matchers of those that failed",
            "duration": "classic histogram of their duration in seconds, without `_bucket`",
            "by": "label to tell operations apart by; `operation` by default",
        }
    ),
    "integrations": TemplateKeys(
        {
            "calls": "counter of calls",
            "failed": 'matchers of those that failed; `status="error"` by default',
            "duration": "classic histogram of their duration in seconds, without `_bucket`",
            "by": "label that names the integration; `integration` by default",
        },
        needs=("calls",),
    ),
    "security": TemplateKeys(
        {
            "logins": "counter of login attempts",
            "failed": 'matchers of those that failed; `result="failed"` by default',
            "mfa": "matchers of logins with a second factor",
            "password_resets": "counter of password resets",
            "rate_limited": "counter of requests refused by a rate limit",
            "blocked": "counter of requests from blocked addresses",
            "invalid_tokens": "counter of invalid tokens",
            "cors": "counter of CORS violations",
            "attacks": "counter of recognised attacks",
            "by": "label that names the kind of attack; `kind` by default",
        },
        needs=("logins", "password_resets", "rate_limited", "blocked", "invalid_tokens", "cors", "attacks"),
    ),
}
MATCHERS = frozenset(("failed", "mfa"))
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COLOR = re.compile(r"[a-z][a-z-]{1,30}|#[0-9A-Fa-f]{3,8}|(?:rgb|hsl)a?\([0-9., %]{3,40}\)")
_NUMBER = re.compile(r"([-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,2})?)\s*(%?)")
_SINCE = values.duration_within("1m", "400d")
_REFRESH = values.duration_within("5s", "1d")
_KIND = values.one_of(*(kind for kind in KINDS if kind != "raw"))


def dashboard(reading: Reading, node: Node) -> Dashboard:
    """The dashboard declared by the document `node`."""
    fields = Fields(
        reading,
        node,
        "a dashboard",
        required=("dashboard",),
        optional=("title", "description", "template", "with", "jobs", "rows", "variables", "tags", "links", "since",
                  "refresh", "raw"),
    )  # fmt: skip
    name = fields.read("dashboard", values.name) or ""
    kind = fields.read("template", values.one_of(*TEMPLATES)) or ""
    raw = fields.read("raw", _raw_of("dashboard", "panels", "rows", "elements", "dashboard", "spec")) or ""
    if isinstance(node, Mapping) and not any(fields.has(key) for key in ("rows", "template", "raw")):
        reading.complain("SER022", node, "a dashboard needs `rows` or `template`", expected="the key `rows`")
    if raw and (fields.has("rows") or kind):
        place = fields.key("raw") or node
        reading.complain("SER024", place, "a dashboard kept as `raw` has nothing else", expected="`raw` alone")
    variables = fields.read("variables", values.items(_variable, what="variables")) or ()
    choices = {variable.name: variable.values[0] for variable in variables if variable.values}

    def row(reading: Reading, node: Node) -> PanelRow:
        return _row(reading, node, choices)

    return Dashboard(
        name=name,
        title=fields.read("title", values.text) or name,
        description=fields.read("description", values.text) or "",
        template=kind,
        with_=_parameters(reading, fields, kind),
        jobs=fields.read("jobs", values.items(values.text, what="jobs")) or (),
        rows=fields.read("rows", values.items(row, what="rows")) or (),
        variables=variables,
        tags=fields.read("tags", values.items(values.text, what="words")) or (),
        links=fields.read("links", _links) or (),
        since=fields.read("since", _SINCE) or timedelta(hours=6),
        refresh=fields.read("refresh", _REFRESH) or timedelta(minutes=1),
        raw=raw,
        source=reading.source(node),
    )


def named(reading: Reading, node: Node) -> str | None:
    """The name of a dashboard that a document declares."""
    found = values.text(reading, node)
    if found is None or found in reading.names["dashboard"]:
        return found
    assert isinstance(node, Scalar)
    reading.unknown("SER199", node, "dashboard", sorted(reading.names["dashboard"]))
    return None


def _parameters(reading: Reading, fields: Fields, kind: str) -> tuple[tuple[str, str], ...]:
    """The parameters of the template `kind`: metrics, labels, or matchers."""
    node, known = fields.value("with"), TEMPLATES.get(kind, TemplateKeys())
    found: dict[str, str] = {}
    if node is not None and not isinstance(node, Mapping):
        expect(reading, node, "a mapping of parameters, such as {calls: partner_calls_total}")
    for key, value in node.entries if isinstance(node, Mapping) else ():
        if key.value not in known.parameters:
            names = ", ".join(known.parameters) or "no parameters"
            hint = closest(key.value, known.parameters)
            message = f"the template `{kind}` has no parameter `{key.value}`" if kind else "there is no `template`"
            reading.complain("SER197", key, message, expected=names, hint=hint)
            continue
        written = _parameter(reading, key.value, value)
        if written is not None:
            found[key.value] = written
    if known.needs and not any(key in found for key in known.needs) and not isinstance(node, Mapping):
        place = fields.value("template") or fields.node
        message = f"the template `{kind}` needs to know your metrics"
        reading.complain("SER197", place, message, expected=f"`with`, and in it one of {', '.join(known.needs)}")
    elif known.needs and isinstance(node, Mapping) and not any(node.get(key) for key in known.needs):
        reading.complain("SER197", node, "none of these metrics is shown", expected=f"one of {', '.join(known.needs)}")
    return tuple(found.items())


def _parameter(reading: Reading, key: str, node: Node) -> str | None:
    written = values.text(reading, node)
    if written is None:
        return None
    assert isinstance(node, Scalar)
    if key in MATCHERS:
        before = '{__name__="x",'
        try:
            reading.promql.selector(before + node.value + "}")
        except QueryError as error:
            complain_of_query(reading, node, error, "SER061", skip=len(before), expected='matchers such as code="500"')
            return None
        return written
    shape, what = (_LABEL, "a label's name") if key == "by" else (_NAME, "a metric's name")
    if shape.fullmatch(written):
        return written
    reading.complain("SER197", node, f"`{written[:60]}` is not {what}", expected=f"{what}, without braces")
    return None


def _row(reading: Reading, node: Node, choices: MappingOf[str, str]) -> PanelRow:
    fields = Fields(reading, node, "a row", required=("panels",), optional=("title", "collapsed"))

    def panel(reading: Reading, node: Node) -> Panel:
        return _panel(reading, node, choices)

    return PanelRow(
        title=fields.read("title", values.text) or "",
        panels=fields.read("panels", values.items(panel, what="panels")) or (),
        collapsed=fields.read("collapsed", values.flag) or False,
    )


def _panel(reading: Reading, node: Node, choices: MappingOf[str, str]) -> Panel:
    fields = Fields(
        reading,
        node,
        "a panel",
        optional=("title", "kind", "query", "queries", "unit", "description", "thresholds", "lines", "min", "max",
                  "decimals", "stacked", "values", "columns", "sort", "width", "height", "links", "since", "text",
                  "raw"),
    )  # fmt: skip

    def expression(reading: Reading, node: Node) -> str | None:
        return _expression(reading, node, choices)

    def query(reading: Reading, node: Node) -> Query | None:
        return _query(reading, node, choices)

    raw = fields.read("raw", _raw_of("panel", "type")) or ""
    kind = cast(PanelKind, "raw" if fields.has("raw") else fields.read("kind", _KIND) or "timeseries")
    written = fields.read("query", expression)
    queries = (Query(written),) if written else fields.read("queries", values.items(query, what="queries")) or ()
    _complain_of_shape(reading, fields, kind)
    width, height = (
        fields.read("width", values.number_within("1", str(COLUMNS))),
        fields.read("height", values.number_within("1", "60")),
    )
    decimals = fields.read("decimals", values.number_within("0", "12"))
    return Panel(
        title=fields.read("title", values.text) or "",
        kind=kind,
        queries=queries,
        unit=fields.read("unit", _unit) or "",
        description=fields.read("description", values.text) or "",
        steps=fields.read("thresholds", _steps) or (),
        lines=bool(fields.read("lines", values.flag)),
        least=fields.read("min", _number),
        most=fields.read("max", _number),
        decimals=None if decimals is None else int(decimals),
        stacked=bool(fields.read("stacked", values.flag)),
        mappings=fields.read("values", values.items(_value_text, what="values")) or (),
        columns=fields.read("columns", values.items(_column, what="columns")) or (),
        sort=fields.read("sort", values.text) or "",
        width=int(width or 0),
        height=int(height or 0),
        links=fields.read("links", _links) or (),
        since=fields.read("since", _SINCE),
        text=fields.read("text", values.text) or "",
        raw=raw,
    )


def _complain_of_shape(reading: Reading, fields: Fields, kind: PanelKind) -> None:
    """A panel asks something, or says something, or is raw."""
    if not isinstance(fields.node, Mapping) or kind == "raw":
        return
    if not fields.has("title"):
        reading.complain("SER022", fields.node, "a panel needs `title`", expected="the key `title`")
    if kind == "text":
        if not fields.has("text"):
            reading.complain("SER022", fields.node, "a panel of text needs `text`", expected="the key `text`")
        return
    fields.exactly_one("query", "queries")


def _query(reading: Reading, node: Node, choices: MappingOf[str, str]) -> Query | None:
    fields = Fields(reading, node, "a query", required=("expr",), optional=("legend", "unit", "colored"))

    def expression(reading: Reading, node: Node) -> str | None:
        return _expression(reading, node, choices)

    expr = fields.read("expr", expression)
    if expr is None:
        return None
    legend, unit = fields.read("legend", values.text) or "", fields.read("unit", _unit) or ""
    return Query(expr, legend, unit, bool(fields.read("colored", values.flag)))


def _expression(reading: Reading, node: Node, choices: MappingOf[str, str]) -> str | None:
    """PromQL with Grafana's variables."""
    written = values.text(reading, node)
    if written is None:
        return None
    assert isinstance(node, Scalar)
    try:
        reading.promql.check(filled(node.value, choices))
    except UnsupportedQuery:
        return written  # Grafana asks somebody else
    except QueryError as error:
        complain_of_query(reading, node, error, "SER060")
        return None
    return written


def _unit(reading: Reading, node: Node) -> str | None:
    found = values.text(reading, node)
    if found is None or is_unit(found):
        return found
    expected = "a unit of Grafana such as short, percentunit, s, bytes, reqps, or currency:PEN"
    reading.complain("SER195", node, f"`{found[:40]}` is no unit", expected=expected, hint=closest(found, UNITS))
    return None


def _steps(reading: Reading, node: Node) -> tuple[Step, ...] | None:
    """Thresholds that go up; what lies below the first has a colour too."""
    found = values.items(_step, what="thresholds")(reading, node)
    if found is None:
        return None
    places = node.items if isinstance(node, Sequence) else ()
    steps = found if found and found[0].at is None else (Step(None, "green"), *found)
    for before, after in pairwise(steps):
        if after.at is None or (before.at is not None and after.at <= before.at):
            place = places[min(found.index(after), len(places) - 1)]
            reading.complain(
                "SER196", place, "this threshold is not above the one before it",
                expected="thresholds that go up; only the first may be without `at`",
            )  # fmt: skip
            return None
    return steps


def _step(reading: Reading, node: Node) -> Step | None:
    fields = Fields(reading, node, "a threshold", required=("color",), optional=("at",))
    color, at = fields.read("color", _color), fields.read("at", _number)
    return None if color is None or (fields.has("at") and at is None) else Step(at, color)


def _color(reading: Reading, node: Node) -> str | None:
    found = values.text(reading, node)
    if found is None or _COLOR.fullmatch(found):
        return found
    expected = "a colour of Grafana such as green, orange, red, or #EAB839"
    reading.complain("SER196", node, f"`{found[:40]}` is no colour", expected=expected)
    return None


def _number(reading: Reading, node: Node) -> Decimal | None:
    found = _NUMBER.fullmatch(node.value.strip()) if isinstance(node, Scalar) else None
    if found is None:
        if isinstance(node, Scalar):
            message = f"`{node.value.strip()[:40]}` is no number"
            reading.complain("SER196", node, message, expected="a number such as 0.8, or 80%")
        else:
            expect(reading, node, "a number such as 0.8, or 80%")
        return None
    return Decimal(found[1]).scaleb(-2) if found[2] else Decimal(found[1])


def _value_text(reading: Reading, node: Node) -> ValueText | None:
    fields = Fields(reading, node, "a value's name", required=("value", "text"), optional=("color",))
    value, text = fields.read("value", values.text), fields.read("text", values.text)
    color = fields.read("color", _color) or ""
    return None if value is None or text is None else ValueText(value, text, color)


def _column(reading: Reading, node: Node) -> Column | None:
    fields = Fields(reading, node, "a column", required=("label",), optional=("title",))
    label = fields.read("label", values.text)
    return None if label is None else Column(label, fields.read("title", values.text) or "")


def _variable(reading: Reading, node: Node) -> Variable | None:
    fields = Fields(
        reading, node, "a variable", required=("name",), optional=("title", "label", "of", "values", "several", "raw")
    )
    name = fields.read("name", values.text)
    if name is not None and (not _LABEL.fullmatch(name) or name == "datasource"):
        place = fields.value("name") or node
        reading.complain(
            "SER032", place, f"`{name[:40]}` cannot be a variable's name", expected="letters, digits and _"
        )
        return None
    kind = fields.exactly_one("label", "values", "raw")
    several = fields.read("several", values.flag)
    if name is None or kind is None:
        return None
    return Variable(
        name=name,
        title=fields.read("title", values.text) or name,
        label=fields.read("label", values.text) or "",
        of=fields.read("of", values.text) or "",
        values=fields.read("values", values.items(values.text, what="values")) or (),
        several=True if several is None else several,
        raw=fields.read("raw", _raw_of("variable", "type")) or "",
    )


def _links(reading: Reading, node: Node) -> tuple[Link, ...] | None:
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of names to addresses, such as {Runbook: https://…}")
        return None
    found = [(key.value, values.text(reading, value)) for key, value in node.entries]
    return tuple(Link(name, url) for name, url in found if url is not None)


def _raw_of(what: str, *keys: str) -> Reader[str]:
    """A reader of Grafana's own JSON: as text, or written out in YAML; it holds one of `keys`."""

    def read(reading: Reading, node: Node) -> str | None:
        try:
            value = json.loads(node.value) if isinstance(node, Scalar) else plain(node)
            written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (ValueError, RecursionError):
            reading.complain("SER198", node, "this is no JSON", expected=f"the JSON of a {what}")
            return None
        if not isinstance(value, dict) or not any(key in value for key in keys):
            reading.complain("SER198", node, f"this is no {what} of Grafana", expected=f"a mapping with {keys[0]!r}")
            return None
        return written

    return read


def plain(node: Node) -> object:
    """The value of `node` as JSON has it. Raises ValueError for what JSON cannot say (.inf, .nan)."""
    if isinstance(node, Mapping):
        return {key.value: plain(value) for key, value in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    match node.kind:
        case "null":
            return None
        case "boolean":
            return node.value.lower() == "true"
        case "number":
            text = node.value.lower()
            if text.lstrip("+-").startswith(("0x", "0o")):
                return int(text, 0)
            if re.fullmatch(r"[-+]?[0-9]+", text):
                return int(text)
            value = float(text) if "inf" not in text and "nan" not in text else float("nan")
            if value != value or value in (float("inf"), float("-inf")):
                raise ValueError(node.value)
            return value
        case _:
            return node.value
