"""Statuspage gets the components that the public sees, and is left to say how they are."""

from __future__ import annotations

import json
from pathlib import Path

from tests.oracles.terraform import check, complaints

from sereno.compiler.targets import Request, build
from sereno.spec.model import Component, Spec, StatusPage

PAGES = {
    "public": StatusPage(
        "public", "The shop",
        (Component("Pagos y ${dinero}", ("pay",), "Lo que %{se} cobra"), Component("Pagos y (dinero)", ("pay",)),
         Component("API", ())),
    ),
    "partners": StatusPage("partners", "", (Component("API", ("api",)),)),
    "empty": StatusPage("empty", "Nothing", ()),
}  # fmt: skip


def test_every_component_is_written_as_the_provider_takes_it(tmp_path: Path) -> None:
    output = build("terraform-statuspage", Request(Spec(status_pages=PAGES), ()))
    assert check(output.files, tmp_path) == []
    [text] = output.files.values()
    document = json.loads(text)
    found = list(document["resource"]["statuspage_component"].values())
    assert [(one["page_id"], one["name"]) for one in found] == [
        ("${var.page_partners}", "API"), ("${var.page_public}", "Pagos y $${dinero}"),
        ("${var.page_public}", "Pagos y (dinero)"), ("${var.page_public}", "API"),
    ]  # fmt: skip
    assert all(one["lifecycle"] == {"ignore_changes": ["status"]} and "status" not in one for one in found)
    assert found[1]["description"] == "Lo que %%{se} cobra"
    assert set(document["variable"]) == {"statuspage_token", "page_partners", "page_public"}
    assert document["variable"]["statuspage_token"]["sensitive"] is True


def test_the_oracle_sees_what_is_wrong_with_a_component() -> None:
    [right] = build("terraform-statuspage", Request(Spec(status_pages=PAGES), ())).files.values()
    assert complaints(right) == []
    for old, new, said in (
        ('"showcase": true', '"showcase": "true"', "not a bool"),
        ('"showcase": true', '"shown": true', "has no shown"),
        ('"name": "API",', "", "lacks name"),
        ('"status"\n', '"state"\n', "has no state to ignore"),
        ('"token"', '"api_key"', "provider statuspage has no api_key"),
    ):
        assert old in right
        assert any(said in line for line in complaints(right.replace(old, new))), said


def test_without_a_page_there_is_nothing_and_it_is_said() -> None:
    output = build("terraform-statuspage", Request(Spec(), ()))
    assert not output.files
    assert output.notes
