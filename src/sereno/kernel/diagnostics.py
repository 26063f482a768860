"""What is wrong with something a person wrote, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake in one place.

    `line` and `column` count from 1; `length` is the number of characters the caret underlines;
    `excerpt` is the offending line of the file; `code` is stable (SER001 …).
    """

    code: str
    message: str
    file: str
    line: int
    column: int
    length: int = 1
    excerpt: str = ""
    expected: str | None = None
    hint: str | None = None
    level: Literal["error", "warning"] = "error"

    @property
    def place(self) -> str:
        """The place as editors understand it: file:line:column."""
        return f"{self.file}:{self.line}:{self.column}"

    def render(self) -> str:
        """The mistake as people read it: place, code, message, the line with a caret, what was expected."""
        lines = [f"{self.place}: {self.level} {self.code}: {self.message}"]
        if self.excerpt:
            margin = f"{self.line:>5} | "
            caret = " " * (len(margin) - 2) + "| " + " " * (self.column - 1) + "^" * max(1, self.length)
            lines += [margin + self.excerpt, caret]
        if self.expected:
            lines.append(f"      expected: {self.expected}")
        if self.hint:
            lines.append(f"      hint: {self.hint}")
        return "\n".join(lines)
