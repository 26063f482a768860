"""Matchers applied: does this series answer to that selector?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from sereno.promql.columns import Matcher
from sereno.promql.regex import compile_regex
from sereno.promql.regex_machine import Effort

_METRIC_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LITERALS = re.compile(r"[A-Za-z0-9_/:@ -]+(?:\|[A-Za-z0-9_/:@ -]+)*")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"})


@lru_cache(maxsize=4096)
def predicate(matcher: Matcher) -> Callable[[str], bool]:
    """A function that says whether a value of the matcher's label satisfies it (a missing label is empty).

    Raises QueryError if its regular expression is none.
    """
    value = matcher.value
    if matcher.op == "=":
        return lambda found: found == value
    if matcher.op == "!=":
        return lambda found: found != value
    if _LITERALS.fullmatch(value):
        choices = frozenset(value.split("|"))
        return choices.__contains__ if matcher.op == "=~" else lambda found: found not in choices
    regex = compile_regex(value)
    return regex.matches if matcher.op == "=~" else lambda found: not regex.matches(found)


def predicates(matchers: Iterable[Matcher]) -> list[tuple[Matcher, Callable[[str], bool]]]:
    """Each matcher with its predicate, for a look through many values: together they may take only so long.

    Raises QueryError if a regular expression is none; a predicate raises QueryLimit once it took too much.
    """
    effort = Effort()
    return [(matcher, _bounded(matcher, effort)) for matcher in matchers]


def _bounded(matcher: Matcher, effort: Effort) -> Callable[[str], bool]:
    plain = predicate(matcher)
    if matcher.op in ("=", "!=") or _LITERALS.fullmatch(matcher.value):
        return plain
    regex, wanted = compile_regex(matcher.value), matcher.op == "=~"
    return (lambda found: regex.matches(found, effort) == wanted) if regex.slow else plain


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether a series of these `labels` (with `__name__`) answers to all `matchers`."""
    return all(predicate(matcher)(labels.get(matcher.name, "")) for matcher in matchers)


def canonical(matchers: Iterable[Matcher]) -> tuple[Matcher, ...]:
    """The same matchers in one order, each once: `__name__` first, then by label, operator and value."""
    return tuple(sorted(set(matchers), key=lambda m: (m.name != "__name__", m.name, m.op, m.value)))


def selector_text(matchers: Iterable[Matcher]) -> str:
    """The canonical text of a selector: `http_requests_total{job="api",status=~"5.."}`."""
    ordered = list(canonical(matchers))
    name = ""
    if ordered and ordered[0].name == "__name__" and ordered[0].op == "=":
        same = [m for m in ordered if m.name == "__name__"]
        if len(same) == 1 and _METRIC_NAME.fullmatch(ordered[0].value) and not _reserved(ordered[0].value):
            name = ordered.pop(0).value
    inside = ",".join(f"{m.name}{m.op}{quoted(m.value)}" for m in ordered)
    return f"{name}{{{inside}}}" if inside or not name else name


def quoted(value: str) -> str:
    """`value` as a string literal of PromQL."""
    escaped = value.translate(_ESCAPES)
    if escaped.isprintable() and not any(0xDC80 <= ord(c) <= 0xDCFF for c in escaped):
        return f'"{escaped}"'
    return '"' + "".join(c if c.isprintable() else _hex(c) for c in escaped) + '"'


def _hex(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:  # a byte that was no UTF-8, carried through by surrogateescape
        return f"\\x{ord(char) - 0xDC00:02x}"
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _reserved(name: str) -> bool:
    return name.lower() in {"on", "ignoring", "bool", "group_left", "group_right", "atan2", "inf", "nan"}
