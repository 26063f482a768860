"""The target `prometheus`: everything that a Prometheus reads, and the unit tests of its rules."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from sereno.compiler import prometheus
from sereno.compiler.prometheus_rules import common_file, complete, no_data, plans_by_service, service_file
from sereno.compiler.raw_rules import raw_rule_files, rule_file
from sereno.compiler.targets import Output, Request
from sereno.kernel.errors import UsageError
from sereno.slo.model import SloPlan
from sereno.slo.recording import unrecorded
from sereno.slo.words import left_out
from sereno.spec.model import CompositeSli

COMMON = "prometheus/rules/_common.yml"
"""What belongs to no service; no service can be called so."""


def build(request: Request) -> Output:
    """Rules with a unit test for each objective, and the scrape configuration, for Prometheus."""
    spec, interval = request.spec, request.evaluation_interval
    files: dict[str, str] = {}
    notes: list[str] = []
    by_service = plans_by_service(request)
    for name in sorted(spec.services):
        rules = service_file(request, spec.services[name], by_service.get(name, ()))
        notes += rules.notes
        if not rules.empty:
            files[rule_path(name)] = rules.text()
    files |= {raw_path(name): rule_file(groups) for name, groups in raw_rule_files(spec).items()}
    if not files and not spec.raw.prometheus:
        return Output({}, ("the spec declares no alert and no objective: there is no rule to write",))
    if not spec.addresses.alertmanager:
        notes.append(
            "prometheus.yml names no Alertmanager, so that nobody is told: say `addresses: {alertmanager: https://…}`"
        )
    common = common_file(request)
    notes += common.notes
    files[COMMON] = common.text()
    files = {"prometheus/prometheus.yml": prometheus.scrape_config(spec, evaluation_interval=interval), **files}
    for plan in request.plans:
        notes += left_out(plan, request.language)
        try:
            test = _test(request, plan)
        except UsageError as error:
            notes.append(f"no unit test for {plan.service}/{plan.slo.name}: {error.message}")
            continue
        files[test_path(plan.service, plan.slo.name)] = test
    return Output(files, tuple(dict.fromkeys(notes)))


def _test(request: Request, plan: SloPlan) -> str:
    service = request.spec.services[plan.service]
    watch = no_data(request, service, plan)
    parts = plan.slo.sli.parts if isinstance(plan.slo.sli, CompositeSli) else ()
    needed = {plan.service, *(part.service for part in parts)}
    names = [f"../rules/{file_name(name)}.yml" for name in sorted(needed)]
    return prometheus.tests_file(
        replace(plan, rules=tuple(complete(request.spec, rule) for rule in plan.rules)),
        rules=[f"../rules/{COMMON.rpartition('/')[2]}", *names],
        watch=None if watch is None else complete(request.spec, watch),
        recorded=unrecorded(plan.slo) is None,
    )


def test_path(service: str, name: str, *, alert: bool = False) -> str:  # noqa: PT028 (no test)
    """Where the unit test of an objective, or of an alert, of `service` is written."""
    return f"prometheus/tests/{file_name(service)}.{'alert.' if alert else ''}{file_name(name)}.yml"


def rule_path(service: str) -> str:
    """Where the rules of `service` are written."""
    return f"prometheus/rules/{file_name(service)}.yml"


def raw_path(service: str) -> str:
    """Where the rules that `service` (or, called "", the workspace) keeps as they were found are written."""
    return f"prometheus/rules/{file_name(service) if service else '_workspace'}.raw.yml"


def file_name(name: str) -> str:
    """`name` as a file's name, whatever is in it."""
    # A dot stands between the parts of a file's name: within one, `b.c` of `a` would be `c` of `a.b`.
    return quote(name, safe="áéíóúñü").replace(".", "%2E") or "_"
