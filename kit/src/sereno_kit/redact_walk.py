"""A value of any kind taken apart, so that the redactor sees every text in it; each only once, and not without end."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sereno_kit import redact_patterns as patterns

if TYPE_CHECKING:
    from sereno_kit.redact import Redactor

CYCLE, TOO_DEEP, CUT = "[cycle]", "[too deep]", "[cut]"
LOOK_AHEAD = 1024
"""Characters of a text that are looked at beyond those that are shown: a secret may begin before the cut."""
_TEXTS_OF_A_CALL = 16
"""Texts of full length that one call looks at; a line of the log could hold no more of them."""
AS_THEY_ARE = frozenset({bool, type(None), float, datetime, date, time, timedelta, UUID, complex})
ADDRESSES = frozenset({"url.full", "http.url", "url", "uri", "referer", "location", "http.target", "origin"})
_STATEMENTS = frozenset({"db.statement", "db.query.text", "sql", "statement"})
_GIVEN = frozenset({"value", "values", "input", "ctx"})
_OPTIONS = frozenset({"--", "'-", '"-'})
_NAME = re.compile(r"b?['\"]?[\w.\-\[\]\\]{2,64}['\"]?")


class Walk:
    """One value's way through: what it is inside of, and how much it may still show."""

    __slots__ = ("characters", "inside", "left", "of")

    def __init__(self, of: Redactor) -> None:
        self.of = of
        self.inside: set[int] = set()
        self.left = of._items_max
        self.characters = _TEXTS_OF_A_CALL * of._text_max

    def value(self, value: Any, key: str) -> Any:
        """What is shown of `value`, which stands under `key`."""
        kind = type(value)
        if kind in AS_THEY_ARE:
            return value
        self.left -= 1
        if self.left < 0:
            return CUT
        if key and self.of.secret(key) and not _tells_nothing(value, key):
            return self.of.mask
        if kind is str:
            return self._text(value, key)
        if kind is int:
            return self._whole(value)
        return self._other(value, key)

    def _text(self, text: str, key: str) -> str:
        if text in self.of._clean:
            return text
        self.characters -= min(len(text), self.of._text_max)
        if self.characters < 0:
            return CUT
        low = key.lower() if key else ""
        if low in _STATEMENTS or low.endswith((".statement", ".query.text")):
            return self.of.sql(text)
        if "://" in text and (low in ADDRESSES or low.endswith((".url", "_url"))):
            return self.of._url(text)
        if low in ("query_string", "url.query", "query"):
            return self.of._text(self.of._query(text))
        return self.of._text(text)

    def _whole(self, number: int) -> Any:
        """A card's number is one although it is no text."""
        if -(10**11) < number < 10**11 or number.bit_length() > 128:
            return number
        text = str(number)
        return number if patterns.numbers(text, self.of.mask) == text else self.of.mask

    def _other(self, value: Any, key: str) -> Any:
        if id(value) in self.inside:
            return CYCLE
        if len(self.inside) >= self.of._depth_max:
            return TOO_DEEP
        self.inside.add(id(value))
        try:
            if isinstance(value, (bytes, bytearray, memoryview)):
                return self._bytes(bytes(value), key)
            if isinstance(value, str):
                return self._text(str.__str__(value), key)
            if isinstance(value, (int, float, Decimal, Enum)):
                return self._scalar(value, key)
            return self._container(value, key)
        except Exception:
            return self.of._gave_up()  # Only of this one; what stands beside it stays.
        finally:
            self.inside.discard(id(value))

    def _scalar(self, value: Any, key: str) -> Any:
        if isinstance(value, Enum):
            return self.value(value.value, key)
        if isinstance(value, Decimal):
            text = str(value)
            return value if patterns.numbers(text, self.of.mask) == text else self.of.mask
        return self._whole(int(value)) if isinstance(value, int) else float(value)

    def _bytes(self, data: bytes, key: str) -> bytes:
        text = data[: self.of._text_max + 2 * LOOK_AHEAD].decode("utf-8", "replace")
        shown = self._text(text, key)
        return data if shown == text else shown.encode("utf-8", "replace")

    def _container(self, value: Any, key: str) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self._mapping(dict(zip(value._fields, value, strict=False)))
        if isinstance(value, (list, tuple)):
            return self._sequence(value, key)
        if isinstance(value, (AbstractSet, deque)):
            return [self.value(one, key) for one in islice(value, max(0, self.left) + 1)]
        if isinstance(value, BaseException):
            return self.of._text(f"{type(value).__qualname__}: {value}")
        parts = _parts_of(value)
        return self._mapping(parts) if parts is not None else self.of._text(str(value))

    def _mapping(self, items: Mapping[Any, Any]) -> dict[Any, Any]:
        shown: dict[Any, Any] = {}
        named = _named(items)
        for name, value in items.items():
            if self.left < 0:
                shown[CUT] = len(items) - len(shown)
                break
            if isinstance(name, str):
                under = named if named and name.lower() in _GIVEN else str.__str__(name)
                shown[self.of.text(name) if len(name) > 5 else name] = self.value(value, under)
            else:
                under = as_text(name) if isinstance(name, bytes) else ""
                shown[self.of.text(under) if under else self.value(name, "")] = self.value(value, under)
        return shown

    def _sequence(self, items: Sequence[Any], key: str) -> Any:
        if len(items) == 2 and isinstance(items[0], (str, bytes)):
            name = as_text(items[0])
            if _NAME.fullmatch(name) and self.of.secret(name) and not _tells_nothing(items[1], name):
                return [items[0], self.of.mask] if isinstance(items, list) else (items[0], self.of.mask)
        shown = [self.value(one, key) for one in islice(items, max(0, self.left) + 1)]
        for i in range(1, len(shown)):
            option = items[i - 1]
            if type(option) is str and option[:2] in _OPTIONS and len(option) <= 64 and self.of.secret(option):
                shown[i] = self.of.mask
        return tuple(shown) if isinstance(items, tuple) else shown


def _tells_nothing(value: Any, key: str) -> bool:
    """Whether a value is none, or a number of tokens."""
    if value is None or value == "" or value is True or value is False:
        return True
    counts = key.lower().endswith(("tokens", "pass", "cookies", "cards", "secrets", "passwords", "credentials"))
    return counts and isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 10**11


def _named(items: Mapping[Any, Any]) -> str:
    """The name that `{"name": "password", "value": …}` gives to its value, and the `loc` of pydantic to its `input`."""
    if "input" in items and isinstance(place := items.get("loc"), (list, tuple)):
        return ".".join(str(part) for part in place[:8])
    if "value" in items or "values" in items:
        name = items.get("name") or items.get("key") or items.get("header")
    elif "Value" in items:
        name = items.get("Name") or items.get("Key")
    else:
        return ""
    return as_text(name) if isinstance(name, (str, bytes)) else ""


def as_text(value: Any) -> str:
    """The text of a name or a value, bytes too."""
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)


def _parts_of(value: Any) -> Mapping[str, Any] | None:
    """The fields of a dataclass, an attrs class or a model of pydantic's or msgspec's kind; None for other objects."""
    kind = type(value)
    if is_dataclass(kind):
        return {field.name: getattr(value, field.name, None) for field in fields(kind) if field.repr}
    if hasattr(kind, "__attrs_attrs__"):
        return {one.name: getattr(value, one.name, None) for one in kind.__attrs_attrs__}
    if hasattr(kind, "__struct_fields__"):
        return {name: getattr(value, name, None) for name in kind.__struct_fields__}
    if hasattr(kind, "model_fields") and hasattr(value, "__dict__"):
        return {**value.__dict__, **(getattr(value, "__pydantic_extra__", None) or {})}
    return None
