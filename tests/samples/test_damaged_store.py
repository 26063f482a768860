"""Damage costs what was damaged and is said: no number is ever another than the one that was written."""

import random
import shutil
import sqlite3
import struct

import numpy as np
import pytest

from sereno.adapters.samples.source import Scrape, SeriesSamples
from sereno.adapters.samples.store import SampleStore
from sereno.kernel.errors import Unavailable
from sereno.kernel.labels import Labels
from sereno.kernel.moment import from_ms
from sereno.promql.columns import Matcher, Selection
from sereno.promql.native import Buckets, Histogram

T0 = 1_767_225_600_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
LABELS = tuple(Labels(__name__=name, job="api", i=str(i)) for name in ("a_total", "b", "up") for i in range(3))
SENT = tuple(Labels(__name__="sent_total", i=str(i)) for i in range(2))
NATIVE = Labels(__name__="seconds")
EVERYTHING = Selection((Matcher("__name__", "!=", ""),), 0, 1 << 50)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A file with something of everything in it, and what it says."""
    path = tmp_path_factory.mktemp("whole") / "samples.db"
    store = SampleStore(path)
    for i in range(40):
        at = T0 + i * HOUR
        assert store.append_sync(Scrape("api", at, LABELS, i * 1000 + np.arange(len(LABELS)) / 8))
        times = np.array([at, at + 1])
        one = Histogram(0, i, i, positive=Buckets(np.array([1, 2]), np.array([1.0 + i, 2.0])))
        batch = [SeriesSamples(labels, times, np.array([i, i + 0.5])) for labels in SENT]
        batch.append(SeriesSamples(NATIVE, times[:1], np.zeros(1), np.array([one], object)))
        store.write_sync(batch, "x")
        if i == 30:
            store.maintain_sync(from_ms(at))
    said = content(store)
    store.close()
    return path, said


def content(store):
    columns = store.select(EVERYTHING)
    found = {}
    for i, labels in enumerate(columns.labels):
        part = slice(columns.offsets[i], columns.offsets[i + 1])
        objects = columns.histograms[part] if columns.histograms is not None else [None] * (part.stop - part.start)
        for at, value, one in zip(columns.times[part].tolist(), columns.values[part].tolist(), objects, strict=True):
            said = value if one is None else (one.count, one.sum, one.positive.counts.tolist())
            found[labels, at] = said
    return found


def damaged(path, said):
    """What a damaged file does: (samples lost, counted); it never says anything else than what was written."""
    try:
        store = SampleStore(path)
    except Unavailable:
        return None
    try:
        now = content(store)
        counted = store.stats().corrupt_chunks
        assert now.items() <= said.items(), "a damaged file made a number up"
        # The pages of the file's own order have no checksum: damage there is found by those who check.
        assert len(now) == len(said) or counted or store.check(), "samples vanished without a word"
        return len(said) - len(now), counted
    except Unavailable:
        return None
    finally:
        store.close()


def test_bytes_flipped_anywhere_are_a_loss_or_an_error_never_another_number(whole, tmp_path, caplog):
    path, said = whole
    content_size = path.stat().st_size
    chance = random.Random(11)
    outcomes = {"nothing": 0, "a loss": 0, "refused": 0}
    for trial in range(300):
        broken = tmp_path / f"{trial}.db"
        shutil.copy(path, broken)
        with broken.open("r+b") as file:
            at = chance.randrange(100, content_size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << chance.randrange(8))]))
        outcome = damaged(broken, said)
        outcomes["refused" if outcome is None else "a loss" if outcome[0] else "nothing"] += 1
        broken.unlink()
    assert min(outcomes.values()) > 0, outcomes


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("head", "data"), ("head", "at_ms"), ("head", "layout"), ("layout", "numbers"), ("series", "labels"),
        ("journal", "data"), ("chunk", "data"), ("chunk", "numbers"), ("chunk", "block"), ("chunk", "t1"),
        ("block", "times"), ("block", "count"), ("metric", "name"),
    ],
)  # fmt: skip
def test_every_column_that_is_damaged_costs_itself_and_is_counted(whole, tmp_path, table, column, caplog):
    path, said = whole
    broken = tmp_path / "samples.db"
    shutil.copy(path, broken)
    with sqlite3.connect(broken) as connection:
        where = "WHERE step = 0" if table in ("chunk", "block") else ""
        rows = connection.execute(f"SELECT rowid, {column} FROM {table} {where} ORDER BY rowid").fetchall()
        rowid, old = rows[len(rows) // 2]
        connection.execute(f"UPDATE {table} SET {column}=? WHERE rowid=?", (other(old), rowid))
    lost, counted = damaged(broken, said)
    assert counted >= 1
    assert 0 < lost < len(said) * 2 / 3
    assert any("damaged" in r.message or "corrupt" in r.message for r in caplog.records)
    # It goes on: what comes next is kept, and upkeep does not stumble.
    store = SampleStore(broken)
    assert store.append_sync(Scrape("api", T0 + 3 * DAY, LABELS, np.zeros(len(LABELS))))
    store.maintain_sync(from_ms(T0 + 5 * DAY))
    assert all((labels, T0 + 3 * DAY) in content(store) for labels in LABELS)
    store.close()
    assert damaged(broken, said | {(labels, T0 + 3 * DAY): 0.0 for labels in LABELS}) is not None


def other(value):
    if isinstance(value, bytes):
        middle = len(value) // 2
        return value[:middle] + bytes([value[middle] ^ 0x10]) + value[middle + 1 :]
    if isinstance(value, str):
        return value.replace('"i": "', '"i": "9') if value.startswith("{") else value + "x"
    return value + 1


def test_a_file_of_version_1_is_taken_over_in_place(whole, tmp_path):
    path, _ = whole
    old = tmp_path / "samples.db"
    shutil.copy(path, old)
    with sqlite3.connect(old) as connection:
        to_version_1(connection)
    with pytest.raises(Unavailable, match="version 1"):
        SampleStore(old, read_only=True)
    store = SampleStore(old)
    found = content(store)
    assert len({at for labels, at in found if labels in LABELS}) == 40
    assert store.stats().corrupt_chunks == 0
    store.maintain_sync(from_ms(T0 + 9 * DAY))
    assert content(store) == found
    assert store.append_sync(Scrape("api", T0 + 9 * DAY, LABELS, np.zeros(len(LABELS))))
    store.close()
    store = SampleStore(old)
    assert len(content(store)) == len(found) + len(LABELS)
    store.close()


def to_version_1(connection):
    """Take away what version 2 added."""
    execute = connection.execute
    execute("DELETE FROM chunk WHERE step != 0 OR substr(data, 1, 1) = x'48'")
    execute("DELETE FROM block WHERE step != 0")
    execute("UPDATE head SET data = substr(data, 1, length(data) - 4)")
    execute("UPDATE layout SET numbers = substr(numbers, 1, length(numbers) - 4)")
    execute("UPDATE chunk SET numbers = substr(numbers, 1, length(numbers) - 4)")
    for name in ("chunk_by_metric", "block_by_end", "block_unfinished"):
        execute(f"DROP INDEX {name}")
    execute("CREATE INDEX chunk_by_metric ON chunk (metric, t1)")
    for table, column in (
        ("series", "crc"), ("metric", "crc"), ("block", "step"), ("block", "finished"), ("chunk", "step"),
    ):  # fmt: skip
        execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    for table in ("journal", "metadata", "note"):
        execute(f"DROP TABLE {table}")
    execute("PRAGMA user_version=1")


def test_a_row_that_claims_to_be_huge_is_only_damaged(whole, tmp_path):
    path, said = whole
    broken = tmp_path / "samples.db"
    shutil.copy(path, broken)
    with sqlite3.connect(broken) as connection:
        connection.execute("UPDATE block SET count = 1 << 60 WHERE step = 0")
        huge = struct.pack("<qq", 1 << 61, 1 << 39)
        connection.execute("UPDATE chunk SET numbers = ? WHERE id = (SELECT min(id) FROM chunk)", (huge,))
    lost, counted = damaged(broken, said)
    assert counted
    assert lost
    store = SampleStore(broken)
    assert store.write_sync([SeriesSamples(SENT[0], np.array([T0 + 50 * HOUR]), np.zeros(1))], "x").stored == 1
    store.close()
