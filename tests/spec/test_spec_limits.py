"""What the loader promises whatever it is given: files, bombs, noise."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.shop import PEOPLE, SHOP, good, rendered
from tests.spec.test_spec_expanding import API, WORKSPACE
from tests.spec.test_spec_objectives import SERVICE
from tests.spec.test_spec_objectives import WORKSPACE as OBJECTIVES

from sereno.app.promql_checker import Checker
from sereno.kernel.diagnostics import Diagnostic
from sereno.kernel.errors import UsageError
from sereno.spec.files import FILE_BYTES_MAX
from sereno.spec.loader import load, load_text


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = load_text({"bomb.yaml": "\n".join(lines)}, promql=Checker()).diagnostics
    assert [d.code for d in found] == ["SER005"]


def test_an_alias_of_itself_has_no_anchor_yet() -> None:
    found = load_text({"loop.yaml": "service: &a [*a]\n"}, promql=Checker()).diagnostics
    assert "SER006" in [d.code for d in found]


def test_deep_nesting_is_refused() -> None:
    for text in ("[" * 400_000, "{a: " * 200_000, "- " * 400_000, "? " * 100_000):
        found = load_text({"deep.yaml": text}, promql=Checker()).diagnostics
        assert {d.code for d in found} <= {"SER003", "SER005"}
        assert found


def test_anchors_are_fine_when_small() -> None:
    text = PEOPLE.replace("language: es", "language: &l es") + "---\n" + SHOP
    assert good({"all.yaml": text}).people["ana"].language == "es"


def test_only_the_first_thousand_mistakes_are_listed() -> None:
    text = "service: pay\nteam: shop\nalerts: []\n" + "".join(f"x{n}: 1\n" for n in range(1500))
    found = load_text({"s.yaml": text}, promql=Checker()).diagnostics
    assert len(found) == 1001
    assert "SER099" in {d.code for d in found}


KEYS = [
    "service", "team", "person", "schedule", "steps", "page", "zone", "start", "handover", "people", "status_page",
    "window", "sli", "name", "except", "workspace", "variables", "environments", "defaults", "template", "extends", "slo",
    "with", "override", "policy", "at", "maintenance", "rrule", "duration", "readiness", "flags", "define", "saturation",
    "http", "query", "gauge", "composite", "of", "promises",
]  # fmt: skip
PIECES = [
    "${a}", "$${a}", "${", "FREQ=WEEKLY", "== 1", "sum(rate(x[$window]))", "{a: 1}", "on", "012", "Ã³",
    "null", "99.9%", "30d", "2026-01-05", "&a ", "*a", "<<: ", "? ", "!x ", "[", "]", "}", "{events: ", "rate(x[5m]",
    'up{a="', "\\x", ": ", "contacts: [{email: ", "alerts: [{alert: A, severity: SEV1, expr: ", "---\n", "\n",
    "slos:\n", "severities:\n", "  - ", "'", '"', "|\n  ", ">-\n ", "# c\n", "\t", "\r\n", "%YAML 1.2\n", "é", "\u2028",
    "\U0001f600", "\x00", "\ufeff", "\x85",
]  # fmt: skip
WORDS = st.sampled_from([*(f"{key}: " for key in KEYS), *PIECES])
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=30).map("".join))


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_no_text_can_break_the_loader(one: str, two: str) -> None:
    files = {"one.yaml": one, "two.yml": two, "p.yaml": PEOPLE}
    loaded = load_text(files, promql=Checker(), exists=lambda name: False)
    assert (loaded.spec is None) == any(d.level == "error" for d in loaded.diagnostics)
    for diagnostic in loaded.diagnostics:
        assert_inside(diagnostic, files[diagnostic.file])
        assert diagnostic.render()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(SHOP) - 1), st.integers(0, 12), WORDS)
def test_no_damage_to_a_good_spec_can_break_the_loader(at: int, cut: int, put: str) -> None:
    files = {"p.yaml": PEOPLE, "s.yaml": SHOP[:at] + put + SHOP[at + cut :]}
    for diagnostic in load_text(files, promql=Checker()).diagnostics:
        assert_inside(diagnostic, files[diagnostic.file])


def assert_inside(diagnostic: Diagnostic, text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert 1 <= diagnostic.line <= len(lines)
    assert 1 <= diagnostic.column <= len(lines[diagnostic.line - 1]) + 1
    assert diagnostic.length >= 1


# Files -----------------------------------------------------------------------------------------------------


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    runbook = {"services/runbooks/pay.md": b"# Pay\n", "README.md": b"no", ".git/x.yaml": b"a: [", "notes.txt": b": ["}
    files = {"people.yaml": PEOPLE.encode(), "services/shop.YML": SHOP.encode()}
    loaded = load(write(tmp_path, {**files, **runbook}), promql=Checker())
    assert loaded.spec is not None, rendered(loaded)
    assert [path.name for path in loaded.files] == ["people.yaml", "shop.YML"]


def test_a_runbook_with_an_impossible_name_is_only_missing(tmp_path: Path) -> None:
    text = PEOPLE + "---\n" + SHOP.replace("runbooks/pay.md", "x" * 5000)
    found = load(write(tmp_path, {"a.yaml": text.encode()}), promql=Checker()).diagnostics
    assert [d.code for d in found] == ["SER058"]


def test_a_runbook_that_is_not_there_is_named_with_its_path(tmp_path: Path) -> None:
    (found,) = load(write(tmp_path, {"a.yaml": (PEOPLE + "---\n" + SHOP).encode()}), promql=Checker()).diagnostics
    assert (found.code, found.file) == ("SER058", str(tmp_path / "a.yaml"))
    assert "runbooks/pay.md" in found.message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    files = {
        "latin.yaml": "service: pay\ntitle: Búsqueda\n".encode("latin-1"),
        "large.yaml": b"#" * (FILE_BYTES_MAX + 1),
        "bom.yaml": b"\xef\xbb\xbf" + PEOPLE.encode(),
        "wide.yaml": "service: pay".encode("utf-16"),
    }
    found = load(write(tmp_path, files), promql=Checker()).diagnostics
    places = [(d.code, Path(d.file).name, d.line, d.column) for d in found if d.level == "error"]
    assert places == [
        ("SER002", "large.yaml", 1, 1), ("SER001", "latin.yaml", 2, 9), ("SER001", "wide.yaml", 1, 1),
    ]  # fmt: skip


def test_an_empty_folder_says_so_and_a_missing_one_is_wrong_use(tmp_path: Path) -> None:
    assert [d.code for d in load(tmp_path, promql=Checker()).diagnostics] == ["SER007"]
    assert [d.code for d in load_text({"a.yaml": "# nothing\n"}, promql=Checker()).diagnostics] == ["SER007"]
    with pytest.raises(UsageError):
        load(tmp_path / "nowhere", promql=Checker())


def test_people_alone_are_no_spec_worth_running() -> None:
    assert "SER093" in {d.code for d in load_text({"p.yaml": PEOPLE}, promql=Checker()).diagnostics}


WHOLE = "\n---\n".join((WORKSPACE, API, OBJECTIVES, SERVICE))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 12), WORDS, st.sampled_from(["", "staging"]))
def test_no_damage_to_templates_and_objectives_can_break_the_loader(at: int, cut: int, put: str, where: str) -> None:
    files = {"p.yaml": PEOPLE, "s.yaml": WHOLE[:at] + put + WHOLE[at + cut :]}
    for diagnostic in load_text(files, promql=Checker(), environment=where).diagnostics:
        assert_inside(diagnostic, files[diagnostic.file])
