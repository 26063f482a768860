"""Incidents that people wrote down: YAML, JSON or CSV, every mistake with its place.

```yaml
- {start: 2026-03-02T03:00:00Z, end: 2026-03-02T03:25:00Z, service: payments, name: the card network}
- start: 2026-03-04 22:10-05:00
  end: 2026-03-05T04:10:00-05:00       # without a service it is everybody's
```
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise

from sereno.insight.model import Incident
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.errors import SpecError
from sereno.kernel.moment import to_ms
from sereno.spec.source import File, Node, Scalar, Sequence
from sereno.spec.source import Mapping as MappingNode
from sereno.spec.tree import documents

KEYS = ("service", "start", "end", "name")
INCIDENTS_MAX = 10_000


def read_incidents(name: str, text: str) -> tuple[Incident, ...]:
    """The incidents in the file `name`, by their beginning. Raises SpecError with every mistake and its place."""
    found: list[Diagnostic] = []
    rows = _csv_rows(name, text, found) if name.lower().endswith(".csv") else _yaml_rows(name, text, found)
    incidents = [one for line, row in rows if (one := _incident(name, line, row, found)) is not None]
    if len(incidents) > INCIDENTS_MAX:
        found.append(_wrong(name, 1, f"there are {len(incidents):,} incidents, more than {INCIDENTS_MAX:,}"))
    if found:
        raise SpecError(found)
    return tuple(sorted(incidents, key=lambda i: (i.start_ms, i.end_ms, i.service or "", i.name)))


def alike(incidents: Iterable[Incident]) -> tuple[tuple[Incident, Incident], ...]:
    """Neighbours of one service that overlap: probably one thing written down twice."""
    ordered = sorted(incidents, key=lambda i: (i.service or "", i.start_ms))
    return tuple((a, b) for a, b in pairwise(ordered) if a.service == b.service and b.start_ms <= a.end_ms)


def _csv_rows(name: str, text: str, found: list[Diagnostic]) -> list[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    try:
        head = [column.strip().lower() for column in reader.fieldnames or ()]
    except csv.Error as error:
        found.append(_wrong(name, 1, f"this is not CSV: {error}"))
        return []
    for needed in ("start", "end"):
        if needed not in head:
            found.append(_wrong(name, 1, f"there is no column `{needed}`", f"a first line such as {','.join(KEYS)}"))
    if found:
        return []
    rows = []
    try:
        for row in reader:
            rows.append((reader.line_num, {(key or "").strip().lower(): value or "" for key, value in row.items()
                                           if isinstance(value, str | None)}))  # fmt: skip
    except csv.Error as error:
        found.append(_wrong(name, reader.line_num, f"this is not CSV: {error}"))
    return rows


def _yaml_rows(name: str, text: str, found: list[Diagnostic]) -> list[tuple[int, dict[str, str]]]:
    file = File.of(name, text)

    def complain(code: str, index: int, length: int, message: str, hint: str | None) -> None:
        line, column = file.place(index)
        found.append(Diagnostic(code, message, name, line, column, length, file.excerpt(line, column), hint=hint))

    rows: list[tuple[int, dict[str, str]]] = []
    for document in documents(file, complain):
        listed = document.get("incidents") if isinstance(document, MappingNode) else document
        if not isinstance(listed, Sequence):
            found.append(_wrong(name, 1, "a list of incidents was expected", "- {start: …, end: …, service: …}"))
            continue
        for item in listed.items:
            line, _ = file.place(item.start)
            rows.append((line, _flat(name, line, item, found)))
    return rows


def _flat(name: str, line: int, item: Node, found: list[Diagnostic]) -> dict[str, str]:
    if not isinstance(item, MappingNode):
        found.append(_wrong(name, line, "an incident is a mapping", "{start: …, end: …, service: …}"))
        return {}
    row = {}
    for key, value in item.entries:
        if key.value not in KEYS:
            found.append(_wrong(name, line, f"an incident has no key `{key.value}`", f"one of {', '.join(KEYS)}"))
        elif isinstance(value, Scalar):
            row[key.value] = value.value
    return row


def _incident(name: str, line: int, row: Mapping[str, str], found: list[Diagnostic]) -> Incident | None:
    if not row:
        return None
    start, end = (_instant(name, line, key, row.get(key, ""), found) for key in ("start", "end"))
    if start is None or end is None:
        return None
    if end < start:
        found.append(_wrong(name, line, "the incident ends before it starts", "an `end` after its `start`"))
        return None
    return Incident(row.get("service", "").strip() or None, start, end, row.get("name", "").strip() or f"{name}:{line}")


def _instant(name: str, line: int, key: str, text: str, found: list[Diagnostic]) -> int | None:
    text = text.strip()
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is not None and instant.tzinfo is not None:
        return to_ms(instant)
    if text.isascii() and text.isdecimal() and 9 <= len(text) <= 11:
        return int(text) * 1000
    what = f"`{key}` is missing" if not text else f"`{key}` is no instant with its zone: {text[:40]}"
    found.append(_wrong(name, line, what, "2026-03-02T03:00:00Z, 2026-03-01 22:00-05:00 or seconds since 1970"))
    return None


def _wrong(name: str, line: int, message: str, expected: str | None = None) -> Diagnostic:
    return Diagnostic("SER112", message, name, line, 1, expected=expected)
