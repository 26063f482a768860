"""prometheus.yml: what it does not load, does not reach, or says twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from sereno.kernel.duration import format_duration, parse_duration
from sereno.lint.model import Context, Document, Edit
from sereno.lint.paths import at, entries, is_true, items, key, mappings, masked, text, texts
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Node, Scalar

DEFAULT_SCRAPE = timedelta(minutes=1)
DEFAULT_TIMEOUT = timedelta(seconds=10)
"""Source: Prometheus, configuration, <global_config>."""
_SECRETS = {
    "password": "password_file", "bearer_token": "authorization.credentials_file", "credentials": "credentials_file",
    "client_secret": "client_secret_file", "secret_key": "a profile or role", "token": "a token file",
}  # fmt: skip
_GATHERED = re.compile(r"federat|push.?gateway|gateway", re.IGNORECASE)
_SCHEME = re.compile(r"(https?)://")
_PORT_LABELS = ("__meta_kubernetes_pod_annotation_prometheus_io_port", "__meta_kubernetes_pod_container_port_number")


def check(document: Document, context: Context, report: Report) -> None:
    """Everything about a configuration of Prometheus."""
    root = document.node
    if not isinstance(root, Mapping) or (root.get("scrape_configs") is None and root.get("global") is None):
        return
    _check_alerting(root, report)
    _check_intervals(root, report)
    _check_jobs(root, report)
    _check_secrets(root, report)


def _check_alerting(root: Mapping, report: Report) -> None:
    place = root.entries[0][0] if root.entries else root
    agent = root.get("remote_write") is not None and root.get("rule_files") is None and root.get("alerting") is None
    if agent:
        return
    if not texts(root.get("rule_files")):
        report.complain(
            "SER720", key(root, "rule_files") or place, "no `rule_files`: whatever rules there are, none is loaded and "
            "no alert ever fires", expected="rule_files: [rules/*.yaml]",
        )  # fmt: skip
    if not items(at(root, "alerting", "alertmanagers")):
        report.complain(
            "SER721", key(root, "alerting") or place, "no Alertmanager under `alerting`: alerts fire and nobody is "
            "told",
            expected="alerting: {alertmanagers: [{static_configs: [{targets: [alertmanager:9093]}]}]}",
        )  # fmt: skip
    for manager in mappings(at(root, "alerting", "alertmanagers")):
        version = manager.get("api_version")
        if isinstance(version, Scalar) and version.value == "v1":
            report.complain(
                "SER722", version, "Alertmanager dropped its API v1 in 0.27, Prometheus in 3.0: no alert arrives",
                expected="v2", edits=(Edit(version.start, version.end, "v2"),),
            )  # fmt: skip


def _duration(node: Node | None, otherwise: timedelta) -> timedelta:
    try:
        return parse_duration(text(node)) if text(node) else otherwise
    except (ValueError, OverflowError):
        return otherwise


def _check_intervals(root: Mapping, report: Report) -> None:
    scrape = _duration(at(root, "global", "scrape_interval"), DEFAULT_SCRAPE)
    node = at(root, "global", "evaluation_interval")
    every = _duration(node, scrape)
    if isinstance(node, Scalar) and every and timedelta(minutes=5) % every and every < timedelta(minutes=5):
        report.complain(
            "SER723", node, f"five minutes are no multiple of {format_duration(every)}: sums of `rate…[5m]` over a "
            "period count some moments twice and leave others out", expected="15s, 20s, 30s or 1m",
        )  # fmt: skip
    _check_timeout(at(root, "global"), scrape, report)
    for job in mappings(root.get("scrape_configs")):
        own = _duration(job.get("scrape_interval"), scrape)
        _check_timeout(job, own, report)
        slow = job.get("scrape_interval")
        if isinstance(slow, Scalar) and own > timedelta(minutes=2):
            report.complain(
                "SER724", slow, f"scraped every {format_duration(own)}: after five minutes a sample is stale, gaps "
                "appear and alerts on it resolve in between", expected="at most 2m",
            )  # fmt: skip


def _check_timeout(section: Node | None, every: timedelta, report: Report) -> None:
    node = at(section, "scrape_timeout")
    if isinstance(node, Scalar) and _duration(node, DEFAULT_TIMEOUT) > every:
        report.complain(
            "SER725", node, f"the timeout of {node.value} is over the interval of {format_duration(every)}: "
            "Prometheus does not start", expected=f"at most {format_duration(every)}",
        )  # fmt: skip


def _check_jobs(root: Mapping, report: Report) -> None:
    seen: dict[str, int] = {}
    for job in mappings(root.get("scrape_configs")):
        node, name = job.get("job_name"), text(job.get("job_name"))
        if isinstance(node, Scalar) and name in seen:
            report.complain(
                "SER726", node, f"the job {name!r} is already on line {seen[name]}: Prometheus does not start",
                expected="a name of its own",
            )  # fmt: skip
        elif isinstance(node, Scalar):
            seen[name] = node.file.place(node.start)[0]
        _check_labels_honoured(job, name, report)
        _check_pods(job, report)
        _check_targets(job, report)
        _check_old(job, report)


def _check_labels_honoured(job: Mapping, name: str, report: Report) -> None:
    node = job.get("honor_labels")
    path = text(job.get("metrics_path"))
    if isinstance(node, Scalar) and is_true(node) and not _GATHERED.search(name) and "federate" not in path:
        report.complain(
            "SER727", node, f"honor_labels lets the targets of {name!r} say which job and instance they are: one of "
            "them can pass for any other", expected="only for federation and the Pushgateway",
        )  # fmt: skip


def _check_pods(job: Mapping, report: Report) -> None:
    """Discovery of pods finds every port, or none that is declared: the right one must be chosen."""
    for discovery in mappings(job.get("kubernetes_sd_configs")):
        if text(discovery.get("role")) != "pod":
            continue
        relabels = mappings(job.get("relabel_configs"))
        chosen = any(set(texts(r.get("source_labels"))) & set(_PORT_LABELS) for r in relabels)
        named = any(
            "container_port_name" in t or "_endpoint_" in t for r in relabels for t in texts(r.get("source_labels"))
        )
        if not chosen and not named and not any(text(r.get("target_label")) == "__address__" for r in relabels):
            report.complain(
                "SER728", discovery.get("role") or discovery,
                "pods are found with every port they declare, and asked on port 80 if they declare none: "
                "prometheus.io/port is not looked at", expected="a relabelling of __address__ with "
                "__meta_kubernetes_pod_annotation_prometheus_io_port, or a keep on the port's name",
            )  # fmt: skip


def _check_targets(job: Mapping, report: Report) -> None:
    probing = text(job.get("metrics_path")).startswith("/probe") or any(
        text(r.get("target_label")) == "__param_target" for r in mappings(job.get("relabel_configs"))
    )
    for group in mappings(job.get("static_configs")):
        for target in items(group.get("targets")):
            found = _SCHEME.match(text(target))
            if probing or found is None or not isinstance(target, Scalar):
                continue
            start = target.start + (target.style in ("single", "double"))
            plain = found[1] == text(job.get("scheme")) or (found[1] == "http" and job.get("scheme") is None)
            bare = "/" not in target.value[found.end() :]
            report.complain(
                "SER729", target, f"{target.value} is an address and not host:port: Prometheus does not start",
                expected="host:port, with `scheme` beside it",
                edits=(Edit(start, start + found.end(), ""),) if plain and bare else (),
            )  # fmt: skip


def _check_old(job: Mapping, report: Report) -> None:
    old = key(job, "scrape_classic_histograms")
    if old is not None:
        report.complain(
            "SER730", old, "scrape_classic_histograms has another name since Prometheus 3.0, which does not start with "
            "it",
            expected="always_scrape_classic_histograms",
            edits=(Edit(old.start, old.end, "always_scrape_classic_histograms"),),
        )  # fmt: skip


def _check_secrets(root: Mapping, report: Report) -> None:
    for name, value in _pairs(root):
        right = _SECRETS.get(name.value)
        if right is None or not isinstance(value, Scalar) or not value.value or value.value.startswith(("${", "<")):
            continue
        report.complain_at(
            "SER731", masked(value.file, value), name.start, name.end - name.start,
            f"`{name.value}` is written into the configuration, which is in the repository and in its history",
            expected=right,
        )  # fmt: skip


def _pairs(node: Node | None) -> Iterator[tuple[Scalar, Node]]:
    for name, value in entries(node):
        yield name, value
        yield from _pairs(value)
    for item in items(node):
        yield from _pairs(item)
