"""Words from outside, made harmless to whatever shows them: terminals, feeds, logs, and the direction of reading."""

from __future__ import annotations

import re

_BREAK = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_OBEYED = re.compile(
    # Controls (C0 but for tab and line feed, C1), marks that turn the direction of reading, half characters,
    # and what XML 1.0 forbids.
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)


def inert(text: str) -> str:
    """`text` with every character that a terminal, a feed or a reader's eye would obey turned into a blank.

    Tabs and line feeds stay; other line breaks become line feeds. The result is legal in XML 1.0 and in PostgreSQL.
    """
    return _OBEYED.sub(" ", _BREAK.sub("\n", text))


def inert_line(text: str) -> str:
    """`text` made inert and put on one line, with single blanks between its words."""
    return " ".join(inert(text).split())


def numbered(text: str) -> str:
    r"""JSON `text` with such characters told by their number, `\\u009b`: the same to programs, nothing to terminals."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def without_nul(text: str) -> str:
    """`text` with U+FFFD for NUL, the one character of Unicode that PostgreSQL cannot keep."""
    return text.replace("\0", "\ufffd")
