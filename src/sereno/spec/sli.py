"""Reads objectives and what they measure.

```yaml
slos:
  - name: availability
    description: People can pay      # optional
    objective: 99.95%                # exactly as written, decimals and all
    window: 30d                      # 5m … 400d
    sli:
      events:
        total: http_requests_total{job="payments"}
        bad: status=~"5..|429"       # or `good`; a matcher list is added to `total`, or a whole selector
        except: endpoint=~"/health.*"   # left out of all; a list leaves out what matches any
    runbook: runbooks/payments.md    # counts from this file; or a web address
    severity: P1                     # of the pages of a fast burn; by default the second of the scale
    ticket: P3                       # of a slow burn; by default the third
    tiers:                           # by default they follow from the window
      - {long: 1h, short: 5m, burn: 14.4}
      - {long: 6h, short: 30m, burn: 6, for: 2m}
      - {long: 3d, short: 6h, burn: 1.5, kind: ticket}
  - name: latency
    objective: 95%                   # "p95 under 500 ms" is: 95 % within 500 ms
    window: 7d
    sli:
      latency:
        histogram: http_request_duration_seconds{job="api"}   # without _bucket
        within: 500ms                # must be one of the histogram's boundaries
        except: endpoint="/report"
```
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from sereno.kernel.duration import to_ms
from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.spec import values
from sereno.spec.fields import Fields
from sereno.spec.model import EventsSli, LatencySli, Objective, Slo
from sereno.spec.paths import runbook
from sereno.spec.ports import MatcherTuple
from sereno.spec.reading import Reading
from sereno.spec.source import Node, Scalar, locate
from sereno.spec.tiers import tiers

_BARE_MATCHERS = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*\s*(=~|!~|!=|=)")
_NEGATED = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
_WINDOW = values.duration_within("5m", "400d")
_WITHIN = values.duration_within("1ms", "1d")
_PARTS = ("_bucket", "_count", "_sum")

Matchers = tuple[MatcherTuple, ...]


def slo(reading: Reading, node: Node) -> Slo:
    """The objective declared by `node`."""
    fields = Fields(
        reading,
        node,
        "an objective",
        required=("name", "objective", "window", "sli"),
        optional=("description", "runbook", "severity", "ticket", "tiers"),
    )
    scale = reading.severities.scale
    page = fields.read("severity", values.severity) or scale[min(1, len(scale) - 1)].name
    found = reading.severities.find(page)
    if found is not None and found.page == "never":
        place = fields.value("severity") or node
        reading.complain("SER076", place, f"a fast burn would page nobody: severity `{page}` never pages")
    return Slo(
        name=fields.read("name", values.name) or "",
        objective=fields.read("objective", values.objective) or Objective("50%", Decimal("0.5")),
        window=fields.read("window", _WINDOW) or timedelta(days=30),
        sli=fields.read("sli", _sli) or EventsSli("", "", None),
        description=fields.read("description", values.text) or "",
        runbook=fields.read("runbook", runbook),
        page_severity=page,
        ticket_severity=fields.read("ticket", values.severity) or scale[min(2, len(scale) - 1)].name,
        source=reading.source(node),
        tiers=fields.read("tiers", tiers) or (),
    )


def _sli(reading: Reading, node: Node) -> EventsSli | LatencySli | None:
    fields = Fields(reading, node, "an indicator", optional=("events", "latency"))
    kind = fields.exactly_one("events", "latency")
    if kind == "events":
        return fields.read("events", _events)
    return fields.read("latency", _latency) if kind == "latency" else None


def _events(reading: Reading, node: Node) -> EventsSli | None:
    fields = Fields(reading, node, "an indicator of events", required=("total",), optional=("bad", "good", "except"))
    kind = fields.exactly_one("bad", "good")
    total = fields.read("total", metric)
    excluded = _excluded(reading, fields)

    def part(reading: Reading, node: Node) -> Matchers | None:
        return _part(reading, node, total)

    chosen = fields.read(kind, part) if kind else None
    if total is None or chosen is None:
        return None
    selected = selector_text((*chosen, *excluded))
    return EventsSli(
        total=selector_text((*total, *excluded)),
        bad=selected if kind == "bad" else None,
        good=selected if kind == "good" else None,
    )


def _latency(reading: Reading, node: Node) -> LatencySli | None:
    fields = Fields(reading, node, "an indicator of latency", required=("histogram", "within"), optional=("except",))
    histogram = fields.read("histogram", _histogram)
    within = fields.read("within", _WITHIN)
    excluded = _excluded(reading, fields)
    if histogram is None or within is None:
        return None
    name, rest = histogram[0][2], (*histogram[1:], *excluded)
    seconds = Decimal(to_ms(within)).scaleb(-3)
    seconds = seconds.quantize(Decimal(1)) if seconds == seconds.to_integral_value() else seconds.normalize()
    return LatencySli(
        histogram=selector_text((("__name__", "=", name), *rest)),
        buckets=selector_text((("__name__", "=", name + "_bucket"), *rest, boundary(seconds))),
        count=selector_text((("__name__", "=", name + "_count"), *rest)),
        within_seconds=seconds,
    )


def boundary(seconds: Decimal) -> MatcherTuple:
    """The matcher of a bucket's boundary; whole seconds are written both `1` and `1.0` in the wild."""
    if seconds == seconds.to_integral_value():
        return ("le", "=~", f"{seconds:f}" + r"(\.0)?")
    return ("le", "=", f"{seconds:f}")


def _histogram(reading: Reading, node: Node) -> Matchers | None:
    found = metric(reading, node)
    if found is None:
        return None
    name = found[0][2]
    suffix = next((part for part in _PARTS if name.endswith(part)), None)
    if suffix:
        hint = f"write `{name.removesuffix(suffix)}`"
        reading.complain("SER063", node, f"`{name}` is a part of a histogram", expected="its own name", hint=hint)
        return None
    if any(label == "le" for label, _, _ in found):
        reading.complain("SER063", node, "the boundary is chosen by `within`, not by `le`", expected="no `le`")
        return None
    return found


def metric(reading: Reading, node: Node) -> Matchers | None:
    """The matchers of a selector of one metric, its name first."""
    found = _selector(reading, node)
    if found is None:
        return None
    named = [matcher for matcher in found if matcher[0] == "__name__"]
    if len(named) != 1 or named[0][1] != "=" or not named[0][2]:
        reading.complain(
            "SER061", node, "the name of one metric is needed", expected='such as http_requests_total{job="api"}'
        )
        return None
    return (named[0], *(matcher for matcher in found if matcher[0] != "__name__"))


def _part(reading: Reading, node: Node, total: Matchers | None) -> Matchers | None:
    """`bad` or `good`: matchers added to `total`, or a selector of its own."""
    if isinstance(node, Scalar) and _BARE_MATCHERS.match(node.value):
        found = _selector(reading, node, bare=True)
        return None if found is None or total is None else (*total, *found)
    return metric(reading, node)


def _excluded(reading: Reading, fields: Fields) -> Matchers:
    """The conditions of `except`, each negated."""
    return fields.read("except", values.one_or_more(_negated, what="conditions")) or ()


def _negated(reading: Reading, node: Node) -> MatcherTuple | None:
    found = _selector(reading, node, bare=True)
    if found is None:
        return None
    if len(found) != 1 or found[0][0] in ("__name__", "le"):
        reading.complain(
            "SER062",
            node,
            "each `except` holds one condition on one label",
            expected='such as endpoint=~"/health.*"',
            hint="to leave out what matches any of several, write a list" if len(found) > 1 else None,
        )
        return None
    label, operator, value = found[0]
    return label, _NEGATED[operator], value


def _selector(reading: Reading, node: Node, *, bare: bool = False) -> Matchers | None:
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
    try:
        reading.promql.check(node.value)
    except QueryError as error:
        complain_of_query(reading, node, error, "SER060")
        return None
    return written


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
