"""Reads experiments: faults made on purpose, and what must hold meanwhile.

```yaml
experiment: lose-half
title: Half of the payments' replicas die
service: payments
hypothesis: Nobody who pays notices
fault: pod-delete            # one of Litmus's faults in pods
share: 50%                   # of its pods; 50% by default
duration: 60s
every: 10s                   # how often it strikes again
account: litmus              # the ServiceAccount that may do it
settings: {FORCE: 'false'}   # the fault's own variables
probes:                      # it does not begin, and stops at once, when one of them does not hold
  - {slo: availability, burn: 10}
  - {http: 'http://payments.shop:8080/health/ready', status: 200}
```
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from sereno.spec import values
from sereno.spec.fields import Fields, expect
from sereno.spec.model_delivery import Experiment, ExperimentProbe
from sereno.spec.quantities import dns_name, positive, share, whole_number
from sereno.spec.reading import Reading, closest
from sereno.spec.source import Mapping, Node, Scalar

FAULTS = (
    "pod-delete", "container-kill", "pod-cpu-hog", "pod-memory-hog", "pod-io-stress", "pod-network-latency",
    "pod-network-loss", "pod-network-corruption", "pod-network-duplication", "pod-dns-error", "pod-http-latency",
    "pod-http-status-code", "disk-fill",
)  # fmt: skip
_SETTING = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
_OURS = frozenset(("TOTAL_CHAOS_DURATION", "CHAOS_INTERVAL", "PODS_AFFECTED_PERC", "TARGET_CONTAINER"))
_LENGTH = values.duration_within("5s", "1d")


def experiment(reading: Reading, node: Node) -> Experiment:
    """The experiment declared by the document `node`."""
    fields = Fields(
        reading, node, "an experiment", required=("experiment", "service", "fault", "duration", "probes"),
        optional=("title", "hypothesis", "share", "every", "account", "settings"),
    )  # fmt: skip
    name = fields.read("experiment", dns_name) or ""
    duration = fields.read("duration", _LENGTH) or timedelta(minutes=1)
    every = fields.read("every", _LENGTH) or min(timedelta(seconds=10), duration)
    if every > duration and (place := fields.value("every")) is not None:
        reading.complain("SER711", place, "it would be over before it strikes again", expected="at most `duration`")
    return Experiment(
        name=name,
        title=fields.read("title", values.text) or name,
        service=fields.read("service", _service) or "",
        fault=fields.read("fault", _fault) or "",
        duration=duration,
        probes=fields.read("probes", values.items(_probe, what="probes")) or (),
        hypothesis=fields.read("hypothesis", values.text) or "",
        share=fields.read("share", share()) or Decimal("0.5"),
        every=every,
        account=fields.read("account", dns_name) or "litmus",
        settings=fields.read("settings", _settings) or (),
        source=reading.source(node),
    )


def _service(reading: Reading, node: Node) -> str | None:
    return reading.refer("service", node)


def _fault(reading: Reading, node: Node) -> str | None:
    found = values.text(reading, node)
    if found is None or found in FAULTS:
        return found
    message = f"`{found[:60]}` is not a fault that can be made in pods"
    reading.complain("SER711", node, message, expected=f"one of {', '.join(FAULTS)}"[:200], hint=closest(found, FAULTS))
    return None


def _probe(reading: Reading, node: Node) -> ExperimentProbe | None:
    fields = Fields(reading, node, "a probe of an experiment", optional=("name", "slo", "burn", "http", "status"))
    kind = fields.exactly_one("slo", "http")
    name = fields.read("name", dns_name)
    burn = fields.read("burn", positive) or Decimal(1)
    status = fields.read("status", whole_number(100, 599, "an HTTP status, 100 to 599")) or 200
    if kind == "http":
        url = fields.read("http", values.url)
        return ExperimentProbe(name or "answers", http=url, status=status) if url else None
    slo = fields.read("slo", values.name) if kind else None
    return ExperimentProbe(name or slo, slo=slo, burn=burn) if slo else None


def _settings(reading: Reading, node: Node) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of variables, such as {FORCE: 'false'}")
        return None
    found = []
    for key, value in node.entries:
        if not _SETTING.fullmatch(key.value) or key.value in _OURS:
            hint = "it follows from the experiment's own keys" if key.value in _OURS else None
            message = f"`{key.value[:40]}` cannot be set"
            reading.complain("SER711", key, message, expected="a variable of the fault, such as FORCE", hint=hint)
        elif isinstance(value, Scalar):
            found.append((key.value, value.value))
        else:
            expect(reading, value, "text")
    return tuple(found)
