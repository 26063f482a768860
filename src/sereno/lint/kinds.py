"""What a document is, by its keys."""

from __future__ import annotations

import re
from typing import Literal

from sereno.lint.model import Kind
from sereno.spec.source import Mapping, Node, Scalar, Sequence

_RULE = ("alert", "record")
_PROMETHEUS = ("scrape_configs", "rule_files", "scrape_config_files", "alerting", "remote_write", "remote_read")
_PIPELINE_KEYS = ({"sources", "sinks"}, {"receivers", "exporters"}, {"pipeline"}, {"processors"}, {"input", "output"},
                  {"clients", "positions"})  # fmt: skip
_PROSE = re.compile(
    r"slo|sli|availab|disponib|uptime|target|objetiv|budget|presupuesto|latenc|alert|severity|severidad|escalat"
    r"|escalamiento|on.?call|guardia|saturation|threshold|umbral|readiness|checklist|incident|rotation|panel|rollback",
    re.IGNORECASE,
)
SPEC_KEYS = ("service", "team", "escalation", "schedule", "person", "status_page", "severities", "workspace", "policy",
             "maintenance", "dashboard", "experiment", "runbook", "readiness", "flags", "template")  # fmt: skip


def kind_of(node: Node, name: str = "") -> Kind | Literal["spec", "tests"] | None:
    """What `node` holds: a kind that has checks, `spec` for Sereno's own documents, `tests` for unit tests of
    rules, None for anything else."""
    if isinstance(node, Sequence):
        return _of_list(node)
    if not isinstance(node, Mapping):
        return None
    keys = {key.value for key, _ in node.entries}
    if "apiVersion" in keys or ("kind" in keys and "metadata" in keys):
        return _of_manifest(node)
    if isinstance(node.get("dashboard"), Scalar):
        return "spec"
    drawn = "panels" in keys or {"rows", "title"} <= keys
    if _word(node.get("kind")) == "Dashboard" or drawn or isinstance(node.get("dashboard"), Mapping):
        return "dashboard" if not isinstance(node.get("panels"), Scalar) else None
    if isinstance(node.get("groups"), Sequence | Scalar) and keys <= {"groups", "namespace"}:
        return "rules"
    if "expr" in keys and keys & set(_RULE):
        return "rules"
    if "receivers" in keys and (isinstance(node.get("receivers"), Sequence) or "route" in keys):
        return "alertmanager"
    if isinstance(node.get("route"), Mapping) and ("receiver" in keys or _word_in(node.get("route"), "receiver")):
        return "alertmanager"
    return _of_the_rest(node, keys, name)


def _of_the_rest(node: Mapping, keys: set[str], name: str) -> Kind | Literal["spec", "tests"] | None:
    if isinstance(node.get("tests"), Sequence) and "rule_files" in keys:
        return "tests"
    if keys & set(_PROMETHEUS) or _word_in(node.get("global"), "scrape_interval"):
        return "prometheus"
    services = node.get("services")
    if isinstance(services, Mapping) and any(
        isinstance(s, Mapping) and (s.get("image") or s.get("build")) for _, s in services.entries
    ):
        return "compose"
    if any(wanted <= keys for wanted in _PIPELINE_KEYS) or re.search(r"logstash|fluent|otel|vector", name):
        return "pipeline"
    own = next((key.value for key, _ in node.entries if key.value in SPEC_KEYS), None)
    if own and (isinstance(node.get(own), Scalar) or own in ("severities", "workspace")):
        return "spec"
    if "groups" in keys and isinstance(node.get("groups"), Sequence | Scalar):
        return "rules"
    return "prose" if _speaks(node) else None


def _of_manifest(node: Mapping) -> Kind | Literal["spec", "tests"] | None:
    kind, version = _word(node.get("kind")), _word(node.get("apiVersion"))
    if kind == "PrometheusRule":
        return "rules"
    if version.startswith(("dashboard.grafana.app/", "perses.dev/")) or kind in ("GrafanaDashboard", "PersesDashboard"):
        return "dashboard"
    if version.startswith(("openslo/", "pyrra.dev/", "sloth.slok.dev/")):
        return "spec"
    return "kubernetes"


def _of_list(node: Sequence) -> Kind | None:
    """Rules by themselves, as they are quoted; or prose."""
    rules = [i for i in node.items if isinstance(i, Mapping) and i.get("expr") and any(i.get(k) for k in _RULE)]
    if rules:
        return "rules"
    return "prose" if node.items and _speaks(node) else None


def _speaks(node: Node, depth: int = 0) -> bool:
    """Whether it speaks of promises, alerts or people on call: prose in YAML's clothes."""
    if isinstance(node, Scalar):
        return bool(_PROSE.search(node.value[:400]))
    if depth > 3:
        return False
    parts = node.items if isinstance(node, Sequence) else [n for entry in node.entries for n in entry]
    return any(_speaks(part, depth + 1) for part in parts[:200])


def _word(node: Node | None) -> str:
    return node.value if isinstance(node, Scalar) else ""


def _word_in(node: Node | None, key: str) -> bool:
    return isinstance(node, Mapping) and node.get(key) is not None
