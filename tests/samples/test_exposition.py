"""What targets say is read as Prometheus reads it, fast when it repeats itself, and garbage is named by line."""

import math
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sereno.adapters.samples.exposition import Limits, Parser, ScrapeError
from sereno.adapters.samples.source import Metadata
from sereno.kernel.labels import Labels

TEXT = rb"""# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
# Minimalistic line:
metric_without_timestamp_and_labels 12.47
# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045
http_request_duration_seconds_bucket{le="0.05",} 24054
 indented{ a = "b # c" , } -1.5e-3
	tabbed	NaN
"""

OPENMETRICS = b"""# TYPE foo counter
# UNIT foo seconds
foo_total{a="x # y"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67
foo_created{a="x # y"} 1520872607.123
# TYPE bar histogram
bar_bucket{le="1.0"} 8 # {} 0.5 1520879607.789
bar_bucket{le="+Inf"} 9
# EOF
"""


def read(body, **more):
    parsed = Parser().parse(body, **more)
    return dict(zip(parsed.labels, parsed.values.tolist(), strict=True))


def test_the_example_of_the_format_is_read():
    found = read(TEXT)
    assert math.isnan(found.pop(Labels(__name__="tabbed")))
    assert found == {
        Labels(__name__="http_requests_total", method="post", code="200"): 1027.0,
        Labels(__name__="http_requests_total", method="post", code="400"): 3.0,
        Labels(
            __name__="msdos_file_access_time_seconds",
            path="C:\\DIR\\FILE.TXT",
            error='Cannot find file:\n"FILE.TXT"',
        ): 1.458255915e9,
        Labels(__name__="metric_without_timestamp_and_labels"): 12.47,
        Labels(__name__="something_weird", problem="division by zero"): math.inf,
        Labels(__name__="http_request_duration_seconds_bucket", le="0.05"): 24054.0,
        Labels(__name__="indented", a="b # c"): -0.0015,
    }
    assert Parser().parse(TEXT).dated == 3


def test_openmetrics_is_read_without_its_exemplars():
    assert read(OPENMETRICS, openmetrics=True) == {
        Labels(__name__="foo_total", a="x # y"): 17.0,
        Labels(__name__="foo_created", a="x # y"): 1520872607.123,
        Labels(__name__="bar_bucket", le="1.0"): 8.0,
        Labels(__name__="bar_bucket", le="+Inf"): 9.0,
    }


def test_openmetrics_that_was_cut_off_is_refused():
    with pytest.raises(ScrapeError, match="EOF"):
        Parser().parse(OPENMETRICS[:-7], openmetrics=True)
    with pytest.raises(ScrapeError, match="EOF"):
        Parser().parse(b"", openmetrics=True)


def test_what_repeats_is_recognised_and_what_changes_is_seen():
    parser = Parser()
    first = parser.parse(b'a 1\nb{x="1"} 2\n')
    again = parser.parse(b'# a remark\na 3\nb{x="1"} NaN\n')
    assert again.labels is first.labels
    assert again.values[0] == 3
    more = parser.parse(b'a 3\nc 7\nb{x="1"} 4\n')
    assert [labels["__name__"] for labels in more.labels] == ["a", "c", "b"]
    assert more.labels[0] is first.labels[0]
    assert more.values.tolist() == [3.0, 7.0, 4.0]
    assert parser.parse(b"a 3\n").labels == (Labels(__name__="a"),)
    assert parser.parse(b"").labels == ()


def test_lines_with_timestamps_and_odd_blanks_keep_their_series_too():
    parser = Parser()
    for i in range(3):
        parsed = parser.parse(b"a %d 1600000000000\nb  %d\r\n\nc\t%d\n" % (i, i, i))
        assert parsed.values.tolist() == [i, i, i]
        assert [labels["__name__"] for labels in parsed.labels] == ["a", "b", "c"]


def test_the_first_of_two_lines_for_one_series_counts():
    parser = Parser()
    for i in range(3):
        parsed = parser.parse(b'a{x="1",y="2"} %d\nb 5\na{y="2",x="1"} 9\n' % i)
        assert parsed.values.tolist() == [i, 5.0]
        assert parsed.repeated == 1


def test_labels_are_finished_once():
    calls = []

    def finish(labels):
        calls.append(labels["__name__"])
        return Labels(labels, job="api")

    parser = Parser(finish)
    for _ in range(3):
        assert parser.parse(b"a 1\nb 2\n").labels == (Labels(__name__="a", job="api"), Labels(__name__="b", job="api"))
    assert calls == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"a 1\n<html><body>Not found</body></html>\n", r"line 2: expected the name of a metric: '<html>"),
        (b"a\n", "line 1: expected a value"),
        (b"a one\n", "line 1: expected a number, found 'one'"),
        (b"a 1_000\n", "expected a number"),
        (b"a 0x10\n", "expected a number"),
        (b"a 1 2 3\n", "expected a number"),
        (b"a 1 soon\n", "expected a timestamp"),
        (b'a{b="c} 1\n', "line 1: expected"),
        (b'a{b="c" d="e"} 1\n', "expected label"),
        (b'a{b="c",b="d"} 1\n', "occurs twice"),
        (b'a{b="\xff"} 1\n', "not UTF-8"),
        (b"a-b 1\n", "expected a label set or a blank"),
        (b"\x1f\x8b\x08\x00garbage", "line 1"),
        (b"9a 1", "expected the name"),
        (b'a{x="' + b"y" * 20_000 + b'"} 1', "longer than the limit"),
        (b"a{" + b",".join(b'l%d="x"' % i for i in range(70)) + b"} 1", "labels are more than the limit of 64"),
    ],
)
def test_garbage_is_named(body, complaint):
    with pytest.raises(ScrapeError, match=complaint):
        Parser().parse(body)


def test_garbage_after_good_scrapes_is_noticed_and_the_next_good_one_read():
    parser = Parser()
    good = parser.parse(b"a 1\n")
    for bad in (b"a one\n", b"a 1_0\n", b"a \n", b"a 1 2 3\n"):
        with pytest.raises(ScrapeError):
            parser.parse(bad)
    assert parser.parse(b"a 2\n").labels is good.labels


@pytest.mark.parametrize(
    "body",
    [
        b"a{" + b"x" * 2_000_000,
        b"a" * 2_000_000,
        b'a{x="' + b"y" * 2_000_000,
        b'a{x="' + b"\\n" * 1_000_000 + b'"} 1',
        b"a " + b"1" * 2_000_000 + b"x",
        b"a{" + b'"x"' * 700_000 + b"} 1",
        b"a " + b"1 " * 1_000_000,
    ],
    ids=range(7),
)
def test_endless_lines_are_refused_in_no_time(body):
    parser = Parser()
    parser.parse(b"a 1")
    before = time.process_time()
    with pytest.raises(ScrapeError):
        parser.parse(body)
    assert time.process_time() - before < 1.0


def test_too_many_samples_are_refused():
    body = b"".join(b"m%d 1\n" % i for i in range(11))
    assert len(Parser(limits=Limits(samples=11)).parse(body).labels) == 11
    with pytest.raises(ScrapeError, match="11 samples are more than the limit of 10"):
        Parser(limits=Limits(samples=10)).parse(body)


PIECES = st.sampled_from(
    [b"a", b"b_total", b"{", b"}", b'x="1"', b'"', b"\\", b",", b" ", b"\n", b"\t", b"\r", b"#", b" # ", b"1",
     b"-2.5e3", b"NaN", b"+Inf", b"_", b"1600000000", b"# EOF\n", b"\xff", b"=", b"\x00", b'a{x="1"} 1\n', b"a 1\n"]
)  # fmt: skip


def outcome(parser, body, openmetrics):
    try:
        return parser.parse(body, openmetrics=openmetrics)
    except ScrapeError as problem:
        return str(problem)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(PIECES, max_size=25).map(b"".join) | st.binary(max_size=60), min_size=1, max_size=3),
    st.booleans(),
)
@example([b"a 1\n", b"a  1\n", b"a 1 2\n"], False)
def test_a_parser_with_a_memory_reads_as_one_without(bodies, openmetrics):
    """Never anything but samples or ScrapeError; and what was remembered never changes what is read."""
    parser = Parser()
    for body in bodies:
        fresh, parsed = outcome(Parser(), body, openmetrics), outcome(parser, body, openmetrics)
        if isinstance(fresh, str) or isinstance(parsed, str):
            assert parsed == fresh
            continue
        assert parsed.labels == fresh.labels
        assert np.array_equal(parsed.values, fresh.values, equal_nan=True)
        assert (parsed.repeated, parsed.dated) == (fresh.repeated, fresh.dated)
        assert len(set(parsed.labels)) == len(parsed.labels) == len(parsed.values)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True).filter(lambda n: n != "__name__"),
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12),
        max_size=4,
    ),
    st.floats(),
)
def test_whatever_is_written_is_read_back(labels, value):
    def escape(text):
        return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')

    line = "m{" + ",".join(f'{k}="{escape(v)}"' for k, v in labels.items()) + f"}} {value!r}\n"
    parsed = Parser().parse(line.encode())
    assert parsed.labels == (Labels(labels, __name__="m"),)
    assert parsed.values[0] == value or math.isnan(value)


def test_timestamps_are_honoured_when_asked_for():
    parser = Parser(honor_timestamps=True)
    body = b'a{x="1"} 5 1600000000000\na{x="1"} 6 1600000015000\nb 7\n'
    for _ in range(2):
        parsed = parser.parse(body)
        assert parsed.labels == (Labels(__name__="b"),)
        assert [(one.labels["x"], one.times.tolist(), one.values.tolist()) for one in parsed.sent] == [
            ("1", [1_600_000_000_000], [5.0]),
            ("1", [1_600_000_015_000], [6.0]),
        ]
        assert (parsed.dated, parsed.repeated) == (2, 0)
    (one,) = Parser(honor_timestamps=True).parse(b"a 5 1600000000.5\n# EOF\n", openmetrics=True).sent
    assert one.times.tolist() == [1_600_000_000_500]
    for wrong in (b"inf", b"nan", b"1e300", b"99999999999999999999"):
        with pytest.raises(ScrapeError, match="line 1: expected a timestamp"):
            Parser(honor_timestamps=True).parse(b"a 5 " + wrong + b"\n")


def test_what_metrics_mean_is_told_once():
    parser = Parser()
    said = parser.parse(TEXT).metadata
    assert said == {"http_requests_total": Metadata("counter", "The total number of HTTP requests.", "")}
    assert parser.parse(TEXT).metadata is None
    assert Parser().parse(OPENMETRICS, openmetrics=True).metadata == {
        "foo": Metadata("counter", "", "seconds"),
        "bar": Metadata("histogram"),
    }
    odd = rb"""# HELP a A path C:\\dir\nand a \"word\"
# TYPE a untyped
# TYPE 1wrong counter
# TYPE b
#TYPE c gauge
# HELP d
a 1
"""
    assert Parser().parse(odd).metadata == {
        "a": Metadata("unknown", 'A path C:\\dir\nand a \\"word\\"'),
        "b": Metadata("unknown"),
        "d": Metadata("unknown"),
    }
    assert Parser().parse(odd + b"# EOF\n", openmetrics=True).metadata["a"].help == 'A path C:\\dir\nand a "word"'


def test_openmetrics_has_infos_and_states_and_exemplars_with_marks_in_them():
    body = b"""# TYPE build info
build_info{version="1.2"} 1
# TYPE phase stateset
phase{phase="a"} 1
phase{phase="b"} 0
# TYPE sizes gaugehistogram
sizes_bucket{le="+Inf"} 4
sizes_gcount 4
sizes_gsum 7 1520879607.789
# TYPE seconds histogram
seconds_bucket{le="0.1",path="/a # b"} 8 # {trace_id="x # } y",a="1"} 0.054 1520879607.7
seconds_bucket{le="+Inf",path="/a # b"} 9 1520879607.789 # {trace_id="q"} 3
# EOF
"""
    parsed = Parser().parse(body, openmetrics=True)
    assert parsed.values.tolist() == [1, 1, 0, 4, 4, 7, 8, 9]
    assert parsed.labels[6] == Labels(__name__="seconds_bucket", le="0.1", path="/a # b")
    assert {name: one.type for name, one in parsed.metadata.items()} == {
        "build": "info", "phase": "stateset", "sizes": "gaugehistogram", "seconds": "histogram",
    }  # fmt: skip
