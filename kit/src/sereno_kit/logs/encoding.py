"""A line of JSON, whatever is in it. Nothing that somebody logs may lose a line, or make two of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

LINE_BYTES_MAX = 262_144
"""What a line may have; CloudWatch takes no more in an event, and others less."""
_BREAKING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_DEPTH_MAX, _ITEMS_MAX, _TEXT_MAX = 24, 1_000, 8_192
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS


def encode(line: Mapping[str, Any]) -> bytes:
    """`line` as JSON with a line feed at its end and none before.

    What JSON does not have becomes text: decimals, bytes, whole numbers of more than 64 bits; NaN becomes null. Marks
    that terminals, or readers of lines, take for orders (C1 controls, U+2028, changes of direction) are escaped.
    """
    try:
        data = orjson.dumps(line, default=_text_of, option=_OPTIONS)
    except (TypeError, ValueError, RecursionError):
        data = orjson.dumps(plain(line), default=_text_of, option=_OPTIONS)
    if len(data) > LINE_BYTES_MAX:
        data = orjson.dumps(plain(_shortened(line)), option=_OPTIONS)
    return data if data.isascii() else _escaped(data)


def _escaped(data: bytes) -> bytes:
    text = data.decode()
    if _BREAKING.search(text) is None:
        return data
    return _BREAKING.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text).encode()


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as orjson takes it in any case: the slow way, for what failed the fast one."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() < 64 else _digits(value)
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "backslashreplace").decode()
    if depth >= _DEPTH_MAX:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {_name(name): plain(one, depth + 1) for name, one in list(value.items())[:_ITEMS_MAX]}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one, depth + 1) for one in list(value)[:_ITEMS_MAX]]
    return _text_of(value)


def _name(name: Any) -> str:
    if name is None or isinstance(name, bool):
        return "null" if name is None else str(name).lower()
    return str(plain(name if isinstance(name, (str, int, float)) else _text_of(name)))


def _digits(number: int) -> str:
    return str(number) if number.bit_length() <= 4_096 else f"[number of {number.bit_length()} bits]"


def _text_of(value: Any) -> str:
    """The text of an object that JSON does not know. Never raises."""
    try:
        text = value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)
        return str(plain(text[:_TEXT_MAX]))
    except Exception:
        return f"[{type(value).__name__} without text]"


def _shortened(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line with what is long in it cut, for readers that take no more."""
    return {name: _short(value) for name, value in line.items()} | {"line_cut": True}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= 2_048 else f"{value[:2_048]}…"
    if isinstance(value, (Mapping, list, tuple)):
        try:
            small = len(orjson.dumps(plain(value))) <= 16_384
        except (TypeError, ValueError):
            small = False
        return value if small else "[cut]"
    return value
