"""Templates as Prometheus expands them; the table was checked against promtool by test_promtool.py."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sereno.alerts.texts import REGEXES
from sereno.kernel.template import TemplateContext, TemplateError, asks, check, expand, show, varies

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
        ('{{ if gt $value 1.0 }}much{{ else if eq $labels.job "x" }}x{{ else }}little{{ end }}', 0.5, "little"),
        ('{{ range $k, $v := $labels }}{{ if eq $k "odd" }}{{ continue }}{{ end }}{{ $k }}={{ $v }};{{ end }}', 1.0,
         "instance=db1:9187;job=shop;"),
        ('{{ with $labels.absent }}a{{ else }}none{{ end }}{{ with $x := "b" }}{{ . }}{{ $x }}{{ end }}', 1.0, "nonebb"),
        ("{{ $n := 1 }}{{ if true }}{{ $n = 2 }}{{ end }}{{ $n }}", 1.0, "2"),
        ('{{ and "a" "" "b" }}|{{ or "" "b" }}|{{ not true }}|{{ len "añ" }}|{{ slice "abc" 1 2 }}', 1.0, "|b|false|3|b"),
        ("{{ lt 1 2 }} {{ ge $value 2.0 }} {{ eq $labels.job `a` `shop` }} {{ ne 1 2 }}", 2.0, "true true true true"),
        ("{{ humanizeTimestamp 1.5e9 }} {{ 90.5 | toDuration }} {{ parseDuration `1h` }}", 1.0,
         "2017-07-14 02:40:00 +0000 UTC 1m30.5s 3600"),
        ('{{ (args 1 "b").arg1 }} {{ print 1 2 "x" 3 }} {{ $labels }}', 1.0,
         'b 1 2x3 map[instance:db1:9187 job:shop odd:"><{{ $value }}]'),
        ('{{ printf "%d|%v|%5d|%-4s|%x|%q|%t" $value nil 7 "a" 255 "b" true }}', 1.0,
         '%!d(float64=1)|<nil>|    7|a   |ff|"b"|true'),
        ('{{ printf "%d" }} {{ printf "a" 1 }}', 1.0, "%!d(MISSING) a%!(EXTRA int=1)"),
        ("{{/* said to colleagues */}}a{{- /* here too */ -}} b", 1.0, "ab"),
        ('{{ "a.b.c:80" | stripDomain }} {{ "10.0.0.1:80" | stripDomain }} {{ tableLink "up == 0" }}', 1.0,
         "a:80 10.0.0.1:80 /graph?g0.expr=up+%3D%3D+0&g0.tab=1"),
    ],
)  # fmt: skip
def test_templates(text: str, value: float, expected: str) -> None:
    assert expand(text, LABELS, value) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ unclosed", "unclosed action"),
        ("{{ }}", "missing value for command"),
        ("{{ | }}", "missing value for command"),
        ("{{ nosuch }}", 'function "nosuch" not defined'),
        ("{{ $nosuch }}", 'undefined variable "$nosuch"'),
        ("{{ end }}", "unexpected {{end}}"),
        ("{{ if true }}", "unexpected EOF"),
        ("{{ 1 | 2 }}", "non executable command in pipeline stage 2"),
        ('{{ "a }}', "unterminated quoted string"),
        ("{{ break }}", "outside {{range}}"),
        ("{{ $value.x }}", "can't evaluate field x in type float64"),
        ("{{ gt $value 1 }}", "incompatible types for comparison"),
        ("{{ $labels.job | humanize }}", 'parsing "shop": invalid syntax'),
        ("{{ $value | toUpper }}", "expected string; got float64"),
        ("{{ humanize }}", "wrong number of args for humanize: want 1 got 0"),
        ('{{ query "up" | first }}', "queries are not to be had here"),
        ('{{ template "x" }}', "templates of alerts stand alone"),
        ("{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "too many parentheses"),
        ("{{ if 1 }}" * 100 + "{{ end }}" * 100, "nested more than 50 deep"),
        ("{{ range 1000000 }}{{ end }}", "takes more than 50000 steps"),
        ("{{ range 1000 }}" + "x" * 1000 + "{{ end }}", "gives more than 64000 characters"),
    ],
)
def test_what_cannot_be_computed_is_told_in_place_of_the_text(text: str, why: str) -> None:
    found = expand("before " + text, LABELS, 1.0)
    assert found.startswith("<error expanding template: error ")
    assert why in found


def test_series_asked_for() -> None:
    def query(text: str, at_ms: int) -> list[tuple[dict[str, str], float]]:
        assert (text, at_ms) == ("up", 60_000)
        return [({"i": "b"}, 1.0), ({"i": "a"}, 2.5)]

    context = TemplateContext(query=query, at_ms=60_000, regexes=REGEXES, external_labels={"zone": "x"})
    text = '{{ range query "up" | sortByLabel "i" }}{{ .Labels.i }}{{ .Value }} {{ end }}{{ $externalLabels.zone }}'
    assert expand(text, LABELS, 1.0, context) == "a2.5 b1 x"
    text = '{{ query "up" | first | label "i" }}{{ (query "up" | first).Value }}{{ now }}'
    assert expand(text, LABELS, 1.0, context) == "b160"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{{ reReplaceAll "(.*):(.*)" "$2-${1}$$" $labels.instance }}', "9187-db1$"),
        ('{{ "a1b22" | reReplaceAll "[0-9]+" "<$0>" }}', "a<1>b<22>"),
        ('{{ reReplaceAll "x*" "-" "ab" }}', "-a-b-"),
        ('{{ match "^d.*1$" "db1" }} {{ match "b" "db1" }} {{ match "^b" "db1" }}', "true true false"),
        ('{{ match "(a+)+$" "' + "a" * 40 + 'b" }}', "false"),
    ],
)
def test_regular_expressions(text: str, expected: str) -> None:
    assert expand(text, LABELS, 1.0, TemplateContext(regexes=REGEXES)) == expected


def test_a_mistake_has_a_place() -> None:
    with pytest.raises(TemplateError) as caught:
        check("fine {{ $value }} then {{ $valeu }}")
    assert caught.value.position == 26


@pytest.mark.parametrize(
    ("text", "moves", "questions"),
    [
        ("plain $value", False, False), ("{{ $labels.a }}", False, False), ("{{ .Labels.a | toUpper }}", False, False),
        ("{{ $value }}", True, False), ("{{ .Value }}", True, False), ("{{ . }}", True, False),
        ("{{ if (eq ($value | humanize) `1`) }}{{ end }}", True, False), ("{{ now }}", True, False),
        ("{{ if true }}{{ else }}{{ query `up` }}{{ end }}", True, True), ("{{ $externalURL }}", False, False),
    ],
)  # fmt: skip
def test_what_a_template_depends_on(text: str, moves: bool, questions: bool) -> None:
    assert (varies(text), asks(text)) == (moves, questions)


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
