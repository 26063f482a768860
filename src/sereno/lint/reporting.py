"""Collects what the checks find in one file."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from sereno.kernel.diagnostics import Diagnostic
from sereno.lint.model import Edit, Finding
from sereno.lint.secrets import masked
from sereno.spec.reading import node_length
from sereno.spec.source import File, Node


def level_of(code: str) -> Literal["error", "warning"]:
    """Whether `code`, the linter's or the spec's, is an error or a warning. Raises KeyError if there is none such."""
    from sereno.lint.codes import CODES  # all examples are in it, and most runs find nothing

    if code in CODES:
        return CODES[code].level
    from sereno.spec.codes import CODES as SPEC

    return SPEC[code].level


class Report:
    """Findings in the order of their places, the same one once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str, str], Finding] = {}

    def complain(
        self, code: str, node: Node, message: str, *,
        expected: str | None = None, hint: str | None = None, edits: tuple[Edit, ...] = (), secret: bool = False,
    ) -> None:  # fmt: skip
        """Report what is wrong at `node`; `edits` put it right and are given only where that is safe. `secret` keeps
        the line itself out of the report."""
        length = node_length(node)
        if secret:
            self._keep(code, node.file, node.start, length, message, expected, hint, edits, secret=True)
        else:
            self.complain_at(
                code, node.file, node.start, length, message, expected=expected, hint=hint, edits=edits
            )  # fmt: skip

    def complain_at(
        self, code: str, file: File, index: int, length: int, message: str, *,
        expected: str | None = None, hint: str | None = None, edits: tuple[Edit, ...] = (),
    ) -> None:  # fmt: skip
        """Report what is wrong at character `index` of `file`."""
        self._keep(code, file, index, length, message, expected, hint, edits, secret=False)

    def _keep(
        self, code: str, file: File, index: int, length: int, message: str, expected: str | None, hint: str | None,
        edits: tuple[Edit, ...], *, secret: bool,
    ) -> None:  # fmt: skip
        line, column = file.place(index)
        excerpt = "" if secret else masked(file.excerpt(line, column))
        length = max(1, min(length, len(excerpt) - column + 1))
        message = "".join(c if c.isprintable() else " " for c in message)
        found = Diagnostic(
            code, message, file.shown, line, column, length, excerpt, expected, hint, level_of(code)
        )  # fmt: skip
        self._found.setdefault((file.shown, index, code, message), Finding(found, edits))

    def take(self, found: Diagnostic) -> None:
        """Report what another reader found in a file that is shown under the same name."""
        self.add(Finding(replace(found, excerpt=masked(found.excerpt))))

    def add(self, finding: Finding) -> None:
        """Report what was found elsewhere in the same run."""
        d = finding.diagnostic
        self._found.setdefault((d.file, -(d.line * 1_000_000 + d.column), d.code, d.message), finding)

    def findings(self) -> tuple[Finding, ...]:
        """Everything found, by file, line, column and code."""

        def place(finding: Finding) -> tuple[str, int, int, str]:
            d = finding.diagnostic
            return d.file, d.line, d.column, d.code

        return tuple(sorted(self._found.values(), key=place))
