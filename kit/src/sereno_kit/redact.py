"""One redactor for all that leaves the program: logs, traces, Sentry, error bodies, headers, addresses.

It knows secrets by the names they stand under and by their shape. It never raises and never takes long: what it cannot
judge becomes `[unredactable]`, what is too long or too deep is cut.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus
from uuid import UUID

import orjson

from sereno_kit import redact_patterns as patterns
from sereno_kit.redact_checks import is_mixed
from sereno_kit.redact_keys import judge, stems, words_of
from sereno_kit.redact_sql import start_of_sql, without_literals

MASK = "[redacted]"
UNREDACTABLE = "[unredactable]"
CYCLE, TOO_DEEP, CUT = "[cycle]", "[too deep]", "[cut]"
_CLEAN_TEXTS_KEPT, _CLEAN_TEXT_MAX = 4096, 96
_LOOK_AHEAD = 1024
_TEXTS_OF_A_CALL = 16
"""Texts of full length that one call looks at; a line of the log could hold no more of them."""
_NESTED_MAX = 3
"""How often an address is looked for within a parameter of another, or a parameter decoded: nobody makes it costly."""
_AS_THEY_ARE = frozenset({bool, type(None), float, datetime, date, time, timedelta, UUID, complex})
_ADDRESSES = frozenset({"url.full", "http.url", "url", "uri", "referer", "location", "http.target", "origin"})
_BEFORE_TOKENS = frozenset(
    {
        "reset", "verify", "verification", "confirm", "confirmation", "activate", "activation", "magic", "invite",
        "invitation", "unsubscribe", "token", "password", "session", "secret", "download", "share", "signin", "login",
    }
)  # fmt: skip
"""Parts of a path that a token follows: `/password-reset/9f8c2a7be41d`."""
_STATEMENTS = frozenset({"db.statement", "db.query.text", "sql", "statement"})


_GIVEN = frozenset({"value", "values", "input", "ctx"})
_OPTIONS = frozenset({"--", "'-", '"-'})
_QUOTED = re.compile(r"([\w.]{0,80}\(?)(['\"])(.*)\2(,?\)?)\Z", re.DOTALL)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>\\]{4,4096}", re.IGNORECASE)
_NAME = re.compile(r"b?['\"]?[\w.\-\[\]\\]{2,64}['\"]?")
_ESCAPED = re.compile(r"\\([\\'\"])")
_STEMS, _ANY = stems(), re.compile("")


class Redactor:
    """Takes out secrets and personal data, and leaves the rest as it was.

    Args:
        keys: names that are secret besides those it knows, in any spelling: `"policy_number"`.
        allow: names that are not secret, whatever they look like: `"card"`.
        mask: what stands in place of a secret.
        depth_max: containers inside of containers; what is deeper is not shown.
        items_max: values of one call; what comes after is not shown.
        text_max: characters of one text; what is longer is cut.
        shapes: functions from text to text, called after the redactor's own.
    """

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        allow: Iterable[str] = (),
        mask: str = MASK,
        depth_max: int = 16,
        items_max: int = 5_000,
        text_max: int = 16_384,
        shapes: Sequence[Callable[[str], str]] = (),
    ) -> None:
        keys = tuple(keys)
        self.mask = mask
        self.failures = 0
        self.secret = judge(keys, allow)
        self._names = _ANY if keys else _STEMS
        self._depth_max, self._items_max, self._text_max = depth_max, items_max, text_max
        self._shapes = tuple(shapes)
        self._clean: dict[str, None] = {}

    def redact(self, value: Any, key: str = "") -> Any:
        """`value` without secrets, in plain containers: mappings become dicts, sets lists, objects dicts or text.

        Args:
            value: anything.
            key: the name it stands under, if it has one.
        """
        kind = type(value)
        if kind in _AS_THEY_ARE:
            return value
        try:
            if kind is str and value in self._clean and not (key and self.secret(key)):
                return value
            return _Walk(self).value(value, key)
        except Exception:
            return self._gave_up()

    def text(self, text: str) -> str:
        """`text` without secrets, cut to `text_max` characters."""
        try:
            if text in self._clean:
                return text
            return self._text(text)
        except Exception:
            return self._gave_up()

    def may_name_secrets(self, text: str) -> bool:
        """Whether `text` has a word in it under which secrets stand, such as `token`."""
        return self._names.search(text.lower()) is not None

    def headers(self, items: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
        """Headers without credentials, cookies and what is secret in their values; names in lower case.

        Args:
            items: pairs of text or bytes, as ASGI, WSGI and clients have them.
        """
        try:
            pairs = items.items() if isinstance(items, Mapping) else items
            return [self._header(_as_text(name).lower(), _as_text(value)) for name, value in pairs]
        except Exception:
            self._gave_up()
            return []

    def url(self, url: str) -> str:
        """An address without passwords, secret parameters and tokens in its path."""
        try:
            return self._url(url)
        except Exception:
            return self._gave_up()

    def path(self, path: str) -> str:
        """The path of an address without tokens and personal data."""
        try:
            if path in self._clean:
                return path
            return self._text(self._path(path) if len(path) > 20 else path)
        except Exception:
            return self._gave_up()

    def sql(self, statement: str) -> str:
        """A statement with `?` in place of each literal (OpenTelemetry, `db.query.text`)."""
        try:
            return self._text(without_literals(statement[: self._text_max + _LOOK_AHEAD]))
        except Exception:
            return self._gave_up()

    def _gave_up(self) -> str:
        self.failures += 1
        return UNREDACTABLE

    def _header(self, name: str, value: str) -> tuple[str, str]:
        if self.secret(name):
            return name, self.mask
        return self._text(name), self._url(value) if name in _ADDRESSES else self._text(value)

    def _text(self, text: str) -> str:
        text = str.__str__(text)
        size = len(text)
        seen = text if size <= self._text_max else text[: self._text_max + _LOOK_AHEAD]
        shown = self._without_secrets(seen)
        if size > self._text_max:
            return f"{shown[: self._text_max]}…[{size - self._text_max} more]"
        if shown is text and size <= _CLEAN_TEXT_MAX:
            if len(self._clean) >= _CLEAN_TEXTS_KEPT:
                self._clean.clear()
            self._clean[text] = None
        return shown

    def _without_secrets(self, text: str) -> str:
        if text[:1] in ("{", "[") and text.rstrip()[-1:] in ("}", "]"):
            inner = self._json(text)
            if inner is not None:
                return inner
        if "\\" in text and (quoted := _QUOTED.match(text)) is not None:
            inner = _ESCAPED.sub(r"\1", quoted[3])
            shown = self._without_secrets(inner)
            return text if shown == inner else f"{quoted[1]}{quoted[2]}{shown}{quoted[2]}{quoted[4]}"
        shown = self._flat(text)
        if "://" in shown:
            shown = _ADDRESS.sub(lambda found: self._url(found[0]), shown)
        return text if shown == text else shown

    def _flat(self, text: str) -> str:
        """By names and shapes, without looking into what is written inside of the text."""
        marked = patterns.HAS_MARK.search(text) is not None
        shown = self._by_names(text, marked)
        if marked:
            shown = patterns.numbers(self._by_shape(shown), self.mask)
        for shape in self._shapes:
            shown = shape(shown)
        return shown

    def _by_names(self, text: str, marked: bool) -> str:
        """Without what follows a secret's name."""
        low = text.lower()
        spaced = " " in text
        if spaced and ("'" in text or marked) and (start := start_of_sql(text, low)) >= 0:
            text = text[:start] + without_literals(text[start:])
        if spaced and ("row contains" in low or "parameters: " in low):
            text = patterns.rows(text, self.mask)
        if self._names.search(low) is None and "%" not in low:
            return text
        if spaced:
            text = patterns.phrases(text, self.secret, self.mask)
        if "</" in text or "input_value=" in text:
            text = patterns.elements(text, self.secret, self.mask)
        if "'" in text or '"' in text:
            text = patterns.couples(text, self.secret, self.mask)
        return patterns.pairs(text, self.secret, self.mask) if "=" in text or ":" in text else text

    def _by_shape(self, text: str) -> str:
        if "@" in text and "://" in text:
            text = patterns.user_information(text, self.mask)
        return patterns.shapes(text, self.mask)

    def _json(self, text: str) -> str | None:
        try:
            parsed = orjson.loads(text)
        except ValueError:
            return None
        if not isinstance(parsed, (dict, list)):
            return None
        shown = _Walk(self).value(parsed, "")
        return text if shown == parsed else orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS).decode()

    def _url(self, url: str, depth: int = 0) -> str:
        url = url[: self._text_max + _LOOK_AHEAD]
        if depth > _NESTED_MAX:
            return self._flat(patterns.user_information(url, self.mask))
        address, hash_mark, fragment = url.partition("#")
        address, mark, query = address.partition("?")
        address = self._flat(self._path(patterns.user_information(address, self.mask)))
        shown = f"{address}{mark}{self._query(query, depth)}{hash_mark}{self._query(fragment, depth)}"
        return shown[: self._text_max]

    def _path(self, address: str) -> str:
        """Without what follows a secret's name: `/password-reset/9f8c2a…`."""
        parts = address.split("/")
        for i in range(1, len(parts)):
            word = parts[i]
            if len(word) >= 16 and is_mixed(word) and not _BEFORE_TOKENS.isdisjoint(words_of(parts[i - 1])):
                parts[i] = self.mask
        return "/".join(parts)

    def _query(self, query: str, depth: int = 0) -> str:
        if not query:
            return query
        names = {name for name, _ in parse_qsl(query.replace(";", "&"), keep_blank_values=True, max_num_fields=1000)}
        code = "code" in names and "state" in names
        return "&".join(self._parameter(part, code, depth) for part in self._flat(query).split("&"))

    def _parameter(self, part: str, code: bool, depth: int) -> str:
        name, mark, value = part.partition("=")
        plain = unquote_plus(name)
        if mark and value and (self.secret(plain) or (code and plain in ("code", "state"))):
            return f"{name}={self.mask}"
        if "%" not in part and "+" not in part and "://" not in part:
            return part
        written = decoded = value if mark else name
        while depth <= _NESTED_MAX:
            before, decoded, depth = decoded, unquote_plus(decoded), depth + 1
            shown = self._url(decoded, depth) if "://" in decoded else self._text(decoded)
            if shown != decoded:
                shown = quote(shown, safe="[]/:?=@…, ") if decoded != written else shown
                return f"{self._text(name)}{mark}{shown}" if mark else shown
            if decoded == before or "%" not in decoded:
                break
        return part


class _Walk:
    """One value's way through: what it is inside of, and how much it may still show."""

    __slots__ = ("characters", "inside", "left", "of")

    def __init__(self, of: Redactor) -> None:
        self.of = of
        self.inside: set[int] = set()
        self.left = of._items_max
        self.characters = _TEXTS_OF_A_CALL * of._text_max

    def value(self, value: Any, key: str) -> Any:
        kind = type(value)
        if kind in _AS_THEY_ARE:
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
        if "://" in text and (low in _ADDRESSES or low.endswith((".url", "_url"))):
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
        text = data[: self.of._text_max + 2 * _LOOK_AHEAD].decode("utf-8", "replace")
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
                under = _as_text(name) if isinstance(name, bytes) else ""
                shown[self.of.text(under) if under else self.value(name, "")] = self.value(value, under)
        return shown

    def _sequence(self, items: Sequence[Any], key: str) -> Any:
        if len(items) == 2 and isinstance(items[0], (str, bytes)):
            name = _as_text(items[0])
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
    return _as_text(name) if isinstance(name, (str, bytes)) else ""


def _as_text(value: Any) -> str:
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


DEFAULT = Redactor()
"""The redactor of who gives none."""
