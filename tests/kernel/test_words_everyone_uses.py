"""Durations, instants, numbers and severities: the words everyone uses, by table and by property."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.kernel.duration import format_duration, parse_duration
from sereno.kernel.labels import Labels
from sereno.kernel.language import figure, local, number, percent, span
from sereno.kernel.moment import from_ms, from_us, iso, to_ms, to_us
from sereno.kernel.severity import DEFAULT_SEVERITIES


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("500ms", 0.5),
        ("5m", 300),
        ("1h30m", 5400),
        ("30d", 2_592_000),
        ("1w", 604_800),
        ("1y", 31_536_000),  # as Prometheus: 365 days
    ],
)
def test_durations_are_read_as_prometheus_writes_them(text: str, seconds: float):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5m1h", "1.5h", "5M", "5mm", "٥m"])
def test_what_is_no_duration_is_refused(text: str):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_a_duration_reads_back_as_it_was_written_to_the_millisecond(duration: timedelta):
    whole = duration - duration % timedelta(milliseconds=1)
    assert parse_duration(format_duration(whole)) == whole


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_instants_survive_the_stores(instant: datetime):
    assert from_us(to_us(instant)) == instant
    assert timedelta(0) <= instant - from_ms(to_ms(instant)) < timedelta(milliseconds=1)
    assert datetime.fromisoformat(iso(instant)) <= instant


@pytest.mark.parametrize(
    ("ratio", "es", "en"),
    [
        ("0.99999", "99,99 %", "99.99%"),  # never rounded up to what was not reached
        ("1", "100,00 %", "100.00%"),
        ("-0.5", "-50,00 %", "-50.00%"),  # an overspent budget stays so
        ("12.345", "1.234,50 %", "1,234.50%"),
    ],
)
def test_percentages_are_rounded_down_and_written_as_their_readers_do(ratio: str, es: str, en: str):
    assert percent(Decimal(ratio), "es").replace("\u00a0", " ") == es
    assert percent(Decimal(ratio), "en") == en


def test_numbers_spans_and_dates_in_both_languages():
    assert (number(1234.5, "es", 1), number(1234.5, "en", 1)) == ("1.234,5", "1,234.5")
    assert (figure("0.0117664", "es"), figure("0.0117664", "en")) == ("0,01177", "0.01177")
    assert (figure("NaN", "es"), figure("inf", "en")) == ("NaN", "∞")
    assert span(timedelta(hours=2, minutes=5, seconds=59), "es") == "2 h 5 min"
    assert span(timedelta(0), "en") == "0 s"
    noon = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
    assert local(noon, "America/Lima", "es") == "02/03/2026 12:00 -05"
    assert local(noon, "America/Lima", "en") == "2026-03-02 12:00 -05"


@pytest.mark.parametrize(
    ("said", "name"), [("P1", "SEV1"), ("critical", "SEV1"), ("Warning", "SEV3"), ("sev2", "SEV2"), ("none", None)]
)
def test_other_scales_map_onto_ours(said: str, name: str | None):
    found = DEFAULT_SEVERITIES.find(said)
    assert (found.name if found else None) == name


def test_labels_are_values():
    labels = Labels(b="2", a="1", empty="")
    assert labels == {"a": "1", "b": "2"}
    assert hash(labels) == hash(Labels({"a": "1", "b": "2"}))
    assert labels.with_(b="") == {"a": "1"}
    assert labels.without("a") == labels.only("b") == {"b": "2"}
