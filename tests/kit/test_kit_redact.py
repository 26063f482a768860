"""Secrets do not leave, and what is none stays readable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.planted import INNOCENTS, NAMED, VALUE, Planted, by_name, by_shape, everything, odd

from sereno_kit.redact import MASK, UNREDACTABLE, Redactor
from sereno_kit.redact_checks import is_card, is_clabe, is_curp, is_iban, is_rfc, is_spanish_id, luhn
from sereno_kit.redact_keys import is_secret_name
from sereno_kit.redact_walk import CUT, TOO_DEEP

PLANTED = everything()


def shown(value: Any) -> str:
    """All that one could read of a value, its keys too."""
    if isinstance(value, Mapping):
        return " ".join(f"{shown(k)} {shown(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple, set)):
        return " ".join(map(shown, value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(PLANTED) >= 1_000
    assert len({planted.name for planted in PLANTED}) == len(PLANTED)
    assert len(INNOCENTS) >= 130


def test_each_planted_secret_can_be_seen_before() -> None:
    """So that a leak would be noticed."""
    seen = [p for p in PLANTED if p.name != "cycle"]
    hidden = [p.name for p in seen if not any(s in shown(p.value) + repr(p.value) for s in p.secrets)]
    assert set(hidden) <= {"dataclass", "model", "opaque", "memoryview", "cause"}


@pytest.mark.parametrize("group", [by_shape, by_name, odd])
def test_no_planted_secret_leaves(group: Callable[[], Iterator[Planted]]) -> None:
    redactor = Redactor()
    leaks = []
    for planted in group():
        out = shown(redactor.redact(planted.value, planted.key))
        leaks += [(planted.name, out[:120]) for secret in planted.secrets if secret in out]
    assert leaks == []
    assert redactor.failures == 0


def test_innocents_are_left_alone() -> None:
    redactor = Redactor()
    touched = [(key, value, out) for key, value in INNOCENTS if (out := redactor.redact(value, key)) != value]
    assert touched == []


def test_innocents_are_left_alone_in_company() -> None:
    """In one dict, as JSON, in a list: the places do not make them guilty."""
    redactor = Redactor()
    for key, value in INNOCENTS:
        assert redactor.redact({"a": [{key: value}]}) == {"a": [{key: value}]}


def test_twice_is_as_once() -> None:
    redactor = Redactor()
    for planted in PLANTED:
        if planted.name.startswith("long"):
            continue  # what is cut says how much was cut
        once = redactor.redact(planted.value, planted.key)
        assert shown(redactor.redact(once, planted.key)) == shown(once), planted.name


def test_the_rest_of_a_text_stays() -> None:
    redact = Redactor().text
    assert redact("could not pay order 7 with 4111 1111 1111 1111, giving up") == (
        f"could not pay order 7 with {MASK}, giving up"
    )
    assert redact("postgresql://shop:s3cr3t@db:5432/shop?sslmode=require") == (
        f"postgresql://shop:{MASK}@db:5432/shop?sslmode=require"
    )
    assert redact("password=hunter2 user=ana") == f"password={MASK} user=ana"
    assert redact('{"password":"hunter2","order":7}') == f'{{"password":"{MASK}","order":7}}'
    assert redact(r"sent {\"token\": \"abc\", \"order\": 7}") == rf"sent {{\"token\": \"{MASK}\", \"order\": 7}}"
    assert redact("SELECT * FROM users WHERE dni = '1' LIMIT 3") == "SELECT * FROM users WHERE dni = ? LIMIT ?"


def test_addresses() -> None:
    url = Redactor().url
    assert url("https://ana:pw@x.io/a?token=abc&page=2#top") == f"https://ana:{MASK}@x.io/a?token={MASK}&page=2#top"
    assert url("/cb?code=abc&state=xyz&page=1") == f"/cb?code={MASK}&state={MASK}&page=1"
    assert url("/errors?code=404") == "/errors?code=404"
    assert url("/invite/9f8c2a7be41d4c0aa1/accept") == f"/invite/{MASK}/accept"
    assert url("/find?q=ana%40example.com&x=%20") == f"/find?q={MASK}&x=%20"
    assert url("/find?p%61ssword=abc") == f"/find?p%61ssword={MASK}"
    assert url("http://host:8080/a/@b") == "http://host:8080/a/@b"


def test_headers_of_every_kind() -> None:
    redactor = Redactor()
    given_headers = [
        (b"Authorization", b"Bearer x"),
        ("Cookie", "a=b"),
        (b"X-Request-ID", b"abc-123456"),
        ("Accept", "*/*"),
    ]
    assert redactor.headers(given_headers) == [
        ("authorization", MASK), ("cookie", MASK), ("x-request-id", "abc-123456"), ("accept", "*/*")
    ]  # fmt: skip
    assert redactor.headers({"Referer": "https://x/?token=abc"}) == [("referer", f"https://x/?token={MASK}")]
    assert redactor.headers(7) == []  # type: ignore[arg-type]
    assert redactor.failures == 1


def test_plain_values_stay_what_they_are() -> None:
    redactor = Redactor()
    for value in (7, 2.5, True, None, Decimal("12.50"), datetime(2026, 11, 21, tzinfo=UTC), UUID(int=7), "paid"):
        assert redactor.redact(value, "amount") is value
    assert redactor.redact({"a": (1, 2), "b": {3}}) == {"a": (1, 2), "b": [3]}


class Colour(Enum):
    RED = "red"


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class _HostileMapping(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")


def test_it_never_raises() -> None:
    redactor = Redactor()
    assert redactor.redact(Colour.RED) == "red"
    assert redactor.redact(_Hostile()) == UNREDACTABLE
    assert redactor.redact(_HostileMapping(a=1)) == UNREDACTABLE
    assert redactor.failures == 2
    broken = Redactor(shapes=[lambda text: 1 / 0])  # type: ignore[arg-type,return-value]
    assert broken.text("hello there") == broken.redact("hello you") == broken.url("/a/b") == UNREDACTABLE


def test_names_can_be_added_and_allowed() -> None:
    redactor = Redactor(keys=["policyNumber"], allow=["card"], mask="***")
    assert redactor.redact({"policy_number": "A1", "card": "debit", "password": "x"}) == {
        "policy_number": "***", "card": "debit", "password": "***"
    }  # fmt: skip
    assert redactor.text("policy-number=A1 b=2") == "policy-number=*** b=2"


def test_shapes_can_be_added() -> None:
    redactor = Redactor(shapes=[lambda text: text.replace("Zorro", MASK)])
    assert redactor.redact({"who": "Don Zorro"}) == {"who": f"Don {MASK}"}


def test_depth_width_and_length_are_bounded() -> None:
    redactor = Redactor(depth_max=3, items_max=10, text_max=100)
    deep = redactor.redact({"a": {"b": {"c": {"d": "secret"}}}})
    assert deep == {"a": {"b": {"c": TOO_DEEP}}}
    wide = redactor.redact(list(range(1_000)))
    assert len(wide) <= 12
    assert wide[-1] == CUT
    long = redactor.text("x " * 1_000)
    assert long.endswith("more]")
    assert len(long) < 130
    # A secret that lies across the cut is seen whole.
    assert "4111" not in redactor.text("x" * 95 + " 4111111111111111 ")


@pytest.mark.parametrize(
    "part",
    [
        "a", "1", "eyJ", "a@", "a://b:", 'password="', '\\"', "-----BEGIN RSA PRIVATE KEY-----", "4111 ", "{", "' ", "$a$",
        "SELECT '", "a=b,", "x=(((", "AB12 ", "+1 ", "a.b-", "%40", "password ", "token: ", "insert into x ", "--a-b ",
        "cookie:", "12345678", "é", "\n", "\\", "x=[", "failing row contains (", "bearer ", "/*", "token=%41",
    ],
)  # fmt: skip
def test_a_megabyte_of_anything_takes_no_time(part: str) -> None:
    """Quadratic would take minutes; this asks for well below a second on a machine that is busy with other things."""
    redactor = Redactor()
    text = part * (1_000_000 // len(part))
    begin = time.thread_time()
    for way in (redactor.text, redactor.url, redactor.sql, redactor.path, lambda t: redactor.redact({"a": t.encode()})):
        way(text)
    assert time.thread_time() - begin < 1.0
    assert redactor.failures == 0


TEXTS = st.text(max_size=60) | st.sampled_from([p.value for p in PLANTED if isinstance(p.value, str)][:400])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_anything_may_come(value: Any) -> None:
    redactor = Redactor()
    once = redactor.redact(value)
    assert redactor.failures == 0
    assert shown(redactor.redact(once)) == shown(once)


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="abc =:\"'\\{}[](),;&%@/.-_0123", max_size=40), st.text(alphabet=" =:\"'\\{}[](),;&", max_size=6)
)
def test_a_secret_is_found_behind_any_noise(before: str, after: str) -> None:
    """A card stands by itself whatever stands around it."""
    out = Redactor().text(f"{before} 5555555555554444 {after}")
    assert "5555555555554444" not in out


def test_the_names() -> None:
    assert [name for name in NAMED if not is_secret_name(name)] == []
    harmless = [
        "order_id",
        "card_brand",
        "token_count",
        "password_changed_at",
        "secretary",
        "keyboard",
        "spinner",
        "pint",
    ]
    assert [name for name in harmless if is_secret_name(name)] == []
    assert is_secret_name("mysqlpassword")
    assert is_secret_name("password_hash")


@settings(max_examples=200, deadline=None)
@given(st.integers(10**14, 10**15 - 1))
def test_luhn_by_its_definition(number: int) -> None:
    """Exactly one last digit fits any number."""
    fits = [d for d in range(10) if luhn(f"{number}{d}")]
    assert len(fits) == 1


def test_check_digits() -> None:
    # Published examples: networks' test cards, SAT's CURP and RFC, Banxico's CLABE, ISO 13616's IBANs.
    assert is_card("4111-1111-1111-1111")
    assert not is_card("4111-1111-1111-1112")
    assert not is_card("1111-1111-1111-1117")  # no network begins with 1
    assert is_iban("DE89 3704 0044 0532 0130 00")
    assert not is_iban("DE89 3704 0044 0532 0130 01")
    assert not is_iban("DE89 3704 0044 0532 0130")
    assert is_clabe("002010077777777771")
    assert not is_clabe("002010077777777772")
    assert is_curp("HEGG560427MVZRRL04")
    assert not is_curp("HEGG560427MVZRRL05")
    assert is_rfc("GODE561231GR8")
    assert not is_rfc("GODE561231GR7")
    assert is_spanish_id("12345678Z")
    assert not is_spanish_id("12345678A")


def test_a_value_under_a_secret_name_stays_hidden_when_texts_are_known() -> None:
    """What was clean under one name is not clean under another."""
    redactor = Redactor()
    assert redactor.redact({"note": VALUE}) == {"note": VALUE}
    assert redactor.redact({"password": VALUE}) == {"password": MASK}
    assert redactor.redact(VALUE, "password") == MASK


def test_what_it_remembers_is_bounded() -> None:
    redactor = Redactor()
    for i in range(20_000):
        redactor.redact({f"name {i}": f"text {i}"})
    assert len(redactor._clean) <= 4_096
