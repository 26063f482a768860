"""Judges pipelines: their shape by what each program's manual says, and their redaction by planted secrets.

`check` runs every secret of secrets.py through what was generated, in the engine that would run it (see engines.py),
and says which came out, and which harmless line was damaged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from tests.oracles import ottl, pypi_packages
from tests.oracles.secrets import KEPT, SECRETS

VRL = "pyVRL==0.0.2"
LUA = "lupa==2.8"
ONIGURUMA = "onigurumacffi==1.5.0"
LSCL = "lscl==0.5"
RE2 = "google-re2==1.1.20251105"
COMPOSE = "check-jsonschema==0.39.0"
_SCHEMAS = Path(__file__).parent / "schemas"
_LINES = [line for line, _, _ in SECRETS] + list(KEPT)
_LOGSTASH = {
    "input": {"file": {"id", "path", "start_position", "add_field", "tags"}},
    "filter": {
        "mutate": {"id", "gsub", "remove_field", "replace"},
        "json": {"source", "skip_on_invalid_json"},
    },
    "output": {
        "elasticsearch": {
            "hosts", "data_stream", "data_stream_type", "data_stream_dataset", "data_stream_namespace",
        }
    },
}  # fmt: skip


def check(files: Mapping[str, str], folder: Path) -> list[str]:
    """Complaints about the pipelines in `files`. Raises Unreachable where an engine cannot be had."""
    judges = {
        "otel-collector/config.yaml": collector, "tracing/collector.yaml": collector, "vector/vector.yaml": vector,
        "logstash/pipeline.conf": logstash,
    }  # fmt: skip
    found = [f"{path}: {x}" for path, judge in judges.items() if path in files for x in judge(files[path])]
    if "fluent-bit/fluent-bit.yaml" in files:
        found += [f"fluent-bit: {x}" for x in fluent_bit(files)]
    if "tracing/compose.yaml" in files:
        found += [f"tracing: {x}" for x in compose(files)]
    return found


def leaks(lines: Iterable[Any]) -> Iterator[str]:
    """What is wrong with the texts that `_LINES` became; None is a line that was dropped."""
    outcomes = list(lines)
    for (line, gone, kept), found in zip(SECRETS, outcomes, strict=False):
        if found is None:
            yield f"dropped: {line}"
            continue
        yield from (f"{secret!r} is left of {line!r}: {found!r}" for secret in gone if secret in found)
        yield from (f"{part!r} is lost from {line!r}: {found!r}" for part in kept if part not in found)
    for line, found in zip(KEPT, outcomes[len(SECRETS) :], strict=True):
        if found != line:
            yield f"{line!r} was damaged: {found!r}"


def _shape(name: str, document: Any) -> Iterator[str]:
    schema = json.loads((_SCHEMAS / name).read_text())
    for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
        yield f"{error.json_path}: {error.message}"


# --- OpenTelemetry Collector ----------------------------------------------------------------------------------------


def collector(text: str) -> list[str]:
    """Complaints about a configuration of the collector."""
    document = yaml.safe_load(text)
    if misshapen := list(_shape("otelcol.json", document)):
        return misshapen
    complaints = list(_wiring(document))
    for name, pipeline in document["service"]["pipelines"].items():
        complaints += [f"{name}: {x}" for x in _pipeline(name, pipeline, document["processors"])]
    return complaints


def _wiring(document: dict[str, Any]) -> Iterator[str]:
    used: dict[str, set[str]] = {"extensions": set(document["service"].get("extensions", ()))}
    for pipeline in document["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            used.setdefault(kind, set()).update(names)
    for kind, names in used.items():
        declared = set(document.get(kind, {}))
        yield from (f"there is no {kind} {name}" for name in names - declared)
        yield from (f"nobody uses {kind} {name}" for name in declared - names)


def _pipeline(name: str, pipeline: dict[str, Any], processors: dict[str, Any]) -> Iterator[str]:
    order = pipeline["processors"]
    if order[0] != "memory_limiter" or order[-1] != "batch":
        yield f"the order of its processors: {order}"
    redacting = [each for each in order if each.startswith("transform")]
    if not redacting:
        yield "nothing is redacted"
        return
    statements = processors[redacting[0]]
    if statements["error_mode"] != "propagate":
        yield "what cannot be redacted is sent as it was"
    groups = statements["trace_statements" if name.startswith("traces") else "log_statements"]
    paths = ("span.name", "span.status.message") if name.startswith("traces") else ("log.body",)
    wanted = {"resource", "span", "spanevent"} if name.startswith("traces") else {"resource", "log"}
    if {group["context"] for group in groups} != wanted:
        yield "not every place of attributes is redacted"
    for group in groups:
        try:
            yield from (f"{group['context']}: {x}" for x in _statements(group, paths))
        except ottl.Wrong as error:
            yield f"{group['context']}: {error}"


def _statements(group: dict[str, Any], paths: tuple[str, ...]) -> Iterator[str]:
    context, statements = group["context"], group["statements"]
    for statement in statements:
        ottl.parse(ottl.resolved(statement))
    attributes = f"{context}.attributes"
    records: list[dict[str, Any]] = [{attributes: {"x": line}} for line in _LINES]
    own = [path for path in paths if path.startswith(f"{context}.")]
    records += [{path: line} for path in own for line in _LINES]
    keyed = {attributes: {"db.password": "a", "accessToken": "b", "http.request.header.cookie": "c", "card_pin": "d",
                          "shipping": "e", "http.route": "f", "count": 3}}  # fmt: skip
    nested = {"log.body": {"user": {"password": "hunter2"}, "list": ["ana@shop.example"], "n": 1}}
    given = {"statements": statements, "records": [*records, keyed, *([nested] if context == "log" else [])]}
    found = pypi_packages.run("ottl", given, RE2)
    size = len(_LINES)
    yield from leaks(each[attributes]["x"] for each in found[:size])
    for number, path in enumerate(own, 1):
        yield from leaks(each[path] for each in found[size * number : size * (number + 1)])
    left = found[size * (len(own) + 1)][attributes]
    if left != {"shipping": "e", "http.route": "f", "count": 3}:
        yield f"of attributes by their keys is left {left}"
    if context == "log" and any(part in str(found[-1]) for part in ("hunter2", "ana@")):
        yield f"what a body holds is left: {found[-1]}"


def kept(policies: list[dict[str, Any]], spans: list[dict[str, Any]], chance: float) -> bool:
    """Whether tail sampling keeps the trace of `spans` ({service, error, ms}); `chance` is its draw, 0 to 100."""
    return any(_policy(policy, spans, chance) for policy in policies)


def _policy(policy: dict[str, Any], spans: list[dict[str, Any]], chance: float) -> bool:
    match policy["type"]:
        case "and":
            return all(_policy(each, spans, chance) for each in policy["and"]["and_sub_policy"])
        case "status_code":
            return policy["status_code"]["status_codes"] == ["ERROR"] and any(span["error"] for span in spans)
        case "latency":
            return max(span["ms"] for span in spans) >= policy["latency"]["threshold_ms"]
        case "probabilistic":
            return chance < float(policy["probabilistic"]["sampling_percentage"])
        case "string_attribute":
            assert policy["string_attribute"]["key"] == "service.name"
            return any(span["service"] in policy["string_attribute"]["values"] for span in spans)
        case "ottl_condition":
            (condition,) = policy["ottl_condition"]["span"]
            parts = [re.fullmatch(r'resource\.attributes\["service\.name"\] != "([^"]+)"', part)
                     for part in condition.split(" and ")]  # fmt: skip
            assert all(parts), condition
            excluded = {part[1] for part in parts if part}
            return any(span["service"] not in excluded for span in spans)
    raise AssertionError(policy)


# --- Vector ---------------------------------------------------------------------------------------------------------


def vector(text: str) -> list[str]:
    """Complaints about a configuration of Vector."""
    document = yaml.safe_load(text)
    if misshapen := list(_shape("vector.json", document)):
        return misshapen
    complaints = [f"there is no source {name}" for each in document["transforms"].values() for name in each["inputs"]
                  if name not in document["sources"]]  # fmt: skip
    for sink in document["sinks"].values():
        complaints += [f"a sink reads {name}" for name in sink["inputs"] if name not in document["transforms"]]
    for name, transform in document["transforms"].items():
        # Vector looks for variables in the whole file first: `$$` is `$`.
        source = transform["source"]
        if re.search(r"\$(?!\$)", source.replace("$$", "")):
            complaints.append(f"{name}: a variable of the environment would be looked for")
            continue
        given = {"program": source.replace("$$", "$"), "lines": _LINES}
        found = pypi_packages.run("vrl", given, VRL)
        complaints += [f"{name}: {x}" for x in leaks(each and each["message"] for each in found)]
        parsed = [json.dumps(each, ensure_ascii=False) for each in found[: len(SECRETS)]]
        for (line, gone, _), whole in zip(SECRETS, parsed, strict=True):
            complaints += [f"{name}: {x!r} is left in the event of {line!r}" for x in gone if x.strip('"') in whole
                           and len(x) > 4]  # fmt: skip
    return complaints


# --- Fluent Bit -----------------------------------------------------------------------------------------------------


def fluent_bit(files: Mapping[str, str]) -> list[str]:
    """Complaints about a configuration of Fluent Bit and its script."""
    document = yaml.safe_load(files["fluent-bit/fluent-bit.yaml"])
    if misshapen := list(_shape("fluentbit.json", document)):
        return misshapen
    pipeline = document["pipeline"]
    complaints = []
    first = pipeline["filters"][0]
    if (first["name"], first["match"]) != ("lua", "*"):
        return ["something comes before redaction"]
    script = files.get(f"fluent-bit/{first['script']}")
    if script is None or f"function {first['call']}(" not in script:
        return [f"there is no script {first['script']} with {first['call']}"]
    if any(each.get("key") != "message" for each in pipeline["inputs"]):
        complaints.append("an input's lines are not called message")
    if len({each["tag"] for each in pipeline["inputs"]}) != len(pipeline["inputs"]):
        complaints.append("two inputs have the same tag")
    found = pypi_packages.run("lua", {"script": script, "lines": _LINES}, LUA)
    complaints += [f"the script answers {code}" for code, _ in found if code != 2][:1]
    return [*complaints, *leaks(message for _, message in found)]


# --- Logstash -------------------------------------------------------------------------------------------------------


def logstash(text: str) -> list[str]:
    """Complaints about a pipeline of Logstash."""
    sections = pypi_packages.run("logstash", {"text": text}, LSCL)
    names = [section[0] for section in sections]
    if names != ["input", "filter", "output"]:
        return [f"its sections are {names}"]
    complaints, rules, parsed = [], [], False
    for section, _, blocks in sections:
        for name, attributes in _plugins(blocks):
            if name not in _LOGSTASH[section]:
                complaints.append(f"{section} has no {name}")
                continue
            complaints += [f"{name} has no {key}" for key, _ in attributes if key not in _LOGSTASH[section][name]]
            values = dict(attributes)
            parsed = parsed or name == "json"
            if "gsub" in values:
                if values["gsub"][0] != "message" or len(values["gsub"]) != 3 or parsed:
                    complaints.append(f"a replacement is made in {values['gsub'][0]}, or too late")
                rules.append(values["gsub"][1:])
    found = pypi_packages.run("oniguruma", {"rules": rules, "lines": _LINES}, ONIGURUMA)
    return [*complaints, *leaks(found)]


def _plugins(blocks: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    for block in blocks:
        if block[0] == "if":
            yield from _plugins(block[1])
        else:
            yield block[0], block[1]


# --- Compose --------------------------------------------------------------------------------------------------------


def compose(files: Mapping[str, str]) -> list[str]:
    """Complaints about the Compose file of the tracing stack."""
    document = yaml.safe_load(files["tracing/compose.yaml"])
    folder = pypi_packages.installed(COMPOSE) / "check_jsonschema/builtin_schemas/vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    complaints = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    return complaints or list(_stack(document, files))


def _stack(document: dict[str, Any], files: Mapping[str, str]) -> Iterator[str]:
    published: list[str] = []
    for name, service in document["services"].items():
        tag = service["image"].rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            yield f"{name}: its image moves"
        if set(service["deploy"]["resources"]["limits"]) != {"memory", "cpus"}:
            yield f"{name}: it has no limits"
        for port in service.get("ports", ()):
            if not port.startswith("127.0.0.1:"):
                yield f"{name}: {port} can be reached from elsewhere"
            published.append(port.split(":")[1])
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                if f"tracing/{source[2:]}" not in files:
                    yield f"{name}: there is no {source}"
            elif source not in document["volumes"]:
                yield f"{name}: there is no volume {source}"
        for other, wish in service.get("depends_on", {}).items():
            if wish["condition"] == "service_healthy" and "healthcheck" not in document["services"][other]:
                yield f"{name}: {other} never says that it is healthy"
    if len(set(published)) != len(published):
        yield f"a port is published twice: {published}"
