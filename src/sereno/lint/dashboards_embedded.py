"""Dashboards that lie as text inside of other files: read where they stand, so that places are those of the file."""

from __future__ import annotations

import re

from sereno.lint.json_tree import json_document
from sereno.lint.model import Edit
from sereno.lint.reporting import Report
from sereno.spec.source import File, Mapping, Node, Scalar

_BLANKED = re.compile(r"[^\r\n]")


def alone(value: Scalar) -> str:
    """The text of its file with everything blank that is not part of a block of text."""
    body = value.file.text
    begin = body.find("\n", value.start, value.end) + 1
    return _BLANKED.sub(" ", body[:begin]) + body[begin : value.end]


def inside(value: Node | None, report: Report) -> Mapping | None:
    """The JSON in a block of text, with the places of the file around it; None for text in quotes."""
    if not isinstance(value, Scalar) or value.style != "literal" or not value.value.lstrip().startswith("{"):
        return None
    file = value.file
    part = File(file.name, alone(value), file.shown, file.starts)

    def complain(index: int, length: int, message: str, hint: str | None, edits: tuple[Edit, ...]) -> None:
        report.complain_at("SER201", file, index, length, message, hint=hint, edits=edits)

    node = json_document(part, complain)
    return node if isinstance(node, Mapping) else None
