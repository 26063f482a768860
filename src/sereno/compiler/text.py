"""YAML and JSON written the same way every time: two spaces, keys in the order given, no string that is misread."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

Value = str | int | float | bool | None | Mapping[str, "Value"] | Sequence["Value"]
_Atom = str | int | float | bool | None

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[1-9][0-9]*(?:ms|[smhd])")
_MEANS_SOMETHING = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_BLOCK = re.compile(r"[!-~][^\x00-\x09\x0b-\x1f]*\n[^\x00-\x09\x0b-\x1f]*[!-~]")


def yaml(value: Mapping[str, Value]) -> str:
    """`value` as a YAML document that ends in a line feed."""
    return "\n".join(_lines(value, 0)) + "\n"


def json_text(value: Value) -> str:
    """`value` as a JSON document that ends in a line feed."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _lines(value: Value, depth: int) -> list[str]:
    margin = "  " * depth
    lines: list[str] = []
    if isinstance(value, dict | Mapping):  # the first is asked without a walk through the classes
        for key, item in value.items():
            if isinstance(item, str) and "\n" not in item:
                lines.append(f"{margin}{_scalar(key)}: {_text(item)}")
            else:
                lines += _entry(f"{margin}{_scalar(key)}:", item, depth)
    elif not isinstance(value, _Atom):
        for item in value:
            inner = _lines(item, depth + 1) if _nested(item) else [f"{margin}  {_scalar(item)}"]
            inner[0] = f"{margin}- {inner[0][len(margin) + 2 :]}"
            lines += inner
    return lines


def _entry(head: str, item: Value, depth: int) -> list[str]:
    if _nested(item):
        return [head, *_lines(item, depth + 1)]
    if isinstance(item, str) and _blockable(item):
        margin = "  " * (depth + 1)
        return [f"{head} |-", *(f"{margin}{line}" if line else "" for line in item.split("\n"))]
    return [f"{head} {_scalar(item)}"]


def _nested(value: Value) -> bool:
    return not isinstance(value, _Atom) and bool(value)


def _blockable(text: str) -> bool:
    if "\n" not in text:
        return False
    lines = text.split("\n")
    return bool(_BLOCK.fullmatch(text)) and not _UNPRINTABLE.search(text) and all(x == x.rstrip() for x in lines)


def _scalar(value: Value) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__repr__(value)
    if value is None or isinstance(value, bool | float):
        return json.dumps(value, allow_nan=False)
    return "{}" if isinstance(value, Mapping) else "[]"


@lru_cache(maxsize=16_384)
def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _MEANS_SOMETHING:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
