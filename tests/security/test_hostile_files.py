"""Files made to do harm: each is refused in words, and soon."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from time import process_time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sereno.adapters.samples.intake import BadSamples
from sereno.adapters.samples.parquet_format import ParquetFile
from sereno.alerts.unit_tests import Failure
from sereno.app.rule_tests import failure_lines, judge_file
from sereno.insight.backtest import report
from sereno.insight.declared import read_incidents
from sereno.insight.html import page
from sereno.insight.model import Question
from sereno.insight.plots import figure
from sereno.kernel.errors import SpecError
from sereno.promql import Settings
from sereno.spec.model import Spec

RULES = "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n"


def test_incidents_whose_first_line_is_endless(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="1 mistake"):
        read_incidents("incidents.csv", "start,end," + "x" * 200_000 + "\n1,2,3")


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    columns = [pa.array(["m"]), pa.array(["n"]), pa.array([1]), pa.array([1.0])]
    table = pa.Table.from_arrays(columns, names=["job", "job", "timestamp", "value"])
    pq.write_table(table, tmp_path / "twice.parquet")
    with pytest.raises(BadSamples, match="same name"):
        ParquetFile(tmp_path / "twice.parquet")


@pytest.mark.parametrize("length", ["200y", "10000y"])
def test_a_unit_test_of_centuries_by_the_millisecond(tmp_path: Path, length: str) -> None:
    """It asked for 45 TiB."""
    (tmp_path / "r.yml").write_text(RULES)
    (tmp_path / "t.yml").write_text(
        "rule_files: [r.yml]\nevaluation_interval: 1ms\ntests:\n- interval: 1ms\n"
        f"  alert_rule_test: [{{eval_time: {length}, alertname: Down}}]\n"
    )
    (verdict,) = judge_file(tmp_path / "t.yml", lambda test: True, settings=Settings()).verdicts
    assert "evaluations, more than" in verdict.failures[0].title


def test_a_pipe_is_no_file_of_rules(tmp_path: Path) -> None:
    """Opening it waited for a writer that never came."""
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "t.yml").write_text("rule_files: ['pipe.yml']\ntests: []\n")
    assert "pipe.yml" in judge_file(tmp_path / "t.yml", lambda test: True, settings=Settings()).warnings[0]


def test_thousands_of_lines_that_differ_are_told_soon() -> None:
    """Comparing each with each, letter by letter, took hours."""
    expected = tuple(f'{{job="expected", number="{number}"}} 1' for number in range(3000))
    got = tuple(f'{{job="got", number="{number}"}} 1' for number in range(3000))
    began = process_time()
    lines = failure_lines(Failure("differs", expected=(*expected, "same"), got=(*got, "same")))
    assert process_time() - began < 2
    assert (len(lines), lines[0], lines[-1]) == (6000, f"- {expected[0]}", f"+ {got[-1]}")


def test_a_report_holds_nothing_that_a_terminal_or_an_eye_obeys() -> None:
    """Reports are read with `less` too, and a name may turn the direction of reading."""
    hostile = "<script>alert(1)</script>\x1b]0;owned\a\u202eevil"
    found = report([], Question(Spec(), 0, 60_000, timedelta(minutes=1)))
    for html in (page(found, (), None, "en", warnings=[hostile]), figure("p", hostile, hostile, 10, 10, ())):
        assert "&lt;script&gt;alert(1)" in html
        assert not [mark for mark in ("<script", "\x1b", "\a", "\u202e") if mark in html]
