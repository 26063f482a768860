"""Every check on every document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sereno.lint.checks import checks_of
from sereno.lint.ignoring import Ignored
from sereno.lint.model import Context, Document, Finding
from sereno.lint.reporting import Report


def lint(documents: Sequence[Document], context: Context | None = None) -> tuple[Finding, ...]:
    """What is wrong with `documents`, by file, line, column and code; what comments ask to ignore is left out.

    Args:
        documents: all that are to be checked; they also know of each other (alerts of routes, rules of dashboards).
        context: what else is known; its `documents` are these unless it names others too.
    """
    context = context or Context()
    if not context.documents:
        context = replace(context, documents=tuple(documents))
    report = Report()
    for document in documents:
        for check in checks_of(document.kind):
            check(document, context, report)
    return unignored(report.findings(), documents)


def unignored(findings: Sequence[Finding], documents: Sequence[Document]) -> tuple[Finding, ...]:
    """Those of `findings` that no comment in their file asks to ignore."""
    files = {document.file.shown: document.file for document in documents}
    ignored = {name: Ignored(file) for name, file in files.items()}
    return tuple(
        finding for finding in findings
        if (asked := ignored.get(finding.diagnostic.file)) is None
        or not asked.holds(finding.diagnostic.line, finding.diagnostic.code)
    )  # fmt: skip
