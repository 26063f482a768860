"""The linter over the manuals' traps and published rules: what is found, what is wrongly found, what mends."""

from __future__ import annotations

import csv
import time
from pathlib import Path

from bench.figure import Figure
from sereno.lint.codes import CODES
from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint, unignored
from sereno.lint.model import Document, Finding
from sereno.lint.rules_model import rules_of

HERE = Path(__file__).parents[1]
TABLES = HERE / "tests" / "conformance"
DATA = HERE.parent / "shared" / "data"


def measure() -> list[Figure]:
    """Needs the shared data; what is missed or does not parse is printed."""
    return [*_traps(), *_rules(), _examples()]


def _table(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _look(name: str, text: str) -> tuple[Finding, ...]:
    found = read(name, text)
    return (*unignored(found.findings, found.documents), *lint(found.documents))


def _traps() -> list[Figure]:
    paths = sorted(path for path in (DATA / "traps").iterdir() if path.suffix != ".md")
    reads = [read(path.name, path.read_text(encoding="utf-8")) for path in paths]
    documents = [document for one in reads for document in one.documents]
    findings = [f for one in reads for f in one.findings] + list(lint(documents))
    found = {(f.diagnostic.file, f.diagnostic.code) for f in findings}
    rows = _table("lint_traps.csv")
    missed = [row for row in rows if (row["file"], row["code"]) not in found]
    for row in missed:
        print(f"missed: trap {row['trap']} ({row['code']}) in {row['file']}")
    mended = [mend(path.read_text(encoding="utf-8"), lambda text, n=path.name: _look(n, text)) for path in paths]  # type: ignore[misc]
    left = sum(bool(f.edits) for path, one in zip(paths, mended, strict=True) for f in _look(path.name, one.text))
    return [
        Figure(
            "traps of the manuals found", (1 - len(missed) / len(rows)) * 100, "%", least=100, beside=f"{len(rows)}"
        ),
        Figure("mended in the manuals", sum(len(one.fixed) for one in mended), "findings", least=60),
        Figure("left of what could be mended", left, "findings", most=0),
    ]


def _documents(name: str) -> list[Document]:
    paths = sorted((DATA / "rules" / name).rglob("*.y*ml"))
    return [d for path in paths for d in read(str(path), path.read_text(encoding="utf-8")).documents]


def _rules() -> list[Figure]:
    begun = time.process_time()
    kube, awesome = _documents("kube-prometheus"), _documents("awesome")
    found = lint(kube), lint(awesome)
    spent = time.process_time() - begun
    rules = [rule for document in (*kube, *awesome) for rule in rules_of(document)]
    refused = [rule.name.value for rule in rules if rule.tree is None]
    for name in refused:
        print(f"does not parse: {name}")
    judged = _table("lint_judged.csv")
    wrong = {(row["file"], row["rule"]) for row in judged if row["judged"] == "wrong"}
    of_kube = sum(len(rules_of(document)) for document in kube)
    parse = 100 - len(refused) / len(rules) * 100
    return [
        Figure("published rules that parse", parse, "%", least=100, beside=f"{len(rules)}"),
        Figure(
            "rules of kube-prometheus wrongly named", len(wrong) / of_kube * 100, "%", most=2,
            beside=f"{len(found[0])} findings, judged by hand",
        ),
        Figure("CPU per 1,000 rules", spent / len(rules) * 1000, "s", most=2, beside=f"{len(found[1])} in awesome"),
    ]  # fmt: skip


def _examples() -> Figure:
    """Codes whose wrong example is mended into one that passes."""
    endings = {"dashboard": "example.json", "promql": "example.promql", "runbook": "runbook.md", "prose": "manual.md"}
    failed = []
    for code in CODES.values():
        if not code.fixable:
            continue
        name = code.name or endings.get(code.kind, "example.yaml")
        mended = mend(code.wrong, lambda text, n=name: _look(n, text))  # type: ignore[misc]
        if code.id in {finding.diagnostic.code for finding in _look(name, mended.text)}:
            failed.append(code.id)
            print(f"not mended: {code.id}")
    return Figure("fixes that do not pass", len(failed), "codes", most=0, beside=f"{len(CODES)} codes")
