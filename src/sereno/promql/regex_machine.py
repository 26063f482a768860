"""A machine that matches in time proportional to pattern × text, whatever the pattern (Pike's simulation).

Source: Russ Cox, "Regular Expression Matching: the Virtual Machine Approach" (2009).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

from sereno.kernel.errors import QueryError, QueryLimit
from sereno.promql.regex_syntax import Alt, Cat, Chars, Edge, Group, Node, Repeat

_SIZE_MAX = 20_000
_WORK_MAX = 300_000
_EFFORT_MAX = 10_000_000
Spans = tuple[int, ...]


@dataclass(slots=True)
class Effort:
    """What the machine may still do for one question, all its values together: five seconds or so."""

    left: int = _EFFORT_MAX

    def take(self, work: int) -> None:
        """Count `work`. Raises QueryLimit when it was too much."""
        self.left -= work
        if self.left < 0:
            raise QueryLimit(
                "the regular expressions are too costly for so many values",
                hint="narrow the selector by other labels, or use fewer `.*` and nested repetitions",
            )


@dataclass(slots=True)
class _Step:
    """One instruction: take a character, fork (first preferred), note a position, check a place, or accept."""

    op: Literal["take", "fork", "note", "place", "accept"]
    next: int = -1
    other: int = -1
    lows: list[int] = field(default_factory=list)
    highs: list[int] = field(default_factory=list)
    slot: int = 0
    where: str = ""


class Machine:
    """A compiled pattern that must match the whole text."""

    def __init__(self, tree: Node, groups: int, position: int | None = None) -> None:
        self.steps: list[_Step] = []
        self.groups = groups
        self.position = position
        accept = self._add(_Step("accept"))
        self.start = self._compile(tree, accept)

    def _add(self, step: _Step) -> int:
        if len(self.steps) >= _SIZE_MAX:
            raise QueryError("the regular expression is too large", position=self.position)
        self.steps.append(step)
        return len(self.steps) - 1

    def _compile(self, node: Node, then: int) -> int:
        """Instructions for `node` that go on at `then`; built from the end backwards."""
        match node:
            case Chars():
                lows, highs = [r[0] for r in node.ranges], [r[1] for r in node.ranges]
                return self._add(_Step("take", then, lows=lows, highs=highs))
            case Edge():
                return self._add(_Step("place", then, where=node.where))
            case Cat():
                for item in reversed(node.items):
                    then = self._compile(item, then)
                return then
            case Alt():
                starts = [self._compile(item, then) for item in node.items]
                start = starts[-1]
                for other in reversed(starts[:-1]):
                    start = self._add(_Step("fork", other, start))
                return start
            case Group():
                closed = self._add(_Step("note", then, slot=2 * node.index + 1))
                return self._add(_Step("note", self._compile(node.item, closed), slot=2 * node.index))
            case Repeat():
                return self._repeat(node, then)

    def _fork(self, into: int, past: int, *, greedy: bool) -> int:
        return self._add(_Step("fork", into, past) if greedy else _Step("fork", past, into))

    def _repeat(self, node: Repeat, then: int) -> int:
        start = then
        if node.most is None:
            loop = self._add(_Step("fork"))
            body = self._compile(node.item, loop)
            step = self.steps[loop]
            step.next, step.other = (body, then) if node.greedy else (then, body)
            start = loop
        else:
            for _ in range(node.most - node.least):
                start = self._fork(self._compile(node.item, start), then, greedy=node.greedy)
        for _ in range(node.least):
            start = self._compile(node.item, start)
        return start

    def match(self, text: str, effort: Effort | None = None) -> Spans | None:
        """Begin and end of every group (-1: took no part), the first the whole text; None if it does not match.

        Raises QueryLimit if that takes too long.
        """
        work = 0
        threads: dict[int, Spans] = {}
        self._follow(self.start, (0, len(text)) + (-1,) * (2 * self.groups), text, 0, threads, set())
        for index, char in enumerate(text):
            code = ord(char)
            following: dict[int, Spans] = {}
            seen: set[int] = set()
            for at, spans in threads.items():
                step = self.steps[at]
                if step.op == "take":
                    found = bisect_right(step.lows, code) - 1
                    if found >= 0 and code <= step.highs[found]:
                        self._follow(step.next, spans, text, index + 1, following, seen)
            threads = following
            work += len(seen)
            if work > _WORK_MAX:
                raise QueryLimit("the regular expression is too costly", hint="make it simpler: fewer nested counts")
            if not threads:
                break
        if effort is not None:
            effort.take(work)
        return next((spans for at, spans in threads.items() if self.steps[at].op == "accept"), None)

    def _follow(
        self, start: int, spans: Spans, text: str, index: int, threads: dict[int, Spans], seen: set[int]
    ) -> None:
        """Add to `threads`, in order of preference, all instructions reached from `start` without a character.

        `seen` are those already reached at this position: whoever comes first is preferred.
        """
        stack = [(start, spans)]
        while stack:
            at, noted = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            step = self.steps[at]
            if step.op == "fork":
                stack += [(step.other, noted), (step.next, noted)]
            elif step.op == "note":
                noted = (*noted[: step.slot], index, *noted[step.slot + 1 :])
                stack.append((step.next, noted))
            elif step.op == "place":
                if _holds(step.where, text, index):
                    stack.append((step.next, noted))
            else:
                threads[at] = noted


def _holds(where: str, text: str, index: int) -> bool:
    if where == "text_begin":
        return index == 0
    if where == "text_end":
        return index == len(text)
    if where == "line_begin":
        return index == 0 or text[index - 1] == "\n"
    if where == "line_end":
        return index == len(text) or text[index] == "\n"
    before = index > 0 and _in_word(text[index - 1])
    after = index < len(text) and _in_word(text[index])
    return (before != after) == (where == "b")


def _in_word(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == "_")
