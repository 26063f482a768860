"""The target `prometheus`: everything that a Prometheus reads, and the unit tests of its rules."""

from __future__ import annotations

from urllib.parse import quote

from sereno.compiler import prometheus
from sereno.compiler.targets import Output, Request
from sereno.kernel.errors import UsageError
from sereno.slo.model import SloPlan


def build(request: Request) -> Output:
    """Rules with a unit test for each objective, and the scrape configuration, for Prometheus."""
    spec, interval = request.spec, request.evaluation_interval
    files: dict[str, str] = {}
    notes: list[str] = []
    by_service: dict[str, list[SloPlan]] = {name: [] for name in spec.services}
    for plan in request.plans:
        by_service[plan.service].append(plan)
    for name in sorted(spec.services):
        rules = prometheus.service_rules(spec.services[name], by_service[name], evaluation_interval=interval)
        if rules:
            files[rule_path(name)] = rules
    if not files:
        return Output({}, ("the spec declares no alert and no objective: there is no rule to write",))
    files = {"prometheus/prometheus.yml": prometheus.scrape_config(spec, evaluation_interval=interval), **files}
    for plan in request.plans:
        notes += [f"left out of {plan.service}/{plan.slo.name}: {lost.explanation}" for lost in plan.dropped]
        try:
            test = prometheus.tests_file(plan, rules=f"../rules/{file_name(plan.service)}.yml")
        except UsageError as error:
            notes.append(f"no unit test for {plan.service}/{plan.slo.name}: {error.message}")
            continue
        files[f"prometheus/tests/{file_name(plan.service)}.{file_name(plan.slo.name)}.yml"] = test
    return Output(files, tuple(notes))


def rule_path(service: str) -> str:
    """Where the rules of `service` are written."""
    return f"prometheus/rules/{file_name(service)}.yml"


def file_name(name: str) -> str:
    """`name` as a file's name, whatever is in it."""
    return quote(name, safe=" áéíóúñü").replace(" ", "_").lstrip(".") or "_"
