"""Statements of SQL without their literals, as OpenTelemetry asks for `db.query.text`."""

from __future__ import annotations

import re

_STATEMENT = re.compile(
    r"""
    \A\s*(?:/\*[^*]*\*/\s*)?(?i:select|insert\s+into|update|delete\s+from|merge\s+into)\s
  | \b(?:SELECT|INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO|UPDATE\s+[\w."`]+\s+SET)\s
  | \b(?i:alter|create)\s+(?i:user|role)\s
  | \b(?:insert\s+into\s+[\w."`]+\s*\(|update\s+[\w."`]+\s+set\s+[\w."`]+\s*=|delete\s+from\s+[\w."`]+\s+where)
    """,
    re.VERBOSE,
)
_PARTS = re.compile(r"(?i)\s(?:from|set|where|password|by)\s|\bvalues\s*\(|\(")
_LITERAL = re.compile(
    r"""
    [eEnNxXbB]?'(?:[^'\\]|\\.|'')*+(?:'|\Z)
  | \$(?P<tag>[A-Za-z_]\w{0,30})?\$(?:(?!\$(?P=tag)\$|\$\$).)*+(?:\$\w{0,31}\$|\Z)
  | (?<![\w$:%@.\"`])-?\d[\d.]*+(?:[eE][+-]?\d{1,4}+)?(?![\w\"`])
    """,
    re.VERBOSE | re.DOTALL,
)
_DOUBLE = re.compile(r"(=\s*|\(\s*|,\s*|\blike\s+)\"(?:[^\"\\]|\\.)*+(?:\"|\Z)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\r\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)")


def start_of_sql(text: str, low: str) -> int:
    """Where a statement that may carry literals begins in `text`, or -1."""
    if not (
        "select" in low
        or "insert" in low
        or "update" in low
        or "delete" in low
        or "merge" in low
        or "alter" in low
        or "create" in low
    ):
        return -1
    found = _STATEMENT.search(text)
    return found.start() if found and _PARTS.search(text, found.start()) else -1


def without_literals(statement: str) -> str:
    """`statement` with `?` for every literal, and no comments; names and placeholders stay."""
    plain = _COMMENT.sub("", statement)
    return _LITERAL.sub("?", _DOUBLE.sub(r"\1?", plain))
