"""Text that was read with the wrong table of characters: found by reading it back with the right one."""

from __future__ import annotations

import re
from functools import lru_cache

from sereno.lint.model import Context, Document, Edit
from sereno.lint.reporting import Report

_RUN = re.compile(r"[^\x00-\x7f]{2,40}")
_LENGTHS = {0xC: 2, 0xD: 2, 0xE: 3, 0xF: 4}
"""How many bytes a character has in UTF-8, by the upper half of the first."""
_SUSPECT = re.compile("[\u00c2-\u00f4\u221a\u201a\u00ac]")
"""How text that was UTF-8 begins when it is read as Windows-1252, Latin-1 or Mac Roman."""


def check(document: Document, context: Context, report: Report) -> None:
    """Report text that was saved after it had been misread, with what it was."""
    edits = misread(document.file.text)
    if edits:
        first = edits[0]
        wrong = document.file.text[first.start : first.end]
        more = f", and {len(edits) - 1} more" if len(edits) > 1 else ""
        report.complain_at(
            "SER790", document.file, first.start, len(wrong),
            f"“{wrong}” was “{first.text}” before the file was read as something else than UTF-8{more}: alerts and "
            "pages will show it like this", expected=first.text, edits=edits,
        )  # fmt: skip


@lru_cache(maxsize=16)
def misread(text: str) -> tuple[Edit, ...]:
    """The edits that put right what was misread in `text`."""
    edits: list[Edit] = []
    for run in _RUN.finditer(text):
        right = repaired(run[0]) if _SUSPECT.search(run[0]) else run[0]
        if right != run[0]:
            edits.append(Edit(run.start(), run.end(), right))
    return tuple(edits)


def repaired(text: str) -> str:
    """`text` with what was misread put right; unchanged where nothing was."""
    parts: list[str] = []
    index = 0
    while index < len(text):
        right, length = _read_back(text, index)
        parts.append(right)
        index += length
    return "".join(parts)


def _read_back(text: str, index: int) -> tuple[str, int]:
    """The one character that stood at `index`, and over how many it is spread now."""
    for table in ("cp1252", "mac_roman"):
        first = _bytes(text[index], table)
        length = _LENGTHS.get(first[0] >> 4, 0) if first else 0
        encoded = _bytes(text[index : index + length], table) if length else None
        if encoded is None or len(encoded) != length:
            continue
        try:
            right = encoded.decode()
        except UnicodeDecodeError:
            continue
        if right.isprintable() and _likely(right):
            return right, length
    return text[index], 1


def _likely(char: str) -> bool:
    """Whether a character is one that people write here: a letter of Latin, a mark, an arrow, a symbol or a picture."""
    return "\u00a1" <= char <= "\u017f" or "\u2010" <= char <= "\u2bff" or char >= "\U0001f000"


def _bytes(text: str, table: str) -> bytes | None:
    found = bytearray()
    for char in text:
        try:
            found += char.encode(table)
        except UnicodeEncodeError:
            if table != "cp1252" or ord(char) > 0xFF:
                return None
            found.append(ord(char))
    return bytes(found)
