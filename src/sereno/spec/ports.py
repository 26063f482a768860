"""What the loader asks of the outside: somebody who knows PromQL, and somebody who knows which files exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

MatcherTuple = tuple[str, str, str]
"""A matcher: label, operator (= != =~ !~), value."""

FileExists = Callable[[str], bool]
"""Whether the file of that name, counted from the spec's folder, exists."""


class PromqlChecker(Protocol):
    """Knows PromQL. Positions in the errors count characters of the text from 0."""

    def check(self, text: str) -> None:
        """Accept an expression. Raises QueryError, or UnsupportedQuery for what is valid but not computed."""
        ...

    def selector(self, text: str) -> tuple[MatcherTuple, ...]:
        """The matchers of an instant selector; the metric's name is `__name__`. Raises QueryError."""
        ...
