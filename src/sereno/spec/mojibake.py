"""Finds text that was UTF-8 once and was then read as Latin-1, Windows-1252 or Mac Roman: `CanciÃ³n`, `Canci√≥n`.

Only what becomes a letter or sign of the languages that people write is taken for it, so that good text is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

_PLAUSIBLE = frozenset(
    "áéíóúüñÁÉÍÓÚÜÑ¿¡«»ºªçÇàèìòùÀÈÌÒÙâêîôûÂÊÎÔÛäëïöÄËÏÖßãõÃÕåÅøØæÆœ°·×±©®™€√≥≤≠…–—‘’“”•→←✓─━│┃┌┐└┘├┤▪●\u00a0"
)


def _table(encoding: str) -> dict[str, int]:
    """Which byte each character was."""
    found = {}
    for byte in range(0x80, 0x100):
        try:
            found[bytes((byte,)).decode(encoding)] = byte
        except UnicodeDecodeError:
            found[chr(byte)] = byte  # Windows leaves five of them as they are
    return found


_ENCODINGS = {"Windows-1252": _table("cp1252"), "Latin-1": _table("latin-1"), "Mac Roman": _table("mac_roman")}
# What the first byte of á … ÿ, of ¿ … », and of quotes and dashes looks like in any of the three.
# The byte after it goes on with the character, in whichever of them.
_GOES_ON = "".join(sorted({char for table in _ENCODINGS.values() for char, byte in table.items() if byte < 0xC0}))
_LEADS = re.compile(f"[ÃÂâ√¬‚](?=[{re.escape(_GOES_ON)}])")
_SIGNS = "≥≤≠±∞∂∑∏∫"  # what mathematics may put behind a root
_ROUNDS_MAX = 3


@dataclass(frozen=True, slots=True)
class Garbled:
    """Characters `start` … `end` of a text that should have been `meant`."""

    start: int
    end: int
    meant: str


def garbled(text: str, looks: int | None = None) -> Iterator[Garbled]:
    """Every garbled stretch of `text`, in order; as far as so many `looks` go, each of some ten microseconds."""
    done = 0
    for lead in islice(_LEADS.finditer(text), looks):
        if lead.start() < done:
            continue
        found = _at(text, lead.start())
        if found is not None:
            done = found.end
            yield found


def repaired(text: str) -> str:
    """`text` with its garbled stretches put right, also where it was garbled twice."""
    for _ in range(_ROUNDS_MAX):
        parts, done = [], 0
        for found in garbled(text):
            parts += [text[done : found.start], found.meant]
            done = found.end
        if not parts:
            break
        text = "".join(parts) + text[done:]
    return text


def _at(text: str, start: int) -> Garbled | None:
    """The garbled character at `start`."""
    for name, table in _ENCODINGS.items():
        for length in range(4, 8):  # garbled twice
            between = _decoded(text[start : start + length], length, table)
            again = _at(between, 0) if 2 <= len(between) <= 3 and _LEADS.match(between) else None
            if again is not None and again.end == len(between):
                return Garbled(start, start + length, again.meant)
        for length in (2, 3):
            piece = text[start : start + length]
            meant = _decoded(piece, length, table)
            if meant in _PLAUSIBLE and _likely(text, start, name, piece):
                return Garbled(start, start + length, meant)
    return None


def _decoded(piece: str, length: int, table: dict[str, int]) -> str:
    """The text whose bytes in UTF-8 look like `piece`; empty if there is none."""
    if len(piece) < length or any(char not in table for char in piece):
        return ""
    try:
        return bytes(table[char] for char in piece).decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _likely(text: str, start: int, encoding: str, piece: str) -> bool:
    """Whether what stands around speaks for it: signs of mathematics and quotation marks may be meant as they are."""
    before, after = text[start - 1 : start] if start else "", text[start + len(piece) : start + len(piece) + 1]
    if encoding == "Mac Roman":
        return piece[0] != "√" or piece[1] not in _SIGNS or before.isalpha() or after.isalpha()
    return piece != "Ã»" or after.isalpha()  # «MANHÃ» ends with a quotation mark
