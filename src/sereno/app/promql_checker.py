"""Joins the spec's loader to the PromQL room: neither knows the other."""

from __future__ import annotations

import re

from sereno.kernel.errors import QueryError, UnsupportedQuery
from sereno.promql import Columns, Grid, Selection, Settings, evaluate, kind_of, matchers_of, parse
from sereno.promql.dialect import ANY


class Checker:
    """Knows PromQL as it is computed under `settings`; without them either version's grammar will do."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings

    def check(self, text: str) -> None:
        """Accept an expression that alerts can be made of: it parses, and it is computed once over no samples.

        Raises QueryError, its position counted in characters of `text`; UnsupportedQuery for what is valid PromQL
        but not computed.
        """
        try:
            tree = parse(text, self.settings.language if self.settings else ANY)
        except UnsupportedQuery:
            raise
        except QueryError as error:
            raise _with_hint(text, error) from None
        kind = kind_of(tree)
        if kind not in ("vector", "scalar"):
            hint = "use a function of it, such as max_over_time(…)" if kind == "range" else None
            start = len(text) - len(text.lstrip())
            raise QueryError(f"an alert is made of a vector; this is a {kind}", position=start, hint=hint)
        evaluate(tree, Grid.at(0), _nothing, settings=self.settings)

    def selector(self, text: str) -> tuple[tuple[str, str, str], ...]:
        """The matchers of an instant selector as (label, operator, value). Raises QueryError."""
        return tuple((matcher.name, matcher.op, matcher.value) for matcher in matchers_of(text))


_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORDS = (
    "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "and", "or", "unless", "atan2",
)  # fmt: skip


def _with_hint(text: str, error: QueryError) -> QueryError:
    """The error with the word of PromQL that its place comes nearest to, if it has no hint of its own."""
    word = _WORD.match(text, error.position) if error.position is not None and error.hint is None else None
    if word is None or ("there is no function" not in error.message and not error.message.startswith("unexpected")):
        return error
    from difflib import get_close_matches

    from sereno.promql.signatures import AGGREGATIONS, FUNCTIONS

    called = "there is no function" in error.message
    known = sorted({*FUNCTIONS, *AGGREGATIONS}) if called else list(_KEYWORDS)
    near = get_close_matches(word[0].lower(), known, n=1, cutoff=0.75 if called else 0.5)
    if not near or near[0] == word[0]:
        return error
    return QueryError(error.message, position=error.position, end=error.end, hint=f"did you mean `{near[0]}`?")


def _nothing(selection: Selection) -> Columns:
    return Columns.of([])
