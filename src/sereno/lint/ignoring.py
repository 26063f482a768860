"""Comments in a file that keep the linter quiet: `# sereno: ignore SER203`.

At the end of a line it counts for that line. On a line of its own it counts for the next line and for all that is
indented deeper below it: a rule, a route, an expression. `# sereno: ignore-file SER203` counts for the file. Several
codes stand beside one another; without any, everything is ignored. The first thousand of a file are heeded.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import islice

from sereno.spec.source import File

_COMMENT = re.compile(
    r"(?:#|//|--|<!--)[ \t]*sereno:[ \t]*ignore(?P<file>-file)?"
    r"(?P<codes>(?:[ \t,]+SER[0-9]{1,3})*)(?P<reason>[^\r\n]*)"
)
_HEEDED_MAX = 1000
_FRONT = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*$", re.DOTALL | re.MULTILINE)


def front_matter_end(text: str) -> int:
    """Where the front matter of a Markdown text ends; 0 if it has none."""
    found = _FRONT.match(text)
    return found.end() if found else 0


class Ignored:
    """What a file asks to be left alone."""

    def __init__(self, file: File) -> None:
        self._spans: list[tuple[int, int, tuple[str, ...]]] = []
        if "sereno:" not in file.text:
            return
        indents: list[int | None] = []
        for found in islice(_COMMENT.finditer(file.text), _HEEDED_MAX):
            codes = tuple(re.findall(r"SER[0-9]{1,3}", found["codes"]))
            row = bisect_right(file.starts, found.start())
            if found["file"]:
                self._spans.append((1, len(file.starts), codes))
            elif file.text[file.starts[row - 1] : found.start()].strip():
                self._spans.append((row, row, codes))
            else:
                indents = indents or _indents(file)
                self._spans.append((row, _below(indents, row, found.start() - file.starts[row - 1]), codes))

    def holds(self, line: int, code: str) -> bool:
        """Whether `code` is ignored in `line` (from 1)."""
        return any(
            first <= line <= last and (not codes or any(code.startswith(c) for c in codes))
            for first, last, codes in self._spans
        )


def _indents(file: File) -> list[int | None]:
    """How far each line is indented; None for those that are empty or a comment."""
    lines = (file.line(number) for number in range(1, len(file.starts) + 1))
    bare = ((line, line.lstrip()) for line in lines)
    return [None if not text or text.startswith("#") else len(line) - len(text) for line, text in bare]


def _below(indents: list[int | None], row: int, indent: int) -> int:
    """The last line that a comment on `row` counts for."""
    last, seen = row, False
    for number in range(row + 1, len(indents) + 1):
        deep = indents[number - 1]
        if deep is None:
            continue
        if seen and deep <= indent:
            break
        last, seen = number, True
    return last
