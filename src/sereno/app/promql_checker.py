"""Joins the spec's loader to the PromQL room: neither knows the other."""

from __future__ import annotations

from sereno.promql.parser import matchers_of, parse


class Checker:
    """Knows PromQL as this version of Sereno computes it."""

    def check(self, text: str) -> None:
        """Accept an expression. Raises QueryError, its position counted in characters of `text`."""
        parse(text)

    def selector(self, text: str) -> tuple[tuple[str, str, str], ...]:
        """The matchers of an instant selector as (label, operator, value). Raises QueryError."""
        return tuple((matcher.name, matcher.op, matcher.value) for matcher in matchers_of(text))
