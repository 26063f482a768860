"""Prometheus's own judgement of what is built for it: promtool, and the discovery that Debian's knows nothing of."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_KUBERNETES = {
    "role": str, "namespaces": dict, "selectors": list, "api_server": str, "kubeconfig_file": str,
    "attach_metadata": dict, "authorization": dict, "basic_auth": dict, "oauth2": dict, "proxy_url": str,
    "follow_redirects": bool, "enable_http2": bool, "tls_config": dict,
}  # fmt: skip
"""The fields of `kubernetes_sd_config`, from Prometheus's documentation: Debian's promtool is built without it."""
_ROLES = ("node", "pod", "service", "endpoints", "endpointslice", "ingress")
_META = re.compile(
    r"__meta_kubernetes_(namespace"
    r"|pod_(name|ip|ready|phase|node_name|host_ip|uid|controller_kind|controller_name|container_init|container_name"
    r"|container_image|container_id|container_port_name|container_port_number|container_port_protocol"
    r"|(label|annotation)(present)?_\w+)"
    r"|endpointslice_(name|port|port_name|port_protocol|address_type|\w+)"
    r"|service_(name|(label|annotation)(present)?_\w+)|node_name)"
)
REQUIRED_LABELS = ("severity", "team", "service")
REQUIRED_ANNOTATIONS = ("summary", "description", "owner")


def run(*arguments: str | Path) -> tuple[bool, str]:
    """promtool's verdict, and all that it said. Raises LookupError where there is no promtool."""
    program = shutil.which("promtool")
    if program is None:
        raise LookupError("promtool is missing: install Debian's package `prometheus`")
    done = subprocess.run(
        [program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900
    )
    return done.returncode == 0, done.stdout


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """What is wrong with the files of target prometheus; `folder` is empty and may be written to."""
    mine = {name: text for name, text in files.items() if name.startswith("prometheus/")}
    for name, text in mine.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    rules = sorted(name for name in mine if name.startswith("prometheus/rules/"))
    tests = sorted(name for name in mine if name.startswith("prometheus/tests/"))
    complaints: list[str] = []
    if rules:
        good, said = run("check", "rules", "--lint=all", "--lint-fatal", *(folder / name for name in rules))
        complaints += [] if good else [said]
        complaints += [problem for name in rules for problem in alerts_lack(name, mine[name])]
    if tests:
        good, said = run("test", "rules", *(folder / name for name in tests))
        complaints += [] if good else [said]
    if "prometheus/prometheus.yml" in mine:
        complaints += configuration(mine["prometheus/prometheus.yml"], folder / "prometheus")
    return complaints


def alerts_lack(name: str, text: str) -> list[str]:
    """Labels and annotations that every alert carries, where they are missing or empty."""
    found = []
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule and "service" in rule.get("labels", {}):
                lacking = [key for key in REQUIRED_LABELS if not rule["labels"].get(key)]
                lacking += [key for key in REQUIRED_ANNOTATIONS if not rule.get("annotations", {}).get(key)]
                # A declared alert may have no description; what is generated always says what it means.
                if "slo" not in rule["labels"]:
                    lacking = [key for key in lacking if key != "description"]
                found += [f"{name}: {rule['alert']} has no {key}" for key in lacking]
    return found


def configuration(text: str, folder: Path) -> list[str]:
    """What is wrong with a `prometheus.yml`: promtool says it of all but Kubernetes's discovery, which is looked at
    field by field."""
    document = yaml.safe_load(text)
    complaints: list[str] = []
    for job in document.get("scrape_configs", []):
        for asked in job.pop("kubernetes_sd_configs", []):
            complaints += _kubernetes(job["job_name"], asked)
            names = [name for rule in job["relabel_configs"] for name in rule.get("source_labels", [])]
            complaints += [
                f"{job['job_name']}: there is no label {name}"
                for name in names
                if name.startswith("__meta_") and not _META.fullmatch(name)
            ]
    path = folder / "prometheus.checked.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    good, said = run("check", "config", path)
    path.unlink()
    return complaints if good else [*complaints, said]


def _kubernetes(job: str, asked: dict[str, Any]) -> list[str]:
    found = [f"{job}: there is no field {name}" for name in asked if name not in _KUBERNETES]
    found += [
        f"{job}: {name} is no {_KUBERNETES[name].__name__}"
        for name, value in asked.items()
        if name in _KUBERNETES and not isinstance(value, _KUBERNETES[name])
    ]
    if asked.get("role") not in _ROLES:
        found.append(f"{job}: there is no role {asked.get('role')}")
    found += [
        f"{job}: namespaces has no {key}"
        for key in asked.get("namespaces", {})
        if key not in ("names", "own_namespace")
    ]
    for selector in asked.get("selectors", []):
        found += [f"{job}: selectors has no {key}" for key in selector if key not in ("role", "label", "field")]
        if selector.get("role") not in _ROLES:
            found.append(f"{job}: a selector has no role")
    return found


def counts(files: Mapping[str, str]) -> dict[str, int]:
    """How many rules and tests there are."""
    rules = tests = 0
    for name, text in files.items():
        if name.startswith("prometheus/rules/"):
            rules += sum(len(group["rules"]) for group in yaml.safe_load(text)["groups"])
        if name.startswith("prometheus/tests/"):
            tests += len(yaml.safe_load(text)["tests"])
    return {"rules": rules, "tests": tests}
