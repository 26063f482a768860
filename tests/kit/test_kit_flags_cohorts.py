"""Who gets what: the same people in every process and language, and as many as was said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kit.murmur import murmur3

from sereno_kit.flags import Flags
from sereno_kit.flags.cohorts import bucket
from sereno_kit.flags.compact import PARTS, parts


def shared(share: str, key: str = "new") -> Flags:
    define = [{"name": key, "type": "boolean", "default": False, "share": share, "to": True}]
    return Flags.of({"flags": "f", "define": define})


# Of the algorithm as its author published it (smhasher, MurmurHash3_x86_32), seed 0.
@pytest.mark.parametrize(
    ("text", "hashed"),
    [("", 0), ("a", 0x3C2569B2), ("abc", 0xB3DD93FA), ("test", 0xBA6BD213), ("Hello, world!", 0xC0363E43),
     ("The quick brown fox jumps over the lazy dog", 0x2E4FF723)],
)  # fmt: skip
def test_the_hash_is_the_published_one(text: str, hashed: int) -> None:
    assert murmur3(text.encode()) == hashed
    assert bucket(text, 2**31 - 1) == hashed * (2**31 - 1) >> 32


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=40), st.integers(1, 2**31 - 1))
def test_two_implementations_place_everybody_alike(user: str, total: int) -> None:
    place = bucket(user, total)
    assert place == murmur3(user.encode("utf-8", "surrogatepass")) * total >> 32
    assert 0 <= place < total


CHOSEN = """
from sereno_kit.flags import Flags
flags = Flags.of({"flags": "f", "define": [
    {"name": "new", "type": "boolean", "default": False, "share": "10%", "to": True}]})
print(",".join(str(n) for n in range(3000) if flags.enabled("new", user=f"user-{n}")))
"""


def test_cohorts_are_the_same_in_every_process() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", CHOSEN], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("0", "1", "42", "random")
    }
    assert len(said) == 1
    flags = shared("10%")
    expected = [str(n) for n in range(3000) if murmur3(f"newuser-{n}".encode()) * PARTS >> 32 < 10_000]
    assert said.pop().decode().strip().split(",") == expected
    assert expected == [str(n) for n in range(3000) if flags.enabled("new", user=f"user-{n}")]


def test_nobody_is_nobody_and_everybody_is_everybody() -> None:
    users = [None, "", *(f"u{n}" for n in range(5000))]
    assert not any(shared("0%").enabled("new", True, user=user) for user in users)
    assert all(shared("100%").enabled("new", user=user) for user in users)


@pytest.mark.parametrize("share", ["1%", "10%", "33.3%", "50%", "90%"])
def test_as_many_as_was_said(share: str) -> None:
    flags = shared(share)
    inside = sum(flags.enabled("new", user=f"customer-{n}") for n in range(100_000))
    assert abs(inside / 1000 - float(share.rstrip("%"))) < 0.5


def test_who_is_in_stays_in_when_a_share_grows() -> None:
    before: set[int] = set()
    for share in ("0%", "0.001%", "1%", "10%", "10.001%", "20%", "99.999%", "100%"):
        flags = shared(share)
        now = {n for n in range(5000) if flags.enabled("new", user=f"u{n}")}
        assert before <= now
        before = now
    assert len(before) == 5000


def test_two_flags_do_not_choose_the_same_people() -> None:
    one, other = shared("10%", "one"), shared("10%", "other")
    both = sum(one.enabled("one", user=f"u{n}") and other.enabled("other", user=f"u{n}") for n in range(20_000))
    assert 120 < both < 290  # a hundredth, not a tenth


def test_somebody_who_is_not_known_gets_the_default_every_time() -> None:
    flags = shared("50%")
    assert {flags.details("new").value for _ in range(200)} == {False}
    assert flags.details("new").reason == "DEFAULT"
    assert all(shared("50%", key).details(key, user="").reason == "DEFAULT" for key in ("a", "b", "c", "d"))


def test_a_user_s_number_is_his_text() -> None:
    flags = shared("50%")
    assert all(flags.enabled("new", user=n) is flags.enabled("new", user=str(n)) for n in range(200))


@pytest.mark.parametrize("share", ["10", "ten%", "-1%", "101%", "0.0001%", "NaN%", True, None, 7, "1e400%"])
def test_what_is_no_share_is_refused(share: object) -> None:
    with pytest.raises(ValueError):
        parts(share)


@pytest.mark.parametrize(
    ("share", "expected"), [("10%", 10_000), ("12.5%", 12_500), (0.1, 10_000), ("0%", 0), (1, PARTS)]
)
def test_shares_are_exact(share: object, expected: int) -> None:
    assert parts(share) == expected
