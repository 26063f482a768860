"""One redactor for all that leaves the program: logs, traces, Sentry, error bodies, headers, addresses.

It knows secrets by the names they stand under and by their shape. It never raises and never takes long: what it cannot
judge becomes `[unredactable]`, what is too long or too deep is cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus

import orjson

from sereno_kit import redact_patterns as patterns
from sereno_kit.redact_checks import is_mixed
from sereno_kit.redact_keys import judge, stems, words_of
from sereno_kit.redact_sql import start_of_sql, without_literals
from sereno_kit.redact_walk import ADDRESSES, AS_THEY_ARE, LOOK_AHEAD, Walk, as_text

MASK = "[redacted]"
UNREDACTABLE = "[unredactable]"
_CLEAN_TEXTS_KEPT, _CLEAN_TEXT_MAX = 4096, 96
_NESTED_MAX = 3
"""How often an address is looked for within a parameter of another, or a parameter decoded: nobody makes it costly."""
_BEFORE_TOKENS = frozenset(
    {
        "reset", "verify", "verification", "confirm", "confirmation", "activate", "activation", "magic", "invite",
        "invitation", "unsubscribe", "token", "password", "session", "secret", "download", "share", "signin", "login",
    }
)  # fmt: skip
"""Parts of a path that a token follows: `/password-reset/9f8c2a7be41d`."""


_QUOTED = re.compile(r"([\w.]{0,80}\(?)(['\"])(.*)\2(,?\)?)\Z", re.DOTALL)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s\"'<>\\]{4,4096}", re.IGNORECASE)
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
        if isinstance(keys, str) or isinstance(allow, str):
            raise TypeError("a Redactor takes several names: keys=['policy_number'], allow=['rfc']")
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
        if kind in AS_THEY_ARE:
            return value
        try:
            if kind is str and value in self._clean and not (key and self.secret(key)):
                return value
            return Walk(self).value(value, key)
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
            return [self._header(as_text(name).lower(), as_text(value)) for name, value in pairs]
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
            return self._text(without_literals(statement[: self._text_max + LOOK_AHEAD]))
        except Exception:
            return self._gave_up()

    def _gave_up(self) -> str:
        self.failures += 1
        return UNREDACTABLE

    def _header(self, name: str, value: str) -> tuple[str, str]:
        if self.secret(name):
            return name, self.mask
        return self._text(name), self._url(value) if name in ADDRESSES else self._text(value)

    def _text(self, text: str) -> str:
        text = str.__str__(text)
        size = len(text)
        seen = text if size <= self._text_max else text[: self._text_max + LOOK_AHEAD]
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
        shown = Walk(self).value(parsed, "")
        return text if shown == parsed else orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS).decode()

    def _url(self, url: str, depth: int = 0) -> str:
        url = url[: self._text_max + LOOK_AHEAD]
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


DEFAULT = Redactor()
"""The redactor of who gives none."""
