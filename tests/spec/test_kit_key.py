"""Where the kits of a service are: read, derived from what is scraped, and never a way to give a secret away."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spec.test_spec_mistakes import BASE, SERVICE

from sereno.app.promql_checker import Checker
from sereno.app.schema import schema
from sereno.spec.loader import load_text
from sereno.spec.model import KitAdmin

PAY = SERVICE + "alerts: []\n"


def kit_of(written: str) -> KitAdmin | None:
    loaded = load_text({"base.yaml": BASE, "case.yaml": PAY + written}, promql=Checker())
    assert loaded.spec is not None, "\n".join(d.render() for d in loaded.diagnostics)
    return loaded.spec.services["pay"].kit


def codes_of(written: str) -> tuple[list[str], str]:
    loaded = load_text({"base.yaml": BASE, "case.yaml": PAY + written}, promql=Checker())
    wrong = [d for d in loaded.diagnostics if d.level == "error"]
    return [d.code for d in wrong], "\n".join(d.render() for d in wrong)


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("kit: {admin: http://10.0.0.1:9104/-/kit}", ("http://10.0.0.1:9104/-/kit",)),
        ("kit: {admin: [http://10.0.0.1:9104, https://pay.example/]}",  # the usual path
         ("http://10.0.0.1:9104/-/kit", "https://pay.example/-/kit")),
        ("kit: {admin: ['https://pay.example/inner/kit/']}", ("https://pay.example/inner/kit",)),
        ("kit: {admin: 'http://[::1]:9104'}", ("http://[::1]:9104/-/kit",)),
        ("kit: {admin: http://pay.internal}", ("http://pay.internal/-/kit",)),  # judged when it is called
    ],
)  # fmt: skip
def test_addresses_are_read(written: str, addresses: tuple[str, ...]) -> None:
    assert kit_of(written) == KitAdmin(addresses, "SERENO_KIT_TOKEN")


def test_addresses_are_derived_from_what_is_scraped() -> None:
    scrape = "scrape:\n  - {job: a, targets: [http://10.0.0.1:9104/metrics, http://10.0.0.2:9104/m?x=1]}\n"
    scrape += "  - {job: b, targets: [http://10.0.0.1:9104/more]}\n"
    found = kit_of(scrape + "kit: {admin: scrape, token: PAY_KIT_TOKEN}")
    assert found == KitAdmin(("http://10.0.0.1:9104/-/kit", "http://10.0.0.2:9104/-/kit"), "PAY_KIT_TOKEN")


def test_without_the_key_there_is_none() -> None:
    assert kit_of("") is None


@pytest.mark.parametrize("name", ["KIT_TOKEN", "SERENO_KIT_TOKEN", "PAY_KIT_TOKEN", "KIT_TOKEN_PAY", "A_KIT_TOKEN_2"])
def test_variables_that_are_meant_for_it_are_taken(name: str) -> None:
    found = kit_of(f"kit: {{admin: http://10.0.0.1, token: {name}}}")
    assert found is not None
    assert found.token == name


@pytest.mark.parametrize(
    "name",
    ["SERENO_SECRET", "SERENO_DATABASE", "AWS_SECRET_ACCESS_KEY", "PATH", "kit_token", "MYKIT_TOKEN", "KIT_TOKENS",
     "d6a1f0c2b3e44d9f8a7b", "env:KIT_TOKEN"],
)  # fmt: skip
def test_no_other_secret_can_be_sent_and_a_token_is_not_repeated(name: str) -> None:
    codes, told = codes_of(f"kit: {{admin: http://10.0.0.1, token: '{name}'}}")
    assert codes == ["SER144"]
    assert name not in told.replace("such as PAYMENTS_KIT_TOKEN", "").replace("with KIT_TOKEN in it", "")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("kit: {admin: []}", "SER023"), ("kit: {admin: {a: b}}", "SER020"), ("kit: {admin: ftp://x}", "SER033"),
        ("kit: {admin: http://1.1.1.1/-/kit}", "SER143"), ("kit: {admin: 'http://x/#a'}", "SER143"),
        ("kit: {admin: scrape}", "SER143"), ("kit: {}", "SER022"), ("kit: {admin: http://x, secret: abc}", "SER021"),
        (f"kit: {{admin: [{', '.join(f'http://10.0.1.{n}:{p}' for n in range(201) for p in (80,))}]}}", "SER143"),
    ],
)  # fmt: skip
def test_mistakes_are_told(written: str, code: str) -> None:
    assert codes_of(written)[0] == [code]


def test_an_address_with_a_password_is_not_called() -> None:
    loaded = load_text({"base.yaml": BASE, "c.yaml": PAY + "kit: {admin: 'http://me:pw@10.0.0.1'}"}, promql=Checker())
    assert [d.code for d in loaded.diagnostics] == ["SER080"]
    assert loaded.spec is not None
    assert loaded.spec.services["pay"].kit is None


@given(st.text(max_size=60))
def test_whatever_stands_there_is_read_or_told(text: str) -> None:
    written = f"kit: {{admin: {json.dumps(text)}, token: {json.dumps(text)}}}"
    loaded = load_text({"base.yaml": BASE, "case.yaml": PAY + written}, promql=Checker())
    assert loaded.spec is None, "no text is both an address and a variable"
    assert any(d.level == "error" for d in loaded.diagnostics)


def test_the_schema_for_editors_says_the_same() -> None:
    validator = jsonschema.Draft202012Validator(schema())

    def fits(kit: object) -> bool:
        return validator.is_valid({"service": "pay", "team": "shop", "kit": kit})

    assert fits({"admin": "scrape"})
    assert fits({"admin": ["http://10.0.0.1:9104/-/kit"], "token": "PAY_KIT_TOKEN"})
    assert not fits({"token": "PAY_KIT_TOKEN"})
    assert not fits({"admin": "scrape", "token": "SERENO_SECRET"})
    assert not fits({"admin": []})
