"""Whether an alert helps whoever it calls: what to do, what users feel, how bad, whose, where to look."""

from __future__ import annotations

import re
from decimal import Decimal

from sereno.lint.expressions import comparisons_of, constant, threshold_of
from sereno.lint.model import Context, Document
from sereno.lint.paths import text
from sereno.lint.reporting import Report
from sereno.lint.rules_model import (
    DASHBOARDS,
    OWNERS,
    WrittenRule,
    names_of,
    pages,
    rules_of,
    severities_of,
    without_actions,
)
from sereno.spec.source import Node
from sereno.spec.values import is_url

_RUNBOOK = ("runbook_url", "runbook", "runbookUrl", "runbook-url", "runbook_link", "runbookURL")
_IMPACT = re.compile(
    r"(?i)user|customer|client|request|wait|espera|despacio|traffic|visitor|order|checkout|pay|pago|login|page"
    r"|queue|message|job|fail|error"
    r"|unavail|unreach|down\b|outage|lost|losing|lose|drop|slow|latenc|delay|late\b|stuck|stop|missing|disappear|absent"
    r"|not (ready|running|available|reachable|match|been)|cannot|can't|could not|unable|reject|refus|timeout|exhaust"
    r"|run(ning)? out|fill|full|expir|crash|restart|corrupt|stale|degrad|budget|violat|broken|bad\b|wrong|inconsist"
    r"|usuari|client|pedid|pag[oa]|error|fall|ca[ií]d|lent|demor|perd|perdi|agot|llen|venc|no (hay|puede|responde)"
    r"|sin (servicio|respuesta)|rechaz|atras|deten|exced|different|below|under|risk|riesgo|desembols|split.?brain"
    r"|behind|out of|issue|problem|(have|has) not|\bonly\b|\bleft\b|overload|saturat|too (many|much|high|long)|leak"
    r"|unhealthy|quorum|evict|oom|nobody|no one|nadie"
)
_NUMBER = re.compile(r"\d")
_LABELS = re.compile(r"\$labels\.\w+")
PRECISION_MIN = 0.8


def check(document: Document, context: Context, report: Report) -> None:
    """Report what an alert lacks for those it calls."""
    for rule in rules_of(document):
        tree = rule.tree
        if not rule.alert or (tree is not None and constant(tree) is not None):
            continue  # a recorded series; or an alert that always fires, which calls nobody
        _runbook(rule, context, report)
        _told(rule, context, report)
        _whose(rule, context, report)
        _precision(rule, context, report)


def _runbook(rule: WrittenRule, context: Context, report: Report) -> None:
    found = rule.annotation(*_RUNBOOK)
    severity = rule.label("severity")
    scale = severities_of(context)
    known = scale.find(severity.value) if severity is not None else None
    if found is None or not text(found).strip():
        if known is None or known.page != "never":
            report.complain(
                "SER600", rule.name, f"`{rule.name.value}` has no runbook: whoever is called begins from nothing",
                expected="annotations: {runbook_url: https://…}",
            )  # fmt: skip
        return
    written = found.value.strip()
    if "{{" in written:
        return
    if "://" in written:
        if not is_url(written) or re.search(r"\.\.\.|<[^>]*>|\b(TODO|FIXME|xxx+)\b", written, re.IGNORECASE):
            report.complain("SER601", found, "this address leads nowhere", expected="https://… of a runbook")
        elif _missing_below(written, context):
            report.complain("SER601", found, "the workspace has no such runbook", expected=_listed(context))
    elif context.exists is not None and not context.exists(written.partition("#")[0]):
        report.complain("SER601", found, f"there is no file `{written[:80]}`", expected="a runbook's address or file")


def _missing_below(written: str, context: Context) -> bool:
    """Whether the address is of the workspace's own runbooks, and none of them."""
    base = context.spec.addresses.runbooks if context.spec is not None else ""
    if not base or not written.startswith(f"{base}/") or context.spec is None:
        return False
    name = written.removeprefix(f"{base}/").partition("#")[0]
    return not any(path == name or path.removesuffix(".md") == name for path in context.spec.runbooks)


def _listed(context: Context) -> str:
    names = sorted(context.spec.runbooks) if context.spec is not None else []
    return f"one of {', '.join(names[:10])}" if names else "a runbook in the workspace"


def _told(rule: WrittenRule, context: Context, report: Report) -> None:
    words = rule.words
    if not words:
        report.complain(
            "SER603", rule.name, f"`{rule.name.value}` says nothing: neither a summary nor a description",
            expected="annotations: {summary: what users feel, description: how bad it is}",
        )  # fmt: skip
        return
    place: Node = rule.annotation("summary", "title", "description", "message") or rule.name
    if pages(rule, context) and not _IMPACT.search(without_actions(words)):
        report.complain(
            "SER604", place, f"`{rule.name.value}` wakes people and does not say what users feel or what is lost",
            expected="the harm first: nobody can pay, orders are delayed",
        )  # fmt: skip
    tree = rule.tree
    found = [threshold_of(c) for c in comparisons_of(tree)] if tree is not None else []
    limits = [one[2] for one in found if one is not None]
    level = any(limit not in (Decimal(0), Decimal(1)) for limit in limits)
    every = words + " ".join(value.value for _, value in rule.texts)
    if level and "$value" not in every and ".Value" not in every and not _NUMBER.search(_LABELS.sub("", words)):
        report.complain(
            "SER605", place, f"`{rule.name.value}` tells neither value nor threshold: a little over it, or all?",
            expected="{{ $value | humanizePercentage }} … above 5%",
        )  # fmt: skip


def _whose(rule: WrittenRule, context: Context, report: Report) -> None:
    """An owner and a dashboard where others here have them, or the workspace knows of them."""
    names, file = names_of(context), rule.node.file.shown
    if (context.spec is not None or file in names.owned) and not rule.says(*OWNERS):
        report.complain("SER606", rule.name, f"`{rule.name.value}` belongs to nobody", expected="labels: {team: …}")
    known = context.spec is not None and bool(context.spec.addresses.grafana)
    if (known or file in names.linked) and not rule.says(*DASHBOARDS):
        report.complain(
            "SER607", rule.name, f"`{rule.name.value}` has no link to a dashboard: minutes go by in searching",
            expected="annotations: {dashboard_url: https://…}",
        )  # fmt: skip


def _precision(rule: WrittenRule, context: Context, report: Report) -> None:
    share = context.precision.get(rule.name.value)
    if share is not None and share < PRECISION_MIN:
        report.complain(
            "SER608", rule.name, f"{share:.0%} of what `{rule.name.value}` called for was anything: people were woken "
            "for nothing",
            expected=f"at least {PRECISION_MIN:.0%}: a longer window, a higher threshold, or a burn rate",
        )  # fmt: skip
