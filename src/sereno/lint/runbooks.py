"""Runbooks: the sections that whoever is woken looks for."""

from __future__ import annotations

import re

from sereno.lint.ignoring import front_matter_end
from sereno.lint.model import Context, Document
from sereno.lint.reporting import Report
from sereno.spec.source import File

SECTIONS: dict[str, str] = {
    "symptoms": r"descripci[oó]n|description|s[ií]ntoma|symptom|what you see|qu[eé] se ve|signal|se[nñ]al|meaning"
    r"|significado|alert|detec",
    "impact": r"impact|impacto|affected|afecta|users|usuarios|severity|severidad",
    "diagnosis": r"diagn|investigat|investig|check|verific|comprob|cause|causa|triage|an[aá]lisis|d[oó]nde mirar",
    "mitigation": r"mitig|fix|resol|remedi|soluci|action|acci[oó]n|pasos|steps|recover|recuper|restor|qu[eé] hacer"
    r"|what to do",
    "escalation": r"escal|contact|a qui[eé]n|who to call|on.?call|guardia",
}
"""What each section may be called, in English and Spanish."""
_HEADING = re.compile(r"^(?:#{1,6}[ \t]+(.+?)[ \t]*#*|\*\*(.+?)\*\*:?)[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1`*[ \t]*$", re.MULTILINE | re.DOTALL)


def check(document: Document, context: Context, report: Report) -> None:
    """Report the sections that a runbook lacks."""
    file = document.file
    if file.name.rpartition("/")[2].lower() in ("readme.md", "index.md"):
        return
    titles = titles_of(file)
    missing = [name for name, words in SECTIONS.items() if not any(re.search(words, t, re.IGNORECASE) for t in titles)]
    if missing:
        start = front_matter_end(file.text)
        first = _HEADING.search(file.text, start)
        index = first.start() if first else start
        length = first.end() - first.start() if first else 1
        report.complain_at(
            "SER602", file, index, length, f"the runbook has no section for {', '.join(missing)}",
            expected="symptoms, impact, diagnosis, mitigation, escalation (síntomas, impacto, diagnóstico, mitigación, "
            "escalamiento)",
        )  # fmt: skip


def titles_of(file: File) -> list[str]:
    """The headings below the first, which is the title; those in examples of code left out."""
    blanked = _FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), file.text)
    titles = [a or b for a, b in _HEADING.findall(blanked, front_matter_end(file.text))]
    return titles[1:]
