"""What templates of alerts need of PromQL: regular expressions that end in time."""

from __future__ import annotations

from sereno.kernel.errors import QueryError
from sereno.kernel.template_run import Regexes
from sereno.promql.regex import Regex, compile_regex

_TEXT_MAX = 10_000
_MATCHES_MAX = 1_000
_RESULT_MAX = 100_000
_QUICK_MAX, _SLOW_MAX = 2_000_000, 15_000
"""Characters looked at in one call, again after each match."""


class LinearRegexes:
    """Go's regexp package as far as templates use it."""

    def match(self, pattern: str, text: str) -> bool:
        """Whether `pattern` matches somewhere in `text`. Raises ValueError for what is no pattern."""
        return _find(pattern, _bounded(text)) is not None

    def replace_all(self, pattern: str, replacement: str, text: str) -> str:
        """Every match replaced, with $1 and ${name}. Raises ValueError for what is no pattern."""
        rest, done = _bounded(text), ""
        _bounded(replacement)
        most = _SLOW_MAX if _around(pattern).slow else _QUICK_MAX
        for _ in range(_MATCHES_MAX):
            most -= len(rest)
            if most < 0:
                raise ValueError("the regular expression is too costly for so long a text")
            found = _find(pattern, rest)
            if found is None:
                return done + rest
            before, whole = found[0], found[1]
            filled = _filled(pattern, replacement, rest)
            done += before + filled
            if len(done) > _RESULT_MAX:
                raise ValueError(f"it gives more than {_RESULT_MAX} characters")
            rest = rest[len(before) + len(whole) :]
            if not whole:
                if not rest:
                    return done
                done, rest = done + rest[0], rest[1:]
            elif not rest:
                return done
            if pattern.startswith("^") or pattern.startswith("\\A"):
                return done + rest
        raise ValueError(f"more than {_MATCHES_MAX} matches")


def _bounded(text: str) -> str:
    if len(text) > _TEXT_MAX:
        raise ValueError(f"a text of more than {_TEXT_MAX} characters")
    return text


def _find(pattern: str, text: str) -> tuple[str, ...] | None:
    """What comes before the first match, and the match with its groups."""
    try:
        found = _around(pattern).groups(text)
    except QueryError as error:
        raise ValueError(error.message) from None
    return None if found is None else found[1:]


def _around(pattern: str) -> Regex:
    """A pattern for a whole text: what comes before the first match, the match with its groups, and the rest."""
    try:
        return compile_regex(f"(?s:(.*?))({pattern})(?s:.*)")
    except QueryError as error:
        raise ValueError(error.message) from None


def _filled(pattern: str, replacement: str, text: str) -> str:
    """The replacement with what the groups of the first match were; groups count from the pattern's own."""
    regex = compile_regex(f"(?s:.*?)(?P<whole__>{pattern})(?s:.*)")
    return regex.expand(_shifted(replacement), text) or ""


def _shifted(replacement: str) -> str:
    """$0 is the first group of the pattern around, $1 the second, and so on."""
    parts, at = [], 0
    while at < len(replacement):
        char = replacement[at]
        if char != "$" or at + 1 == len(replacement):
            parts.append(char)
            at += 1
            continue
        if replacement[at + 1] == "$":
            parts.append("$$")
            at += 2
            continue
        braced = replacement[at + 1] == "{"
        begin = at + 1 + braced
        end = begin
        while end < len(replacement) and (replacement[end] == "_" or replacement[end].isalnum()):
            end += 1
        name = replacement[begin:end]
        if not name or (braced and replacement[end : end + 1] != "}"):
            parts.append("$$")
            at += 1
            continue
        parts.append("${" + (str(int(name) + 1) if name.isdecimal() else name) + "}")
        at = end + braced
    return "".join(parts)


REGEXES: Regexes = LinearRegexes()
