"""An expression in PromQL that stands somewhere in a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sereno.kernel.errors import QueryError
from sereno.lint.model import Context, Edit
from sereno.lint.reporting import Report
from sereno.promql.ast import Expr
from sereno.promql.dialect import ANY
from sereno.promql.parser import parse
from sereno.spec.source import File, Scalar, Style, locate

Purpose = Literal["alert", "record", "panel", "sli", "other"]


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL that stands in `file`; `place` gives the index in the file of a character of `text`.

    `purpose` says what becomes of the result: an alert, a series, a picture, a share of good or bad events, or
    something that is not known. `keeps` are the labels that must stay in the result, since texts show them; `single`
    if one number is meant and not a line for each series. `name` is what the result is called; `style` how the text is
    quoted, for what is written into it.
    """

    text: str
    file: File
    place: Callable[[int], int]
    purpose: Purpose = "other"
    keeps: frozenset[str] = frozenset()
    single: bool = False
    name: str = ""
    style: Style = "plain"

    def complain(
        self, report: Report, code: str, start: int, end: int, message: str, *,
        hint: str | None = None, expected: str | None = None, edits: tuple[Edit, ...] = (),
    ) -> None:  # fmt: skip
        """Report what is wrong with characters `start` … `end` of the text."""
        index = self.place(start)
        length = max(1, self.place(max(start, end - 1)) + 1 - index)
        report.complain_at(code, self.file, index, length, message, hint=hint, expected=expected, edits=edits)

    def edit(self, start: int, end: int, text: str) -> Edit:
        """Characters `start` … `end` of the text become `text` (quoted as the rest is)."""
        first = self.place(start)
        return Edit(first, self.place(end - 1) + 1 if end > start else first, self._quoted(text))

    def after(self, end: int, text: str) -> Edit:
        """`text` right after the character before `end`."""
        index = self.place(end - 1) + 1
        return Edit(index, index, self._quoted(text))

    def _quoted(self, text: str) -> str:
        if self.style == "double":
            return text.replace("\\", "\\\\").replace('"', '\\"')
        return text.replace("'", "''") if self.style == "single" else text


def query_of(scalar: Scalar, purpose: Purpose = "other") -> Query:
    """The expression that a value is."""
    return Query(scalar.value, scalar.file, lambda offset: locate(scalar, offset), purpose, style=scalar.style)


def parsed(query: Query, report: Report) -> Expr | None:
    """The tree of the query, of either version's grammar; None after a report (SER060, SER064)."""
    from sereno.kernel.errors import UnsupportedQuery

    try:
        return parse(query.text, ANY)
    except QueryError as error:
        code = "SER064" if isinstance(error, UnsupportedQuery) else "SER060"
        start = error.position or 0
        query.complain(report, code, start, max(start + 1, error.end or 0), error.message, hint=error.hint)
        return None


def check_query(query: Query, report: Report, context: Context | None = None) -> Expr | None:
    """Report every trap that shows in the query alone; returns its tree, or None if it is no PromQL.

    Used for rules, panels, analyses and whatever else holds PromQL.
    """
    from sereno.lint.queries import check

    return check(query, report, context or Context())
