"""Selectors and matchers read by themselves, as specs hold them."""

from __future__ import annotations

from functools import lru_cache

from sereno.kernel.errors import QueryError
from sereno.promql.ast import Selector
from sereno.promql.columns import Matcher
from sereno.promql.parser import matchers_in_braces, parse


@lru_cache(maxsize=8192)  # both selectors of every objective of a large workspace, asked for by each target
def matchers_of(selector_text: str) -> tuple[Matcher, ...]:
    """The matchers of an instant selector, its metric's name as a matcher on `__name__`. Raises QueryError."""
    expr = parse(selector_text)
    if not isinstance(expr, Selector) or expr.offset_ms or expr.at is not None:
        raise QueryError('expected a selector such as http_requests_total{job="api"}', position=expr.position)
    return expr.matchers


@lru_cache(maxsize=2048)
def conditions_of(text: str) -> tuple[Matcher, ...]:
    """The matchers written as between the braces of a selector, braces optional: `status=~"5..",job="api"`."""
    inner = text.strip()
    shift = 0
    if not inner.startswith("{"):
        inner, shift = "{" + inner + "}", 1
    try:
        return matchers_in_braces(inner)
    except QueryError as error:
        if error.position is not None:
            error.position = min(max(0, error.position - shift), len(text))
        raise
