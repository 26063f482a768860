"""What runs in pods: images, probes, resources, shutting down, rights and secrets."""

from __future__ import annotations

import re

from sereno.lint.kubernetes_model import WORKLOADS, Manifest
from sereno.lint.paths import at, is_true, key, labels, mappings, masked, number, text, texts
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Scalar

DEFAULT_GRACE = 30
"""Seconds a pod has to end when it says nothing. Source: Kubernetes, PodSpec.terminationGracePeriodSeconds."""
_SLEEP = re.compile(r"(?:^|[\s;&|])sleep\s+(\d+(?:\.\d+)?)(m?)\b")
_SECRET = re.compile(
    r"PASSW(?:OR)?D|SECRET|(?:^|_)TOKEN(?:$|_)|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|CONTRASE", re.IGNORECASE
)
_NO_SECRET = re.compile(
    r"_(?:FILE|PATH|DIR|NAME|URL|HOST|TTL|ISSUER|HEADER|LENGTH|EXPIR\w*|ENABLED|ID)$", re.IGNORECASE
)
_IN_ADDRESS = re.compile(r"://[^/\s:@]*:([^@/\s$]+)@")


def check_pod(manifest: Manifest, report: Report) -> None:
    """Everything about the pods of `manifest`."""
    for container in manifest.all_containers:
        _check_image(container, report)
        _check_resources(container, report)
        _check_secrets(container, report)
    for container in manifest.containers:
        if manifest.kind in WORKLOADS:
            _check_probes(container, report)
        _check_end(manifest, container, report)
    _check_rights(manifest, report)
    _check_scraped(manifest, report)


def _named(container: Mapping) -> str:
    return f"the container {text(container.get('name'))!r}" if text(container.get("name")) else "a container"


def _check_image(container: Mapping, report: Report) -> None:
    node = container.get("image")
    image = text(node)
    if node is None or not image or "$" in image or "{{" in image or "@" in image:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        what = "is the image of the day" if tag else "has no tag, which means latest"
        report.complain(
            "SER500", node, f"{image} {what}: pods of one Deployment run different programs, and no rollback brings "
            "the old one back", expected="a version, or a digest (@sha256:…)",
        )  # fmt: skip


def _check_probes(container: Mapping, report: Report) -> None:
    ready, alive, ports = container.get("readinessProbe"), container.get("livenessProbe"), container.get("ports")
    if ready is None and ports is not None and at(ports, 0) is not None:
        report.complain(
            "SER501", key(container, "ports") or container,
            f"{_named(container)} is sent requests as soon as its process exists: each rollout fails some of them",
            expected="readinessProbe",
        )  # fmt: skip
    if isinstance(ready, Mapping) and isinstance(alive, Mapping) and _asked(ready) and _asked(ready) == _asked(alive):
        report.complain(
            "SER502", key(container, "livenessProbe") or alive,
            f"{_named(container)} is asked the same by both probes: what makes it unready, such as a slow database, "
            "also kills it, all pods at once", expected="a liveness probe that asks nothing but the process itself",
        )  # fmt: skip


def _asked(probe: Mapping) -> tuple[object, ...]:
    """What a probe asks, when it asks over HTTP: bare connections say nothing of dependencies."""
    http = probe.get("httpGet")
    return ("http", text(at(http, "path")) or "/", text(at(http, "port"))) if isinstance(http, Mapping) else ()


def _check_resources(container: Mapping, report: Report) -> None:
    place = key(container, "resources") or container.get("name") or container
    requests, limits = labels(at(container, "resources", "requests")), labels(at(container, "resources", "limits"))
    lacking = [name for name in ("cpu", "memory") if name not in requests and name not in limits]
    if lacking:
        report.complain(
            "SER503", place, f"{_named(container)} requests no {' and no '.join(lacking)}: the scheduler takes it for "
            "free, and it is the first to be evicted", expected="resources.requests",
        )  # fmt: skip
    elif "memory" not in limits:
        report.complain(
            "SER504", place, f"{_named(container)} has no limit of memory: a leak takes its neighbours on the node "
            "with it", expected="resources.limits.memory",
        )  # fmt: skip


def _check_end(manifest: Manifest, container: Mapping, report: Report) -> None:
    """What happens between being told to end and being killed."""
    hook = at(container, "lifecycle", "preStop")
    if not isinstance(hook, Mapping):
        return
    written = at(manifest.pod, "spec", "terminationGracePeriodSeconds")
    grace = number(written)
    waits = _sleeps(hook)
    place = key(at(container, "lifecycle"), "preStop") or hook
    seconds = grace if grace is not None else DEFAULT_GRACE
    if waits and waits >= seconds:
        report.complain(
            "SER505", place, f"preStop takes {float(waits):g} s of the {float(seconds):g} s until the pod is killed: "
            "the process is never told to end, requests under way are cut off",
            expected=f"terminationGracePeriodSeconds over {float(waits):g} and what shutting down takes",
        )  # fmt: skip
    elif written is None:
        left = (
            f": of the {DEFAULT_GRACE} s by default {float(DEFAULT_GRACE - waits):g} remain to shut down"
            if waits
            else ""
        )
        report.complain(
            "SER506", place, f"there is a preStop but no terminationGracePeriodSeconds{left}, and nobody has decided "
            "that",
            expected="terminationGracePeriodSeconds in the pod's spec",
        )  # fmt: skip


def _sleeps(hook: Mapping) -> float:
    """Seconds that a preStop hook surely sleeps."""
    native = number(at(hook, "sleep", "seconds"))
    command = " ".join(texts(at(hook, "exec", "command")))
    found = sum(float(n) * (60 if m else 1) for n, m in _SLEEP.findall(command))
    return float(native) if native is not None else found


def _check_rights(manifest: Manifest, report: Report) -> None:
    pod = at(manifest.pod, "spec", "securityContext")
    for container in manifest.all_containers:
        own = container.get("securityContext")
        node = at(own, "privileged")
        if is_true(node) and node is not None:
            report.complain(
                "SER507", node, f"{_named(container)} is privileged: who breaks into it has the node",
                expected="the capabilities that it needs, by name",
            )  # fmt: skip
        elif own is None and pod is None:
            report.complain(
                "SER508", container.get("name") or container,
                f"{_named(container)} says nothing of its rights: it runs as whoever its image likes, usually root",
                expected="securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false}",
            )  # fmt: skip


def _check_secrets(container: Mapping, report: Report) -> None:
    for variable in mappings(container.get("env")):
        name, value = text(variable.get("name")), variable.get("value")
        if not isinstance(value, Scalar) or not value.value or value.value.startswith("$("):
            continue
        plainly = bool(_SECRET.search(name)) and not _NO_SECRET.search(name) and not _harmless(value.value)
        inside = _IN_ADDRESS.search(value.value)
        if plainly or (inside and not inside[1].startswith("$(")):
            report.complain_at(
                "SER509", masked(value.file, value), value.start, value.end - value.start,
                f"the value of {name} is written into the manifest: everyone who reads the repository or may list pods "
                "has it", expected="valueFrom: {secretKeyRef: {name: …, key: …}}",
            )  # fmt: skip


def _harmless(value: str) -> bool:
    return (
        value.lower() in ("true", "false", "none", "null")
        or value.startswith(("/", "file:", "vault:", "${"))
        or (value.isdigit() and len(value) < 4)
    )


def _check_scraped(manifest: Manifest, report: Report) -> None:
    """The port in the annotation that Prometheus follows is one that the pod has."""
    wanted = at(manifest.pod, "metadata", "annotations", "prometheus.io/port")
    ports = {text(p.get("containerPort")) for c in manifest.containers for p in mappings(c.get("ports"))}
    if isinstance(wanted, Scalar) and ports and wanted.value not in ports:
        report.complain(
            "SER510", wanted, f"Prometheus is told to ask port {wanted.value}, which no container has: the pod is "
            "“down” for ever", expected=f"one of {', '.join(sorted(ports))}",
        )  # fmt: skip
