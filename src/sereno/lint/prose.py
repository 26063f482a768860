"""Manuals, tables and lists: what people promise and describe in no format at all."""

from __future__ import annotations

import re

from sereno.lint.ignoring import front_matter_end
from sereno.lint.model import Context, Document
from sereno.lint.prose_code import check_code
from sereno.lint.prose_fences import check_nested, check_quoted
from sereno.lint.prose_incidents import check_incidents
from sereno.lint.prose_objectives import check_objectives
from sereno.lint.prose_people import check_people
from sereno.lint.prose_values import check_values
from sereno.lint.reporting import Report

_RUNBOOK = re.compile(r"runbook|playbook|procedimiento|\balerts?:", re.IGNORECASE)
LENGTH_MAX = 1_000_000
"""Longer texts are no manuals: nothing is said about them."""


def check(document: Document, context: Context, report: Report) -> None:
    """Everything about a text."""
    if len(document.file.text) > LENGTH_MAX:
        return
    check_objectives(document, context, report)
    check_people(document, context, report)
    check_incidents(document, report)
    if document.node is not None:
        check_values(document, context, report)
    else:
        check_code(document, report)
        check_nested(document, report)
        check_quoted(document, context, report)


def check_runbook(document: Document, context: Context, report: Report) -> None:
    """What goes wrong in a runbook as in any text; what only has front matter is a manual like others."""
    front = document.file.text[: front_matter_end(document.file.text)]
    if front and not _RUNBOOK.search(front) and not _RUNBOOK.search(document.file.name):
        check(document, context, report)
    elif len(document.file.text) <= LENGTH_MAX:
        check_nested(document, report)
