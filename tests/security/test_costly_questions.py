"""Questions made to fill the memory or to keep a thread busy: each ends soon, with a sentence that says why."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

from sereno.adapters.samples.index import SeriesIndex
from sereno.kernel.errors import QueryError, QueryLimit
from sereno.kernel.labels import Labels
from sereno.promql import Columns, Grid, Limits, Matcher, evaluate

AT = Grid(0, 600_000, 15_000)
TIMES = np.arange(0, 600_000, 15_000, dtype=np.int64)
LIMITS = Limits(samples_max=1_000_000, series_max=50_000, steps_max=50_000)


def nested(times: int, one: str) -> str:
    """`one` with itself in the place of X, again and again."""
    found = "m"
    for _ in range(times):
        found = one.replace("X", found)
    return found


BOMBS = {
    "label_replace, each twenty times the last": nested(
        7, f'label_replace(label_replace(X,"y","aa","y",""),"y","{"$1" * 20}","y","(.*)")'
    ),
    "label_join, each thirty times the last": nested(7, f"""label_join(X,"y","a",{",".join(['"y"'] * 30)})"""),
    "a long template that gives nothing": f'label_replace(m,"y","{"$2" * 30_000}","i","(.*)")',
    "a costly expression, series by series": (
        f'label_replace(label_replace(m,"x","{"ab" * 300}","",""),"y","z","x","((a?){{20}}b?(a?){{20}}){{20}}c")'
    ),
    "as many series as there are values": 'count_values("v", m)',
    "every series with every other": "m + on() m",
    "every series with every other, grouped": "m * on() group_left m",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_question_that_explodes_ends_soon(name: str) -> None:
    """The first version answered with gigabytes, or after minutes, or not at all."""
    generator = np.random.default_rng(7)
    rows = [(Labels({"__name__": "m", "i": str(i)}), TIMES, generator.random(len(TIMES))) for i in range(4000)]
    columns = Columns.of(rows)
    began = process_time()
    with pytest.raises(QueryError) as refused:
        evaluate(BOMBS[name], AT, lambda wanted: columns, limits=LIMITS)
    assert process_time() - began < 12
    assert isinstance(refused.value, QueryLimit) or "duplicate series" in refused.value.message


def test_a_costly_expression_holds_the_store_up_for_seconds_at_most() -> None:
    """While the index looks through its values nobody else reads or writes samples."""
    index = SeriesIndex()
    for number in range(3000):
        index.add(number, Labels({"__name__": "m", "path": f"{'a' * 200}{number}"}))
    began = process_time()
    with pytest.raises(QueryLimit, match="too costly"):
        index.find((Matcher("path", "=~", "((a?){20}b?(a?){20}){20}c"),))
    assert process_time() - began < 20


@pytest.mark.parametrize("text", ["m offset 99999999999y", "rate(m[999999999999999999999y])", "m[5m:99999999999999y]"])
def test_durations_beyond_all_time_are_said_to_be_so(text: str) -> None:
    with pytest.raises(QueryError, match="out of range"):
        evaluate(text, AT, lambda wanted: Columns.of([]), limits=LIMITS)
