"""Rules, alerts, targets and status as Prometheus tells of them, from what the control plane knows now."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from sereno.app.http.auth import Principal, require
from sereno.app.http.prometheus_json import exponential
from sereno.app.http.prometheus_names import Names
from sereno.app.http.prometheus_params import Form, bad_data, invalid
from sereno.app.http.prometheus_run import Engine
from sereno.app.http.situation import without_userinfo
from sereno.kernel.duration import format_duration
from sereno.kernel.labels import Labels
from sereno.kernel.moment import iso, to_ms
from sereno.promql import matches

if TYPE_CHECKING:
    from sereno.adapters.samples.target import TargetState
    from sereno.alerts.model import Alert
    from sereno.app.control import Control
    from sereno.app.rule_groups import GroupState, RuleState
    from sereno.kernel.rule import Rule

NEVER = "0001-01-01T00:00:00Z"
VERSIONS = {2: "2.42.0", 3: "3.0.0"}
"""The version whose dialect is spoken: Grafana and others decide by it what they may ask."""
Viewer = Annotated[Principal, Depends(require("viewer"))]


def add(routes: APIRouter, engine: Engine, names: Names) -> None:
    """The routes."""
    control = engine.control
    _rules(routes, control)
    _targets(routes, control, names)
    _status(routes, engine, names)


def _rules(routes: APIRouter, control: Control) -> None:
    from sereno.app.http.prometheus import answer, data, form_of

    @routes.get("/rules")
    async def rules(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        kind = form.text("type").lower()
        if kind not in ("", "alert", "record"):
            raise invalid("type", f'not supported value "{kind[:40]}"')
        active = await control.database.read(lambda unit: unit.alerts.active())
        return answer(request, data({"groups": chosen(groups_of(control, active), form, kind)}))

    @routes.get("/alerts")
    async def alerts(request: Request, me: Viewer) -> Response:
        active = await control.database.read(lambda unit: unit.alerts.active())
        return answer(request, data({"alerts": [alert_json(alert) for alert in active]}))

    @routes.get("/alertmanagers")
    async def alertmanagers(request: Request, me: Viewer) -> Response:
        return answer(request, data({"activeAlertmanagers": [], "droppedAlertmanagers": []}))


def groups_of(control: Control, active: Iterable[Alert]) -> list[dict[str, Any]]:
    """The rules in force, a group a service, each with its alerts that are pending or firing."""
    alerts: dict[str, list[Alert]] = {}
    for alert in active:
        alerts.setdefault(alert.rule, []).append(alert)
    by_service: dict[str, list[Rule]] = {}
    for rule in control.rules:
        by_service.setdefault(rule.service, []).append(rule)
    interval = control.settings.evaluation_interval.total_seconds()
    last = time_json(control.evaluated_at)
    errors = _errors(control.evaluation_error)
    from_files = [_group_json(group, alerts) for group in control.rule_groups_state()]
    return from_files + [
        {
            "name": service, "file": str(control.spec.folder), "interval": interval, "limit": 0,
            "evaluationTime": 0.0, "lastEvaluation": last,
            "rules": [_rule_json(rule, alerts.get(rule.key, []), errors.get(rule.key, ""), last) for rule in rules],
        }
        for service, rules in by_service.items()
    ]  # fmt: skip


def _group_json(group: GroupState, alerts: Mapping[str, Sequence[Alert]]) -> dict[str, Any]:
    """A group of a rule file, with how each of its rules was at its last evaluation."""
    return {
        "name": group.name, "file": group.file, "interval": group.interval.total_seconds(), "limit": group.limit,
        "evaluationTime": group.seconds, "lastEvaluation": time_json(group.evaluated_at),
        "rules": [_group_rule_json(rule, alerts.get(rule.key, ())) for rule in group.rules],
    }  # fmt: skip


def _group_rule_json(state: RuleState, alerts: Sequence[Alert]) -> dict[str, Any]:
    rule = state.rule
    told = {
        "name": rule.name, "query": rule.expr, "labels": dict(rule.labels), "health": state.health,
        "evaluationTime": 0.0, "lastEvaluation": time_json(state.evaluated_at),
        "type": "recording" if rule.kind == "record" else "alerting",
    }  # fmt: skip
    if rule.kind == "alert":
        told |= {
            "state": _state(alerts), "duration": rule.for_.total_seconds(), "annotations": dict(rule.annotations),
            "keepFiringFor": rule.keep_firing_for.total_seconds(), "alerts": [alert_json(alert) for alert in alerts],
        }  # fmt: skip
    return {**told, "lastError": state.error} if state.error else told


def _state(alerts: Sequence[Alert]) -> str:
    return "firing" if any(alert.state == "firing" for alert in alerts) else "pending" if alerts else "inactive"


def _errors(said: str | None) -> dict[str, str]:
    """What failed in the last round, by rule: `key: why; key: why`."""
    found = {}
    for part in (said or "").split("; "):
        key, parted, why = part.partition(": ")
        if parted:
            found[key] = why
    return found


def _rule_json(rule: Rule, alerts: Sequence[Alert], error: str, last: str) -> dict[str, Any]:
    health = "err" if error else "unknown" if last == NEVER else "ok"
    told = {
        "state": _state(alerts), "name": rule.name, "query": rule.expr,
        "duration": rule.for_.total_seconds(), "keepFiringFor": rule.keep_firing_for.total_seconds(),
        "labels": {**dict(rule.labels), "service": rule.service, "severity": rule.severity},
        "annotations": dict(rule.annotations), "alerts": [alert_json(alert) for alert in alerts], "health": health,
        "evaluationTime": 0.0, "lastEvaluation": last, "type": "alerting",
    }  # fmt: skip
    return {**told, "lastError": error} if error else told


def alert_json(alert: Alert) -> dict[str, Any]:
    """An alert, pending or firing."""
    told = {
        "labels": dict(alert.labels), "annotations": dict(alert.annotations), "state": alert.state,
        "activeAt": time_json(alert.active_at), "value": exponential(alert.value),
    }  # fmt: skip
    return {**told, "keepFiringSince": time_json(alert.absent_since)} if alert.absent_since else told


def chosen(groups: list[dict[str, Any]], form: Form, kind: str) -> list[dict[str, Any]]:
    """The groups asked for: by name, file, rule, type and `match[]` on the rules' own labels."""
    rules, names, files = (frozenset(form.all(name)) for name in ("rule_name[]", "rule_group[]", "file[]"))
    selectors = form.selectors()
    types = {"": ("alerting", "recording"), "alert": ("alerting",), "record": ("recording",)}[kind]
    bare = form.text("exclude_alerts").lower() in ("1", "t", "true")
    found = []
    for group in groups:
        if (names and group["name"] not in names) or (files and group["file"] not in files):
            continue
        kept = [
            {**rule, "alerts": []} if bare and rule["type"] == "alerting" else rule
            for rule in group["rules"]
            if rule["type"] in types
            and (not rules or rule["name"] in rules)
            and (not selectors or any(matches(one, Labels(rule.get("labels", {}))) for one in selectors))
        ]
        if kept:
            found.append({**group, "rules": kept})
    return found


def _targets(routes: APIRouter, control: Control, names: Names) -> None:
    from sereno.app.http.prometheus import answer, data, form_of

    @routes.get("/targets")
    async def targets(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        shown = form.text("state").lower() in ("", "any", "active")
        pool = form.text("scrapePool")
        active = [
            target_json(target) for target in control.targets if shown and (not pool or target.job == pool)
        ]  # fmt: skip
        return answer(request, data({"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {}}))

    @routes.get("/scrape_pools")
    async def scrape_pools(request: Request, me: Viewer) -> Response:
        return answer(request, data({"scrapePools": sorted({target.job for target in control.targets})}))

    @routes.get("/targets/metadata")
    async def targets_metadata(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        limit, metric = form.number("limit"), form.text("metric")
        wanted = form.selectors("match_target")
        known = await names.metadata(metric)
        rows = [
            {"target": dict(labels), **({} if metric else {"metric": name}), **entry}
            for labels in (_labels_of(target) for target in control.targets)
            if not wanted or matches(wanted[0], labels)
            for name, entries in known.items()
            for entry in entries[:1]
        ]
        return answer(request, data(rows[: limit if limit >= 0 else None]))


def _labels_of(target: TargetState) -> Mapping[str, str]:
    return getattr(target, "labels", None) or Labels(job=target.job)


def target_json(target: TargetState) -> dict[str, Any]:
    """A scrape target."""
    url = without_userinfo(target.url)
    labels = dict(_labels_of(target))
    return {
        "discoveredLabels": {"__address__": labels.get("instance", url), "job": target.job}, "labels": labels,
        "scrapePool": target.job, "scrapeUrl": url, "globalUrl": url, "lastError": target.error or "",
        "lastScrape": time_json(target.last_scrape), "lastScrapeDuration": getattr(target, "duration_seconds", 0.0),
        "health": target.health, "scrapeInterval": "", "scrapeTimeout": "",
    }  # fmt: skip


def _status(routes: APIRouter, engine: Engine, names: Names) -> None:
    from sereno import __version__
    from sereno.app.http.prometheus import answer, data, form_of

    control, began = engine.control, engine.control.clock.now()

    @routes.get("/status/buildinfo")
    async def buildinfo(request: Request, me: Viewer) -> Response:
        told = {
            "version": VERSIONS[engine.settings().dialect], "revision": f"sereno-{__version__}", "branch": "sereno",
            "buildUser": "", "buildDate": "", "goVersion": "",
        }  # fmt: skip
        return answer(request, data(told))

    @routes.get("/status/runtimeinfo")
    async def runtimeinfo(request: Request, me: Viewer) -> Response:
        settings = control.settings
        stats = None if control.store is None else await engine.small(control.store.stats)
        told = {
            "startTime": time_json(began), "CWD": "", "hostname": platform.node(),
            "serverTime": time_json(control.clock.now()), "reloadConfigSuccess": control.spec.good,
            "lastConfigTime": time_json(control.spec.loaded_at),
            "corruptionCount": stats.corrupt_chunks if stats else 0, "goroutineCount": 0,
            "GOMAXPROCS": settings.query_concurrency, "GOGC": "", "GODEBUG": "",
            "storageRetention": format_duration(settings.retention),
        }  # fmt: skip
        return answer(request, data(told))

    @routes.get("/status/config")
    async def config(request: Request, me: Viewer) -> Response:
        return answer(request, data({"yaml": config_yaml(control)}))

    @routes.get("/status/flags")
    async def flags(request: Request, me: Viewer) -> Response:
        settings = control.settings
        told = {
            "query.lookback-delta": format_millis(engine.settings().lookback_ms),
            "query.max-concurrency": str(settings.query_concurrency),
            "query.max-samples": str(settings.query_samples),
            "query.timeout": format_duration(settings.query_timeout),
            "storage.tsdb.retention.time": format_duration(settings.retention),
            "web.external-url": settings.address,
        }
        return answer(request, data(told))

    @routes.get("/status/tsdb")
    async def tsdb(request: Request, me: Viewer) -> Response:
        form = await form_of(request)
        limit = form.number("limit") if form.text("limit") else 10
        if not 1 <= limit <= 10_000:
            raise bad_data("limit must be a positive number, at most 10000")
        series = await engine.take_turn(lambda _: names.series((), *_day(control)))
        stats = None if control.store is None else await engine.small(control.store.stats)
        told = await engine.small(lambda: cardinality(series, limit))
        head = {
            "numSeries": len(series), "numLabelPairs": told.pop("pairs"), "chunkCount": 0,
            "minTime": to_ms(stats.oldest) if stats and stats.oldest else 0,
            "maxTime": to_ms(stats.newest) if stats and stats.newest else 0,
        }  # fmt: skip
        return answer(request, data({"headStats": head, **told}))

    @routes.get("/status/walreplay")
    async def walreplay(request: Request, me: Viewer) -> Response:
        return answer(request, data({"min": 0, "max": 0, "current": 0}))


def _day(control: Control) -> tuple[int, int]:
    now = to_ms(control.clock.now())
    return now - 86_400_000, now


def cardinality(series: Sequence[Labels], limit: int) -> dict[str, Any]:
    """What there is most of: metrics by series, labels by values and by bytes, pairs by series."""
    metrics: dict[str, int] = {}
    values: dict[str, set[str]] = {}
    pairs: dict[tuple[str, str], int] = {}
    for labels in series:
        name = labels.get("__name__", "")
        metrics[name] = metrics.get(name, 0) + 1
        for pair in labels.pairs:
            values.setdefault(pair[0], set()).add(pair[1])
            pairs[pair] = pairs.get(pair, 0) + 1
    return {
        "pairs": len(pairs),
        "seriesCountByMetricName": _most(metrics, limit),
        "labelValueCountByLabelName": _most({name: len(found) for name, found in values.items()}, limit),
        "memoryInBytesByLabelName": _most(
            {name: sum(len(value.encode("utf-8", "replace")) for value in found) for name, found in values.items()},
            limit,
        ),
        "seriesCountByLabelValuePair": _most({f"{name}={value}": n for (name, value), n in pairs.items()}, limit),
    }


def _most(counts: Mapping[str, int], limit: int) -> list[dict[str, Any]]:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:limit]
    return [{"name": name, "value": count} for name, count in ordered]


def config_yaml(control: Control) -> str:
    """What of our configuration Prometheus has words for; no addresses of others, no secrets."""
    interval = format_duration(control.settings.evaluation_interval)
    lines = ["global:", f"  evaluation_interval: {interval}"]
    jobs = [job for service in control.spec.current.services.values() for job in service.scrape]
    lines += ["scrape_configs:"] if jobs else []
    for job in jobs:
        lines += [f"- job_name: {job.job}", f"  scrape_interval: {format_duration(job.every)}"]
    return "\n".join(lines) + "\n"


def format_millis(ms: int) -> str:
    """Milliseconds as a duration: `5m`."""
    from datetime import timedelta

    return format_duration(timedelta(milliseconds=ms))


def time_json(at: datetime | None) -> str:
    """RFC 3339, or Go's zero time for never."""
    return NEVER if at is None else iso(at)
