"""The JSON Schema for editors: it knows what the readers know, takes what they take and refuses what they refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.spec import test_spec_mistakes
from tests.spec.shop import PEOPLE, SHOP
from tests.spec.test_spec_expanding import API, WORKSPACE
from tests.spec.test_spec_objectives import SERVICE

from sereno.app.cli.init import init
from sereno.app.cli.schema import defaults_in
from sereno.app.cli.schema import schema as write_schema
from sereno.app.reference_spec import MEANINGS
from sereno.app.schema import schema
from sereno.app.spec_readers import LEAVES, UNKNOWN, Taken, shapes
from sereno.spec.source import File, Mapping, Node, Scalar, Sequence
from sereno.spec.tree import documents

ROOT = Path(__file__).parents[2]
OURS = {
    "service", "objectives", "sli", "templates", "templates_work", "templates_business", "tiers", "people", "public",
    "workspace", "policies", "saturation", "expanding", "variables", "queries", "readiness",
}  # fmt: skip
WHOLE = schema()
JUDGE = jsonschema.Draft202012Validator(WHOLE)


def test_it_is_a_schema_of_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(WHOLE)
    assert json.loads(json.dumps(WHOLE)) == WHOLE


def test_every_key_that_the_readers_know_is_in_it_with_its_meaning_and_nothing_else_is() -> None:
    for shape in shapes().values():
        definition = WHOLE["$defs"].get(shape.what)
        if definition is None or shape.module.rpartition(".")[2] not in OURS:
            continue
        assert set(definition["properties"]) == {*shape.keys, *shape.planned}, shape.what
        assert definition["additionalProperties"] is False
        for key in shape.keys:
            assert definition["properties"][key]["description"].lower() == MEANINGS[shape.what][key].lower()


def test_every_reader_of_ours_is_understood() -> None:
    """A key whose reader is not understood would take anything."""
    blind = {
        (shape.what, key)
        for shape in shapes().values()
        if shape.module.rpartition(".")[2] in OURS
        for key in shape.keys
        if unknown(shape.takes[key]) and not special(shape.what, key)
    }
    assert blind == set()


def unknown(taken: Taken) -> bool:
    if taken.kind in ("items", "one_or_more"):
        return unknown(taken.parts[0])
    return taken == UNKNOWN or (taken.kind == "function" and taken.parts[0] not in LEAVES)


def special(what: str, key: str) -> bool:
    """Those that are put together before anything is read, or that others read."""
    definition = WHOLE["$defs"].get(what, {}).get("properties", {}).get(key, {})
    return bool(set(definition) - {"description"})


def test_editors_have_something_to_offer() -> None:
    objective = WHOLE["$defs"]["an objective"]["properties"]
    choices = [one["enum"] for one in objective["method"]["anyOf"] if "enum" in one]
    assert choices == [["occurrences", "timeslices", "ratio_timeslices"]]
    assert set(WHOLE["properties"]) >= {"service", "team", "policy", "maintenance", "workspace", "template"}
    assert all(one["description"] for one in WHOLE["properties"].values() if one.get("description") is not None)


def plain(node: Node) -> Any:
    """The value as YAML 1.2 has it."""
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if isinstance(node, Mapping):
        return {key.value: plain(value) for key, value in node.entries}
    if node.kind == "number":
        return (
            float(node.value) if re.search("[.eEnN]", node.value) else int(node.value, 0 if "x" in node.value else 10)
        )
    return {"null": None, "boolean": node.value.lower() == "true"}.get(node.kind, node.value)


def every_document(text: str) -> Iterator[Any]:
    for node in documents(File.of("x.yaml", text), lambda *said: None):
        if not (isinstance(node, Scalar) and node.kind == "null"):
            yield plain(node)


def complaints(text: str, judge: jsonschema.Draft202012Validator = JUDGE) -> list[str]:
    return [f"{error.json_path}: {error.message}" for one in every_document(text) for error in judge.iter_errors(one)]


EXAMPLES = sorted((ROOT / "examples").rglob("reliability/**/*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[str(path.relative_to(ROOT)) for path in EXAMPLES])
def test_it_takes_the_examples(path: Path) -> None:
    """With what the defaults of their workspace say, as `sereno schema FOLDER` writes it."""
    folder = next(parent for parent in path.parents if parent.name == "reliability")
    own = jsonschema.Draft202012Validator(schema(given=defaults_in(tuple(sorted(folder.rglob("*.yaml"))))))
    assert complaints(path.read_text(encoding="utf-8"), own) == []


@pytest.mark.parametrize("text", [PEOPLE, SHOP, SERVICE, WORKSPACE, API, test_spec_mistakes.BASE])
def test_it_takes_what_the_readers_take(text: str) -> None:
    assert complaints(text) == []


PAGE = (ROOT / "docs" / "reference" / "spec.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", range(len(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))))
def test_it_takes_the_examples_of_the_reference(number: int) -> None:
    text = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[number]
    text = text.replace("[…]", "[]").replace("{…}", "{}").replace("https://…", "https://x.example")
    whole = [one for one in every_document(text) if isinstance(one, dict) and set(one) & set(WHOLE["properties"])]
    defaults = next((one.get("defaults") or {} for one in whole if "workspace" in one), {})
    given = {"services": ["team"], **{key: list(value) for key, value in defaults.items()}}  # parts of a service
    judge = jsonschema.Draft202012Validator(schema(given=given))
    assert [f"{error.json_path}: {error.message}" for one in whole for error in judge.iter_errors(one)] == []


SHAPE = {"SER020", "SER021", "SER022", "SER024", "SER030", "SER031", "SER032", "SER033", "SER036", "SER037", "SER038",
         "SER119", "SER120", "SER122", "SER123"}  # fmt: skip
BOUNDS = ("50h", "0s", "2y", "too", "45m", "»-x", "120%", "0%\n", "FREQ=", "2026-02-30", "moonday", "101%", "0%,")
"""Beyond a shape: bounds of durations and percentages, dates that do not exist, rules read word by word."""
REFUSED = [
    (code, marked.replace("»", ""))
    for code, marked in test_spec_mistakes.MISTAKES
    if code in SHAPE and not any(word in marked.replace("»", "") for word in BOUNDS)
]


@pytest.mark.parametrize(("code", "text"), REFUSED, ids=[f"{n:02}-{code}" for n, (code, _) in enumerate(REFUSED)])
def test_it_refuses_mistakes_of_shape(code: str, text: str) -> None:
    assert complaints(text)


def test_a_workspace_offers_its_own_names_and_does_not_ask_for_its_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.yaml").write_text(PEOPLE)
    (tmp_path / "w.yaml").write_text("workspace: x\ndefaults: {slos: {window: 30d}, services: {team: shop}}\n")
    text = "service: api\nslos:\n  - {name: a, objective: 9%, sli: {http: {}}}\n"
    (tmp_path / "s.yaml").write_text(text)
    assert write_schema(tmp_path) == 0
    own = jsonschema.Draft202012Validator(json.loads(capsys.readouterr().out))
    assert complaints(text, own) == []
    assert complaints(text)
    assert any("team" in one for one in complaints(text + "team: nobody\n", own))
    assert complaints(text + "team: shop\n", own) == []


def test_a_first_spec_tells_editors_where_its_schema_is(tmp_path: Path) -> None:
    folder = tmp_path / "reliability"
    assert init(folder, language="en", yes=True) == 0
    assert json.loads((folder / ".schema.json").read_text())["$id"] == WHOLE["$id"]
    for path in folder.glob("*.yaml"):
        assert path.read_text().startswith("# yaml-language-server: $schema=.schema.json\n")
        assert complaints(path.read_text()) == []


def test_the_schema_can_be_written_to_a_file(tmp_path: Path) -> None:
    assert write_schema(out=tmp_path / "deep" / "spec.json") == 0
    assert json.loads((tmp_path / "deep" / "spec.json").read_text()) == WHOLE
