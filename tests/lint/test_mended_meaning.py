"""What `--fix` makes of a rule means what it meant, save for what the finding itself says."""

from __future__ import annotations

import numpy as np
import pytest

from sereno.kernel.labels import Labels
from sereno.lint.documents import read
from sereno.lint.fixing import mend
from sereno.lint.lint import lint
from sereno.lint.model import Finding
from sereno.promql import Grid, evaluate, matches
from sereno.promql.columns import Columns, Select, Selection

TIMES = 60_000 * np.arange(61, dtype=np.int64)


def mended(expr: str, kind: str = "alert") -> str:
    """The expression of the only rule of a file after `--fix`, which keeps the rest of the file as it is."""
    head, tail = f"groups:\n- name: g # why\n  rules:\n  - {kind}: Name1\n    expr: ", "\n    # the end\n"

    def look(text: str) -> list[Finding]:
        return list(lint(read("rules.yml", text).documents))

    text = mend(f"{head}{expr}{tail}", look).text
    assert text.startswith(head)
    assert tail in text
    return text[len(head) : text.index(tail)]


def samples(*rows: tuple[dict[str, str], float]) -> Select:
    """Counters that grow by so much a minute."""
    columns = Columns.of([(Labels(labels), TIMES, rate * np.arange(61, dtype=np.float64)) for labels, rate in rows])

    def select(selection: Selection) -> Columns:
        found = [(columns.labels[i], *columns.series(i)) for i in range(len(columns.labels))
                 if matches(selection.matchers, columns.labels[i])]  # fmt: skip
        return Columns.of(found)

    return select


def answers(expr: str, select: Select) -> dict[str, float]:
    return {str(labels): value for labels, value in evaluate(expr, Grid.at(int(TIMES[-1])), select).instant()}


HEALTHY = samples(
    ({"__name__": "x_total", "job": "a", "code": "200"}, 99),
    ({"__name__": "x_total", "job": "a", "code": "500"}, 1),
    ({"__name__": "x_total", "job": "b", "code": "204"}, 100),
)


@pytest.mark.parametrize(
    "expr",
    [
        'sum by (job, code) (rate(x_total{code=~"2.."}[5m])) / on (job) group_left () sum by (job) '
        "(rate(x_total[5m])) < 0.9",
        'sum by (job) (rate(x_total{code=~"2.."}[5m])) / on () group_left () sum(rate(x_total[5m])) < 0.1',
        'sum by (job) (rate(x_total{code=~"2.."}[5m])) / sum by (job) (rate(x_total[5m])) < 0.9',
    ],
)
def test_an_alert_about_success_fires_for_nothing_that_was_well(expr: str) -> None:
    assert answers(expr, HEALTHY) == {}
    assert answers(mended(expr), HEALTHY) == {}


@pytest.mark.parametrize("labels", ["code", "job, code"])
def test_a_recorded_share_has_the_series_that_it_had(labels: str) -> None:
    expr = f'sum by ({labels}) (rate(x_total{{code=~"5.."}}[5m])) / on () group_left () sum(rate(x_total[5m]))'
    assert answers(mended(expr, "record"), HEALTHY) == answers(expr, HEALTHY)


def test_zeros_stand_where_there_is_no_failure_yet_and_nowhere_else() -> None:
    expr = 'sum by (job) (rate(x_total{code=~"5.."}[5m])) / sum by (job) (rate(x_total[5m]))'
    before, after = answers(expr, HEALTHY), answers(mended(expr, "record"), HEALTHY)
    assert before.items() <= after.items()
    assert sorted(after.values()) == [0, 0.01]


def test_what_stands_in_quotes_is_no_space_between_words() -> None:
    expr = "sum(rate(x_total{code=~\"5..\"}[5m])) / sum(\n      rate(x_total{path!='a  b'}[5m]))"
    assert "or 0 * sum( rate(x_total{path!='a  b'}[5m])))" in mended(expr, "record")


@pytest.mark.parametrize(
    "expr", ["histogram_quantile(0.99, rate(x_bucket[5m]))", "rate(errors_total[5m]) / rate(requests_total[5m])"]
)
def test_what_is_recorded_keeps_its_labels_since_others_read_them(expr: str) -> None:
    assert mended(expr, "record") == expr
    assert mended(f"{expr} > 1") != f"{expr} > 1"
