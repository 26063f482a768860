"""Traps of the operations manuals in dashboards, manifests, configuration and prose: each is found where it stands.

The numbers are those of the research (slo.md, section 7); rules, PromQL and Alertmanager's file have a table of their own.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint
from sereno.lint.model import Finding

DATA = Path(__file__).parents[3] / "shared"
TRAPS = (
    # trap, file, code, lines
    (1, "marketplace-operations-02.json", "SER210", (19,)),
    (2, "lending-observability-04.json", "SER213", (26, 30, 34)),
    (3, "lending-observability-04.json", "SER215", (43,)),
    (3, "lending-observability-06.json", "SER215", (22,)),
    (4, "marketplace-operations-02.json", "SER227", (9,)),
    (7, "sre-assistant-09.json", "SER232", (10,)),
    (8, "sre-assistant-09.json", "SER233", (24, 28, 32)),
    (9, "sre-assistant-09.json", "SER212", (41, 45)),
    (11, "sre-assistant-01.yaml", "SER787", (8, 9)),
    (17, "lending-observability-05.json", "SER225", (39, 46)),
    (18, "lending-observability-05.json", "SER221", (32,)),
    (20, "sre-assistant-03.yaml", "SER788", (6,)),
    (20, "sre-assistant-03.yaml", "SER789", (13,)),
    (21, "lending-observability-04.json", "SER441", (8, 15, 26, 30, 34)),
    (21, "lending-observability-04.json", "SER424", (6,)),
    (21, "lending-observability-06.json", "SER441", (8, 15)),
    (27, "marketplace-operations-10.yaml", "SER771", (8,)),
    (27, "sre-assistant-02.yaml", "SER771", (4,)),
    (28, "marketplace-operations-10.yaml", "SER773", (8, 18)),
    (28, "lending-observability-09.yaml", "SER774", (4,)),
    (29, "marketplace-operations-10.yaml", "SER778", (15,)),
    (37, "sre-assistant-07.yaml", "SER775", (3,)),
    *((39, f, "SER400", (2,)) for f in ("lending-observability-04.json", "lending-observability-05.json",
                                        "lending-observability-06.json", "marketplace-operations-02.json")),
    (39, "sre-assistant-09.json", "SER400", (3,)),
    (39, "sre-assistant-09.json", "SER201", (1,)),
    (39, "sre-assistant-05.json", "SER201", (1,)),
    *((39, "lending-observability-04.json", code, (3,)) for code in ("SER402", "SER403", "SER423")),
    *((39, "lending-observability-04.json", code, (5,)) for code in ("SER404", "SER406")),
    (39, "lending-observability-04.json", "SER410", (10, 17, 38, 45)),
    (39, "lending-observability-04.json", "SER412", (18,)),
    (39, "lending-observability-05.json", "SER413", (11, 19, 27)),
    (39, "marketplace-operations-02.json", "SER411", (15,)),
    (39, "marketplace-operations-02.json", "SER412", (23,)),
    (39, "sre-assistant-09.json", "SER411", (6, 20, 37)),
    (39, "sre-assistant-09.json", "SER416", (14,)),
    (40, "sre-practices-02.yaml", "SER560", (2,)),
    (40, "sre-practices-02.yaml", "SER561", (17, 21, 25)),
    (40, "sre-practices-03.yaml", "SER550", (6,)),
    (40, "sre-practices-03.yaml", "SER554", (22,)),
    (40, "sre-practices-03.yaml", "SER540", (31,)),
    (40, "sre-practices-03.yaml", "SER541", (33,)),
    (40, "sre-practices-03.yaml", "SER543", (37,)),
    (40, "sre-practices-03.yaml", "SER237", (38,)),
    (41, "lending-observability-01.yaml", "SER720", (2,)),
    (41, "lending-observability-01.yaml", "SER721", (2,)),
    (41, "sre-assistant-04.yaml", "SER720", (2,)),
    (41, "sre-assistant-04.yaml", "SER728", (17,)),
    (42, "sre-assistant-08.yaml", "SER741", (6, 17)),
    (42, "sre-assistant-11.yaml", "SER506", (79,)),
    # sound practice, by no number
    (0, "sre-assistant-05.json", "SER755", (5,)),
    (0, "sre-assistant-05.json", "SER760", (21,)),
    (0, "sre-assistant-06.yaml", "SER581", (39,)),
    (0, "sre-assistant-06.yaml", "SER582", (26,)),
    (0, "sre-assistant-08.yaml", "SER743", (22,)),
    (0, "sre-assistant-08.yaml", "SER744", (11, 12, 13, 14, 22, 23)),
    (0, "sre-assistant-11.yaml", "SER522", (10,)),
    (0, "sre-assistant-11.yaml", "SER508", (40,)),
)  # fmt: skip
MANUALS = (
    (10, "sre-practices.es.md", "SER786", (156,)),
    (19, "sre-practices.es.md", "SER785", (149,)),
    (22, "marketplace-operations.es.md", "SER780", (421,)),
    (23, "marketplace-operations.es.md", "SER781", (427,)),
    (24, "sre-assistant.en.md", "SER783", (163,)),
    (27, "marketplace-operations.es.md", "SER771", (387, 389, 391, 392, 459)),
    (27, "marketplace-operations.es.md", "SER772", (388,)),
    (28, "marketplace-operations.es.md", "SER773", (387, 390, 459, 469)),
    (28, "marketplace-operations.es.md", "SER774", (386,)),
    (29, "marketplace-operations.es.md", "SER778", (466,)),
    (30, "marketplace-operations.es.md", "SER777", (1462,)),
    (30, "sre-assistant.en.md", "SER777", (592,)),
    (31, "sre-assistant.en.md", "SER782", (208, 210, 212)),
    (37, "marketplace-operations.es.md", "SER775", (483,)),
    (37, "sre-practices.es.md", "SER776", (567, 568, 569)),
    (38, "marketplace-operations.es.md", "SER784", (700,)),
    (38, "sre-practices.es.md", "SER784", (305,)),
    (40, "sre-practices.es.md", "SER543", (556,)),
    (41, "lending-observability.es.md", "SER720", (151,)),
)
NONE = {
    "lending-observability-07.yaml": "an escalation whose steps follow one another without a gap",
    "lending-observability-08.yaml": "99.9 % is 8.76 hours a year; that it is 43 minutes a month elsewhere is said there",
    "marketplace-operations-01.yaml": "names of panels, without queries",
    "marketplace-operations-03.yaml": "names of panels, without queries",
    "marketplace-operations-04.yaml": "names of panels, without queries",
    "marketplace-operations-05.yaml": "names of panels, without queries",
    "marketplace-operations-13.yaml": "what people do first",
    "marketplace-operations-14.yaml": "what people do next",
    "marketplace-operations-15.yaml": "what people do to mitigate",
    "marketplace-operations-16.yaml": "what people do to resolve",
    "marketplace-operations-17.yaml": "what people do afterwards",
    "marketplace-operations-18.sql": "questions to a database, no PromQL",
    "marketplace-operations-19.yaml": "steps of a maintenance",
    "marketplace-operations-20.sql": "maintenance of a database, no PromQL",
    "marketplace-operations-21.yaml": "what people on call do; it mentions P1 without defining levels",
    "sre-assistant-10.yaml": "a list of what is ready, nothing that could be wrong",
}
RULES_HAVE_THEM = {
    "lending-observability-02.yaml", "lending-observability-03.yaml", "marketplace-operations-06.promql",
    "marketplace-operations-07.promql", "marketplace-operations-08.promql", "marketplace-operations-09.promql",
    "marketplace-operations-11.yaml", "marketplace-operations-12.yaml", "sre-assistant-12.yaml", "sre-practices-01.yaml",
}  # fmt: skip


def folder(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is missing")
    return path


def found_in(paths: list[Path]) -> dict[tuple[str, str], tuple[int, ...]]:
    """The lines of each code in each file, all files known to each other."""
    reads = [read(path.name, path.read_text(encoding="utf-8")) for path in paths]
    findings: list[Finding] = [f for one in reads for f in one.findings]
    findings += lint([document for one in reads for document in one.documents])
    lines: dict[tuple[str, str], set[int]] = {}
    for finding in findings:
        d = finding.diagnostic
        lines.setdefault((d.file, d.code), set()).add(d.line)
    return {place: tuple(sorted(numbers)) for place, numbers in lines.items()}


@pytest.fixture(scope="module")
def traps() -> dict[tuple[str, str], tuple[int, ...]]:
    return found_in(sorted(p for p in folder("data/traps").iterdir() if p.suffix != ".md"))


@pytest.fixture(scope="module")
def manuals() -> dict[tuple[str, str], tuple[int, ...]]:
    return found_in(sorted(folder("manuals").glob("*.md")))


@pytest.mark.parametrize(("trap", "file", "code", "lines"), TRAPS)
def test_a_trap_is_found_on_its_lines(
    trap: int, file: str, code: str, lines: tuple[int, ...], traps: dict[tuple[str, str], tuple[int, ...]]
) -> None:
    assert traps.get((file, code)) == lines


@pytest.mark.parametrize(("trap", "file", "code", "lines"), MANUALS)
def test_a_trap_is_found_in_the_manual_itself(
    trap: int, file: str, code: str, lines: tuple[int, ...], manuals: dict[tuple[str, str], tuple[int, ...]]
) -> None:
    assert manuals.get((file, code)) == lines


def test_every_file_has_its_traps_or_a_reason_to_have_none(traps: dict[tuple[str, str], tuple[int, ...]]) -> None:
    names = {p.name for p in folder("data/traps").iterdir() if p.suffix != ".md"}
    assert names == {file for _, file, _, _ in TRAPS} | set(NONE) | RULES_HAVE_THEM
    silent = ("SER003", "SER200")
    for file in NONE:
        assert [code for name, code in traps if name == file and code not in silent] == []
    for file in RULES_HAVE_THEM:
        assert [code for name, code in traps if name == file and code.startswith(("SER2", "SER3", "SER6"))]


@pytest.mark.parametrize("name", sorted({file for _, file, _, _ in TRAPS}))
def test_what_is_mended_is_mended_for_good(name: str) -> None:
    """--fix ends, leaves the file no worse, and what it says it mended is gone."""
    text = (folder("data/traps") / name).read_text(encoding="utf-8")

    def look(body: str) -> tuple[Finding, ...]:
        found = read(name, body)
        return (*found.findings, *lint(found.documents))

    before, mended = look(text), mend(text, look)
    after = look(mended.text)
    left = Counter(finding.diagnostic.code for finding in after)
    assert left <= Counter(finding.diagnostic.code for finding in before)
    assert not [f.diagnostic.render() for f in after if f.edits]
    assert bool(mended.fixed) == (mended.text != text)
    assert mend(mended.text, look).text == mended.text
