"""What was found, as other programs take it: SARIF 2.1.0, GitHub's annotations, JSON."""

from __future__ import annotations

import json as json_text
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from sereno import __version__
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.inert import inert_line, numbered
from sereno.lint.codes import CODES
from sereno.lint.model import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Sequence[Finding]) -> str:
    """A log of one run. Source: OASIS, Static Analysis Results Interchange Format (SARIF) 2.1.0."""
    used = sorted({finding.diagnostic.code for finding in findings})
    places = {code: index for index, code in enumerate(used)}
    run = {
        "tool": {"driver": {"name": "sereno", "semanticVersion": __version__, "rules": [_rule(code) for code in used]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, places[finding.diagnostic.code]) for finding in findings],
    }
    return numbered(
        json_text.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)
    )


def _rule(code: str) -> dict[str, Any]:
    known = CODES.get(code)
    if known is not None:
        title, why, level = known.title, known.why, known.level
    else:
        from sereno.spec.codes import CODES as SPEC

        title, why, level = SPEC[code].title, SPEC[code].meaning, SPEC[code].level
    return {
        "id": code,
        "shortDescription": {"text": title},
        "fullDescription": {"text": why},
        "help": {"text": why, "markdown": _help(code, why)},
        "defaultConfiguration": {"level": level},
    }


def _help(code: str, why: str) -> str:
    known = CODES.get(code)
    if known is None:
        return why
    return f"{why}\n\nRight:\n\n```\n{known.right}```\n"


def _result(finding: Finding, index: int) -> dict[str, Any]:
    d = finding.diagnostic
    said = [d.message, *(f"expected: {d.expected}" for _ in (1,) if d.expected), *(d.hint for _ in (1,) if d.hint)]
    region: dict[str, Any] = {"startLine": d.line, "startColumn": d.column, "endColumn": d.column + max(1, d.length)}
    if d.excerpt:
        region["snippet"] = {"text": d.excerpt}
    location = {"uri": _uri(d.file)}
    result: dict[str, Any] = {
        "ruleId": d.code,
        "ruleIndex": index,
        "level": d.level,
        "message": {"text": ". ".join(str(part) for part in said)},
        "locations": [{"physicalLocation": {"artifactLocation": location, "region": region}}],
    }
    if finding.edits:
        replacements = [
            {
                "deletedRegion": {"charOffset": edit.start, "charLength": edit.end - edit.start},
                "insertedContent": {"text": edit.text},
            }
            for edit in finding.edits
        ]
        changes = [{"artifactLocation": location, "replacements": replacements}]
        result["fixes"] = [{"description": {"text": d.expected or "put right"}, "artifactChanges": changes}]
    return result


def _uri(name: str) -> str:
    path = PurePath(name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def github(findings: Sequence[Finding]) -> str:
    """A line for each finding that GitHub's runners show beside the code.

    Source: docs.github.com, Workflow commands for GitHub Actions.
    """
    return "\n".join(_annotation(finding.diagnostic) for finding in findings)


def _annotation(d: Diagnostic) -> str:
    fields = {
        "file": d.file, "line": str(d.line), "col": str(d.column), "endColumn": str(d.column + max(1, d.length)),
        "title": d.code,
    }  # fmt: skip
    said = inert_line(d.message) + (f" (expected: {inert_line(d.expected)})" if d.expected else "")
    told = ",".join(f"{name}={_property(value)}" for name, value in fields.items())
    return f"::{d.level} {told}::{_data(said)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def plain(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Each finding as JSON has it: what the diagnostic says, and whether `--fix` would put it right."""
    return [{**asdict(finding.diagnostic), "fixable": bool(finding.edits)} for finding in findings]
