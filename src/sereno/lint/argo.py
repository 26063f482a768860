"""Argo Rollouts and Flagger: canaries that judge nothing, the wrong thing, or never end."""

from __future__ import annotations

import re
from itertools import pairwise

from sereno.lint.kubernetes_model import Manifest, argument_lists, manifests
from sereno.lint.model import Context
from sereno.lint.paths import at, items, key, mappings, number, text
from sereno.lint.query import Query, check_query
from sereno.lint.reporting import Report
from sereno.spec.source import Mapping, Node, Scalar, locate

_ARGUMENT = re.compile(r"\{\{\s*args\.([\w.-]+)\s*\}\}")
_FIRST = re.compile(r"\bresult\[0\]")
_GUARDS = re.compile(r"\blen\(\s*result\s*\)|\bisNaN\(|\bdefault\(|\bisNil\(")
_TEMPLATES = {"AnalysisTemplate": False, "ClusterAnalysisTemplate": True}


def check_rollout(manifest: Manifest, context: Context, report: Report) -> None:
    """Everything about a Rollout."""
    spec = at(manifest.root, "spec")
    lacking = [name for name in ("selector", "template") if at(spec, name) is None]
    if lacking and at(spec, "workloadRef") is None:
        report.complain(
            "SER550", key(manifest.root, "spec") or manifest.place,
            f"{manifest.called} has no {' and no '.join(lacking)}: there are no pods that it could roll out",
            expected="spec.selector and spec.template, as in a Deployment, or a workloadRef",
        )  # fmt: skip
    canary = at(spec, "strategy", "canary")
    _check_weights(manifest, canary, report)
    for analysis, ends in _analyses(canary):
        _check_arguments(manifest, analysis, context, report, ends=ends)


def _analyses(canary: Node | None) -> list[tuple[Mapping, bool]]:
    """Each analysis of a strategy, and whether the rollout waits for its end."""
    found = [(a, False) for a in (at(canary, "analysis"),) if isinstance(a, Mapping)]
    for step in mappings(at(canary, "steps")):
        analysis = step.get("analysis")
        if isinstance(analysis, Mapping):
            found.append((analysis, True))
    return found


def _check_weights(manifest: Manifest, canary: Node | None, report: Report) -> None:
    steps = [(s, number(s.get("setWeight"))) for s in mappings(at(canary, "steps"))]
    weights = [(s, int(w)) for s, w in steps if w is not None and w > 0]
    if at(canary, "trafficRouting") is None and weights:
        count = number(at(manifest.root, "spec", "replicas"))
        replicas = int(count) if count is not None else 1
        step, weight = weights[0]
        least = -(-100 // (replicas + 1)) if replicas > 0 else 100
        if weight < least:
            report.complain(
                "SER551", step.get("setWeight") or step,
                f"without trafficRouting a weight is a number of pods: one beside {replicas} is {least} % of the "
                "requests, "
                f"not {weight} %", expected="trafficRouting, or replicas enough for the smallest step",
            )  # fmt: skip
    for (_, before), (step, weight) in pairwise(weights):
        if weight <= before:
            report.complain(
                "SER552", step.get("setWeight") or step,
                f"the canary goes from {before} % to {weight} %: steps of a rollout grow", expected=f"more than "
                f"{before}",
            )  # fmt: skip


def _check_arguments(
    manifest: Manifest, analysis: Mapping, context: Context, report: Report, *, ends: bool
) -> None:  # fmt: skip
    given = argument_lists(analysis.get("args"))
    known = [m for m in manifests(context) if m.kind in _TEMPLATES]
    wanted: set[str] = set()
    found = True
    for reference in mappings(analysis.get("templates")):
        name = text(reference.get("templateName"))
        template = next((m for m in known if m.name == name and (_TEMPLATES[m.kind] or m.same_space(manifest))), None)
        if template is None:
            found = False
            if any(m.root.file.shown == manifest.root.file.shown for m in known):
                names = ", ".join(sorted(m.name for m in known))
                report.complain(
                    "SER553", reference.get("templateName") or reference,
                    f"there is no AnalysisTemplate {name!r}: the rollout stops at once", expected=f"one of {names}",
                )  # fmt: skip
            continue
        wanted |= set(argument_lists(at(template.root, "spec", "args")))
        _check_given(reference, template, given, report)
        if ends:
            _check_end(template, report)
    if found:
        for argument in mappings(analysis.get("args")):
            if text(argument.get("name")) not in wanted:
                report.complain(
                    "SER554", argument.get("name") or argument,
                    f"the analysis is given {text(argument.get('name'))!r}, which its templates do not declare: it "
                    "judges the same whatever is rolled out",
                    expected="args: [{name: …}] in the template, used in its query",
                )  # fmt: skip


def _check_given(reference: Mapping, template: Manifest, given: tuple[str, ...], report: Report) -> None:
    for argument in mappings(at(template.root, "spec", "args")):
        name = text(argument.get("name"))
        if argument.get("value") is None and argument.get("valueFrom") is None and name not in given:
            report.complain(
                "SER555", reference.get("templateName") or reference,
                f"{template.called} needs the argument {name!r}, which it is not given: the analysis ends in an error",
                expected=f"args: [{{name: {name}, value: …}}]",
            )  # fmt: skip


def _check_end(template: Manifest, report: Report) -> None:
    for metric in mappings(at(template.root, "spec", "metrics")):
        if metric.get("interval") is not None and metric.get("count") is None:
            report.complain(
                "SER556", key(metric, "interval") or metric,
                "an analysis that a step waits for measures for ever: without `count` the rollout stands still",
                expected="count",
            )  # fmt: skip


def check_analysis(manifest: Manifest, context: Context, report: Report) -> None:
    """Everything about an AnalysisTemplate."""
    declared = argument_lists(at(manifest.root, "spec", "args"))
    body = " ".join(text(n) for n in _every(at(manifest.root, "spec", "metrics")))
    used = set(_ARGUMENT.findall(body))
    for argument in mappings(at(manifest.root, "spec", "args")):
        if text(argument.get("name")) not in used:
            report.complain(
                "SER557", argument.get("name") or argument,
                f"the argument {text(argument.get('name'))!r} is used nowhere: what is judged does not depend on it",
                expected=f"{{{{args.{text(argument.get('name'))}}}}} in the query",
            )  # fmt: skip
    for metric in mappings(at(manifest.root, "spec", "metrics")):
        _check_limits(metric, report)
        _check_condition(metric, report)
        query = at(metric, "provider", "prometheus", "query")
        if isinstance(query, Scalar):
            _check_query(query, declared, context, report)


def _every(node: Node | None) -> list[Scalar]:
    if isinstance(node, Scalar):
        return [node]
    below = items(node) or tuple(value for _, value in getattr(node, "entries", ()))
    return [scalar for child in below for scalar in _every(child)]


def _check_limits(metric: Mapping, report: Report) -> None:
    if metric.get("failureLimit") is None:
        report.complain(
            "SER540", metric.get("name") or metric,
            "without failureLimit the first bad measurement undoes the rollout, a single scrape that came late",
            expected="failureLimit, and inconclusiveLimit where there may be no traffic",
        )  # fmt: skip


def _check_condition(metric: Mapping, report: Report) -> None:
    for name in ("successCondition", "failureCondition"):
        node = metric.get(name)
        if isinstance(node, Scalar) and _FIRST.search(node.value) and not _GUARDS.search(node.value):
            report.complain(
                "SER541", node, "without traffic there is no result[0], or it is NaN: five errors in a row end the "
                "rollout, and NaN fails every comparison",
                expected=f"len(result) > 0 && !isNaN(result[0]) && {node.value}",
            )  # fmt: skip


def _check_query(node: Scalar, declared: tuple[str, ...], context: Context, report: Report) -> None:
    for found in _ARGUMENT.finditer(node.value):
        if found[1] not in declared:
            report.complain_at(
                "SER542", node.file, locate(node, found.start()), len(found[0]),
                f"the query uses the argument {found[1]!r}, which is not declared: the analysis ends in an error",
                expected=f"args: [{{name: {found[1]}}}]",
            )  # fmt: skip
    if not _ARGUMENT.search(node.value):
        report.complain(
            "SER543", node, "the query asks for no argument: it judges all services, and the old pods together with "
            "the new ones. At a weight of 5 % a canary that always fails costs 5 % of the share",
            expected='{{args.service-name}} and the pods of the canary in the selector, such as '
            'rollouts_pod_template_hash="{{args.canary-hash}}"',
        )  # fmt: skip
    body = _ARGUMENT.sub(lambda found: "x" * len(found[0]), node.value)
    query = Query(body, node.file, lambda offset: locate(node, offset), "sli", style=node.style)
    check_query(query, report, context)


def check_canary(manifest: Manifest, report: Report) -> None:
    """Everything about a Canary of Flagger."""
    analysis = at(manifest.root, "spec", "analysis") or at(manifest.root, "spec", "canaryAnalysis")
    if not isinstance(analysis, Mapping):
        return
    if not mappings(analysis.get("metrics")) and not mappings(analysis.get("webhooks")):
        report.complain(
            "SER570", key(at(manifest.root, "spec"), "analysis") or manifest.place,
            f"{manifest.called} measures nothing: every version is promoted", expected="analysis.metrics",
        )  # fmt: skip
    step, most = number(analysis.get("stepWeight")), number(analysis.get("maxWeight"))
    if step is not None and most is not None and step > most:
        report.complain(
            "SER571", analysis.get("stepWeight") or analysis,
            f"the first step is {step} % and the most {most} %: the canary is promoted without a step",
            expected=f"at most {most}",
        )  # fmt: skip
