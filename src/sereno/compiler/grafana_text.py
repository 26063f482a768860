"""Dashboards as JSON that people can compare: a line for each thing, and what is small on one line."""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring

from sereno.compiler.text import Value

_LINE_MAX = 100
_WORDS = {True: "true", False: "false", None: "null"}
_key = lru_cache(maxsize=4096)(encode_basestring)


def dashboard_text(value: Value) -> str:
    """`value` as a JSON document that ends in a line feed."""
    return _text(value, "\n")[0] + "\n"


def _text(value: Value, margin: str) -> tuple[str, bool]:
    """The text, and whether it is of several things. `margin` is a line feed and the spaces after it."""
    if isinstance(value, str):
        return encode_basestring(value), False
    if isinstance(value, dict):
        inner, several, parts = margin + "  ", False, []
        for key, item in value.items():
            # Most are strings: a thousand dashboards hold a million.
            if isinstance(item, str):
                parts.append(f"{_key(key)}: {encode_basestring(item)}")
                continue
            text, many = _text(item, inner)
            several = several or many
            parts.append(f"{_key(key)}: {text}")
        return _joined(parts, several, "{}", margin), bool(parts)
    if isinstance(value, list):
        inner = margin + "  "
        found = [_text(item, inner) for item in value]
        return _joined([text for text, _ in found], any(many for _, many in found), "[]", margin), bool(found)
    if value is None or isinstance(value, bool):
        return _WORDS[value], False
    # json.dumps makes an encoder each time, for hundreds of thousands of small numbers.
    return int.__repr__(value) if isinstance(value, int) else json.dumps(value, allow_nan=False), False


def _joined(parts: list[str], several: bool, brackets: str, margin: str) -> str:
    """On one line where nothing in it is itself of several things, and it is short enough."""
    if not several:
        line = ", ".join(parts)
        if len(line) <= _LINE_MAX:
            return brackets[0] + line + brackets[1]
    return f"{brackets[0]}{margin}  {f',{margin}  '.join(parts)}{margin}{brackets[1]}"
