"""What strangers try on the kit's own addresses and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from tests.kit.asgi_worlds import instrumented, scope_of

from sereno_kit.options import Admin
from sereno_kit.relay import Relay
from sereno_kit.testing.clock import FakeClock

WORD = orjson.dumps({"from": "x", "at": 0, "command": {"seconds": None, "kind": "features"}}) + b"\n"


def listening(directory: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Relay, Path, list[Any]]:
    monkeypatch.setenv("SERENO_KIT_SHARED_DIR", str(directory))
    heard: list[Any] = []
    relay = Relay(heard.append, clock=FakeClock())
    assert relay._path is not None
    return relay, relay._path, heard


def test_a_word_in_a_file_of_the_same_user_is_heard_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relay, journal, heard = listening(tmp_path, monkeypatch)
    journal.write_bytes(WORD[:-20])  # as long as it is not whole, nothing of it counts as read
    relay._look()
    assert heard == []
    journal.write_bytes(WORD)
    relay._look()
    relay._look()
    assert len(heard) == 1


def test_a_file_of_another_user_in_a_shared_directory_is_no_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, journal, heard = listening(tmp_path, monkeypatch)
    journal.write_bytes(WORD)
    os.chown(journal, 12_345, -1) if os.geteuid() == 0 else monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    relay._look()
    assert heard == []


def test_a_link_in_the_journals_place_is_neither_read_nor_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, journal, heard = listening(tmp_path, monkeypatch)
    (tmp_path / "precious").write_bytes(WORD)
    journal.symlink_to(tmp_path / "precious")
    relay._look()
    with pytest.raises(OSError, match="symbolic links"):
        relay.tell({"kind": "features"})
    assert heard == []
    assert (tmp_path / "precious").read_bytes() == WORD


async def test_a_body_without_end_at_one_of_our_addresses_is_not_read_to_its_end() -> None:
    app = Starlette()
    pieces, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal pieces
        pieces += 1
        assert pieces < 100, "read on and on"
        return {"type": "http.request", "body": b"x" * 8_192, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    with instrumented(app, admin=Admin(token="t" * 24)):
        await app(scope_of("/-/kit/log-level", method="POST"), receive, send)
    assert sent[0]["status"] == 401
    assert pieces == 8
