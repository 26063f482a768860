"""Writes docs/reference/promql.md: what of PromQL is supported, and which of Prometheus's own cases do not hold.

uv run python -m bench.promql_reference
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from bench.promqltest import Script, scripts, table
from sereno.promql.ast import KIND_NAMES
from sereno.promql.dialect import FLAGS, STABLE
from sereno.promql.limits import Limits
from sereno.promql.signatures import AGGREGATIONS, FUNCTIONS, TRIED_AGGREGATIONS, WITH_PARAM, Signature

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "promql.md"
SCRIPTS_HEADING = "## Prometheus's own scripts"

_FEATURES = {
    "promql-experimental-functions": "functions and aggregations marked *experimental* below",
    "promql-duration-expr": "durations that are computed: `[5m * 2]`, `offset (1h / 4)`, `[step()]`, `min_of(…)`",
    "promql-extended-range-selectors": "`anchored` and `smoothed` after a selector",
    "promql-binop-fill-modifiers": "`fill(0)`, `fill_left(…)`, `fill_right(…)` after an operator",
    "promql-delayed-name-removal": "metrics keep their name until the whole expression is computed",
    "type-and-unit-labels": "whether a rate is of a counter is told by the label `__type__`, not by the metric's name",
    "use-start-timestamps": "a counter's resets are told by when it began, where samples say so; `start_timestamp()`",
}

_HEAD = """# PromQL

What the evaluator understands, how it is told which Prometheus to follow, and where it falls short. This page is
generated: `uv run python -m bench.promql_reference`.

## Dialects

A dialect is the major version of Prometheus whose answers you get. `Settings(dialect=2)` computes as 2.42 does,
`Settings(dialect=3)` as 3.14 does; the grammar of the other version is refused with a sentence that names it, and
`parse(text)` without settings accepts both.

| where they differ | 2 | 3 |
| --- | --- | --- |
| a sample at the very beginning of a window or of the lookback | counts | does not |
| rate near a counter's zero | first reaches for the window's start, then for zero | first for zero |
| buckets that fall by a rounding error in `histogram_quantile` | mended, whatever their size | 1e-12 is level |
| `sum` and `avg` | added one after the other | with compensation; `avg` does not overflow |
| names of metrics and labels | `[a-zA-Z_][a-zA-Z0-9_]*` | any UTF-8, in quotes: `{"with.dots", "a b"="c"}` |
| numbers as durations, durations as numbers | refused | `x[300]`, `offset 60`, `5m * 2` |
| `holt_winters` | there | called `double_exponential_smoothing`, experimental |
| `atan2` | leaves the metric's name | drops it |

## Features

A feature is what Prometheus 3 does only when started with `--enable-feature=`; here it is a field of `Features`
(`Features.of(["promql-experimental-functions"])`). What is not switched on is refused with a sentence that names the
flag, never computed otherwise.

| flag | default | what it allows |
| --- | --- | --- |
"""

_LANGUAGE = """
## Selectors and modifiers

How series, windows and instants are chosen: matchers `=` `!=` `=~` `!~` (regular expressions are RE2's, match whole
values in linear time, and `.` takes a newline); `[5m]` windows and `[1h:1m]` subqueries; `offset` of either sign; `@`
with a time in seconds, `start()` or `end()`. A range vector is a result at one instant (`Result.kind` is `matrix`), and
refused over a range.

## Operators

What stands between two expressions, loosest first: `or`; `and` `unless`; `==` `!=` `<` `<=` `>` `>=` and, for native
histograms in version 3, `</` `>/`; `+` `-`; `*` `/` `%` `atan2`; `^` (from the right). Vectors meet by all labels, `on`
or `ignoring`, one to one or with `group_left` and `group_right`; `bool` turns a comparison into 0 and 1.
"""

_NOTES = """
## Warnings and infos

What may be wrong although there is a result comes with it: `Result.warnings` speak of the numbers, `Result.infos` of
the question, each in the words of Prometheus 3 with its line and column, at most ten of either. They are given in both
dialects, though 2.42 had none.

## Limits

A query that would eat the machine ends with a sentence that names the limit. {limits} A text is at most 2,000,000
characters, nested at most 200 deep.

## Differences on purpose

Where we do not follow Prometheus although we could. `predict_linear(x[5m] @ t, …)` over a range looks at the same
window at every instant, as Prometheus 3 does; 2.42 moves it along. `.` in a regular expression takes a newline in both
dialects, as in version 3. What changes a metric's meaning drops `__type__` and `__unit__` with its name in both
dialects, as in version 3. `limitk` takes the first series in the order of their labels; Prometheus promises no order.
"""


def _arguments(signature: Signature) -> str:
    kinds = [KIND_NAMES[kind] for kind in signature.args]
    least = signature.least
    shown = [kind if number < least else f"[{kind}]" for number, kind in enumerate(kinds)]
    return ", ".join(shown) + (" …" if signature.variadic or signature.more else "")


def _since(signature: Signature) -> str:
    if signature.until == 2:
        return "2"
    if signature.since == 2:
        return "2, 3"
    return "3, experimental" if signature.experimental else "3"


def _functions() -> str:
    rows = ["## Functions\n", "What can be called; arguments in brackets may be left out.\n",
            "| function | arguments | result | dialects |", "| --- | --- | --- | --- |"]  # fmt: skip
    for name, signature in sorted(FUNCTIONS.items()):
        result = KIND_NAMES[signature.result]
        rows.append(f"| `{name}` | {_arguments(signature)} | {result} | {_since(signature)} |")
    return "\n".join(rows) + "\n"


def _aggregations() -> str:
    rows = ["\n## Aggregations\n", "What makes one value of many series, `by` or `without` labels.\n",
            "| aggregation | parameter | dialects |", "| --- | --- | --- |"]  # fmt: skip
    for name in sorted(AGGREGATIONS):
        parameter = WITH_PARAM.get(name, "")
        rows.append(f"| `{name}` | {parameter} | {'3, experimental' if name in TRIED_AGGREGATIONS else '2, 3'} |")
    return "\n".join(rows) + "\n"


def language() -> str:
    """The part of the page that the code alone determines."""
    flags = "".join(
        f"| `{flag}` | {'on' if getattr(STABLE, field) else 'off'} | {_FEATURES[flag]} |\n"
        for flag, field in FLAGS.items()
    )
    limits = Limits()
    told = (
        f"`samples_max` {limits.samples_max:,} samples loaded or values computed at a time, `series_max` "
        f"{limits.series_max:,} series of one selector, `steps_max` {limits.steps_max:,} instants."
    )
    notes = _NOTES.replace("{limits}", told)
    return _HEAD + flags + _LANGUAGE + "\n" + _functions() + _aggregations() + _wrapped(notes)


def _wrapped(text: str) -> str:
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        part if part.lstrip().startswith("#") or len(part) < 120 else textwrap.fill(" ".join(part.split()), 120)
        for part in paragraphs
    ) + "\n"  # fmt: skip


def judged(found: Iterable[Script]) -> str:
    """The part of the page that tells how Prometheus's own scripts end."""
    found = list(found)
    failed = [(script.name, one) for script in found for one in script.failed]
    lines = [
        SCRIPTS_HEADING,
        "",
        "With these Prometheus 3.14 tests its own evaluator (`promql/promqltest/testdata`, all features on). A case",
        "counts when its values, errors, warnings and infos are as expected at its instant, as the middle of a range,",
        "and with every selector pinned by `@` at five other instants; `bench/run promqltest` runs them.",
        "",
        table(found),
        "",
        "### What does not hold" if failed else "### Nothing fails",
        "",
        "*refused*: an error says that it is not computed; *said*: the values are right, a warning is missing."
        if failed
        else "Every case holds.",
    ]
    if failed:
        lines += ["", "| case | expression | how it ends |", "| --- | --- | --- |"]
        lines += [
            f"| {name}:{one.line} | {_cell(one.expr)} | {one.verdict}: {_reason(one.why)} |" for name, one in failed
        ]
    return "\n".join(lines) + "\n"


def _cell(expr: str) -> str:
    return "`" + expr.replace("|", "\\|") + "`"


def _reason(why: str) -> str:
    reason = why.rpartition("UnsupportedQuery: ")[2] if "UnsupportedQuery" in why else why
    return reason.split(", expected")[0].replace("|", "\\|")[:120]


def page() -> str:
    """The whole page."""
    return language().rstrip() + "\n\n" + judged(scripts())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
