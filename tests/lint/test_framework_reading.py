"""What the linter takes a file for, how it reads JSON, what it leaves alone and how it mends."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.kernel.diagnostics import Diagnostic
from sereno.lint.documents import read
from sereno.lint.fixing import apply, mend
from sereno.lint.ignoring import Ignored
from sereno.lint.json_tree import json_document
from sereno.lint.model import Edit, Finding
from sereno.lint.secrets import masked
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence

KINDS = {
    "groups: []": "rules",
    "- {alert: A, expr: up}": "rules",
    "{alert: A, expr: up, for: 5m}": "rules",
    "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec: {groups: []}": "rules",
    "route: {receiver: a}\nreceivers: [{name: a}]": "alertmanager",
    "global: {scrape_interval: 15s}": "prometheus",
    "scrape_configs: []": "prometheus",
    "rule_files: [a.yml]": "prometheus",
    "panels: []": "dashboard",
    "dashboard: {title: a}": "dashboard",
    "apiVersion: apps/v1\nkind: Deployment": "kubernetes",
    "services: {web: {image: nginx}}": "compose",
    "receivers: {otlp: {}}\nexporters: {}\nservice: {pipelines: {}}": "pipeline",
    "sources: {}\nsinks: {}": "pipeline",
    "Availability: {Target: 99.9%}": "prose",
    "service: web\nteam: owners": "spec",
    "apiVersion: openslo/v1\nkind: SLO": "spec",
}


@pytest.mark.parametrize(("text", "kind"), KINDS.items(), ids=lambda value: str(value)[:20])
def test_a_document_is_known_by_its_keys(text: str, kind: str) -> None:
    found = read("file.yaml", text + "\n")
    assert [document.kind for document in found.documents] == [kind]
    assert not found.findings


def test_one_file_may_hold_documents_of_many_kinds_and_lists_are_taken_apart() -> None:
    text = "groups: []\n---\n{}\n---\nkind: List\napiVersion: v1\nitems:\n  - {apiVersion: v1, kind: Service}\n"
    found = read("many.yaml", text + "  - {apiVersion: monitoring.coreos.com/v1, kind: PrometheusRule, spec: {}}\n")
    assert [document.kind for document in found.documents] == ["rules", "kubernetes", "rules"]
    assert found.unknown == 1


def test_unit_tests_of_rules_are_known_and_left_to_those_who_run_them() -> None:
    found = read("tests.yml", "rule_files: [a.yml]\ntests: []\n")
    assert (found.documents, found.findings, found.unknown) == ((), (), 0)


def test_below_a_mistake_of_grammar_reading_goes_on_at_the_margin() -> None:
    text = "notes:\n  - one\n- alert: A\n  expr: rate(up[5m]\n"
    found = read("broken.yaml", text)
    assert [finding.diagnostic.code for finding in found.findings] == ["SER003"]
    (document,) = found.documents
    assert document.kind == "rules"
    assert isinstance(document.node, Sequence)
    place = document.node.items[0]
    assert place.file.place(place.start) == (3, 3), "places are those of the whole file"


# JSON


def plain(node: Node | None) -> object:
    match node:
        case Mapping():
            return {key.value: plain(value) for key, value in node.entries}
        case Sequence():
            return [plain(item) for item in node.items]
        case Scalar(style="double"):
            return node.value
        case Scalar():
            return json.loads(node.value)
        case _:
            return None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1, 4]))
def test_json_is_read_as_the_standard_library_reads_it(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    told: list[str] = []
    node = json_document(File.of("a.json", text), lambda index, length, message, hint, edits: told.append(message))
    assert not told
    assert plain(node) == json.loads(text)
    if node is not None:
        assert (node.start, node.end) == (0, len(text))


@given(st.text(alphabet='{}[]",:\\\n\t/* a1-.e+truefalsn', max_size=40))
def test_what_is_no_json_is_refused_and_never_raises(text: str) -> None:
    told: list[str] = []
    node = json_document(File.of("a.json", text), lambda index, length, message, hint, edits: told.append(message))
    try:
        wanted = json.loads(text)
    except ValueError:
        assert told
        return
    if not told:
        assert plain(node) == wanted


def test_comments_and_last_commas_are_read_over_and_taken_out() -> None:
    text = '{\n  // why\n  "a": 1, /* b */ "c": [1, 2,], // d\n}\n'
    found = read("a.json", text)
    edits = [edit for finding in found.findings for edit in finding.edits]
    assert json.loads(apply(text, edits)) == {"a": 1, "c": [1, 2]}
    assert "SER201" not in {f.diagnostic.code for f in read("a.jsonc", text).findings}, "there they may stand"


def test_deep_and_endless_json_ends() -> None:
    deep = "[" * 5_000 + "]" * 5_000
    assert [f.diagnostic.message for f in read("a.json", deep).findings] == ["this is nested more than 100 deep"]
    assert read("b.json", '{"a": "').findings


# Comments that ask for quiet


def test_a_comment_counts_for_its_line_its_block_or_the_file() -> None:
    text = (
        "a: 1 # sereno: ignore SER213\n"
        "# sereno: ignore SER3, SER4 they are old\n"
        "b:\n"
        "  c: 2\n"
        "\n"
        "  d: 3\n"
        "e: 4\n"
        "  # sereno: ignore\n"
        "  - f: 5\n"
        "    g: 6\n"
        "  - h: 7\n"
    )
    ignored = Ignored(File.of("a.yaml", text))

    def lines(code: str) -> list[int]:
        return [line for line in range(1, 12) if ignored.holds(line, code)]

    assert lines("SER213") == [1, 8, 9, 10]
    assert lines("SER310") == [2, 3, 4, 5, 6, 8, 9, 10]
    assert lines("SER500") == [8, 9, 10]
    assert Ignored(File.of("b.md", "<!-- sereno: ignore-file SER6 -->\n")).holds(1, "SER602")
    assert not Ignored(File.of("c.yaml", "a: sereno says ignore SER213\n")).holds(1, "SER213")


# Mending


def finding(text: str, word: str, better: str, code: str = "SER213", level: str = "warning") -> Finding:
    start = text.index(word)
    told = Diagnostic(code, "m", "f", 1, start + 1, level=level)  # type: ignore[arg-type]
    return Finding(told, (Edit(start, start + len(word), better),))


def test_edits_that_overlap_wait_for_the_next_round() -> None:
    def look(text: str) -> list[Finding]:
        found = []
        if "aaa" in text:
            found += [finding(text, "aaa", "bb"), finding(text, "aaa", "cc", "SER214")]
        if "bb" in text:
            found.append(finding(text, "bb", "d", "SER214"))
        return found

    mended = mend("x aaa y", look)
    assert mended.text == "x d y"
    assert [one.diagnostic.code for one in mended.fixed] == ["SER213", "SER214"]


def test_an_edit_that_brings_something_new_is_not_made() -> None:
    def look(text: str) -> list[Finding]:
        found = [finding(text, "aaa", "bad")] if "aaa" in text else []
        found += [finding(text, "ccc", "good", "SER214")] if "ccc" in text else []
        found += [Finding(Diagnostic("SER215", "m", "f", 1, 1, level="error"))] if "bad" in text else []
        return found

    mended = mend("aaa ccc", look)
    assert mended.text == "aaa good", "the harmless one is"


def test_a_mistake_that_goes_may_uncover_a_warning() -> None:
    def look(text: str) -> list[Finding]:
        if "aaa" in text:
            return [finding(text, "aaa", "bbb", level="error")]
        return [Finding(Diagnostic("SER441", "m", "f", 1, 1, level="warning"))]

    assert mend("aaa", look).text == "bbb"


def test_mending_ends_even_where_two_checks_want_opposites() -> None:
    def look(text: str) -> list[Finding]:
        return [finding(text, "a", "b")] if "a" in text else [finding(text, "b", "a")]

    assert mend("a", look).text in ("a", "b")


@given(
    st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.text(max_size=3)), max_size=5)
)
def test_edits_only_touch_what_they_name(text: str, made: list[tuple[int, int, str]]) -> None:
    edits = [Edit(min(s, len(text)), min(s + n, len(text)), new) for s, n, new in made]
    after = apply(text, edits)
    if not edits:
        assert after == text
    first = min((edit.start for edit in edits), default=len(text))
    assert after.startswith(text[:first])


# Secrets


@pytest.mark.parametrize(
    "line",
    ["  - api_key: hunter2", '"token": "hunter2"', "{routing_key: 'hunter2', severity: x}", "password:hunter2 ", "    bot_token:   hunter2"],
)  # fmt: skip
def test_lines_are_shown_without_their_secrets(line: str) -> None:
    if "password:hunter2" in line:
        assert masked(line) == "password:******* "
    assert "hunter2" not in masked(line)
    assert len(masked(line)) == len(line)
