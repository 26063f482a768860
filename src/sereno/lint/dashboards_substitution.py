"""Grafana's variables in a query, replaced by something of the same length that PromQL can be read with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sereno.kernel.errors import QueryError
from sereno.promql import Expr, parse
from sereno.spec.source import Scalar

VARIABLE = re.compile(
    r"\$\{(?P<braced>[A-Za-z_]\w*)(?P<format>:[^}]*)?\}|\$(?P<plain>[A-Za-z_]\w*)|\[\[(?P<old>[A-Za-z_]\w*)(?::\w+)?\]\]"
)
_NEAR = 300
"""How much of the text before a variable says what it stands for."""
_NUMBERS = frozenset(("__interval_ms", "__range_ms", "__range_s", "__from", "__to"))
_BEFORE_DURATION = re.compile(r"(?:\[|:|\boffset\s)\s*$")
_BEFORE_NUMBER = re.compile(
    r"(?:\b(?:topk|bottomk|quantile|histogram_quantile|limitk)\s*(?:(?:by|without)\s*\([^()]*\)\s*)?\(|==|!=|[<>]=?(?:\s*bool)?|[*/%^])\s*$"
)
_BEFORE_LABEL = re.compile(r"(?:\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*|[{,]\s*)$")


def variables_in(query: str) -> Iterator[tuple[str, int, int]]:
    """Each variable in `query`: its name, and where it begins and ends."""
    for found in VARIABLE.finditer(query):
        yield found["braced"] or found["plain"] or found["old"], found.start(), found.end()


def readable(query: str) -> str:
    """`query` with each variable replaced by a duration, number or name of as many characters, as its place wants.

    Inside of quotes only forms with brackets are replaced, for they are no regular expressions. What cannot be read
    with one choice is tried with others; if none fits the first choice is returned.
    """
    choices = [_replaced(query, word, filled) for word in ("v", "0", "*") for filled in (False, True)]
    return next((choice for choice in choices if _reads(choice)), choices[0])


def substituted(expr: Scalar) -> Scalar:
    """The scalar of a query with its variables replaced; places in it are those of the file."""
    if "$" not in expr.value and "[[" not in expr.value:
        return expr
    return replace(expr, value=readable(expr.value))


def tree_of(expr: Scalar) -> Expr | QueryError:
    """The tree of a query, or why there is none."""
    try:
        return parse(substituted(expr).value)
    except QueryError as error:
        return error


def _reads(query: str) -> bool:
    try:
        parse(query)
    except QueryError:
        return False
    return True


def _replaced(query: str, word: str, whole: bool) -> str:
    """`query` with variables replaced; a plain one becomes a name (`v`), a number (`0`) or an operator (`*`), with
    `whole` a selector."""
    parts: list[str] = []
    last = 0
    quotes = _Quotes(query)
    for name, start, end in variables_in(query):
        before = query[max(0, start - _NEAR) : start]
        parts.append(query[last:start])
        if quotes.open_at(start):
            parts.append(query[start:end] if query[start + 1] not in "{[" else "x" * (end - start))
        else:
            parts.append(_stand_in(name, query, before, start, end, word, whole))
        last = end
    return "".join((*parts, query[last:]))


def _stand_in(name: str, query: str, before: str, start: int, end: int, word: str, whole: bool) -> str:
    length = end - start
    followed = query[end : end + 1]
    if name in _NUMBERS:
        return "1".rjust(length, "0")
    if _BEFORE_DURATION.search(before):
        return "5".rjust(length, "0") if followed.isalpha() else "5m".rjust(length, "0")
    if _BEFORE_NUMBER.search(before) and not followed.isalpha() and not (whole and word == "v"):
        return "1".rjust(length, "0")
    if name.startswith(("__interval", "__rate_interval", "__range", "__auto")):
        return "5m".rjust(length, "0")
    if word == "0" and not _BEFORE_LABEL.search(before):
        return "1".rjust(length, "0")
    if word == "*" and before.rstrip().endswith((")", "}", "]")):
        return "*".ljust(length)
    return "v" * length


class _Quotes:
    """Which characters of a query stand in quotes; asked from left to right."""

    def __init__(self, query: str) -> None:
        self._query, self._index = query, 0
        self._quote = ""
        self._skip = self._comment = False

    def open_at(self, index: int) -> bool:
        """Whether text in quotes is open before character `index`, which is none before the last one asked about."""
        for char in self._query[self._index : index]:
            self._step(char)
        self._index = index
        return bool(self._quote)

    def _step(self, char: str) -> None:
        if self._comment:
            self._comment = char != "\n"
        elif self._skip:
            self._skip = False
        elif self._quote and char == "\\" and self._quote != "`":
            self._skip = True
        elif self._quote:
            self._quote = "" if char == self._quote else self._quote
        elif char == "#":
            self._comment = True
        elif char in "\"'`":
            self._quote = char
