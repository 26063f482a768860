"""Promises, budgets and severities as people write them: in tables, in lists of names and values, in sentences."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from sereno.spec.source import File

PERCENT = re.compile(r"(?P<less>[<≤]\s*=?\s*)?(?<![\d.,])(?P<number>\d{1,3}(?:[.,]\d+)?)\s*%")
LIMIT = re.compile(
    r"[<≤]\s*=?\s*(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>ms|s|seg|segundos|seconds?|min|h|hours?|horas?)\b"
)
BARE_LIMIT = re.compile(r"(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>ms|s)\b")
BUDGET = re.compile(
    r"(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>min(?:ut[eo]s?)?|h(?:ours?|oras?)?)\b\s*(?:/|per|por|al|a)\s*"
    r"(?P<period>month|mes|year|a[nñ]o|week|semana|day|d[ií]a)s?\b",
    re.IGNORECASE,
)
_ROW = re.compile(r"^[ \t]*\|(?P<cells>.+)\|[ \t]*$", re.MULTILINE)
_NAMED = re.compile(r"^(?P<indent>[ \t]*)(?:- )?(?P<name>[^\s:#|`*-][^:|`{}\[\]]{1,60}):[ \t]*$", re.MULTILINE)
_VALUE = re.compile(r"^(?P<indent>[ \t]*)(?:- )?(?P<key>[A-Za-zÁÉÍÓÚáéíóúñ _-]{2,40}):[ \t]+(?P<value>[^\r\n]+)$")
_VERSUS = re.compile(r"^[ \t]*- (?P<name>[^\r\n()|]{3,60}?) vs\.? SLO \((?P<value>[^()\r\n]+)\)", re.MULTILINE)
_TARGET = re.compile(r"\b(?:slo target|target|objetivo|meta|slo|threshold)\b", re.IGNORECASE)
_BUDGET_KEY = re.compile(r"budget|presupuesto", re.IGNORECASE)
_WINDOW_KEY = re.compile(r"ventana|window|period", re.IGNORECASE)
_WORDS = {
    "pagos": "payment", "pago": "payment", "payments": "payment", "busqueda": "search", "disponibilidad": "success",
    "availability": "success", "uptime": "success", "success": "success", "exito": "success", "latencia": "latency",
    "latency": "latency", "errores": "error", "error": "error", "database": "db", "response": "latency",
}  # fmt: skip
_IGNORED = "rate tasa time tiempo sla slo sli target the of de del la el query page p50 p90 p95 p99 p999"
_NOISE = frozenset(_IGNORED.split())
UNITS = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "h": Fraction(3600)}


@dataclass(frozen=True, slots=True)
class Promise:
    """An objective as someone wrote it: of what, the share of good in percent, the limit in seconds, the budget's text.

    `index` and `length` say where its target stands; `tabled` if it has a place for a budget."""

    file: File
    index: int
    length: int
    subject: str
    said: str
    target: Fraction | None = None
    limit: Fraction | None = None
    budget: str | None = None
    budget_index: int = 0
    tabled: bool = False
    percentile: str = ""


def plain(text: str) -> str:
    """Lower case without accents or marks."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c) and (c.isalnum() or c in " /-_"))


def subject_of(*parts: str) -> str:
    """What an objective is about, the same however it is called."""
    words = [w for w in re.split(r"[\s/_-]+", plain(" ".join(parts))) if w]
    return " ".join(dict.fromkeys(sorted(_WORDS.get(w, w) for w in words if w not in _NOISE)))


def decimal(text: str) -> Fraction:
    """The number that `text` writes, with a point or a comma."""
    return Fraction(text.replace(",", "."))


@lru_cache(maxsize=512)
def promises(file: File) -> tuple[Promise, ...]:
    """The objectives in `file`, in the order written."""
    found = [*_tables(file), *_named(file), *_compared(file)]
    return tuple(sorted(found, key=lambda promise: promise.index))


def tables(file: File) -> Iterator[tuple[list[str], list[tuple[str, int]]]]:
    """Each row of each table in `file` with its head: the cells' texts, and where they begin."""
    head: list[str] = []
    end: int | None = None
    for row in _ROW.finditer(file.text):
        cells: list[tuple[str, int]] = []
        index = row.start("cells")
        for cell in row["cells"].split("|"):
            cells.append((cell.strip(), index + len(cell) - len(cell.lstrip())))
            index += len(cell) + 1
        fresh = end is None or bool(file.text[end : row.start()].strip()) or file.text.count("\n", end, row.start()) > 1
        if fresh:
            head = [text for text, _ in cells]
        elif not all(set(text) <= set(":- ") for text, _ in cells):
            yield head, cells
        end = row.end()


def _tables(file: File) -> Iterator[Promise]:
    for head, cells in tables(file):
        column = {name: next((i for i, h in enumerate(head) if pattern.search(h)), None) for name, pattern in
                  (("target", _TARGET), ("budget", _BUDGET_KEY), ("window", _WINDOW_KEY))}  # fmt: skip
        target, budget = column["target"], column["budget"]
        if target is None or (budget is None and column["window"] is None) or len(cells) != len(head):
            continue
        names = [text for i, (text, _) in enumerate(cells) if i < target]
        value, index = cells[target]
        said, place = cells[budget] if budget is not None else ("", 0)
        yield _promise(file, index, value, " ".join(names), said if budget is not None else None, place, tabled=True)


def _named(file: File) -> Iterator[Promise]:
    """`Name:` with `Target: …` and `Error Budget: …` below it."""
    for head in _NAMED.finditer(file.text):
        target: tuple[str, int] | None = None
        budget: tuple[str, int] | None = None
        row = file.place(head.start())[0]
        for number in range(row + 1, min(row + 12, len(file.starts) + 1)):
            line = file.line(number)
            if (
                line.strip()
                and len(line) - len(line.lstrip()) <= len(head["indent"])
                and not line.lstrip().startswith("-")
            ):
                break
            value = _VALUE.match(line)
            if value is None:
                continue
            place = (value["value"].strip().strip("\"'"), file.starts[number - 1] + value.start("value"))
            if target is None and _TARGET.fullmatch(value["key"].strip()):
                target = place
            elif _BUDGET_KEY.search(value["key"]):
                budget = place
        if target is not None:
            said, index = budget or (None, 0)
            yield _promise(file, target[1], target[0], head["name"], said, index, tabled=False)


def _compared(file: File) -> Iterator[Promise]:
    for found in _VERSUS.finditer(file.text):
        yield _promise(file, found.start("value"), found["value"], found["name"], None, 0, tabled=False)


def _promise(
    file: File, index: int, value: str, name: str, budget: str | None, place: int, *, tabled: bool
) -> Promise:  # fmt: skip
    share, limit = PERCENT.search(value), LIMIT.search(value) or (BARE_LIMIT.fullmatch(value.strip()))
    target = decimal(share["number"]) if share else None
    if share and share["less"] and target is not None:
        target = 100 - target
    seconds = decimal(limit["number"]) * UNITS.get(_unit(limit["unit"]), Fraction(1)) if limit else None
    percentile = re.search(r"\bp(50|90|95|99)\b", name, re.IGNORECASE)
    said = name.replace("*", "").strip()
    return Promise(
        file, index, len(value), subject_of(name), said, target, seconds, budget, place, tabled,
        percentile[1] if percentile else "",
    )  # fmt: skip


def _unit(text: str) -> str:
    return "ms" if text == "ms" else "m" if text.startswith("min") else text[0]
