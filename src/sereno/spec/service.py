"""Reads services.

```yaml
service: payments
team: payments
title: Pagos                 # optional, the name by default
description: Takes the customer's money.
links: {repo: https://git.shop.example/payments}
scrape:                      # only for those without a Prometheus
  - job: payments
    targets: [http://127.0.0.1:9103/metrics]
    every: 15s               # 1s … 1h; 15s by default
    timeout: 10s             # at most `every`; by default 10s or `every`, whichever is shorter
    labels: {region: south}
slos: […]                    # see Objectives below
saturation: […]              # see Saturation below
alerts:
  - alert: PaymentsDown
    expr: max(up{job="payments"}) == 0 or absent(up{job="payments"})
    for: 1m                  # 0s by default
    keep_firing_for: 0s      # 0s by default
    severity: P1
    summary: Nobody can pay
    description: '{{ $value }} of the replicas answer'
    runbook: runbooks/payments-down.md
    labels: {area: money}
status: {page: public, component: Pagos}
kit: {admin: scrape}         # see Kits below
backtest: {recall: 99%}      # as in the workspace document, for this service alone
```
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sereno.kernel.duration import format_duration
from sereno.kernel.labels import Labels
from sereno.kernel.rule import Rule
from sereno.spec import objectives, values
from sereno.spec.dashboards import named as dashboard_named
from sereno.spec.discovery import discovery
from sereno.spec.fields import Fields, expect
from sereno.spec.model import Link, Raw, ScrapeJob, Service, Slo
from sereno.spec.paths import runbook
from sereno.spec.probes import probes
from sereno.spec.queries import expression
from sereno.spec.raw import raw
from sereno.spec.reading import Reading, closest
from sereno.spec.saturation import saturation
from sereno.spec.source import Mapping, Node, Scalar, Sequence
from sereno.spec.workspace import demands

_NAMED = (
    ("alerts", "alert", "alert"),
    ("scrape", "job", "job"),
    ("saturation", "name", "saturation"),
)
_EVERY = values.duration_within("1s", "1h")
_WAIT = values.duration_within("0s", "30d")
_LABELS = values.labels(*sorted(values.RESERVED_LABELS))
_SCRAPE_LABELS = values.labels("job", "instance", "le", "quantile")


def service(reading: Reading, node: Node) -> Service:
    """The service declared by the document `node`."""
    fields = Fields(
        reading,
        node,
        "a service",
        required=("service", "team"),
        optional=("extends", "title", "description", "links", "scrape", "slos", "alerts", "status", "backtest",
                  "saturation", "deployment", "dashboards", "logs", "traces", "raw",
                  "probes", "kit"),
        planned=("runbooks", "experiments", "readiness", "flags"),
    )  # fmt: skip
    name = fields.read("service", values.name) or ""
    team = fields.read("team", reading.reference("team")) or ""

    def alert(reading: Reading, node: Node) -> Rule:
        return _alert(reading, node, name, team)

    page, component = fields.read("status", _status) or (None, None)
    if page is not None and component is not None:
        reading.fed.setdefault((page, component), []).append(name)
    for key, inner, what in _NAMED:
        _complain_of_repeats(reading, fields.value(key), inner, what)
    if isinstance(node, Mapping) and not fields.has("slos") and not fields.has("alerts"):
        reading.complain("SER092", node, f"the service `{name}` has neither objectives nor alerts")
    slos = _objectives(reading, fields, name)
    scrape = fields.read("scrape", values.items(_scrape, what="jobs", empty=True)) or ()
    return Service(
        name=name,
        team=team,
        description=fields.read("description", values.text) or "",
        title=fields.read("title", values.text) or name,
        links=fields.read("links", _links) or (),
        scrape=scrape,
        slos=slos,
        alerts=fields.read("alerts", values.items(alert, what="alerts", empty=True)) or (),
        status_page=page,
        component=component,
        source=reading.source(node),
        backtest=fields.read("backtest", demands),
        raw=fields.read("raw", raw) or Raw(),
        probes=fields.read("probes", probes) or (),
        dashboards=fields.read("dashboards", values.items(dashboard_named, what="dashboards", empty=True)) or (),
        saturation=fields.read("saturation", values.items(saturation, what="things that fill up", empty=True)) or (),
        **_delivery(fields, name, slos),
        **_kit(fields, scrape),
    )


def _kit(fields: Fields, scrape: tuple[ScrapeJob, ...]) -> dict[str, Any]:
    """Where its kits answer operators; read by few, so imported only then."""
    if not fields.has("kit"):
        return {}
    from sereno.spec.kit import kit

    return {"kit": fields.read("kit", lambda r, n: kit(r, n, scrape))}


def _objectives(reading: Reading, fields: Fields, service: str) -> tuple[Slo, ...]:
    """The service's objectives; note is taken of them for those that are composed of others."""
    first = len(reading.composites)
    reading.service = service
    found = fields.read("slos", objectives.slos) or ()
    reading.composites[first:] = [(service, name, parts) for _, name, parts in reading.composites[first:]]
    for slo in found:
        reading.objectives.setdefault((service, slo.name), slo)
    return found


def _delivery(fields: Fields, name: str, slos: tuple[Slo, ...]) -> dict[str, Any]:
    """How it is run, and what is kept of it; read by few, so imported only then."""
    found: dict[str, Any] = {}
    if fields.has("deployment"):
        from sereno.spec.deployment import deployment

        names = tuple(slo.name for slo in slos)
        found["deployment"] = fields.read("deployment", lambda r, n: deployment(r, n, name, names))
    if fields.has("logs") or fields.has("traces"):
        from sereno.spec.logs import logs, traces

        found |= {"logs": fields.read("logs", logs), "traces": fields.read("traces", traces)}
    return found


def _complain_of_repeats(reading: Reading, node: Node | None, key: str, what: str) -> None:
    seen: dict[str, Scalar] = {}
    for item in node.items if isinstance(node, Sequence) else ():
        place = item.get(key) if isinstance(item, Mapping) else None
        if not isinstance(place, Scalar):
            continue
        if place.value in seen:
            reading.complain_twice(place, seen[place.value], f"{what} `{place.value}`")
        seen.setdefault(place.value, place)


def _links(reading: Reading, node: Node) -> tuple[Link, ...] | None:
    if not isinstance(node, Mapping):
        expect(reading, node, "a mapping of names to addresses, such as {repo: https://…}")
        return None
    found = [(key.value, values.url(reading, value)) for key, value in node.entries]
    return tuple(Link(name, url) for name, url in found if url is not None)


def _scrape(reading: Reading, node: Node) -> ScrapeJob:
    fields = Fields(
        reading,
        node,
        "a scrape job",
        required=("job",),
        optional=("targets", "discovery", "every", "timeout", "labels"),
    )
    if isinstance(node, Mapping) and not fields.has("targets") and not fields.has("discovery"):
        reading.complain("SER022", node, "a scrape job needs `targets`", expected="the key `targets`, or `discovery`")
    job = fields.read("job", values.name) or ""
    every = fields.read("every", _EVERY)
    timeout = fields.read("timeout", _EVERY)
    if timeout is not None and (every is not None or not fields.has("every")):
        place = fields.value("timeout")
        assert place is not None
        if timeout > (every or timedelta(seconds=15)):
            longest = format_duration(every or timedelta(seconds=15))
            reading.complain(
                "SER072", place, "the timeout is longer than the interval", expected=f"at most {longest} (`every`)"
            )
    for target in values.scalars(fields.value("targets")):
        before = reading.scraped.setdefault((job, target.value), target)
        if before is not target:
            line, _ = before.file.place(before.start)
            reading.complain("SER073", target, f"the job `{job}` already reads this ({before.file.shown}:{line})")
    every = every or timedelta(seconds=15)
    return ScrapeJob(
        job=job,
        targets=fields.read("targets", values.items(values.url, what="addresses")) or (),
        every=every,
        timeout=timeout or min(timedelta(seconds=10), every),
        labels=fields.read("labels", _SCRAPE_LABELS) or Labels(),
        discovery=fields.read("discovery", discovery),
    )


def _alert(reading: Reading, node: Node, service: str, team: str) -> Rule:
    fields = Fields(
        reading,
        node,
        "an alert",
        required=("alert", "expr", "severity"),
        optional=("extends", "for", "keep_firing_for", "summary", "description", "runbook", "labels"),
    )
    name = fields.read("alert", values.name) or ""
    severity = fields.read("severity", values.severity) or ""
    labels = fields.read("labels", _LABELS) or Labels()
    for key in ("summary", "description"):
        _check_template(reading, fields.value(key))
    return Rule(
        name=name,
        expr=fields.read("expr", expression) or "",
        service=service,
        severity=severity,
        for_=fields.read("for", _WAIT) or timedelta(0),
        keep_firing_for=fields.read("keep_firing_for", _WAIT) or timedelta(0),
        labels=labels.with_(service=service, team=team, severity=severity),
        annotations=Labels(
            summary=fields.read("summary", values.text) or name,
            description=fields.read("description", values.text) or "",
            runbook_url=fields.read("runbook", runbook) or "",
        ),
        origin=f"alert:{name}",
    )


def _check_template(reading: Reading, node: Node | None) -> None:
    if isinstance(node, Scalar) and node.value.count("{{") != node.value.count("}}"):
        reading.complain("SER079", node, "`{{` and `}}` do not pair", expected="such as {{ $value }}")


def _status(reading: Reading, node: Node) -> tuple[str | None, str | None]:
    fields = Fields(reading, node, "a service's status", required=("page", "component"))
    page = fields.read("page", reading.reference("status_page"))
    component = fields.read("component", values.text)
    if page is None or component is None:
        return None, None
    known = reading.components.get(page, ())
    place = fields.value("component")
    if component not in known and not reading.partial:
        assert place is not None
        reading.complain(
            "SER055",
            place,
            f"the status page `{page}` has no component `{component[:80]}`",
            expected=f"one of {', '.join(known)}"[:200],
            hint=closest(component, known),
        )
        return None, None
    return page, component
