"""What a rule asks, beside what it is for: targets that vanish, causes, patience, promises."""

from __future__ import annotations

import re
from datetime import timedelta

from sereno.kernel.duration import format_duration
from sereno.lint.expressions import (
    RATES,
    comparisons_of,
    constant,
    is_ratio,
    matcher_of,
    metric_of,
    ranges_of,
    selectors_of,
    threshold_of,
    walk,
)
from sereno.lint.model import Context
from sereno.lint.query import Query
from sereno.lint.reporting import Report
from sereno.lint.rules_model import WrittenRule, asked_for, names_of
from sereno.promql.ast import Call, Expr, RangeSelector, Selector, bare

_UP = re.compile(r"(\A|_)up\Z|\Aprobe_success\Z")
_EXPORTERS = re.compile(
    r"postgres|pg|mysql|mariadb|redis|mongo|rabbitmq|memcached|elasticsearch|kafka|haproxy|oracle|mssql", re.I
)
_OWN_UP = {"postgres": "pg_up", "pg": "pg_up", "mysql": "mysql_up", "mariadb": "mysql_up", "redis": "redis_up",
           "mongo": "mongodb_up", "memcached": "memcached_up", "haproxy": "haproxy_up"}  # fmt: skip
_CAUSE = re.compile(
    r"\A(node_cpu_|node_load|node_memory_|cpu_|memory_|process_cpu_|process_resident_memory|container_cpu_|"
    r"container_memory_|system_cpu|system_memory|jvm_memory|windows_cpu|instance:node_cpu|instance:node_load)"
)


def of_recorded(query: Query, expr: Expr, context: Context, report: Report) -> None:
    """Rates and means of series that other rules here record as sums, and as shares."""
    names = names_of(context)
    for part, _ in walk(expr):
        inner = part.args[-1] if isinstance(part, Call) and part.args else None
        if not isinstance(part, Call) or not isinstance(inner, RangeSelector):
            continue
        name = metric_of(inner.selector)
        if part.function in RATES and name in names.sums:
            query.complain(
                report, "SER222", part.position, part.end,
                f"`{name}` is recorded as a sum: when one instance restarts it falls, which is taken for a reset "
                f"of all",
                expected=f"a rule that records the sum of {part.function}s",
            )  # fmt: skip
        elif part.function == "avg_over_time" and name in names.shares and inner.range_ms >= 3_600_000:
            query.complain(
                report, "SER233", part.position, part.end,
                f"`{name}` is recorded as a share, and the mean of shares is no share: an idle minute counts as "
                f"much as "
                "a busy one",
                expected="rules that record the bad events and all events, and the one's sum over the other's",
            )  # fmt: skip


def disappears(rule: WrittenRule, expr: Expr, context: Context, report: Report) -> None:
    """`up == 0`: a target that is gone from discovery is neither up nor down."""
    for comparison in comparisons_of(expr):
        found = threshold_of(comparison)
        selector = bare(found[0]) if found is not None else None
        if found is None or not isinstance(selector, Selector) or not _UP.search(metric_of(selector)):
            continue
        down = (found[1], int(found[2])) in (("==", 0), ("<", 1), ("!=", 1), ("<=", 0))
        if not down:
            continue
        name = metric_of(selector)
        if rule.query is not None and name == "up":
            _exporters(rule, selector, report)
        if not _watched(expr, selector, context) and rule.query is not None:
            written = rule.query.text[selector.position : selector.end]
            rule.query.complain(
                report, "SER250", comparison.position, comparison.end,
                "silent when the target is gone from discovery: a series that is not there does not equal 0",
                expected=f"a second alert on absent({written}), with `for`",
            )  # fmt: skip
        return


def _watched(expr: Expr, selector: Selector, context: Context) -> bool:
    """Whether something asks for the absence of what `selector` selects."""
    jobs = matcher_of(selector, "job")
    asked = (*asked_for(expr), *names_of(context).absent)
    return any(
        metric_of(one) == metric_of(selector) and (jobs is None or matcher_of(one, "job") in (jobs, None))
        for one in asked
    )


def _exporters(rule: WrittenRule, selector: Selector, report: Report) -> None:
    job = matcher_of(selector, "job")
    meant = _EXPORTERS.search(job[1]) if job else None
    speaks = re.search(r"(?i)down|caíd|unreachable|unavailable", rule.name.value + " " + rule.words)
    if meant is None or speaks is None or rule.query is None or re.search("exporter", rule.name.value, re.I):
        return
    own = _OWN_UP.get(meant.group().lower(), "the exporter's own …_up")
    rule.query.complain(
        report, "SER251", selector.position, selector.end,
        "this says that the exporter could be read, not that the server behind it answers: it stays 1 when that "
        "is down",
        expected=f"{own} == 0, and absent({own})",
    )  # fmt: skip


def cause(rule: WrittenRule, expr: Expr, report: Report) -> None:
    """People called for how busy a machine is."""
    severity = rule.label("severity")
    if severity is not None and severity.value.lower() in ("info", "none", "p4", "sev4", "low"):
        return
    names = {metric_of(s) for s in selectors_of(expr)}
    if names and all(_CAUSE.match(name) for name in names):
        report.complain(
            "SER252", rule.name, f"`{rule.name.value}` calls people for a cause (how busy a machine is), not for "
            "anything that users feel",
            expected="an alert on errors or latency; this one for information (severity: info), or on a dashboard",
        )  # fmt: skip


def waits(rule: WrittenRule, expr: Expr, report: Report) -> None:
    """No `for`, where one odd sample is enough to call people."""
    if rule.for_ not in ("", "0", "0s", "0m") or constant(expr) is not None:
        return
    if max(ranges_of(expr), default=0) >= 300_000 or not comparisons_of(expr):
        return
    found = [threshold_of(comparison) for comparison in comparisons_of(expr)]
    if not any(one is not None and one[2] not in (0, 1) and not _of_time(one[0]) for one in found):
        return  # states, and what time brings, do not flap
    report.complain(
        "SER254", rule.name, f"`{rule.name.value}` has no `for`: one odd sample is enough",
        expected="for: 5m, or a window of at least 5m in the expression",
    )  # fmt: skip


def _of_time(expr: Expr) -> bool:
    """Whether time itself is compared: ages, expiry."""
    times = ("time", "timestamp", "predict_linear", "hour", "minute", "day_of_week")
    return any(
        (isinstance(part, Call) and part.function in times)
        or (isinstance(part, Selector) and re.search(r"expir|timestamp|_seconds\Z", metric_of(part)))
        for part, _ in walk(expr)
    )


def against_promise(rule: WrittenRule, expr: Expr, context: Context, report: Report) -> None:
    """A fixed error rate beside an objective of the same requests."""
    if context.spec is None or rule.query is None:
        return
    for comparison in comparisons_of(expr):
        found = threshold_of(comparison)
        if found is None or found[1] not in (">", ">=") or not is_ratio(found[0]) or not 0 < found[2] < 1:
            continue
        names = {metric_of(s) for s in selectors_of(found[0])}
        for service in context.spec.services.values():
            for slo in service.slos:
                total = tree_name(getattr(slo.sli, "total", None))
                if total not in names or not total:
                    continue
                burn = found[2] / slo.objective.budget
                if 1 <= burn <= 15:
                    continue
                lasts = slo.window / float(burn)
                tells = (
                    f"it waits until the budget burns {burn:.0f} times too fast: all of it would be gone in "
                    f"{_rough(lasts)}" if burn > 1 else f"it fires at a burn of {burn:.2f}, while the promise is kept"
                )  # fmt: skip
                rule.query.complain(
                    report, "SER261", comparison.position, comparison.end,
                    f"the objective {service.name}/{slo.name} promises {slo.objective.text}; {tells}",
                    expected="burn-rate alerts, which `sereno build` writes from the objective",
                )  # fmt: skip
                return


def tree_name(selector: object) -> str:
    """The metric that a selector in text names."""
    found = re.match(r"\s*([A-Za-z_:][\w:]*)", selector) if isinstance(selector, str) else None
    return found[1] if found else ""


def _rough(span: timedelta) -> str:
    hours = round(span.total_seconds() / 3600)
    return format_duration(timedelta(hours=hours)) if hours else "less than an hour"
