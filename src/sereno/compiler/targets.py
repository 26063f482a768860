"""What `sereno build` can write: each target by name, where it is made, imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import cast

from sereno.kernel.errors import UsageError
from sereno.kernel.message import Language
from sereno.slo.model import SloPlan
from sereno.spec.model import Spec


@dataclass(frozen=True, slots=True)
class Request:
    """What a target is made from: the workspace, the plan of each objective (as `plans_of` gives them), how often rules
    are evaluated, and the language of texts."""

    spec: Spec
    plans: tuple[SloPlan, ...]
    evaluation_interval: timedelta = timedelta(seconds=15)
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Output:
    """Texts by their path below the output folder, and sentences about what was left out and why."""

    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


Target = Callable[[Request], Output]

TARGETS: Mapping[str, str] = {
    "prometheus": "prometheus_target:build",
    "alertmanager": "alertmanager:build",
    "blackbox": "blackbox:build",
    "grafana": "grafana:grafana",
    "perses": "perses:perses",
    "kubernetes": "kubernetes:kubernetes",
    "prometheus-operator": "operator:prometheus_operator",
    "istio": "istio:istio",
    "argo-rollouts": "argo:argo_rollouts",
    "flagger": "flagger:flagger",
    "litmus": "litmus:litmus",
    "otel-collector": "otelcol:otel_collector",
    "fluent-bit": "fluentbit:fluent_bit",
    "vector": "vector:vector",
    "logstash": "logstash:logstash",
    "tracing-compose": "tracing_compose:tracing_compose",
    "runbook-pages": "runbook_pages:runbook_pages",
    "manual": "manual:manual",
    "terraform-pagerduty": "terraform_pagerduty:terraform_pagerduty",
    "terraform-cloudwatch": "terraform_cloudwatch:terraform_cloudwatch",
    "terraform-statuspage": "terraform_statuspage:terraform_statuspage",
}
"""Each target's `module:function` below `sereno.compiler`; the first line of the function's docstring describes it."""

DEFAULT_TARGETS = ("prometheus", "alertmanager", "grafana")
"""What a workspace gets that names no `targets`, as far as present."""


def build(name: str, request: Request) -> Output:
    """What target `name` makes of `request`: the same bytes every time. Raises UsageError for an unknown name."""
    return _function(name)(request)


def described(name: str) -> str:
    """What target `name` writes, in one line. Raises UsageError for an unknown name."""
    return (_function(name).__doc__ or "").strip().partition("\n")[0]


def wanted_of(spec: Spec) -> tuple[str, ...]:
    """The targets that `spec` names, in the order of `TARGETS`; without any the default ones that there are.

    Raises UsageError for a name that is not a target.
    """
    for name in spec.targets:
        _function(name)
    wanted = spec.targets or DEFAULT_TARGETS
    return tuple(name for name in TARGETS if name in wanted)


def _function(name: str) -> Target:
    place = TARGETS.get(name)
    if place is None:
        raise UsageError(f"there is no target {name!r}", hint=f"one of {', '.join(TARGETS)}")
    module, _, function = place.partition(":")
    return cast(Target, getattr(import_module(f"sereno.compiler.{module}"), function))
