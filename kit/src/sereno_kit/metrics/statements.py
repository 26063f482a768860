"""Which table a statement of SQL is about, and what it does to it. Never what is in it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

OTHER = "other"
NO_TABLE = ""
_READ_MAX = 4_000
_REMEMBERED = 1_000

# What cannot hold a keyword is passed over as one piece: comments, texts, dollar-quoted texts.
_TOKEN = re.compile(
    r"""
    (?P<skip> --[^\n]* | /\*.*?(?:\*/|\Z) | \s+ )
  | (?P<text> [eEnNbBxX]?'(?:[^'\\]|''|\\.?)*(?:'|\Z) | \$(?P<tag>[A-Za-z_]*)\$.*?(?:\$(?P=tag)\$|\Z) )
  | (?P<quoted> "(?:[^"]|"")*(?:"|\Z) | `[^`]*(?:`|\Z) | \[[A-Za-z_][^\]\n]*\] )
  | (?P<word> [^\W\d][\w$]* )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}", re.ASCII)
_MAIN = frozenset({"select", "insert", "update", "delete", "merge", "replace"})
_KNOWN = _MAIN | {
    "begin", "commit", "rollback", "savepoint", "release", "create", "alter", "drop", "truncate", "copy", "call", "set",
    "show", "explain", "vacuum", "analyze", "lock", "listen", "notify", "refresh", "grant", "pragma", "values", "do",
}  # fmt: skip
_BEFORE_TABLE = {
    "select": ("from",),
    "insert": ("into",),
    "replace": ("into",),
    "merge": ("into",),
    "delete": ("from",),
    "update": ("update",),
    "copy": ("copy",),
    "truncate": ("table", "truncate"),
    "create": ("table",),
    "alter": ("table",),
    "drop": ("table",),
    "lock": ("table",),
    "analyze": ("analyze",),
    "refresh": ("view",),
}
_FILLERS = frozenset({"only", "if", "not", "exists", "table", "concurrently", "lateral", "ignore", "low_priority"})


class Statement(NamedTuple):
    """What may become labels: both from a statement's structure, never from its values."""

    table: str
    operation: str


class _Token(NamedTuple):
    word: str
    """In lower case, if it is an unquoted word; otherwise ""."""
    name: str
    """As an identifier, if it can be one."""
    sign: str
    """Any other single character."""


def read(sql: str) -> Statement:
    """The first table that `sql` reads from or writes to, and its verb in lower case.

    Tolerant: of what it does not understand it says `("", "other")`. A table is "" where there is none (`BEGIN`), where
    rows come from a function, or where its name is no plain identifier.
    """
    return _read(sql[:_READ_MAX])


@lru_cache(maxsize=_REMEMBERED)
def _read(sql: str) -> Statement:
    tokens = _tokens(sql)
    verb, at = _verb(tokens)
    # Databases disagree on whether \' ends a text. Where it could be either, no word is trusted.
    table = NO_TABLE if "\\'" in sql else _table(tokens, verb, at)
    return Statement(table, verb if verb in _KNOWN else OTHER)


def _tokens(sql: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup, match.group()
        if kind == "word":
            found.append(_Token(text.lower(), text, ""))
        elif kind == "quoted":
            found.append(_Token("", text[1:-1], ""))
        elif kind == "other":
            found.append(_Token("", "", text))
        elif match["text"]:
            found.append(_Token("", "", "'"))
    return found


def _verb(tokens: list[_Token]) -> tuple[str, int]:
    """The statement's verb and where it stands; behind the common table expressions, if it begins WITH them."""
    first = next((i for i, token in enumerate(tokens) if token.word), None)
    if first is None:
        return "", 0
    if tokens[first].word not in ("with", "explain"):
        return tokens[first].word, first
    depth = 0
    for i in range(first + 1, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[i].sign, 0)
        if depth == 0 and tokens[i].word in _MAIN:
            return tokens[i].word, i
    return tokens[first].word, first


def _table(tokens: list[_Token], verb: str, at: int) -> str:
    before = _BEFORE_TABLE.get(verb, ())
    depth = 0
    for i in range(at, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[i].sign, 0)
        if depth == 0 and tokens[i].word in before:
            return _name(tokens, i + 1)
    return NO_TABLE


def _name(tokens: list[_Token], at: int) -> str:
    while at < len(tokens) and (tokens[at].word in _FILLERS or tokens[at].sign == "("):
        if tokens[at].sign == "(":
            return _inner(tokens, at + 1)
        at += 1
    if at >= len(tokens):
        return NO_TABLE
    name = tokens[at].name
    while at + 2 < len(tokens) and tokens[at + 1].sign == "." and tokens[at + 2].name:
        at += 2
        name = tokens[at].name
    if at + 1 < len(tokens) and tokens[at + 1].sign == "(" and tokens[at - 1].word == "from":
        return NO_TABLE  # a function that gives rows
    return name if _TABLE.fullmatch(name) else NO_TABLE


def _inner(tokens: list[_Token], at: int) -> str:
    """The table of a subquery in place of one, or of a join in brackets."""
    if at < len(tokens) and tokens[at].word in ("select", "with"):
        verb, start = _verb(tokens[at:])
        return _table(tokens, verb, at + start)
    return _name(tokens, at)
