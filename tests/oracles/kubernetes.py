"""Judges manifests: the schemas of Kubernetes itself, those of the operators' own types, and what no schema says.

Plain objects are validated strictly for the oldest and the newest version that there are promises for. Objects of
operators are judged by the packages `@kubernetes-models/…`, which are generated from the operators' Go types: their
validators look at values, and TypeScript's compiler refuses keys that the types do not have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from tests.oracles import npm_packages

OLDEST, NEWEST = "1.30.0", kubernetes_validate.latest_version()
PACKAGES = (
    "@kubernetes-models/prometheus-operator@6.0.0",
    "@kubernetes-models/argo-rollouts@2.0.0",
    "@kubernetes-models/istio@3.0.1",
    "typescript@5.9.2",
)
_GROUPS = {
    "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
    "argoproj.io": "@kubernetes-models/argo-rollouts",
    "networking.istio.io": "@kubernetes-models/istio",
}
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")


def objects(files: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Every object in the YAML files, with the file that holds it."""
    found = []
    for path in sorted(files):
        if path.endswith((".yml", ".yaml")):
            for item in yaml.safe_load_all(files[path]):
                if isinstance(item, dict) and "kind" in item and "apiVersion" in item:
                    found.append((path, item))
    return found


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """Complaints about the plain objects of Kubernetes in `files`."""
    everything = objects(files)
    plain = [(path, item) for path, item in everything if group(item) not in _GROUPS and "." not in group(item)]
    plain += [(path, item) for path, item in everything if group(item).endswith("k8s.io")]
    return [
        *(f"{path}: {complaint}" for path, item in plain for complaint in schema_complaints(item)),
        *(f"{path}: {complaint}" for path, item in everything for complaint in name_complaints(item)),
        *sense_complaints([item for _, item in everything]),
    ]


def group(item: Mapping[str, Any]) -> str:
    """The API group of an object; "" for the core."""
    return str(item["apiVersion"]).rpartition("/")[0]


def schema_complaints(item: Mapping[str, Any]) -> Iterator[str]:
    """What the oldest and the newest version's schemas say against a plain object."""
    for version in (OLDEST, NEWEST):
        try:
            kubernetes_validate.validate(dict(item), version, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(str(part) for part in error.absolute_path)
            yield f"{item['kind']} {item['metadata']['name']} in {version}: {place}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{item['kind']} in {version}: {error.message}"


def name_complaints(item: Mapping[str, Any]) -> Iterator[str]:
    """Names and labels that an API server refuses, whatever the schema says."""
    data = item["metadata"]
    if not _NAME.fullmatch(data["name"]):
        yield f"{item['kind']}: the name {data['name']!r}"
    inner = [found["metadata"] for found in _find(item, "metadata") if isinstance(found["metadata"], dict)]
    for labels in (part.get("labels", {}) for part in inner):
        yield from (f"{data['name']}: the label {k}={v!r}" for k, v in labels.items() if not _label(v))


def _label(value: object) -> bool:
    return isinstance(value, str) and bool(_LABEL.fullmatch(value))


def _find(item: object, key: str) -> Iterator[dict[str, Any]]:
    """Every mapping inside `item` that has `key`."""
    if isinstance(item, dict):
        if key in item:
            yield item
        for value in item.values():
            yield from _find(value, key)
    elif isinstance(item, list):
        for value in item:
            yield from _find(value, key)


def sense_complaints(items: list[dict[str, Any]]) -> Iterator[str]:
    """What makes a valid manifest a bad one: probes, ends, drains, selectors and references."""
    workloads = [item for item in items if item["kind"] in ("Deployment", "Rollout")]
    for item in workloads:
        yield from (f"{item['metadata']['name']}: {complaint}" for complaint in _workload_complaints(item))
    for first in workloads:
        for second in workloads:
            if first is not second and _place(first)[0] == _place(second)[0]:
                labels = second["spec"]["template"]["metadata"]["labels"]
                if _selects(first["spec"]["selector"]["matchLabels"], labels):
                    yield f"{first['metadata']['name']} would take over the pods of {second['metadata']['name']}"
    for item in items:
        yield from (f"{item['kind']} {item['metadata']['name']}: {x}" for x in _policy_complaints(item, workloads))


def _place(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["metadata"].get("namespace", "default"), item["metadata"]["name"]


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())


def _workload_complaints(item: Mapping[str, Any]) -> Iterator[str]:
    template = item["spec"]["template"]
    pod = template["spec"]
    if not _selects(item["spec"]["selector"]["matchLabels"], template["metadata"]["labels"]):
        yield "its selector does not select its own pods"
    grace = pod.get("terminationGracePeriodSeconds", 30)
    if pod.get("securityContext", {}).get("runAsUser") == 0 or not pod["securityContext"].get("runAsNonRoot"):
        yield "it may run as root"
    for container in pod["containers"]:
        tag = container["image"].rpartition("/")[2].partition(":")[2].partition("@")[0]
        if "@sha256:" not in container["image"] and tag in ("", "latest"):
            yield "its image moves"
        sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if sleep >= grace:
            yield f"preStop takes {sleep} s of the {grace} s that it has to end"
        ports = {port["name"] for port in container.get("ports", ())}
        probes = [container.get(f"{kind}Probe") for kind in ("startup", "liveness", "readiness")]
        if any(probes) and not all(probes):
            yield "one of its three probes is missing"
        for probe in filter(None, probes):
            if probe["httpGet"]["port"] not in ports:
                yield f"a probe asks the unknown port {probe['httpGet']['port']}"
            if probe["timeoutSeconds"] > probe["periodSeconds"]:
                yield "a probe takes longer than its period"
        wanted, limits = container["resources"]["requests"], container["resources"]["limits"]
        if "memory" not in limits or set(wanted) != {"cpu", "memory"}:
            yield "its resources are not all said"
        mounts = {mount["name"] for mount in container.get("volumeMounts", ())}
        if mounts != {volume["name"] for volume in pod.get("volumes", ())}:
            yield "its mounts are not its volumes"


def _policy_complaints(item: Mapping[str, Any], workloads: list[dict[str, Any]]) -> Iterator[str]:
    spec = item.get("spec", {})
    near = [found for found in workloads if _place(found)[0] == _place(item)[0]]
    templates = [found["spec"]["template"] for found in near]
    if item["kind"] == "PodDisruptionBudget":
        if "minAvailable" in spec or spec.get("maxUnavailable") in (0, "0%"):
            yield "it can keep a node from being drained"
        if not any(_selects(spec["selector"]["matchLabels"], t["metadata"]["labels"]) for t in templates):
            yield "it protects no pod"
    if item["kind"] == "NetworkPolicy" and not any(
        _selects(spec["podSelector"]["matchLabels"], t["metadata"]["labels"]) for t in templates
    ):
        yield "it is about no pod"
    if item["kind"] == "Service":
        served = [t for t in templates if _selects(spec["selector"], t["metadata"]["labels"])]
        ports = {port["name"] for t in served for c in t["spec"]["containers"] for port in c.get("ports", ())}
        if not served:
            yield "it stands before no pod"
        yield from (f"no pod listens on {p['targetPort']}" for p in spec["ports"] if p["targetPort"] not in ports)
    if item["kind"] == "HorizontalPodAutoscaler":
        if spec["minReplicas"] > spec["maxReplicas"] or not spec["metrics"]:
            yield "it cannot scale"
        target = spec["scaleTargetRef"]
        found = [w for w in near if w["kind"] == target["kind"] and w["metadata"]["name"] == target["name"]]
        if not found:
            yield f"there is no {target['kind']} {target['name']}"
        if any("replicas" in w["spec"] for w in found):
            yield "the number of replicas is said twice"


def check_operators(files: Mapping[str, str], folder: Path) -> list[str]:
    """Complaints about the operators' objects in `files`. Raises npm_packages.Unreachable."""
    found = [(path, item) for path, item in objects(files) if group(item) in _GROUPS]
    if not found:
        return []
    return [*_values(found), *_keys(found, folder)]


@cache
def _packages() -> Path:
    return npm_packages.installed(*PACKAGES)


_VALIDATE = """
import { readFileSync } from "node:fs";
const complaints = [];
for (const [path, module, item] of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    const kinds = await import(module);
    new kinds[item.kind](item).validate();
  } catch (error) {
    complaints.push(`${path}: ${item.kind} ${item.metadata.name}: ${error.message}`);
  }
}
console.log(JSON.stringify(complaints));
"""


def _module(item: Mapping[str, Any]) -> str:
    return f"{_GROUPS[group(item)]}/{item['apiVersion']}"


def _values(found: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """What the validators say: types, patterns, what is required."""
    asked = json.dumps([(path, _module(item), item) for path, item in found])
    done = npm_packages.node(_packages(), _VALIDATE, given=asked)
    assert done.returncode == 0, done.stderr
    return [str(complaint) for complaint in json.loads(done.stdout)]


def _keys(found: list[tuple[str, dict[str, Any]]], folder: Path) -> list[str]:
    """What TypeScript says: keys that the types do not have, at any depth."""
    kinds = sorted({(item["kind"], _module(item)) for _, item in found})
    lines = [f'import type {{ I{kind} }} from "{module}";' for kind, module in kinds]
    lines += [f"const o{n}: I{i['kind']} = {json.dumps(i)};" for n, (_, i) in enumerate(found)]
    first = len(kinds) + 1
    folder = folder.resolve()
    (folder / "package.json").write_text('{"type": "module"}')
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(_packages() / "node_modules")
    (folder / "manifests.ts").write_text("\n".join([*lines, "export {};\n"]))
    script = (
        "import ts from 'typescript';"
        "const p = ts.createProgram(process.argv.slice(1), {strict: true, noEmit: true, skipLibCheck: true,"
        " module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, preserveSymlinks: true,"
        " target: ts.ScriptTarget.ES2022, types: []});"
        "console.log(JSON.stringify(ts.getPreEmitDiagnostics(p).map(d => [d.file ? "
        "d.file.getLineAndCharacterOfPosition(d.start).line + 1 : 0,"
        " ts.flattenDiagnosticMessageText(d.messageText, ' ')])));"
    )
    done = npm_packages.node(_packages(), script, str(folder / "manifests.ts"))
    assert done.returncode == 0, done.stderr
    complaints = []
    for line, message in json.loads(done.stdout):
        path, item = found[line - first] if line >= first else ("types", {"kind": "", "metadata": {"name": ""}})
        complaints.append(f"{path}: {item['kind']} {item['metadata']['name']}: {message}")
    return complaints
