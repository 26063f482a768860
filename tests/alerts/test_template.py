"""Templates as Prometheus expands them; the table was checked against promtool by test_promtool.py."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.kernel.template import expand, show

LABELS = {"instance": "db1:9187", "job": "shop", "odd": '"><{{ $value }}'}


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("plain", 1.0, "plain"),
        ("{{ $labels.job }} on {{ $labels.instance }}", 1.0, "shop on db1:9187"),
        ("{{$labels.job}}/{{.Labels.job}}/{{ index $labels \"job\" }}", 1.0, "shop/shop/shop"),
        ("[{{ $labels.absent }}]", 1.0, "[]"),
        ("{{ $value }} {{ .Value }}", 0.25, "0.25 0.25"),
        ("{{ $value | humanize }}", 1234567.0, "1.235M"),
        ("{{ humanize $value }}", 0.00123, "1.23m"),
        ("{{ $value | humanize1024 }}", 2048.0, "2ki"),
        ("{{ $value | humanizePercentage }}", 0.12345, "12.35%"),
        ("{{ $value | humanizeDuration }}", 93784.0, "1d 2h 3m 4s"),
        ("{{ $value | humanizeDuration }}", 0.0123, "12.3ms"),
        ("{{ $value | humanizeDuration }}", -61.5, "-1m 1s"),
        ('{{ printf "%.2f" $value }} {{ $value | printf "%.1f%%" }}', 12.345, "12.35 12.3%"),
        ('{{ printf "%s is %q at %5.1f" $labels.job $labels.job $value }}', 2.0, 'shop is "shop" at   2.0'),
        ("{{ $labels.job | toUpper | title }}", 1.0, "SHOP"),
        ("{{ $labels.instance | stripPort }}", 1.0, "db1"),
        ("a  {{- $value -}}  b", 1.0, "a1b"),
        ("{{ $labels.odd }}", 1.0, '"><{{ $value }}'),  # what labels say is not expanded again
        ("{{ $value }}", math.inf, "+Inf"),
        ("{{ $value | humanize }}", math.nan, "NaN"),
        # What is not understood stays, marked.
        ("{{ query \"up\" }} now", 1.0, '<error: {{ query "up" }}> now'),
        ("{{ if true }}x{{ end }}", 1.0, "<error: {{ if true }}>x<error: {{ end }}>"),
        ("{{ $labels.job | humanize }}", 1.0, "<error: {{ $labels.job | humanize }}>"),
        ("{{ printf \"%d\" }}", 1.0, '<error: {{ printf "%d" }}>'),
        ("{{ printf \"%9999999999f\" $value }}", 1.0, '<error: {{ printf "%9999999999f" $value }}>'),
        ("{{ }} {{ | }}", 1.0, "<error: {{ }}> <error: {{ | }}>"),
        ("{{ unclosed", 1.0, "{{ unclosed"),
    ],
)  # fmt: skip
def test_templates(text: str, value: float, expected: str) -> None:
    assert expand(text, LABELS, value) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (1.0, "1"), (-2.5, "-2.5"), (100000.0, "100000"), (1000000.0, "1e+06"), (1e20, "1e+20"),
        (1.5e-5, "1.5e-05"), (1e-4, "0.0001"), (123456789.125, "1.23456789125e+08"), (999999.5, "999999.5"),
        (5e-324, "5e-324"), (1e21, "1e+21"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (0.1 + 0.2, "0.30000000000000004"),
    ],
)  # fmt: skip
def test_numbers_as_go_prints_them(value: float, text: str) -> None:
    assert show(value) == text


@given(st.floats(allow_nan=False))
def test_a_number_shown_is_the_number(value: float) -> None:
    assert float(show(value)) == value


@given(st.text(st.sampled_from('{}$|. "`\\%abflsuvalue-(1')), st.floats())
def test_nothing_raises(text: str, value: float) -> None:
    assert isinstance(expand("{{" + text + "}}", LABELS, value), str)
