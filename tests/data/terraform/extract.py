"""Takes out of published provider packages what the attributes of a few resources are. See README.md beside this."""

from __future__ import annotations

import ast
import gzip
import io
import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

WANTED = {
    "pagerduty": {
        "provider": "provider.PagerdutyProviderConfig",
        "resources": {
            "pagerduty_schedule": "schedule.ScheduleConfig",
            "pagerduty_escalation_policy": "escalationPolicy.EscalationPolicyConfig",
            "pagerduty_team": "team.TeamConfig",
            "pagerduty_service": "service.ServiceConfig",
            "pagerduty_service_integration": "serviceIntegration.ServiceIntegrationConfig",
            "pagerduty_event_orchestration_service": "eventOrchestrationService.EventOrchestrationServiceConfig",
        },
        "data": {"pagerduty_user": "dataPagerdutyUser.DataPagerdutyUserConfig"},
    },
    "aws": {
        "provider": "provider.AwsProviderConfig",
        "resources": {
            "aws_cloudwatch_metric_alarm": "cloudwatchMetricAlarm.CloudwatchMetricAlarmConfig",
            "aws_cloudwatch_composite_alarm": "cloudwatchCompositeAlarm.CloudwatchCompositeAlarmConfig",
        },
        "data": {},
    },
}
_META = frozenset(("connection", "count", "dependsOn", "forEach", "lifecycle", "provider", "provisioners"))


def snake(name: str) -> str:
    """escalationDelayInMinutes is escalation_delay_in_minutes."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def assembly(path: Path) -> dict[str, Any]:
    """The jsii description of a cdktf wheel."""
    with zipfile.ZipFile(path) as wheel:
        inner = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(wheel.read(inner))) as package:
            found = package.extractfile("package/.jsii")
            assert found is not None
            described: dict[str, Any] = json.load(found)
            if described.get("schema") == "jsii/file-redirect":
                packed = package.extractfile("package/" + described["filename"])
                assert packed is not None
                described = json.loads(gzip.decompress(packed.read()))
    return described


def kind(types: dict[str, Any], reference: dict[str, Any]) -> Any:
    """string, number, bool, [kind] of a list, {"map": kind}, or a block's attributes."""
    if "primitive" in reference:
        return {"boolean": "bool"}.get(reference["primitive"], reference["primitive"])
    if "collection" in reference:
        element = kind(types, reference["collection"]["elementtype"])
        return [element] if reference["collection"]["kind"] == "array" else {"map": element}
    if "union" in reference:
        return kind(types, next(one for one in reference["union"]["types"] if one.get("fqn") != "cdktf.IResolvable"))
    return {"block": block(types, reference["fqn"])}


def block(types: dict[str, Any], name: str) -> dict[str, Any]:
    """Its attributes: their kinds, and whether each is required."""
    return {
        snake(one["name"]): {"required": not one.get("optional", False), "kind": kind(types, one["type"])}
        for one in sorted(types[name].get("properties", ()), key=lambda one: str(one["name"]))
        if one["name"] not in _META
    }


def extract(provider: str, wheel: Path) -> dict[str, Any]:
    """What is kept of a provider."""
    described, wanted = assembly(wheel), WANTED[provider]
    types, module = described["types"], described["name"]
    configured = block(types, f"{module}.{wanted['provider']}")
    # Of a hundred ways to sign in only the region is written.
    configured = {"region": configured["region"]} if provider == "aws" else configured
    return {
        "package": module,
        "version": described["version"],
        "licence": described["license"],
        "source": f"PyPI: {wheel.name}",
        "provider": configured,
        "resource": {name: block(types, f"{module}.{config}") for name, config in wanted["resources"].items()},
        "data": {name: block(types, f"{module}.{config}") for name, config in wanted["data"].items()},
    }


def statuspage(source: Path) -> dict[str, Any]:
    """What is kept of the provider for Statuspage, out of a Pulumi package's sources."""
    kinds = {"str": "string", "bool": "bool", "int": "number", "float": "number"}
    with tarfile.open(source) as package:
        found: dict[str, dict[str, Any]] = {}
        for module, name in (("component", "ComponentArgs"), ("provider", "ProviderArgs")):
            member = next(one for one in package.getnames() if one.endswith(f"/pulumi_statuspage/{module}.py"))
            text = package.extractfile(member)
            assert text is not None
            classes = [one for one in ast.parse(text.read()).body if isinstance(one, ast.ClassDef) and one.name == name]
            init = next(one for one in classes[0].body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
            found[module] = {
                argument.arg: {
                    "required": default is None,
                    "kind": kinds[re.findall(r"\b(str|bool|int|float)\b", ast.unparse(argument.annotation or init))[0]],
                }
                for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
            }
    found["component"]["name"]["required"] = True  # Pulumi makes names up where none is given; Terraform does not
    return {
        "package": "pulumi_statuspage",
        "version": source.name.removeprefix("pulumi_statuspage-").removesuffix(".tar.gz"),
        "licence": "Apache-2.0",
        "source": f"PyPI: {source.name}",
        "provider": found["provider"],
        "resource": {"statuspage_component": found["component"]},
        "data": {},
    }


if __name__ == "__main__":
    which, published = sys.argv[1], Path(sys.argv[2])
    kept = statuspage(published) if which == "statuspage" else extract(which, published)
    (Path(__file__).parent / f"{which}.json").write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
