"""Reads runbooks: Markdown files, with what they say of themselves at the top.

```yaml
---
title: Nobody can pay        # by default the first heading
owner: payments              # any words and texts
---
```
"""

from __future__ import annotations

import re

from sereno.spec.model import Runbook, Service
from sereno.spec.reading import Reading
from sereno.spec.source import File, Mapping, Scalar, Sequence
from sereno.spec.tree import documents

_FRONT = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FRONT_MAX = 20_000
_TITLE_MAX = 200


def runbook_of(reading: Reading, file: File) -> Runbook:
    """The runbook that `file` holds; a front that is no YAML is reported and taken for text."""
    found = _FRONT.match(file.text)
    front = _front(reading, file, found.end(1)) if found is not None else None
    text = file.text[found.end() :] if found is not None and front is not None else file.text
    headings = _headings(text)
    first = next((title for _, title in headings), "")
    return Runbook(
        path=file.name,
        title=((front or {}).get("title") or first or file.name)[:_TITLE_MAX],
        sections=tuple(title for level, title in headings if level == 2),
        text=text,
        front=front or {},
    )


def has_front(file: File) -> bool:
    """Whether the file begins with front matter."""
    return _FRONT.match(file.text) is not None


def referred(services: dict[str, Service]) -> set[str]:
    """The files that services call their runbooks."""
    named: set[str | None] = set()
    for service in services.values():
        named |= {slo.runbook for slo in service.slos} | {one.runbook for one in service.saturation}
        named |= {rule.annotations.get("runbook_url") for rule in service.alerts}
    return {name for name in named if name and "://" not in name}


def _front(reading: Reading, file: File, end: int) -> dict[str, str] | None:
    """What the front says, or None, with a report, if it is no mapping."""
    wrong: list[tuple[int, int, str, str | None]] = []

    def complain(code: str, index: int, length: int, message: str, hint: str | None) -> None:
        wrong.append((index, length, message, hint))

    nodes = documents(File(file.name, file.text[:end], file.shown, file.starts), complain) if end < _FRONT_MAX else ()
    node = nodes[0] if nodes else None
    if isinstance(node, Scalar) and node.kind == "null" and not wrong:
        return {}
    if not isinstance(node, Mapping) or wrong:
        index, length, message, hint = wrong[0] if wrong else (0, 3, "the front matter is no mapping", None)
        reading.complain_at("SER124", file, index, length, message, hint=hint)
        return None
    return {key.value: _text(value) for key, value in node.entries}


def _text(node: object) -> str:
    if isinstance(node, Scalar):
        return "" if node.kind == "null" else node.value.strip()
    if isinstance(node, Sequence):
        return ", ".join(_text(item) for item in node.items)
    return ", ".join(f"{key.value}: {_text(value)}" for key, value in node.entries) if isinstance(node, Mapping) else ""


def _headings(text: str) -> list[tuple[int, str]]:
    """The headings outside code, as (level, title)."""
    found: list[tuple[int, str]] = []
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and (not fence or (line.strip().startswith(fence) and not line.strip().strip(fence[0]))):
            fence = "" if fence else mark[1]
        elif not fence and (heading := _HEADING.fullmatch(line)) and heading[2]:
            found.append((len(heading[1]), heading[2]))
    return found
