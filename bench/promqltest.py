"""Prometheus's own test scripts (promql/promqltest of 3.14): how many cases hold, by file and class.

Each instant case is evaluated up to twelve times: at its instant, as the middle of a range, and pinned by `@` at five
other instants, each of those as a range too. The scripts are read from ../shared/data/promql, or from the folder that
PROMQL_SCRIPTS names (promql/promqltest/testdata of a checkout of prometheus/prometheus).
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.promql.promqltest import Outcome, run

from bench.figure import Figure

ROOT = Path(__file__).parents[1]
CORE = ROOT / "tests" / "conformance" / "core_cases.txt"
KINDS = ("core", "native", "experimental")


def folder() -> Path:
    """Where the scripts are. Raises SystemExit if they are nowhere."""
    found = Path(os.environ.get("PROMQL_SCRIPTS", ROOT.parent / "shared" / "data" / "promql"))
    if not any(found.glob("*.test")):
        raise SystemExit(f"promqltest: there are no scripts in {found}; name their folder in PROMQL_SCRIPTS")
    return found


@dataclass(frozen=True, slots=True)
class Script:
    """One script and what became of its cases."""

    name: str
    outcomes: tuple[Outcome, ...]

    def counts(self, kind: str) -> tuple[int, int]:
        """How many cases of `kind` hold, and how many there are."""
        mine = [one for one in self.outcomes if one.kind == kind]
        return sum(one.verdict == "pass" for one in mine), len(mine)

    @property
    def failed(self) -> list[Outcome]:
        """The cases that do not hold."""
        return [one for one in self.outcomes if one.verdict != "pass"]


def scripts() -> list[Script]:
    """All scripts, run."""
    return [Script(path.stem, tuple(run(path.read_text(), path.stem))) for path in sorted(folder().glob("*.test"))]


def core_cases() -> frozenset[str]:
    """The frozen list of core cases, `file:line`."""
    lines = CORE.read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def table(found: Iterable[Script]) -> str:
    """Cases that hold, of how many, by file and class, as a table of Markdown."""
    rows = ["| script | core | native histograms | experimental |", "| --- | --- | --- | --- |"]
    totals: Counter[tuple[str, bool]] = Counter()
    for script in found:
        cells = []
        for kind in KINDS:
            held, there = script.counts(kind)
            totals[kind, True] += held
            totals[kind, False] += there
            cells.append(f"{held}/{there}" if there else "")
        rows.append(f"| {script.name} | {' | '.join(cells)} |")
    whole = " | ".join(f"**{totals[kind, True]}/{totals[kind, False]}**" for kind in KINDS)
    return "\n".join([*rows, f"| **all** | {whole} |"])


def measure() -> list[Figure]:
    """The share of cases that hold, and how many give another answer without saying so."""
    found = scripts()
    print(table(found), file=sys.stderr)
    for script in found:
        for one in script.failed:
            print(f"{script.name}:{one.line}: {one.verdict}: {one.expr}: {one.why}"[:400], file=sys.stderr)
    frozen = core_cases()
    core = [one for script in found for one in script.outcomes if f"{script.name}:{one.line}" in frozen]
    everything = [one for script in found for one in script.outcomes]
    wrong = sum(one.verdict == "wrong" for one in everything)
    return [
        _share("core cases, with their re-runs", core, 98),
        _share("all cases, with their re-runs", everything, 75),
        Figure("other answers without an error", wrong, "cases", most=0),
    ]


def _share(name: str, outcomes: list[Outcome], least: float) -> Figure:
    held = sum(one.verdict == "pass" for one in outcomes)
    return Figure(name, 100 * held / max(1, len(outcomes)), "%", least=least, beside=f"{held} of {len(outcomes)}")
