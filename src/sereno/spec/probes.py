"""Reads what is asked of a service from outside, by blackbox exporter.

```yaml
probes:                    # of a service; the workspace's `blackbox` says where the exporter answers
  - http: https://shop.example/health
    name: health           # optional, made from the target by default
    every: 1m              # 5s … 2m
    timeout: 10s           # shorter than `every`
    expect: {status: 200, within: 2s, body: '"ok"', body_not: maintenance, certificate: 14d}
    severity: P1           # once it has failed for `for`; what is slow or expires soon is a ticket
    ticket: P3
    for: 2m
    runbook: runbooks/web.md
  - tcp: db.shop.example:5432
  - {tls: mail.shop.example:465, expect: {certificate: 14d}}
  - {dns: shop.example, server: 9.9.9.9, record: A}
  - icmp: gateway.shop.example
```
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Literal, cast

from sereno.spec import values
from sereno.spec.fields import Fields, Reader
from sereno.spec.model_monitoring import Expected, Probe
from sereno.spec.paths import runbook
from sereno.spec.reading import Reading
from sereno.spec.source import Node, Scalar, Sequence

_KINDS = ("http", "tcp", "tls", "dns", "icmp")
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
_ADDRESS = re.compile(_HOST + r":([1-9][0-9]{0,4})")
_NAME = re.compile(_HOST)
_SERVER = re.compile(_HOST + r"(?::([1-9][0-9]{0,4}))?")
_STATUS = re.compile("[1-5][0-9][0-9]")
# Prometheus forgets a sample after five minutes.
_EVERY = values.duration_within("5s", "2m")
_WITHIN = values.duration_within("1ms", "10m")
_WAIT = values.duration_within("0s", "1d")
_LEFT = values.duration_within("1d", "365d")
_RECORD = values.one_of("A", "AAAA", "CNAME", "MX", "NS", "SOA", "SRV", "TXT", "CAA")
_MINUTE = timedelta(minutes=1)


def probes(reading: Reading, node: Node) -> tuple[Probe, ...] | None:
    """The probes of a service, each with a name of its own."""
    found = values.items(_probe, what="probes", empty=True)(reading, node)
    if found is None:
        return None
    named: dict[str, Probe] = {}
    places = node.items if isinstance(node, Sequence) else ()
    for probe, place in zip(found, places, strict=False):
        if probe.name in named:
            reading.complain("SER012", place, f"the probe `{probe.name}` is already declared", expected="a `name`")
        named.setdefault(probe.name, probe)
    return tuple(named.values())


def _probe(reading: Reading, node: Node) -> Probe | None:
    fields = Fields(
        reading,
        node,
        "a probe",
        optional=("http", "tcp", "tls", "dns", "icmp", "name", "every", "timeout", "expect", "server", "record",
                  "severity", "ticket", "for", "runbook"),
    )  # fmt: skip
    kind = fields.exactly_one(*_KINDS)
    target = fields.read(kind, _TARGETS[kind]) if kind else None
    every = fields.read("every", _EVERY) or _MINUTE
    timeout = fields.read("timeout", _WITHIN) or min(timedelta(seconds=10), every / 2)
    if timeout >= every:
        place = fields.value("timeout") or fields.value("every") or node
        reading.complain("SER072", place, "the timeout is not shorter than the interval", expected="a shorter one")
    expected = fields.read("expect", _expected) or Expected()
    if kind not in ("http", None):
        _only_of_http(reading, fields, kind or "", expected)
    scale = reading.severities.scale
    if kind is None or target is None:
        return None
    return Probe(
        name=fields.read("name", values.name) or _named(kind, target),
        kind=cast(Literal["http", "tcp", "tls", "dns", "icmp"], kind),
        target=target,
        every=every,
        timeout=timeout,
        expected=expected,
        server=fields.read("server", _text(_SERVER, "such as 9.9.9.9 or dns.example:53")) or "",
        record=fields.read("record", _RECORD) or "A",
        severity=fields.read("severity", values.severity) or scale[min(1, len(scale) - 1)].name,
        ticket_severity=fields.read("ticket", values.severity) or scale[min(2, len(scale) - 1)].name,
        for_=_or(fields.read("for", _WAIT), 2 * _MINUTE),
        runbook=fields.read("runbook", runbook),
        source=reading.source(node),
    )


def _or(found: timedelta | None, otherwise: timedelta) -> timedelta:
    return otherwise if found is None else found


def _named(kind: str, target: str) -> str:
    bare = target.partition("://")[2] or target
    return f"{kind}-{re.sub('[^A-Za-z0-9]+', '-', bare)}"[:63].strip("-")


def _only_of_http(reading: Reading, fields: Fields, kind: str, expected: Expected) -> None:
    place = fields.value("expect")
    if place is not None and (expected.status or expected.body or expected.body_not):
        reading.complain("SER193", place, f"a {kind} probe sees no status and no body", expected="`within`")
    if place is not None and expected.certificate and kind != "tls":
        reading.complain("SER193", place, f"a {kind} probe sees no certificate", expected="a `tls` or `http` probe")
    if kind == "dns" and not fields.has("server"):
        reading.complain("SER193", fields.node, "whom to ask is not said", expected="the key `server`")


def address(reading: Reading, node: Node) -> str | None:
    """A host and a port."""
    return _text(_ADDRESS, "a host and port such as 127.0.0.1:9115")(reading, node)


def _expected(reading: Reading, node: Node) -> Expected:
    fields = Fields(
        reading, node, "what a probe expects", optional=("status", "within", "body", "body_not", "certificate")
    )
    return Expected(
        status=fields.read("status", values.one_or_more(_status, what="statuses")) or (),
        within=fields.read("within", _WITHIN),
        body=fields.read("body", _regex) or "",
        body_not=fields.read("body_not", _regex) or "",
        certificate=fields.read("certificate", _LEFT),
    )


def _status(reading: Reading, node: Node) -> int | None:
    if isinstance(node, Scalar) and _STATUS.fullmatch(node.value.strip()):
        return int(node.value.strip())
    reading.complain("SER193", node, "this is no HTTP status", expected="a number such as 200")
    return None


def _regex(reading: Reading, node: Node) -> str | None:
    found = values.text(reading, node)
    if found is None:
        return None
    try:
        reading.promql.selector('{__name__="x",a=~"' + found.replace("\\", "\\\\").replace('"', '\\"') + '"}')
    except Exception:
        reading.complain("SER193", node, f"`{found[:80]}` is no regular expression of Go's", expected="RE2's syntax")
        return None
    return found


def _text(pattern: re.Pattern[str], expected: str) -> Reader[str]:
    def read(reading: Reading, node: Node) -> str | None:
        found = values.text(reading, node)
        matched = pattern.fullmatch(found) if found is not None else None
        if found is None or (matched and int((matched.groups() or ("1",))[0] or "1") < 65_536):
            return found
        reading.complain("SER193", node, f"`{found[:80]}` is not possible here", expected=expected)
        return None

    return read


_TARGETS: dict[str, Reader[str]] = {
    "http": values.url,
    "tcp": _text(_ADDRESS, "a host and port such as db.shop.example:5432"),
    "tls": _text(_ADDRESS, "a host and port such as mail.shop.example:465"),
    "dns": _text(_NAME, "a name such as shop.example"),
    "icmp": _text(_NAME, "a host"),
}
