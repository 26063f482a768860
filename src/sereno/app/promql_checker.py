"""Joins the spec's loader to the PromQL room: neither knows the other."""

from __future__ import annotations

from sereno.kernel.errors import QueryError
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
        tree = parse(text, self.settings.language if self.settings else ANY)
        kind = kind_of(tree)
        if kind not in ("vector", "scalar"):
            hint = "use a function of it, such as max_over_time(…)" if kind == "range" else None
            start = len(text) - len(text.lstrip())
            raise QueryError(f"an alert is made of a vector; this is a {kind}", position=start, hint=hint)
        evaluate(tree, Grid.at(0), _nothing, settings=self.settings)

    def selector(self, text: str) -> tuple[tuple[str, str, str], ...]:
        """The matchers of an instant selector as (label, operator, value). Raises QueryError."""
        return tuple((matcher.name, matcher.op, matcher.value) for matcher in matchers_of(text))


def _nothing(selection: Selection) -> Columns:
    return Columns.of([])
