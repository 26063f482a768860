"""Regular expressions as Prometheus 3 understands them: RE2's syntax, the whole value, `.` takes a newline too.

A pattern is translated for Python's `re` when that cannot explode; otherwise a slower machine whose time is
bounded takes it. Nobody can stop the control plane with `(a+)+b`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sereno.kernel.errors import QueryError
from sereno.promql.regex_chars import TOP
from sereno.promql.regex_machine import Effort, Machine
from sereno.promql.regex_syntax import Alt, Cat, Chars, Edge, Group, Node, Repeat, parse_regex

_MANY = 16
_LOOPS_MAX = 2
_LENGTH_MAX = 10_000
_EDGES = {
    "text_begin": r"\A",
    "text_end": r"\Z",
    "line_begin": "(?m:^)",
    "line_end": "(?m:$)",
    "b": r"(?a:\b)",
    "B": r"(?a:\B)",
}
_TEMPLATE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))", re.ASCII)


class Regex:
    """A compiled pattern."""

    def __init__(self, text: str, position: int | None = None) -> None:
        if len(text) > _LENGTH_MAX:
            raise QueryError(f"a regular expression of more than {_LENGTH_MAX} characters", position=position)
        tree, self.names = parse_regex(text, position)
        self._python: re.Pattern[str] | None = None
        self._machine: Machine | None = None
        if _explosive(tree):
            self._machine = Machine(tree, len(self.names), position)
        else:
            try:
                self._python = re.compile(_python(tree))
            except (re.error, OverflowError, RecursionError) as error:
                raise QueryError(f"invalid regular expression {text[:200]!r}: {error}", position=position) from None

    @property
    def slow(self) -> bool:
        """Whether the slower machine takes it: tens of microseconds a character and more."""
        return self._machine is not None

    def matches(self, value: str, effort: Effort | None = None) -> bool:
        """Whether the pattern matches all of `value`. Raises QueryLimit when that takes too long."""
        if self._python is not None:
            return self._python.fullmatch(value) is not None
        return self._machine is not None and self._machine.match(value, effort) is not None

    def groups(self, value: str, effort: Effort | None = None) -> tuple[str, ...] | None:
        """The whole and what each group matched (empty if it took no part); None if `value` does not match."""
        if self._python is not None:
            found = self._python.fullmatch(value)
            return None if found is None else (value, *(group or "" for group in found.groups()))
        spans = self._machine.match(value, effort) if self._machine else None
        if spans is None:
            return None
        pairs = zip(spans[::2], spans[1::2], strict=True)
        return tuple(value[begin:end] if begin >= 0 and end >= 0 else "" for begin, end in pairs)

    def expand(self, template: str, value: str, effort: Effort | None = None) -> str | None:
        """`template` with $1, ${1} and ${name} replaced by what the groups matched in `value`, and $$ by $.

        A group that does not exist is empty, as in Go. None if `value` does not match.
        """
        groups = self.groups(value, effort)
        if groups is None:
            return None
        named = {name: groups[index] for index, name in enumerate(self.names, 1) if name}

        def replaced(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if name is None:
                return "$"
            if name.isdigit():
                return groups[int(name)] if int(name) < len(groups) else ""
            return named.get(name, "")

        return _TEMPLATE.sub(replaced, template)


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Regex:
    return Regex(text)


def compile_regex(text: str, *, position: int | None = None) -> Regex:
    """The compiled pattern `text`. Raises QueryError with `position` if it is not one."""
    try:
        return _compiled(text)
    except QueryError as error:
        error.position = position
        raise


def _explosive(tree: Node) -> bool:
    """Whether a backtracking matcher may need more than quadratic time for `tree`."""
    loops = 0

    def visit(node: Node, *, inside: bool) -> bool:
        nonlocal loops
        match node:
            case Cat():
                return any(visit(item, inside=inside) for item in node.items)
            case Alt():
                return inside or any(visit(item, inside=inside) for item in node.items)
            case Group():
                return visit(node.item, inside=inside)
            case Repeat():
                if inside and node.least != node.most:
                    return True
                long = node.most is None or node.most > _MANY
                loops += long
                return visit(node.item, inside=inside or long or (node.most or 0) > 4)
            case _:
                return False

    return visit(tree, inside=False) or loops > _LOOPS_MAX


def _python(node: Node) -> str:
    """`node` as a pattern of Python's `re`."""
    match node:
        case Chars():
            return _char_class(node)
        case Edge():
            return _EDGES[node.where]
        case Cat():
            return "".join(_python(item) for item in node.items)
        case Alt():
            return "(?:" + "|".join(_python(item) for item in node.items) + ")"
        case Group():
            return "(" + _python(node.item) + ")"
        case Repeat():
            count = f"{{{node.least},{'' if node.most is None else node.most}}}"
            return f"(?:{_python(node.item)}){count}{'' if node.greedy else '?'}"


def _char_class(node: Chars) -> str:
    if node.ranges == ((0, TOP),):
        return r"[\s\S]"
    if not node.ranges:
        return r"[^\s\S]"
    if len(node.ranges) == 1 and node.ranges[0][0] == node.ranges[0][1]:
        return re.escape(chr(node.ranges[0][0]))
    spans = (re.escape(chr(a)) + ("" if a == b else "-" + re.escape(chr(b))) for a, b in node.ranges)
    return "[" + "".join(spans) + "]"
