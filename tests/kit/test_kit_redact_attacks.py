"""What people try on the redactor: shapes in which secrets slip by, and texts made to be slow."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Set
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from sereno_kit.redact import MASK, Redactor

SECRET = "hunter2Zx9"
CARD = "4111111111111111"


class Login(BaseModel):
    user: str
    password: str = Field(min_length=80)


def refused(password: str) -> ValidationError:
    with pytest.raises(ValidationError) as found:
        Login.model_validate({"user": "ana", "password": password})
    return found.value


@pytest.mark.parametrize(
    "shape",
    [
        refused(SECRET),
        str(refused(SECRET)),
        str(refused(f"it's {SECRET}\n")),
        refused(SECRET).errors(),
        repr(refused(SECRET).errors()),
        refused(SECRET).json(),
        {"detail": [{"type": "string_too_short", "loc": ["body", "password"], "msg": "short", "input": SECRET}]},
        f"<soap:Body><wsse:Password Type='text'>{SECRET}</wsse:Password></soap:Body>",
        f"<user><token><![CDATA[{SECRET}]]></token></user>",
        f"ana,{CARD},12/27",
        f"[1,{CARD},2]",
        [{"Name": "DB_PASSWORD", "Value": SECRET}],
        f'x [{{"Name": "DB_PASSWORD", "Value": "{SECRET}"}}]',
        f"ALTER USER ana WITH PASSWORD '{SECRET}'",
        f"create role ana identified by '{SECRET}'",
        {"email_2": f"{SECRET}", "telefono1": SECRET},
        f'Content-Disposition: form-data; name="password"\r\n\r\n{SECRET}\r\n--b',
        f'Content-Disposition: form-data; name="password"\r\nContent-Type: text/plain\r\n\r\n{SECRET}\r\n--b',
        f"https://h/?next=https%253A%252F%252Fh%252F%253Ftoken%253D{SECRET}",
        f"https://h/?next=%2Fin%3Fnext%3D%252Fout%253Ftoken%253D{SECRET}",
    ],
    ids=repr,
)
def test_nothing_slips_by(shape: object) -> None:
    shown = repr(Redactor().redact(shape))
    assert SECRET not in shown
    assert CARD not in shown
    assert "[unredactable]" not in shown


@pytest.mark.parametrize(
    "innocent",
    [
        "1 validation error for Order\nquantity\n  Input should be a valid integer "
        "[type=int_parsing, input_value='many', input_type=str]",
        {"loc": ["body", "quantity"], "input": "many", "msg": "no number"},
        "<order><status>paid</status><total>12.50</total></order>",
        [{"Name": "LOG_LEVEL", "Value": "DEBUG"}],
        "create a user by hand, then alter it",
        {"address_2": "Calle 5", "step_1": "done", "oauth2": "yes"},
        'form-data; name="colour"\r\n\r\nred\r\n',
        "1,234,567,890,123.5 and 0.4111111111111111",
        "https://h/?next=https%253A%252F%252Fh%252Forders%252F7",
    ],
    ids=repr,
)
def test_what_is_no_secret_stays(innocent: object) -> None:
    assert Redactor().redact(innocent) == innocent


class Counted(Redactor):
    """Counts the characters that are looked at: what is slow looks at the same ones again and again."""

    looked_at = 0

    def _flat(self, text: str) -> str:
        self.looked_at += len(text)
        return super()._flat(text)


@pytest.mark.parametrize(
    "piece",
    ["http://a?b=1", "http://a?u=http%3A%2F%2Fa%3Fu%3D", "http://a?x=%2525", "http://a?u=" + "%" + "25" * 60 + "41"],
)
def test_addresses_within_addresses_cost_no_more_than_long_ones(piece: str) -> None:
    redactor = Counted()
    url = (piece * 16_000)[:16_000]
    redactor.url(url)
    redactor.text(f"see {url}")
    redactor.redact({"query_string": url})
    assert redactor.looked_at < 3 * 30 * len(url)
    assert redactor.failures == 0


def test_secrets_some_addresses_deep_are_found_and_depths_beyond_do_no_harm() -> None:
    deep = f"https://h/?u=https://h/?password={SECRET}"
    for _ in range(8):
        deep = "https://h/?u=" + json.dumps(deep)[1:-1].replace("%", "%25").replace("=", "%3D").replace("?", "%3F")
    redactor = Redactor()
    assert isinstance(redactor.url(deep), str)
    assert redactor.failures == 0
    assert redactor.url(f"https://h/?a=https://h/?b=https://h/?password={SECRET}").endswith(MASK)


class Endless(Set[int]):
    def __contains__(self, one: object) -> bool:
        return True

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[int]:
        return itertools.count()


class EndlessList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        return itertools.repeat("again")

    def __getitem__(self, index: Any) -> Any:
        return self


class Liar:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("guess")


@pytest.mark.parametrize("hostile", [Endless, lambda: EndlessList([1]), Liar], ids=["set", "list", "class"])
def test_objects_without_end_or_class_cost_little_and_what_is_beside_them_stays(hostile: Callable[[], object]) -> None:
    shown = Redactor(items_max=100).redact({"hostile": hostile(), "password": SECRET, "order": 7})
    if hostile is Liar:
        assert shown == {"hostile": "[unredactable]", "password": MASK, "order": 7}
    else:
        assert len(shown["hostile"]) <= 101
        assert SECRET not in repr(shown)


def test_one_call_looks_at_a_bounded_number_of_characters() -> None:
    redactor = Counted()
    shown = redactor.redact([f"{number} password={SECRET} {'x' * 16_000}" for number in range(1_000)])
    assert redactor.looked_at < 20 * 16_384
    assert SECRET not in repr(shown)
    assert shown[-1] == "[cut]"
