"""Damage to samples is told to whoever runs the place: by a command, and on every page."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from tests.http import conftest
from tests.http.conftest import Furnisher

from sereno.adapters.samples.store import SampleStore
from sereno.app import serve
from sereno.app.cli import run
from sereno.kernel.labels import Labels

T0 = 1_767_225_600_000

house_of = conftest.house_of


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SERENO_DATA_DIR", str(tmp_path))
    store = SampleStore(tmp_path / "samples.db")
    times = T0 + np.arange(600, dtype=np.int64) * 60_000
    store.backfill_sync([(Labels(__name__="up", job=f"j{i}"), times, times / 7) for i in range(3)])
    store.close()
    return tmp_path / "samples.db"


def damage(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        (number, data) = connection.execute("SELECT id, data FROM chunk LIMIT 1").fetchone()
        torn = bytes([data[0] ^ 1, *data[1:-1], data[-1] ^ 1])
        connection.execute("UPDATE chunk SET data=? WHERE id=?", (torn, number))
    connection.close()


def test_check_reads_every_byte_of_the_samples(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--samples"]) == 0
    assert "samples.db: sound" in capsys.readouterr().out
    damage(file)
    assert run(["check", "--samples"]) == 1
    assert "corrupt" in capsys.readouterr().out
    assert run(["check", "--samples", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["files"][str(file)]["found"]


def test_without_samples_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERENO_DATA_DIR", str(tmp_path))
    assert run(["check", "--samples"]) != 0
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize(("language", "said"), [("en", "Damaged samples: 2 "), ("es", "Muestras dañadas: 2 ")])
async def test_every_page_says_so(house_of: Furnisher, language: str, said: str) -> None:
    house = await house_of("calm", language=language)
    person = await house.visitor("admin")
    assert said not in (await person.get("/")).text
    house.control.damaged_samples = 2
    for path in ("/", "/settings"):
        assert said in (await person.get(path)).text


async def test_the_count_is_known_from_the_beginning(
    house_of: Furnisher,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    damage(file)
    house = await house_of("calm")
    store = house.control.store = SampleStore(file)

    async def stop(seconds: float) -> None:
        raise EOFError

    monkeypatch.setattr(serve.asyncio, "sleep", stop)
    store.check()
    with pytest.raises(EOFError):
        await serve.keep_samples(house.control)
    assert house.control.damaged_samples == 1
    store.close()
