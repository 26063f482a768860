"""Judges how new versions go out: Istio's routes, Argo's rollouts, Flagger's canaries, Litmus's experiments.

Beside the types (see kubernetes.py) and the schemas of Flagger and Litmus: shares add up, names lead somewhere,
judgements end, queries are PromQL, and conditions survive every answer that Prometheus can give.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
from tests.oracles import expr_lang
from tests.oracles.kubernetes import check_operators, group, objects

_SCHEMAS = Path(__file__).parent / "schemas"
_OWN = {"flagger.app": "flagger.json", "litmuschaos.io": "litmus.json"}


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """Complaints about `files`. Raises npm_packages.Unreachable where the types cannot be had."""
    return [*check_operators(files, folder), *check_offline(files)]


def check_offline(files: Mapping[str, str]) -> list[str]:
    """What can be said without npm's packages."""
    items = [item for _, item in objects(files)]
    if misshapen := [f"{path}: {complaint}" for path, item in objects(files) for complaint in _schema(item)]:
        return misshapen
    return [
        *(f"{item['kind']} {item['metadata']['name']}: {x}" for item in items for x in _sense(item, items)),
    ]


def _schema(item: Mapping[str, Any]) -> Iterator[str]:
    name = _OWN.get(group(item))
    if name is not None:
        schema = json.loads((_SCHEMAS / name).read_text())
        for error in jsonschema.Draft202012Validator(schema).iter_errors(item):
            yield f"{item['kind']} {item['metadata']['name']}: {error.json_path}: {error.message}"


def _sense(item: dict[str, Any], items: list[dict[str, Any]]) -> Iterator[str]:
    judges = {
        "VirtualService": _virtual_service,
        "Rollout": _rollout,
        "AnalysisTemplate": _analysis,
        "Canary": _canary,
        "MetricTemplate": lambda found, _: _query(found["spec"]["query"], r"\{\{ (target|namespace) \}\}"),
        "ChaosEngine": _engine,
    }
    if item["kind"] in judges:
        yield from judges[item["kind"]](item, items)


def _near(item: Mapping[str, Any], items: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    place = item["metadata"]["namespace"]
    found = [other for other in items if other["kind"] == kind and other["metadata"]["namespace"] == place]
    return {other["metadata"]["name"]: other for other in found}


def _virtual_service(item: dict[str, Any], items: list[dict[str, Any]]) -> Iterator[str]:
    if item["apiVersion"] != "networking.istio.io/v1":
        yield f"it is written for {item['apiVersion']}"
    subsets = {
        (rule["spec"]["host"], subset["name"])
        for rule in _near(item, items, "DestinationRule").values()
        for subset in rule["spec"]["subsets"]
    }
    gateways = {f"{item['metadata']['namespace']}/{name}" for name in _near(item, items, "Gateway")}
    if made := {name for name in item["spec"]["gateways"] if name.startswith(f"{item['metadata']['namespace']}/")}:
        yield from (f"there is no gateway {name}" for name in made - gateways)
    for route in item["spec"]["http"]:
        if len(route["route"]) > 1 and sum(each["weight"] for each in route["route"]) != 100:
            yield "its weights do not add to 100"
        for each in route["route"]:
            wanted = each["destination"].get("subset")
            if wanted and (each["destination"]["host"], wanted) not in subsets:
                yield f"there is no subset {wanted}"


def _rollout(item: dict[str, Any], items: list[dict[str, Any]]) -> Iterator[str]:
    canary = item["spec"]["strategy"]["canary"]
    if "template" not in item["spec"] or "selector" not in item["spec"]:
        yield "it has no template or selector"
    weights = [step["setWeight"] for step in canary["steps"] if "setWeight" in step]
    if weights != sorted(set(weights)) or not weights or weights[-1] > 100:
        yield f"its weights {weights} do not rise"
    templates = _near(item, items, "AnalysisTemplate")
    judged = [step["analysis"] for step in canary["steps"] if "analysis" in step]
    if len(judged) != len(weights):
        yield "a step is not judged"
    for analysis in judged:
        given = {arg["name"] for arg in analysis["args"]}
        for name in (each["templateName"] for each in analysis["templates"]):
            if name not in templates:
                yield f"there is no template {name}"
                continue
            needed = {arg["name"] for arg in templates[name]["spec"]["args"] if "value" not in arg}
            if given != needed:
                yield f"the template {name} needs {sorted(needed)}, it is given {sorted(given)}"
    if "trafficRouting" in canary and any(other["kind"] == "VirtualService" for other in items):
        yield from _routing(item, items, canary["trafficRouting"]["istio"])


def _routing(item: dict[str, Any], items: list[dict[str, Any]], istio: dict[str, Any]) -> Iterator[str]:
    service = _near(item, items, "VirtualService").get(istio["virtualService"]["name"])
    rule = _near(item, items, "DestinationRule").get(istio["destinationRule"]["name"])
    if service is None or rule is None:
        yield "what it routes by is not there"
        return
    routes = {route["name"]: route for route in service["spec"]["http"]}
    subsets = {subset["name"]: subset["labels"] for subset in rule["spec"]["subsets"]}
    wanted = (istio["destinationRule"]["stableSubsetName"], istio["destinationRule"]["canarySubsetName"])
    for name in istio["virtualService"]["routes"]:
        if name not in routes:
            yield f"there is no route {name}"
            continue
        weights = {each["destination"]["subset"]: each["weight"] for each in routes[name]["route"]}
        if weights != {wanted[0]: 100, wanted[1]: 0}:
            yield f"before a rollout the weights are {weights}"
    labels = item["spec"]["template"]["metadata"]["labels"]
    for name in wanted:
        if name not in subsets or any(labels.get(key) != value for key, value in subsets[name].items()):
            yield f"the subset {name} selects none of its pods"


def _analysis(item: dict[str, Any], _: list[dict[str, Any]]) -> Iterator[str]:
    args = {arg["name"] for arg in item["spec"]["args"]}
    for metric in item["spec"]["metrics"]:
        name, prometheus = metric["name"], metric["provider"]["prometheus"]
        used = set(re.findall(r"\{\{args\.([a-z-]+)\}\}", prometheus["query"]))
        if used - args or "canary-hash" not in used:
            yield f"{name}: it uses {sorted(used)} of {sorted(args)}"
        yield from (f"{name}: {x}" for x in _query(prometheus["query"], r"\{\{args\.[a-z-]+\}\}"))
        for key in ("count", "interval", "failureLimit", "inconclusiveLimit", "successCondition", "failureCondition"):
            if key not in metric:
                yield f"{name}: it has no {key}"
        if metric["count"] <= max(metric["failureLimit"], metric["inconclusiveLimit"]):
            yield f"{name}: it can pass without one success"
        yield from (f"{name}: {x}" for x in _conditions(metric["successCondition"], metric["failureCondition"]))


def _conditions(success: str, failure: str) -> Iterator[str]:
    """Every answer has one verdict, and no traffic is neither good nor bad."""
    expected = {
        "empty": ([], "Inconclusive"), "not a number": ([math.nan], "Inconclusive"), "no error": ([0.0], "Successful"),
        "every one failed": ([1.0], "Failed"), "infinite": ([math.inf], "Failed"),
    }  # fmt: skip
    for name, (result, wanted) in expected.items():
        found = expr_lang.verdict(success, failure, result)
        if found != wanted:
            yield f"an answer that is {name} is {found}, not {wanted}"


def _query(text: str, placeholder: str) -> Iterator[str]:
    from sereno.promql import parse

    plain = re.sub(placeholder, "x", text)
    if "{{" in plain:
        yield f"an unknown placeholder is left in {plain}"
        return
    try:
        parse(plain)
    except Exception as error:
        yield f"{error} in {plain}"


def _canary(item: dict[str, Any], items: list[dict[str, Any]]) -> Iterator[str]:
    analysis = item["spec"]["analysis"]
    weights = analysis["stepWeights"]
    if weights != sorted(set(weights)) or not 0 < weights[0] <= weights[-1] <= 100:
        yield f"its weights {weights} do not rise"
    templates = _near(item, items, "MetricTemplate")
    for metric in analysis["metrics"]:
        if metric["templateRef"]["name"] not in templates:
            yield f"there is no template {metric['templateRef']['name']}"
        if not 0 <= metric["thresholdRange"]["max"] < 1:
            yield f"{metric['name']} never fails"


def _engine(item: dict[str, Any], _: list[dict[str, Any]]) -> Iterator[str]:
    for experiment in item["spec"]["experiments"]:
        probes = experiment["spec"]["probe"]
        if len({probe["name"] for probe in probes}) != len(probes):
            yield "two probes have the same name"
        modes = {probe["mode"] for probe in probes if probe["runProperties"].get("stopOnFailure")}
        if modes != {"SOT", "Continuous"}:
            yield f"it is stopped only in {sorted(modes)}"
        for probe in probes:
            if "promProbe/inputs" in probe:
                yield from _query(probe["promProbe/inputs"]["query"], "$^")
                float(probe["promProbe/inputs"]["comparator"]["value"])
        env = {each["name"]: each["value"] for each in experiment["spec"]["components"]["env"]}
        if not 0 < int(env["PODS_AFFECTED_PERC"]) <= 100 or int(env["TOTAL_CHAOS_DURATION"]) <= 0:
            yield "it strikes nothing, or for ever"
