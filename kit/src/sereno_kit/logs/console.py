"""Lines for people who develop: one line a record, the trace of an error below it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sereno_kit.logs.encoding import plain
from sereno_kit.logs.exceptions import as_text

_COLOURS = {
    "DEBUG": "\x1b[2m",
    "INFO": "\x1b[32m",
    "WARNING": "\x1b[33m",
    "ERROR": "\x1b[31m",
    "CRITICAL": "\x1b[1;31m",
}
_END = "\x1b[0m"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LEFT_OUT = frozenset(
    {
        "timestamp", "level", "message", "logger", "exception", "service.name", "service.version", "span_id",
        "deployment.environment.name",
    }
)  # fmt: skip


def console(line: Mapping[str, Any], *, coloured: bool = False) -> bytes:
    """A line of the set `otel` for a terminal. What comes from outside cannot move the cursor or break the line.

    Args:
        line: what the layout made.
        coloured: whether the terminal knows colours.
    """
    level = str(line["level"])
    begin, end = (_COLOURS.get(level, ""), _END) if coloured else ("", "")
    told = f"{str(line['timestamp'])[11:23]} {begin}{level:<8}{end} {_safe(line['message'])}"
    parts = [f"{_safe(name)}={_value(value)}" for name, value in line.items() if name not in _LEFT_OUT]
    text = "  ".join([told, *parts])
    error = line.get("exception")
    if isinstance(error, dict):
        text += "\n" + "\n".join(f"    {_safe(row)}" for row in as_text(error).split("\n"))
    return f"{text}\n".encode("utf-8", "backslashreplace")


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else str(plain(value))
    return repr(text) if not text or " " in text else _safe(text)


def _safe(value: Any) -> str:
    return _CONTROL.sub(lambda mark: f"\\u{ord(mark[0]):04x}", str(value))
