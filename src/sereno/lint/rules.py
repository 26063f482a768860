"""Checks of rules: every expression, and what the rule makes of it."""

from __future__ import annotations

import re

from sereno.lint import rules_asked
from sereno.lint.expressions import (
    Has,
    comparisons_of,
    constant,
    is_ratio,
    labels_of,
    threshold_of,
)
from sereno.lint.model import Context, Document, Edit
from sereno.lint.paths import text
from sereno.lint.queries import check as check_query
from sereno.lint.query import query_of
from sereno.lint.reporting import Report
from sereno.lint.rules_model import WrittenRule, names_of, rules_of, severities_of
from sereno.promql.ast import Binary, Expr, bare
from sereno.spec.rule_files import read_rules
from sereno.spec.source import Mapping, Scalar, locate

_VALUE = re.compile(r"\{\{[^}]*(\$value|\.Value)\b[^}]*\}\}")
_SCALES = (("critical", "warning", "info", "page", "ticket", "error", "high", "medium", "low"),
           ("p1", "p2", "p3", "p4", "p5"), ("sev1", "sev2", "sev3", "sev4", "sev5"))  # fmt: skip
_ALWAYS = ("none", "")
_NAMESAKES_MAX = 50
_STRUCTURE = frozenset({"SER020", "SER021", "SER022", "SER023", "SER030", "SER039", "SER012", "SER101", "SER102",
                        "SER103"})  # fmt: skip


class _AnyPromql:
    """Leaves expressions to the linter."""

    def check(self, text: str) -> None:
        """Accept it."""

    def selector(self, text: str) -> tuple[tuple[str, str, str], ...]:
        """Nothing is selected."""
        return ()


def check(document: Document, context: Context, report: Report) -> None:
    """Everything that shows in a document of rules."""
    _structure(document, context, report)
    for rule in rules_of(document):
        query = rule.query
        expr = check_query(query, report, context) if query is not None else None
        if expr is not None and query is not None:
            rules_asked.of_recorded(query, expr, context, report)
        if rule.alert:
            _alert(rule, expr, context, report)
        else:
            _recording(rule, report)


def _structure(document: Document, context: Context, report: Report) -> None:
    """What Prometheus itself would refuse, once for each file."""
    first = next((d for d in context.documents if d.kind == "rules" and d.file is document.file), document)
    if first is not document or not isinstance(document.node, Mapping) or document.node.get("expr") is not None:
        return
    for found in read_rules(document.file.shown, document.file.text, promql=_AnyPromql()).diagnostics:
        if found.code in _STRUCTURE:
            report.take(found)


def _alert(rule: WrittenRule, expr: Expr | None, context: Context, report: Report) -> None:
    _severity(rule, expr, context, report)
    _templates(rule, report)
    _runbook(rule, report)
    _same_name(rule, context, report)
    if expr is None:
        return
    _shown_labels(rule, labels_of(expr), report)
    _unit(rule, expr, report)
    rules_asked.disappears(rule, expr, context, report)
    rules_asked.cause(rule, expr, report)
    rules_asked.waits(rule, expr, report)
    rules_asked.against_promise(rule, expr, context, report)


def alert_of_spec(node: Mapping, report: Report, context: Context) -> None:
    """What is wrong with an alert of the spec, whose keys stand directly in it, but for its expression's own traps."""
    name, expr = node.get("alert"), node.get("expr")
    if not isinstance(name, Scalar) or not isinstance(expr, Scalar):
        return
    rule = WrittenRule(node, None, True, name, expr)
    tree = rule.tree
    if tree is not None:
        rules_asked.disappears(rule, tree, context, report)
        rules_asked.cause(rule, tree, report)
        rules_asked.waits(rule, tree, report)


# Names and words -------------------------------------------------------------------------------------------------


def _recording(rule: WrittenRule, report: Report) -> None:
    name = rule.name.value
    if name and ":" not in name:
        report.complain(
            "SER260", rule.name, f"`{name[:80]}` looks like a metric that some program exports",
            expected="level:metric:operations, such as job:errors:rate5m",
        )  # fmt: skip


def _severity(rule: WrittenRule, expr: Expr | None, context: Context, report: Report) -> None:
    severity = rule.label("severity")
    scale = severities_of(context)
    names = ", ".join(s.name for s in scale)
    if severity is None:
        if expr is None or constant(expr) is None:
            report.complain(
                "SER255", rule.name, f"`{rule.name.value}` has no severity: nothing says whom it may wake",
                expected=f"labels: {{severity: …}}, one of {names} or what maps onto them (critical, warning, info)",
            )  # fmt: skip
        return
    word = severity.value.strip()
    if "{{" in word or word.lower() in _ALWAYS or scale.find(word) is not None:
        _mixed(severity, word, context, report)
        return
    known = sorted({alias for s in scale for alias in (s.name, *s.aliases)})
    report.complain(
        "SER256", severity, f"`{word[:40]}` is on no scale of severities", expected=f"one of {', '.join(known)}"
    )


def _mixed(severity: Scalar, word: str, context: Context, report: Report) -> None:
    """A scale of its own beside that of most other rules."""
    own = next((scale for scale in _SCALES if word.lower() in scale), None)
    if own is None:
        return
    severities = names_of(context).severities
    counts = [sum(severities.get(name, 0) for name in scale) for scale in _SCALES]
    most = max(range(len(_SCALES)), key=lambda index: counts[index])
    if counts[most] > counts[_SCALES.index(own)]:
        report.complain(
            "SER256", severity, f"`{word}` is of another scale than the severities of most rules here",
            expected=f"one scale, such as {', '.join(_SCALES[most][:3])}",
        )  # fmt: skip


def _templates(rule: WrittenRule, report: Report) -> None:
    node = rule.node.get("labels")
    for name, value in node.entries if isinstance(node, Mapping) else ():
        if isinstance(value, Scalar) and _VALUE.search(value.value):
            report.complain(
                "SER257", value, f"the label `{name.value}` changes with the value: each time it is another alert, and "
                "`for` begins anew",
                expected="the value in an annotation",
            )  # fmt: skip


def _runbook(rule: WrittenRule, report: Report) -> None:
    annotations = rule.node.get("annotations")
    if not isinstance(annotations, Mapping) or annotations.get("runbook_url") is not None:
        return
    for name, value in annotations.entries:
        plain = name.value.lower().replace("-", "").replace("_", "")
        if plain in ("runbook", "runbookurl", "runbooklink") and isinstance(value, Scalar):
            report.complain(
                "SER263", name, f"tools look for `runbook_url`; nobody finds `{name.value}`", expected="runbook_url",
                edits=(Edit(name.start, name.end, "runbook_url"),),
            )  # fmt: skip
            return


def _same_name(rule: WrittenRule, context: Context, report: Report) -> None:
    """The same alert with another threshold somewhere else."""
    here = (rule.node.file.shown, rule.node.start)
    for other in names_of(context).alerts.get(rule.name.value, ())[:_NAMESAKES_MAX]:
        before = (other.node.file.shown, other.node.start)
        if before >= here or _identity(other) != _identity(rule):
            continue
        how = "again" if _judges(other) == _judges(rule) else "differently"
        line, _ = other.name.file.place(other.name.start)
        where = f"on line {line}" if before[0] == here[0] else f"at {before[0]}:{line}"
        report.complain(
            "SER253", rule.name, f"`{rule.name.value}` is declared {how} {where}: whoever is called cannot know "
            "which of them it is",
            expected="one rule, or a name of its own",
        )  # fmt: skip
        return


def _identity(rule: WrittenRule) -> dict[str, str]:
    return {name: value for name, value in rule.labels.items() if name not in ("team", "owner")}


def _judges(rule: WrittenRule) -> tuple[object, str]:
    return rule.tree or text(rule.expr), rule.for_


def _shown_labels(rule: WrittenRule, has: Has, report: Report) -> None:
    """`{{ $labels.instance }}` of a result that has no such label."""
    for name, value in rule.texts:
        for found in re.finditer(r"\$labels\.([A-Za-z_][A-Za-z0-9_]*)", value.value):
            label = found[1]
            if not has.can(label):
                report.complain_at(
                    "SER258", value.file, locate(value, found.start()), len(found.group()),
                    f"the expression's result has no label `{label}`: nothing stands there in `{name.value}`",
                    expected=_kept(has),
                )  # fmt: skip


def _kept(has: Has) -> str:
    names = ", ".join(sorted(has.names))
    if has.closed:
        return f"one of {names}" if names else "none: the expression sums everything into one"
    return f"any but {', '.join(sorted(has.lost))}"


def _unit(rule: WrittenRule, expr: Expr, report: Report) -> None:
    """A share shown as per cent without being one, or per cent shown as a share."""
    sides = [found[0] for c in comparisons_of(expr) if (found := threshold_of(c)) is not None]
    if len(sides) != 1:
        return
    side = bare(sides[0])
    hundred = isinstance(side, Binary) and side.op == "*" and 100 in (constant(side.left), constant(side.right))
    share = is_ratio(side)
    node = rule.node.get("annotations")
    for name, value in node.entries if isinstance(node, Mapping) else ():
        if not isinstance(value, Scalar):
            continue
        percent = re.search(r"\{\{\s*\$value\s*(\|\s*(humanize|printf\s+\"%[.0-9]*f\")\s*)?\}\}\s*%", value.value)
        humanized = re.search(r"\$value\s*\|\s*humanizePercentage", value.value)
        if share and percent:
            report.complain(
                "SER264", value, f"the value is a share (0 … 1): `{name.value}` says 0.05 % for 5 %",
                expected="{{ $value | humanizePercentage }}",
                edits=_as_percentage(value, percent),
            )  # fmt: skip
        elif hundred and humanized:
            report.complain(
                "SER264", value, f"the value is already per cent: `{name.value}` says 500 % for 5 %",
                expected='{{ $value | printf "%.1f" }}%',
            )  # fmt: skip


def _as_percentage(value: Scalar, found: re.Match[str]) -> tuple[Edit, ...]:
    return (query_of(value).edit(found.start(), found.end(), "{{ $value | humanizePercentage }}"),)
