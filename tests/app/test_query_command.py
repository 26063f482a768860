"""`sereno query` at a terminal: tables, bars, carets, and what it says when it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sereno.adapters.samples.store import SampleStore
from sereno.app.cli import run
from sereno.app.cli.query import bars, named
from sereno.kernel.labels import Labels

END = 1_772_460_000


@pytest.fixture
def store(tmp_path: Path) -> list[str]:
    """A file of samples: an hour of a counter, of a gauge that pauses, and of a name that a terminal must not obey."""
    path = tmp_path / "samples.db"
    times = np.arange(END * 1000 - 3_600_000, END * 1000 + 1, 15_000, dtype=np.int64)
    rising = np.arange(len(times), dtype=float)
    pause = (times < END * 1000 - 2_400_000) | (times > END * 1000 - 1_200_000)
    kept = SampleStore(path)
    kept.backfill_sync([
        (Labels(__name__="requests_total", job="api", code="200"), times, rising * 10),
        (Labels(__name__="requests_total", job="api", code="500"), times, rising),
        (Labels(__name__="level", job="api"), times[pause], np.sin(rising[pause] / 30)),
        (Labels(__name__="evil", job="\x1b[31mred"), times, rising),
    ])  # fmt: skip
    kept.close()
    return ["--from", "store", str(path), "--at", str(END)]


def test_an_instant_is_a_table(store: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "sum by (code) (rate(requests_total[5m]))", *store]) == 0
    said = capsys.readouterr().out
    rows = dict(line.rsplit(maxsplit=1) for line in said.splitlines() if line.startswith("{"))
    assert {name: round(float(value), 6) for name, value in rows.items()} == {
        '{code="200"}': 0.666667, '{code="500"}': 0.066667,
    }  # fmt: skip


def test_a_period_has_a_line_of_bars_a_series(store: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "requests_total", "--since", "30m", *store]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("requests_total")]
    assert [line.split("  ")[0] for line in lines] == [
        'requests_total{code="200", job="api"}', 'requests_total{code="500", job="api"}',
    ]  # fmt: skip
    assert lines[1].split()[-3:] == ["240", "120", "240"]
    drawn = "".join(c for c in lines[0] if c in "▁▂▃▄▅▆▇█")
    assert drawn == "".join(sorted(drawn))
    assert (drawn[0], drawn[-1], len(drawn)) == ("▁", "█", 40)


def test_a_gap_is_shown_as_a_gap(store: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "level", "--since", "1h", "--step", "15s", *store]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("level")]
    drawn = line.removeprefix('level{job="api"}  ')[:40]
    assert drawn.count(" ") == 9  # twenty minutes, less the five in which the last sample still counts, less the edges


def test_numbers_texts_and_samples(store: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "2 * 21", *store]) == 0
    assert run(["query", '"hello"', *store]) == 0
    assert run(["query", 'requests_total{code="500"}[31s]', *store]) == 0
    assert run(["query", "nobody", *store]) == 0
    said = capsys.readouterr().out
    assert said.startswith("42\nhello\n")
    assert f"238 @{END - 30}  239 @{END - 15}  240 @{END}" in said
    assert said.endswith("No series answers to this.\n")


def test_machines_get_what_the_api_would_say(store: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", 'requests_total{code="500"}', "--json", *store]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["resultType"] == "vector"
    assert told["result"][0]["value"] == [END, "240"]


def test_a_terminal_is_told_nothing_that_it_would_obey(store: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--since", "30m"]):
        assert run(["query", "evil", *more, *store]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_data_folder_of_a_control_plane_will_do(store: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    kind, name, path, *rest = store
    assert run(["query", "requests_total", kind, name, str(Path(path).parent), *rest]) == 0
    assert "requests_total{" in capsys.readouterr().out


def test_a_wrong_expression_has_a_caret_under_the_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "sum(rat(requests_total[5m]))"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "1:5: there is no function 'rat'" in lines[0]
    assert lines[1][lines[2].index("^") : lines[2].rindex("^") + 1] == "rat"


WRONG = [
    (["1", "--at", "yesterday"], 2, "is no instant"),
    (["1", "--since", "long"], 2, "--since"),
    (["1", "--since", "0s"], 2, "above zero"),
    (["1", "--step", "5m"], 2, "--since 1h"),
    (["1", "--since", "1y", "--step", "1s"], 2, "11,000 points"),
    (["1", "--from", "parquet", "x"], 2, "there is no such source"),
    (["1", "--from", "prometheus", "ftp://x"], 2, "no http:// or https:// address"),
    (["1", "--from", "store", "nowhere.db"], 1, "there are no samples at nowhere.db"),
    (["1", "--from", "prometheus", "http://127.0.0.1:9"], 1, "does not answer"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG)
def test_what_makes_no_sense_is_explained(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["query", *arguments]) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_what_cannot_be_computed_is_told(store: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "requests_total * on (job) requests_total", *store]) == 1
    assert "duplicate series" in capsys.readouterr().err


def test_a_file_that_is_no_store_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("nothing of the kind\n" * 500)
    assert run(["query", "up", "--from", "store", str(wrong)]) == 1
    assert "cannot be" in capsys.readouterr().err


def test_a_store_in_use_can_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "samples.db"
    kept = SampleStore(path)
    kept.backfill_sync([(Labels(__name__="up"), np.array([END * 1000]), np.array([1.0]))])
    assert run(["query", "up", "--from", "store", str(path), "--at", str(END)]) == 0
    assert capsys.readouterr().out.split()[-2:] == ["up", "1"]
    kept.close()


def test_bars() -> None:
    assert bars([], 10) == ""
    assert bars([None, float("nan"), float("inf")], 10) == ""
    assert bars([5.0, 5.0], 10) == "▅▅"
    assert bars([0.0, None, 7.0], 10) == "▁ █"
    assert bars([-1e308, 1e308], 10) == "▁█"
    assert len(bars([float(n) for n in range(1000)], 40)) == 40


def test_names_are_written_as_promql_writes_them() -> None:
    assert named({"__name__": "up", "job": "a", "b": "c"}) == 'up{b="c", job="a"}'
    assert (named({"__name__": "up"}), named({}), named({"a": "b"})) == ("up", "{}", '{a="b"}')
