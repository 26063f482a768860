"""Files of PromQL, one expression after another: `name = expression`, comments with # or --, blank lines between."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sereno.lint.model import Context, Document
from sereno.lint.query import Query, check_query
from sereno.lint.reporting import Report
from sereno.spec.source import File

_NAMED = re.compile(r"[ \t]*([A-Za-z_]\w*)[ \t]*=(?![=~])\s*")
_COMMENT = re.compile(r"[ \t]*(#|--|//)")
LOOKS_LIKE_PROMQL = re.compile(
    r"\b(rate|increase|irate|histogram_quantile|\w+_over_time|absent|predict_linear)\s*\(|\bby\s*\(|\w\{[^{}]*=[^{}]*\}"
)


def check(document: Document, context: Context, report: Report) -> None:
    """Every expression in the file."""
    for query in queries_of(document.file):
        check_query(query, report, context)


def queries_of(file: File) -> Iterator[Query]:
    """The expressions in `file`."""
    start: int | None = None
    for number, begin in enumerate(file.starts, 1):
        line = file.line(number)
        breaks = not line.strip() or bool(_COMMENT.match(line)) or bool(_NAMED.match(line))
        if breaks and start is not None:
            yield _query(file, start, begin)
            start = None
        if start is None and line.strip() and not _COMMENT.match(line):
            start = begin
    if start is not None:
        yield _query(file, start, len(file.text))


def _query(file: File, start: int, end: int) -> Query:
    named = _NAMED.match(file.text, start, end)
    begin = named.end() if named else start + len(file.text[start:end]) - len(file.text[start:end].lstrip())
    text = file.text[begin:end].rstrip()
    name = named[1] if named else ""
    return Query(text, file, lambda offset: begin + offset, "other", single=named is not None, name=name)
