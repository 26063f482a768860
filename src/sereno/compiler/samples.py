"""Label sets that a selector would match: made up, then checked, for unit tests of rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sereno.kernel.errors import QueryError, UsageError
from sereno.kernel.labels import Labels
from sereno.promql import matches
from sereno.promql.columns import Matcher

_COMMON = ("", "200", "ok", "x", "GET", "/", "0", "other")
_GROUP = re.compile(r"(?<!\\)\((?:\?:|\?i:|\?P<\w+>)?([^()]*)\)(\*|\+|\?|\{\d+(?:,\d*)?\})?")
_TOKEN = re.compile(r"(\\.|\[\^?\]?[^\]]*\]|.)(\*|\+|\?|\{(\d+)(?:,\d*)?\})?\??")
_CHOICES_MAX = 64
_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "x", "W": "-", "S": "x", "b": "", "B": ""}


def labels_matching(matchers: Iterable[Matcher], *, but_not: Iterable[Matcher] = ()) -> Labels:
    """A label set that all `matchers` match and, if given, `but_not` do not all match.

    Raises UsageError when none is found: a selector too clever to guess an example of.
    """
    wanted, avoided = _by_name(matchers), _by_name(but_not)
    names = sorted({*wanted, *avoided})
    values = {name: _values(wanted.get(name, ()), avoided.get(name, ())) for name in names}
    chosen = {name: found[0] for name, found in values.items() if found}
    if len(chosen) == len(names):
        if not avoided:
            return Labels(chosen)
        for name, against in avoided.items():
            other = next((v for v in values[name] if not _all_match(against, v)), None)
            if other is not None:
                return Labels({**chosen, name: other})
    text = ", ".join(f'{m.name}{m.op}"{m.value}"' for group in wanted.values() for m in group)
    raise UsageError(f"no example found of a series that {{{text}}} selects", hint="write this unit test by hand")


def _by_name(matchers: Iterable[Matcher]) -> dict[str, tuple[Matcher, ...]]:
    found: dict[str, tuple[Matcher, ...]] = {}
    for matcher in matchers:
        found[matcher.name] = (*found.get(matcher.name, ()), matcher)
    return found


def _values(wanted: tuple[Matcher, ...], avoided: tuple[Matcher, ...]) -> list[str]:
    """Values that `wanted` match, those that they suggest themselves first."""
    tried = [value for matcher in wanted for value in _suggested(matcher)]
    tried += [*_COMMON, *(value for matcher in avoided for value in _suggested(matcher))]
    return [value for value in dict.fromkeys(tried) if _all_match(wanted, value)]


def _suggested(matcher: Matcher) -> list[str]:
    """Values that the matcher is about; negative ones too, for they say what to avoid."""
    return [matcher.value] if matcher.op in ("=", "!=") else _examples(matcher.value)


def _all_match(matchers: tuple[Matcher, ...], value: str) -> bool:
    return all(_match(m, value) for m in matchers)


def _match(matcher: Matcher, value: str) -> bool:
    try:
        return matches((matcher,), {matcher.name: value})
    except QueryError:
        return False


def _examples(pattern: str) -> list[str]:
    """Texts that `pattern` probably matches, one for each alternative; the caller checks."""
    flat = _ungrouped([pattern.removeprefix("^").removesuffix("$")])
    choices = [choice for text in flat for choice in _alternatives(text)]
    return ["".join(map(_token, _TOKEN.finditer(choice))) for choice in choices]


def _ungrouped(patterns: list[str]) -> list[str]:
    """The patterns with each innermost group replaced by each of its alternatives, until there is no group."""
    while any(_GROUP.search(text) for text in patterns):
        patterns = [text for each in patterns for text in _opened(each)][:_CHOICES_MAX]
    return patterns


def _opened(pattern: str) -> list[str]:
    found = _GROUP.search(pattern)
    if found is None:
        return [pattern]
    inside = [""] if found[2] in ("*", "?") else _alternatives(found[1])
    return [pattern[: found.start()] + choice + pattern[found.end() :] for choice in inside]


def _alternatives(pattern: str) -> list[str]:
    return re.split(r"(?<!\\)\|", pattern)


def _token(found: re.Match[str]) -> str:
    atom, repeat, times = found[1], found[2], found[3]
    if repeat in ("*", "?"):
        return ""
    if atom.startswith("\\"):
        atom = _CLASSES.get(atom[1], atom[1])
    elif atom.startswith("[^"):
        atom = "x"
    elif atom.startswith("["):
        atom = atom[1]
    elif atom == ".":
        atom = "0"
    return atom * int(times) if times else atom
