"""Shares, budgets and what they are compared with."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from sereno.kernel.duration import format_duration
from sereno.lint.expressions import (
    Path,
    comparisons_of,
    constant,
    counted,
    is_ratio,
    matcher_of,
    metric_of,
    ranges_of,
    scaled,
    selectors_of,
    threshold_of,
    walk,
)
from sereno.lint.model import Edit
from sereno.lint.query import Query
from sereno.lint.reporting import Report
from sereno.promql.ast import Aggregate, Binary, Call, Expr, Number, RangeSelector, Selector, Subquery, bare
from sereno.promql.matching import predicate

_HAS_UP_OR_DOWN = re.compile(r"(\A|_)(up|probe_success)\Z")
_SHARE = re.compile(
    r"(?i)(availab|ratio|success_rate|error_rate|compliance|percent|sli|latency_compliance|uptime)(_|:|\Z|[0-9])"
    r"|(\A|[_:])sli([_:]|\Z)"
)
_DONE = re.compile(
    r"approv|accept|complet|paid|deliver|disburs|confirm|won|convert|settl|fulfil|shipp|aprobad|pagad|entreg|desembols"
)
_BEGUN = re.compile(r"submit|request|creat|start|open|sent|placed|receiv|applied|initiat|solicit|cread|enviad|inici")
_STATUS = frozenset({"status", "code", "status_code", "http_status", "response_code", "http_code", "http_status_code"})
RETENTION = timedelta(days=15)
_UNBOUNDED = frozenset({"user_id", "userid", "email", "session", "session_id", "request_id", "trace_id", "span_id",
                        "customer_id", "order_id", "transaction_id", "ip_address", "client_ip", "raw_path",
                        "full_url", "error_message", "stack_trace", "message", "query_text"})  # fmt: skip


def check(query: Query, expr: Expr, report: Report) -> None:
    """Report shares of the wrong things and thresholds that nothing reaches."""
    for part, above in walk(expr):
        match part:
            case Binary(op="/"):
                _of_filtered(query, part, report)
                _budget(query, part, report)
                _cohorts(query, expr, part, report)
                _client_errors(query, part, report)
                _no_errors_yet(query, part, above, report)
            case Aggregate():
                _of_constant(query, part, report)
                _average(query, part, above, report)
                _unbounded(query, part, report)
            case Call():
                _over_time(query, part, above, report)
            case _:
                pass
    _disks(query, expr, report)
    if query.purpose == "alert":
        for comparison in comparisons_of(expr):
            _reach(query, comparison, report)
            _success(query, comparison, report)
        _one_window(query, expr, report)


def _of_filtered(query: Query, part: Binary, report: Report) -> None:
    """`count(up == 1) / count(up)` has no result when nothing is up."""
    top, bottom = scaled(part.left), scaled(part.right)
    if not (isinstance(top, Aggregate) and isinstance(bottom, Aggregate)):
        return
    if top.op != bottom.op or top.op not in ("count", "sum") or top.grouping != bottom.grouping:
        return
    kept = bare(top.expr)
    if not (isinstance(kept, Binary) and kept.op in ("==", ">", "!=") and not kept.bool_) or top.without:
        return
    number = constant(kept.right)
    selector = bare(kept.left)
    if number is None or not isinstance(selector, Selector) or bare(bottom.expr) != selector:
        return
    good = (kept.op, number) in (("==", Decimal(1)), (">", Decimal(0)), ("!=", Decimal(0)))
    if not good:
        return
    grouping = f" by ({', '.join(top.grouping)}) " if top.grouping else ""
    written = query.text[selector.position : selector.end]
    binary = _HAS_UP_OR_DOWN.search(metric_of(selector))
    query.complain(
        report, "SER230", part.position, part.end,
        "when nothing is left of the numerator there is no result at all: a total outage shows as no data, not as 0",
        expected=f"avg{grouping}({written})" if binary else "the comparison with `bool` inside of avg(…)",
        edits=(query.edit(top.position, bottom.end, f"avg{grouping}({written})"),)
        if binary and bare(part.left) is top and bare(part.right) is bottom
        else (),
    )  # fmt: skip


def _of_constant(query: Query, part: Aggregate, report: Report) -> None:
    """`avg(up == 1)` is 1 or nothing."""
    inner = bare(part.expr)
    if part.op != "avg" or not isinstance(inner, Binary) or inner.op != "==" or inner.bool_:
        return
    number = constant(inner.right)
    if number is not None:
        query.complain(
            report, "SER231", part.position, part.end,
            f"only series that equal {number} are left, so the result is {number} or nothing",
            expected=f"{part.op}(…) without the comparison, or with `== bool`",
            edits=(query.edit(inner.left.end, inner.right.end, ""),) if number == 1 and _binary(inner.left) else (),
        )  # fmt: skip


def _binary(expr: Expr) -> bool:
    expr = bare(expr)
    return isinstance(expr, Selector) and bool(_HAS_UP_OR_DOWN.search(metric_of(expr)))


def _budget(query: Query, part: Binary, report: Report) -> None:
    """`(1 - (1 - sli)) / (1 - target)`: the share of good events over the budget."""
    budget = constant(part.right)
    if budget is None or not 0 < budget <= Decimal("0.2"):
        return
    complement = bare(part.right)
    good = _twice(part.left) or _share_of_good(part.left)
    if good is None or not (isinstance(complement, Binary) or _twice(part.left)):
        return
    sli = query.text[good.position : good.end]
    target = 1 - budget
    meant = f"1 - (1 - {sli}) / (1 - {target.normalize():f})"
    query.complain(
        report, "SER232", part.position, part.end,
        f"the good share over the budget: {1 / budget:.0f} when all is well, where the budget left is 1",
        expected=meant, edits=(query.edit(part.position, part.end, f"({meant})"),),
    )  # fmt: skip


def _twice(expr: Expr) -> Expr | None:
    """X in `1 - (1 - X)`."""
    outer = bare(expr)
    inner = bare(outer.right) if isinstance(outer, Binary) and outer.op == "-" and constant(outer.left) == 1 else None
    if isinstance(inner, Binary) and inner.op == "-" and constant(inner.left) == 1:
        return inner.right
    return None


def _share_of_good(expr: Expr) -> Expr | None:
    """The mean of a gauge that says up or available."""
    inner = bare(expr)
    while isinstance(inner, Aggregate) and inner.op == "avg":
        inner = bare(inner.expr)
    if isinstance(inner, Call) and inner.function == "avg_over_time" and isinstance(inner.args[0], RangeSelector):
        name = metric_of(inner.args[0].selector)
        if _HAS_UP_OR_DOWN.search(name) or "availab" in name:
            return bare(expr)
    return None


def _average(query: Query, part: Aggregate, above: Path, report: Report) -> None:
    inner = bare(part.expr)
    if part.op == "avg" and isinstance(inner, Binary) and inner.op == "/" and is_ratio(inner):
        _mean(query, part, "every series' share counts alike, however few its events", report)


def _over_time(query: Query, part: Call, above: Path, report: Report) -> None:
    if not part.args:
        return
    inner = part.args[0]
    window = getattr(inner, "range_ms", 0)
    if part.function in ("avg_over_time", "sum_over_time", "quantile_over_time"):
        inner = part.args[-1]
        window = getattr(inner, "range_ms", 0)
    if part.function == "avg_over_time" and window >= 3_600_000:
        shared = isinstance(inner, RangeSelector) and _is_share(metric_of(inner.selector))
        divided = isinstance(inner, Subquery) and is_ratio(inner.expr)
        if shared or divided:
            _mean(query, part, "an idle minute counts as much as a busy one", report)
    if isinstance(inner, RangeSelector) and timedelta(milliseconds=window) > RETENTION:
        name = metric_of(inner.selector)
        if ":" not in name:
            length = format_duration(timedelta(milliseconds=window))
            query.complain(
                report, "SER240", inner.position, inner.end,
                f"Prometheus keeps 15 days unless it is told otherwise: [{length}] of raw samples is then shorter",
                expected="a recording rule's counts summed over the window, and a retention that is longer than it",
            )  # fmt: skip
    if query.purpose in ("panel", "sli", "other") and part.function == "avg_over_time":
        _up(query, part, inner, report)


def _is_share(name: str) -> bool:
    counts = re.search(r"(_bucket|_count|_sum|_total)(:|\Z)|:(increase|rate|count|sum)\w*\Z", name)
    return bool(_SHARE.search(name)) and not _HAS_UP_OR_DOWN.search(name) and counts is None


def _mean(query: Query, part: Expr, why: str, report: Report) -> None:
    query.complain(
        report, "SER233", part.position, part.end,
        f"the mean of shares is no share: {why} (measured: 25.4 % where 1.10 % was true)",
        expected="the bad events of the window over all its events: "
        "sum_over_time(bad:rate5m[30d]) / sum_over_time(total:rate5m[30d])",
    )  # fmt: skip


def _up(query: Query, part: Call, inner: Expr, report: Report) -> None:
    if isinstance(inner, RangeSelector) and metric_of(inner.selector) == "up":
        query.complain(
            report, "SER241", part.position, part.end,
            "`up` says that Prometheus could read the metrics page, not that users were served",
            expected="the share of good requests, or a probe from outside (probe_success)",
        )  # fmt: skip


def _cohorts(query: Query, whole: Expr, part: Binary, report: Report) -> None:
    """Approved this hour over submitted this hour: not the same applications."""
    top, bottom = counted(part.left), counted(part.right)
    if top is None or bottom is None or metric_of(top) == metric_of(bottom):
        return
    if not (_DONE.search(metric_of(top)) and _BEGUN.search(metric_of(bottom))) or _has_minimum(whole, bottom):
        return
    query.complain(
        report, "SER235", part.position, part.end,
        f"`{metric_of(top)}` and `{metric_of(bottom)}` of the same hour are not the same cases: the share can "
        "exceed 1, and in a quiet hour one case decides",
        expected="both from the same counter by outcome, and at least some events: "
        f"and sum(increase({metric_of(bottom)}[…])) >= 20",
    )  # fmt: skip


def _has_minimum(whole: Expr, bottom: Selector) -> bool:
    guards = [p.right for p, _ in walk(whole) if isinstance(p, Binary) and p.op == "and"]
    return any(metric_of(s) == metric_of(bottom) for guard in guards for s in selectors_of(guard))


def _client_errors(query: Query, part: Binary, report: Report) -> None:
    top, bottom = counted(part.left), counted(part.right)
    if top is None or bottom is None or metric_of(top) != metric_of(bottom):
        return
    label = next((m for m in top.matchers if m.name in _STATUS and m not in bottom.matchers), None)
    if label is None:
        return
    matches = predicate(label)
    if label.op in ("=~", "=") and matches("500") and matches("404"):
        query.complain(
            report, "SER236", top.position, top.end,
            "answers to wrong requests (4xx) count as failures: anyone with a broken link spends the budget",
            expected='status=~"5..|429"',
        )  # fmt: skip
    elif label.op == "!~" and not matches("500") and matches("429") and query.purpose in ("sli", "other", "panel"):
        query.complain(
            report, "SER237", top.position, top.end,
            "429 counts as good here: whoever is turned away for load is not served",
            expected='status!~"5..|429", and health checks left out of both sides',
        )  # fmt: skip
    elif label.op == "=~" and matches("200") and not matches("304") and not matches("500"):
        query.complain(
            report, "SER237", top.position, top.end,
            "only 2xx counts as good: every redirect and every 304 is a failure here", expected='status!~"5..|429"',
        )  # fmt: skip


def _no_errors_yet(query: Query, part: Binary, above: Path, report: Report) -> None:
    """A share of failures that is recorded or counted, and is not there before the first failure."""
    if query.purpose not in ("record", "sli", "other"):
        return
    top, bottom = counted(part.left), counted(part.right)
    summed = scaled(part.left)
    if top is None or bottom is None or not isinstance(summed, Aggregate) or metric_of(top) != metric_of(bottom):
        return
    label = next((m for m in top.matchers if m not in bottom.matchers and m.op in ("=", "=~")), None)
    if label is None or not re.search(r"5|err|fail|bad|reject|timeout", label.value):
        return
    low = _on_one_line(query.text[part.right.position : part.right.end])
    query.complain(
        report, "SER244", part.position, part.end,
        "before the first failure there is no numerator: no share at all, where it is 0",
        expected=f"(… or 0 * {low}) in the numerator",
        edits=_zeros(query, summed, part.right, low),
    )  # fmt: skip


def _reach(query: Query, comparison: Binary, report: Report) -> None:
    """A share compared with what no share can be."""
    found = threshold_of(comparison)
    if found is None or found[1] not in (">", ">=") or not is_ratio(found[0]):
        return
    number = found[2]
    if number >= 1 and not (number == 1 and found[1] == ">="):
        written = "a percentage" if number < 100 and _plain(comparison) else "a burn rate times a budget"
        query.complain(
            report, "SER238", comparison.right.position, comparison.right.end,
            f"a share is never above 1, and {number.normalize():f} is: the alert can never fire ({written} was meant?)",
            expected="a number below 1",
        )  # fmt: skip


def _plain(comparison: Binary) -> bool:
    return isinstance(bare(comparison.right), Number) or isinstance(bare(comparison.left), Number)


def _success(query: Query, comparison: Binary, report: Report) -> None:
    """`good / total < x`: nothing at all while nothing has ever succeeded."""
    found = threshold_of(comparison)
    if found is None or found[1] not in ("<", "<="):
        return
    share = scaled(found[0])
    if not isinstance(share, Binary) or share.op != "/" or found[2] <= 0:
        return
    top, bottom = counted(share.left), counted(share.right)
    summed = scaled(share.left)
    if top is None or bottom is None or top == bottom or not isinstance(summed, Aggregate):
        return
    if ":" in metric_of(top) or (metric_of(top) == metric_of(bottom) and not set(top.matchers) - set(bottom.matchers)):
        return
    low = query.text[share.right.position : share.right.end]
    query.complain(
        report, "SER234", share.position, share.end,
        "before the first success there is no numerator, so no result: total failure from the start is silent",
        expected=f"(… or 0 * {low}) in the numerator",
        edits=_zeros(query, summed, share.right, _on_one_line(low)),
    )  # fmt: skip


def _zeros(query: Query, summed: Aggregate, bottom: Expr, low: str) -> tuple[Edit, ...]:
    """Zeros beside `summed` where `bottom` has something: nothing unless both have the same labels, or else the zeros
    would stand beside what they were to replace, and be alerts of their own."""
    other = scaled(bottom)
    alike = isinstance(other, Aggregate) and (set(other.grouping), other.without) == (
        set(summed.grouping), summed.without,
    )  # fmt: skip
    if not alike or summed.without:
        return ()
    return (query.edit(summed.position, summed.position, "("), query.after(summed.end, f" or 0 * {low})"))


def _on_one_line(text: str) -> str:
    """`text` without line breaks; what stands in quotes stays as it is."""
    return re.sub(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|\s+""", lambda m: m[1] or " ", text)


def _one_window(query: Query, expr: Expr, report: Report) -> None:
    """`error ratio > 14.4 * 0.001` over one window alone."""
    for comparison in comparisons_of(expr):
        found = threshold_of(comparison)
        if found is None or found[1] not in (">", ">=") or len(ranges_of(expr)) != 1:
            continue
        product = bare(comparison.right if constant(comparison.right) is not None else comparison.left)
        if not isinstance(product, Binary) or product.op != "*":
            continue
        factors = sorted(f for f in (constant(product.left), constant(product.right)) if f is not None)
        if len(factors) != 2 or not (0 < factors[0] < Decimal("0.5") and factors[1] > 1):
            continue
        budget, factor = factors
        window = timedelta(milliseconds=next(iter(ranges_of(expr))))
        query.complain(
            report, "SER239", comparison.position, comparison.end,
            f"{factor.normalize():f} times a budget of {budget.normalize():f} over {format_duration(window)} alone: it "
            f"goes on firing up to {format_duration(window)} after all is well, and a slower burn is never seen",
            expected="the same over a window of a twelfth as well (and …), and tiers of 6 h and 3 d beside it",
            hint="declare the objective in a spec: `sereno build` writes all tiers",
        )  # fmt: skip


def _unbounded(query: Query, part: Aggregate, report: Report) -> None:
    found = sorted(frozenset(part.grouping) & _UNBOUNDED) if not part.without else []
    if found:
        query.complain(
            report, "SER242", part.position, part.end,
            f"`{found[0]}` has a value for every person or request: one series each, until memory ends",
            expected="labels with few values (the route's template, the kind of error)",
        )  # fmt: skip


def _disks(query: Query, expr: Expr, report: Report) -> None:
    """Filesystems without a word about which."""
    found = [s for s in selectors_of(expr) if re.match(r"node_filesystem_(avail|free|size)_bytes\Z", metric_of(s))]
    said = any(matcher_of(s, label) for s in found for label in ("fstype", "mountpoint", "device"))
    if found and not said and query.purpose in ("alert", "panel", "other"):
        condition = 'fstype!~"tmpfs|ramfs|overlay|squashfs"'
        query.complain(
            report, "SER243", found[0].position, found[0].end,
            "memory (tmpfs), layers of containers and read-only images are filesystems, too: some are always full",
            expected=f"{metric_of(found[0])}{{{condition}}}",
            edits=tuple(edit for s in found for edit in _with(query, s, condition)),
        )  # fmt: skip


def _with(query: Query, selector: Selector, condition: str) -> tuple[Edit, ...]:
    """One more condition on a selector that is written with its name first."""
    name = re.compile(r"[\w:]+").match(query.text, selector.position)
    if name is None:
        return ()
    braces = re.compile(r"\s*\{").match(query.text, name.end())
    if braces is None:
        return (query.after(name.end(), f"{{{condition}}}"),)
    empty = query.text[braces.end() : selector.end].lstrip().startswith("}")
    return (query.after(braces.end(), condition + ("" if empty else ", ")),)
