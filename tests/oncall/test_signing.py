"""Signed links: genuine, of one spelling, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.kernel.errors import Unauthenticated
from sereno.oncall.signing import Expired, sign, verify

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TOKEN = sign(b"secret", "pg_1", "ana", NOON + DAY)
NAMES = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(NAMES, NAMES)
def test_what_was_signed_is_read_back(page: str, person: str) -> None:
    assert verify(b"secret", sign(b"secret", page, person, NOON + DAY), NOON) == (page, person)


def test_a_link_ends() -> None:
    assert verify(b"secret", TOKEN, NOON + DAY - timedelta(microseconds=1)) == ("pg_1", "ana")
    with pytest.raises(Expired) as caught:
        verify(b"secret", TOKEN, NOON + DAY)
    assert caught.value.status == 410


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_one_letter_changed_is_not_genuine(place: int, letter: str) -> None:
    forged = TOKEN[:place] + letter + TOKEN[place + 1 :]
    if forged != TOKEN:
        with pytest.raises(Unauthenticated):
            verify(b"secret", forged, NOON)


@given(st.text(max_size=2000))
def test_anything_else_is_not_genuine(text: str) -> None:
    with pytest.raises(Unauthenticated):
        verify(b"secret", text, NOON)


@pytest.mark.parametrize("forged", ["", "v1", "v1..", "v2" + TOKEN[2:], TOKEN + "=", TOKEN + ".", " " + TOKEN, "é.é.é"])
def test_other_spellings(forged: str) -> None:
    with pytest.raises(Unauthenticated):
        verify(b"secret", forged, NOON)


def test_another_secret_and_none() -> None:
    with pytest.raises(Unauthenticated):
        verify(b"other", TOKEN, NOON)
    with pytest.raises(Unauthenticated):
        verify(b"", TOKEN, NOON)
    with pytest.raises(ValueError, match="secret"):
        sign(b"", "pg_1", "ana", NOON)
    with pytest.raises(ValueError, match="line"):
        sign(b"secret", "pg_1\nana", "bo", NOON)


def test_tokens_go_into_addresses_as_they_are() -> None:
    assert set(sign(b"s", "pg ñ", "ana/bo", NOON)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
    )
