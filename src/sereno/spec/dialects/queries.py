"""Queries of other dialects as indicators: what counts events exactly is told from what must be taken as it is.

`sum(rate(x{…}[{{.window}}]))` is a counter, so it becomes the selector `x{…}` and budgets are exact. Anything else
stays PromQL, its window written `$window`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.spec.model import EventsSli, LatencySli
from sereno.spec.ports import MatcherTuple
from sereno.spec.reading import Reading
from sereno.spec.sli import boundary, selector_text
from sereno.spec.source import Node, Scalar, locate

Matchers = tuple[MatcherTuple, ...]

WINDOW = re.compile(r"\{\{\s*\.?window\s*\}\}|\$\{window\}|\$window\b")
_LITERAL = re.compile(r"[0-9]+(?:ms|[smhdwy])(?:[0-9]+(?:ms|[smhdwy]))*")
_RATE = re.compile(r"(?:rate|increase)\s*\((?P<inner>.*)\[\s*(?P<window>[^\[\]]+?)\s*\]\s*\)", re.DOTALL)
_SUM = re.compile(r"sum\s*\((?P<inner>.*)\)", re.DOTALL)
_OPERATOR = re.compile(r"[-+*%^<>=!]|\b(?:and|or|unless|on|ignoring|by|without|offset|bool|atan2)\b", re.IGNORECASE)
_BRACKETS_MAX = 20
_COMMENT = re.compile(r"#[^\n\"'`]*$", re.MULTILINE)


def counter(reading: Reading, query: str) -> Matchers | None:
    """The selector of the counter that `query` sums the rate (or increase) of, its name first; None for another query.

    A window written out, such as `[5m]`, is as good as a variable: the counter is the same one.
    """
    inner = _sum_of(query)
    found = _RATE.fullmatch(inner) if inner is not None else None
    if found is None or not _is_window(found["window"]):
        return None
    return selector(reading, found["inner"])


def summed_counter(reading: Reading, query: str) -> Matchers | None:
    """As `counter`, and also `sum(x{…})` or `x{…}` alone, where it is known that `x` is a counter."""
    found = counter(reading, query)
    if found is not None:
        return found
    inner = _sum_of(query)
    return selector(reading, _bare(query) if inner is None else inner)


def selector(reading: Reading, text: str) -> Matchers | None:
    """The matchers of a selector of one metric, its name first; None if `text` is something else."""
    try:
        found = reading.promql.selector(text.strip())
    except QueryError:
        return None
    named = [matcher for matcher in found if matcher[0] == "__name__"]
    if len(named) != 1 or named[0][1] != "=" or not named[0][2]:
        return None
    return (named[0], *(matcher for matcher in found if matcher[0] != "__name__"))


def difference(query: str) -> tuple[str, str] | None:
    """The two sides of `a - b` at the top of `query`."""
    return split(_bare(query), "-")


def split(text: str, operator: str) -> tuple[str, str] | None:
    """What stands left and right of the first `operator` that is in no brackets and no quotes."""
    for index, char in _top(text):
        if char == operator and index:
            return text[:index], text[index + 1 :]
    return None


def _shell(text: str) -> str:
    """`text` without what is in brackets or quotes."""
    return "".join(char for _, char in _top(text))


def _top(text: str) -> Iterator[tuple[int, str]]:
    """The characters of `text` outside all brackets and quotes, with their places."""
    depth, quote = 0, ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[index - 1] != "\\" else quote
        elif char in "\"'`":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif depth == 0:
            yield index, char


def events(
    reading: Reading, *, total: str, bad: str | None = None, good: str | None = None, plain: bool = False
) -> EventsSli | LatencySli | None:
    """The counted indicator that the queries are, exactly; None if they are no counters.

    `bad` or `good` is given. `plain` says that a selector without a rate is a counter too.
    """
    read = summed_counter if plain else counter
    all_ = read(reading, total)
    if all_ is None:
        return None
    if bad is not None:
        parts = difference(bad)
        if parts is not None:
            left, right = read(reading, parts[0]), read(reading, parts[1])
            if left is None or right is None or set(left) != set(all_):
                return None
            return counted_good(all_, right)
        wrong = read(reading, bad)
        return None if wrong is None else EventsSli(selector_text(all_), selector_text(wrong), None)
    right = read(reading, good or "")
    return None if right is None else counted_good(all_, right)


def counted_good(total: Matchers, good: Matchers) -> EventsSli | LatencySli:
    """Good events over all: a latency if they are a bucket and the count of one histogram."""
    name, bucket = total[0][2], good[0][2]
    edges = [matcher for matcher in good if matcher[0] == "le"]
    rest = {matcher for matcher in good[1:] if matcher[0] != "le"}
    same = rest == set(total[1:]) and name.endswith("_count") and bucket == name.removesuffix("_count") + "_bucket"
    same = same and "millisecond" not in name
    seconds = _edge(edges[0]) if len(edges) == 1 and same else None
    if seconds is None:
        return EventsSli(selector_text(total), None, selector_text(good))
    base = (("__name__", "=", name.removesuffix("_count")), *total[1:])
    return LatencySli(
        histogram=selector_text(base),
        buckets=selector_text((good[0], *total[1:], boundary(seconds))),
        count=selector_text(total),
        within_seconds=seconds,
    )


def quotient(reading: Reading, query: str) -> EventsSli | LatencySli | None:
    """The counted indicator in a ratio of errors: `bad / total` or `1 - good / total`, both of counters; else None."""
    text, kind = _bare(query), "bad"
    sides = split(text, "-")
    if sides is not None and sides[0].strip() == "1":
        text, kind = _bare(sides[1]), "good"
    parts = split(text, "/")
    if parts is None or split(parts[1], "/") is not None or _OPERATOR.search(_shell(text)):
        return None
    return events(reading, total=parts[1], **{kind: parts[0]})  # type: ignore[arg-type]


def _edge(matcher: MatcherTuple) -> Decimal | None:
    """The boundary that a matcher of `le` names, such as `0.4`, `1`, `1.0` or `1(\\.0)?`."""
    text = re.sub(r"\(\\?\.0\)\?$", "", matcher[2]) if matcher[1] == "=~" else matcher[2]
    if matcher[1] not in ("=", "=~") or not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,12})?", text):
        return None
    try:
        seconds = Decimal(text)
    except InvalidOperation:
        return None
    if seconds <= 0:
        return None
    return seconds.quantize(Decimal(1)) if seconds == seconds.to_integral_value() else seconds.normalize()


def windowed(reading: Reading, node: Node, text: str, *, needed: bool = True) -> str | None:
    """`text` as PromQL whose window is `$window`; reported if it is no PromQL, or (if `needed`) names no window."""
    assert isinstance(node, Scalar)
    probe = WINDOW.sub(lambda found: "5m".ljust(len(found[0])), text)
    try:
        reading.promql.check(probe)
    except QueryError as error:
        code = "SER064" if isinstance(error, UnsupportedQuery) else "SER060"
        offset = node.value.find(text) if text in node.value else 0
        index = locate(node, min(max(0, offset) + (error.position or 0), len(node.value)))
        reading.complain_at(code, node.file, index, 1, error.message, hint=error.hint)
        return None
    if needed and not WINDOW.search(text):
        reading.complain(
            "SER158",
            node,
            "this query is for one window only",
            expected="the window as {{.window}}",
            hint="without it every burn-rate alert would look at the same stretch of time",
        )
        return None
    return WINDOW.sub("$window", text).strip()


def over_time(query: str) -> str:
    """A query of a moment, averaged over the window."""
    return f"avg_over_time(({query})[$window:1m])"


def _sum_of(query: str) -> str | None:
    found = _SUM.fullmatch(_bare(query))
    return _bare(found["inner"]) if found and _balanced(found["inner"]) else None


def _bare(query: str) -> str:
    """`query` without comments, white space around it, and brackets around all of it."""
    text = _COMMENT.sub("", query).strip()
    for _ in range(_BRACKETS_MAX):
        if not (text.startswith("(") and text.endswith(")") and _balanced(text[1:-1])):
            break
        text = text[1:-1].strip()
    return text


def _balanced(text: str) -> bool:
    depth, quote = 0, ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[index - 1] != "\\" else quote
        elif char in "\"'`":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


def _is_window(text: str) -> bool:
    return bool(WINDOW.fullmatch(text) or _LITERAL.fullmatch(text))
