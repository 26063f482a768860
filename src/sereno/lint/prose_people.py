"""Severities in manuals: words and times that differ from one document to the next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from sereno.lint.model import Context, Document
from sereno.lint.paths import entries, items, scalars
from sereno.lint.prose_reading import tables
from sereno.lint.reporting import Report
from sereno.spec.source import File, Node

_SEV = re.compile(r"\bSEV[- ]?(?P<rank>[0-5])\b", re.IGNORECASE)
_P = re.compile(r"(?<![\w.-])P(?P<rank>[0-4])(?![\w.])")
_TIME = re.compile(
    r"(?<![\w.])(?P<number>\d{1,3})\s*(?P<unit>m(?:in(?:ut[eo]s?)?)?|h(?:ours?|oras?)?)\b", re.IGNORECASE
)
_BLOCK = re.compile(r"^[ \t]*(?P<name>SEV[- ]?[0-5]|P[0-4])[\w -]*:[ \t]*$", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*] \*{0,2}(?P<name>SEV[- ]?[0-5]|P[0-4])\b[^\r\n]*$", re.MULTILINE)
_DEFINED = re.compile(r"^[ \t]*(?:\||[-*] )?[ \t]*[*_]{0,2}(?P<name>SEV[- ]?[0-5]|P[0-4])\b", re.MULTILINE)
_RESPONSE = re.compile(r"respon|respuesta|atenci[oó]n|acknowledg", re.IGNORECASE)
_SPOKEN = {"SEV": "SEV1, SEV2 …", "P": "P1, P2 …", "words": "critical, warning"}


@dataclass(frozen=True, slots=True)
class Level:
    """A level of severity with the time to answer it: its rank (1 the worst), minutes, and where that is written."""

    rank: int
    minutes: int
    name: str
    file: File
    index: int
    length: int


def check_people(document: Document, context: Context, report: Report) -> None:
    """Everything about severities in a text; a workspace of its own says how words map, so nothing is said then."""
    if context.spec is not None:
        return
    _check_words(document, context, report)
    _check_times(document, context, report)


def _check_words(document: Document, context: Context, report: Report) -> None:
    _check_mixed(document.file, report)
    own = words_of(document.file)
    others: dict[str, str] = {}
    for other in context.documents if own else ():
        if other.file.shown == document.file.shown:
            continue
        texts = other.kind in ("prose", "runbook")
        for kind in words_of(other.file) if texts else _labels(other.node, other.kind):
            others.setdefault(kind, other.file.shown)
    differing = sorted(kind for kind in others if kind not in own)
    if own and differing:
        kind, (index, length) = min(own.items(), key=lambda found: found[1])
        said = ", ".join(f"{_SPOKEN[k]} in {others[k]}" for k in differing)
        report.complain_at(
            "SER775", document.file, index, length,
            f"severities are {_SPOKEN[kind]} here, and {said}: at night nobody knows which one wakes whom",
            expected="one vocabulary, or one table that maps the others onto it",
        )  # fmt: skip


def _check_mixed(file: File, report: Report) -> None:
    """Levels of two vocabularies defined in one text."""
    found = levels(file)
    other = next((level for level in found if level.name[0].upper() != found[0].name[0].upper()), None)
    if other is not None:
        report.complain_at(
            "SER775", file, other.index, other.length,
            f"{other.name} and {found[0].name} are levels of two vocabularies: at night nobody knows which one wakes "
            "whom",
            expected="one vocabulary, or one table that maps the others onto it",
        )  # fmt: skip


@lru_cache(maxsize=512)
def words_of(file: File) -> dict[str, tuple[int, int]]:
    """The vocabularies of which a text defines two levels or more, each with its first place; to mention one is no
    definition."""
    found: dict[str, dict[str, tuple[int, int]]] = {"SEV": {}, "P": {}}
    for match in _DEFINED.finditer(file.text):
        name = match["name"].upper()
        found["SEV" if name[0] == "S" else "P"].setdefault(name, (match.start("name"), len(name)))
    return {kind: min(places.values()) for kind, places in found.items() if len(places) > 1}


def _labels(node: Node | None, kind: str) -> tuple[str, ...]:
    """The vocabulary of rules and routes."""
    if kind not in ("rules", "alertmanager") or node is None:
        return ()
    said = {value for name, value in _named(node) if name == "severity"}
    if said & {"critical", "warning"}:
        return ("words",)
    return tuple(k for k, p in (("SEV", _SEV), ("P", _P)) if any(p.fullmatch(value) for value in said))


def _named(node: Node) -> list[tuple[str, str]]:
    found = [(key.value, scalar.value) for key, value in entries(node) for scalar in scalars(value)]
    for child in (*items(node), *(value for _, value in entries(node))):
        found += _named(child)
    return found


def _check_times(document: Document, context: Context, report: Report) -> None:
    known: dict[int, Level] = {}
    seen: set[str] = set()
    for other in (*context.documents, document):
        if other.kind not in ("prose", "runbook") or other.file.shown in seen:
            continue
        seen.add(other.file.shown)
        for level in levels(other.file):
            before = known.setdefault(level.rank, level)
            if before.minutes != level.minutes and other.file.shown == document.file.shown:
                report.complain_at(
                    "SER776", level.file, level.index, level.length,
                    f"{level.name} is answered within {_spoken(level.minutes)} here, and {before.name} within "
                    f"{_spoken(before.minutes)} at {before.file.shown}:{before.file.place(before.index)[0]}",
                    expected="one time for each level",
                )  # fmt: skip


def _spoken(minutes: int) -> str:
    return f"{minutes} minutes" if minutes % 60 or not minutes else f"{minutes // 60} h"


@lru_cache(maxsize=512)
def levels(file: File) -> tuple[Level, ...]:
    """The levels of severity in a text that say how soon they are answered."""
    found: list[Level] = []
    for head, cells in tables(file):
        column = next((i for i, name in enumerate(head) if _RESPONSE.search(name)), None)
        name = _SEV.match(cells[0][0].lstrip("*_ ")) or _P.match(cells[0][0].lstrip("*_ "))
        if column is not None and name is not None and len(cells) > column:
            found += _level(file, name[0], cells[column][0], cells[column][1])
    for block in _BLOCK.finditer(file.text):
        row = file.place(block.start())[0]
        for number in range(row + 1, min(row + 10, len(file.starts) + 1)):
            line = file.line(number)
            if _BLOCK.match(line):
                break
            key, colon, value = line.partition(":")
            if colon and _RESPONSE.search(key):
                found += _level(file, block["name"], value, file.starts[number - 1] + len(key) + 1)
                break
    for bullet in _BULLET.finditer(file.text):
        if _RESPONSE.search(bullet[0]):
            found += _level(file, bullet["name"], bullet[0][bullet.end("name") - bullet.start() :], bullet.end("name"))
    return tuple(sorted(found, key=lambda level: level.index))


def _level(file: File, name: str, value: str, index: int) -> list[Level]:
    time = _TIME.search(value)
    rank = re.search(r"\d", name)
    if time is None or rank is None:
        return []
    minutes = int(time["number"]) * (60 if time["unit"][0] in "hH" else 1)
    return [Level(int(rank[0]), minutes, name, file, index + time.start(), len(time[0]))]
