"""Notation and texts as promtool has them, found by random unit-test files."""

from __future__ import annotations

import pytest

from sereno.alerts.notation import parse_values, write_values
from sereno.kernel.labels import Labels
from sereno.kernel.template import TemplateContext, expand
from sereno.kernel.template_functions import humanize_timestamp


@pytest.mark.parametrize("text", ["NaNx3", "1 Infx2", "-infx1", "stalex2", "0+Infx3", "1 NaN2", "stale_"])
def test_a_word_takes_no_count(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_values(text)


def test_words_are_written_one_by_one() -> None:
    values = [1.0, float("inf"), float("inf"), float("inf"), 2.0, 2.0]
    assert write_values(values) == "1 +Inf +Inf +Inf 2x1"
    assert parse_values(write_values(values)).values.tolist() == values


@pytest.mark.parametrize(
    ("seconds", "said"), [(-1 / 3, "1969-12-31 23:59:59.667 +0000 UTC"), (1.9999, "1970-01-01 00:00:01.999 +0000 UTC")]
)
def test_an_instant_is_cut_towards_zero(seconds: float, said: str) -> None:
    assert humanize_timestamp(seconds) == said


def test_nan_is_neither_less_nor_equal_and_so_greater() -> None:
    text = "{{ gt $value 1.0 }} {{ ge $value 1.0 }} {{ lt $value 1.0 }} {{ le $value 1.0 }}"
    assert expand(text, Labels(), float("nan"), TemplateContext()) == "true true false false"
