"""Where definitions come from: a file that changes and breaks, a Sereno that comes and goes, a disk in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.kit.flag_peer import Peer, peering, switch

from sereno_kit.flags import Flags, keep
from sereno_kit.flags.definitions import BYTES_MOST


def until(what: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@contextmanager
def closing(flags: Flags) -> Iterator[Flags]:
    try:
        yield flags
    finally:
        flags.close()


def replaced(path: Path, content: Any) -> None:
    """As careful programs write: a new file put in the place of the old one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(content if isinstance(content, str) else json.dumps(content))
    os.replace(fresh, path)


# A file


def test_a_file_is_known_at_once_and_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    replaced(path, switch(False))
    with closing(Flags.file(path, every_seconds=0.05)) as flags:
        assert flags.ready
        assert not flags.enabled("new", True)
        replaced(path, switch(True))
        until(lambda: flags.enabled("new"))
        assert not flags.stale


def test_a_file_that_breaks_leaves_the_last_good_one_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    replaced(path, switch(True))
    heard: list[frozenset[str]] = []
    with closing(Flags.file(path, every_seconds=0.05)) as flags:
        flags.on_change(heard.append)
        for broken in ('{"flags": ', '{"flags": {"new": {}}}', "[1]", '{"flags": {"new": 3}}', "\x00", ""):
            replaced(path, broken)
            until(lambda: flags.stale)
            assert flags.enabled("new")
            assert str(path) in flags.error
            assert flags.view()["stale"] is True
            replaced(path, {**switch(True), "metadata": {"round": len(heard)}})
            until(lambda: not flags.stale)
            assert flags.error == ""
        path.unlink()
        until(lambda: flags.stale)
        assert flags.enabled("new")
    assert frozenset() in heard
    assert frozenset({"new"}) in heard


def test_a_file_that_was_never_good_leaves_everybody_with_his_default(tmp_path: Path) -> None:
    path = tmp_path / "flags.json"
    with closing(Flags.file(path, every_seconds=0.05)) as flags:
        assert (flags.enabled("new", True), flags.enabled("new", False)) == (True, False)
        assert flags.details("new").error_code == "PROVIDER_NOT_READY"
        assert flags.stale
        replaced(path, switch(True))
        until(lambda: flags.ready)
        assert flags.enabled("new")
        assert flags.details("old").error_code == "FLAG_NOT_FOUND"


def test_yaml_without_its_extra_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match=r"sereno-kit\[yaml\]"):
        Flags.file(tmp_path / "flags.yaml")


def test_yaml_may_hold_flagd_s_form_and_ours_together(tmp_path: Path) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text(
        "flags: shop\ndefine:\n- {name: a, type: boolean, default: false, to: true, users: [ana]}\n---\n"
        "flags:\n  b: {state: ENABLED, variants: {x: 1}, defaultVariant: x}\n"
    )
    with closing(Flags.file(path)) as flags:
        assert (flags.enabled("a", user="ana"), flags.enabled("a"), flags.number("b")) == (True, False, 1)


def test_what_is_too_large_or_refers_to_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text("flags: &f\n  a: {state: ENABLED, variants: {x: 1}, targeting: &t {if: [*t, x, x]}}\n")
    with closing(Flags.file(path)) as flags:
        assert flags.details("a", 5, "number").value == 5
    path.write_text("flags: {}\n" + "#" * BYTES_MOST)
    with closing(Flags.file(path)) as flags:
        assert "larger" in flags.error


# A Sereno


@pytest.fixture
def peer() -> Iterator[Peer]:
    with peering() as found:
        yield found


def following(peer: Peer, cache: Path | None = None, **more: Any) -> Flags:
    flags = Flags.sereno(peer.url, token="sereno_api_x", service="orders & more", cache=cache, **more)
    flags.start()
    return flags


def test_what_sereno_says_arrives_and_what_it_changes_is_streamed(peer: Peer) -> None:
    with closing(following(peer)) as flags:
        until(lambda: flags.ready and peer.streams)
        assert not flags.enabled("new", True)
        peer.publish(True)
        until(lambda: flags.enabled("new"))
        path, headers = peer.asked[0]
        assert path == "/api/v1/flags/definitions?service=orders%20%26%20more"
        assert headers["Authorization"] == "Bearer sereno_api_x"
        assert [path.partition("?")[0] for path, _ in peer.asked] == [
            "/api/v1/flags/definitions", "/api/v1/flags/stream",
        ]  # fmt: skip


def test_nothing_waits_for_a_sereno_that_says_nothing(peer: Peer) -> None:
    peer.mode = "silent"
    began = time.monotonic()
    with closing(following(peer, timeout_seconds=0.3)) as flags:
        assert flags.enabled("new", True)
        assert time.monotonic() - began < 1
        until(lambda: flags.stale)
        assert "does not answer" in flags.error


def test_a_sereno_that_goes_away_leaves_the_last_good_flags_and_is_found_again(peer: Peer) -> None:
    peer.publish(True)
    with closing(following(peer)) as flags:
        until(lambda: flags.ready and peer.streams)
        peer.mode = "broken"
        peer.tell(None)
        until(lambda: flags.stale)
        assert flags.enabled("new")
        peer.mode = "well"
        until(lambda: not flags.stale)
        assert "If-None-Match" in peer.asked[-1][1] or "Last-Event-ID" in peer.asked[-1][1]


@pytest.mark.parametrize("mode", ["garbage", "broken"])
def test_answers_that_are_none_change_nothing(peer: Peer, mode: str, tmp_path: Path) -> None:
    cache = tmp_path / "flags.kept"
    with closing(following(peer, cache)) as flags:
        until(lambda: flags.ready and peer.streams and cache.exists())
        before = cache.read_bytes()
        peer.mode = mode
        peer.content = b"other"
        peer.tell(b"data: {\n\n")
        until(lambda: flags.stale)
        assert not flags.enabled("new", True)
        assert cache.read_bytes() == before


def test_where_streams_are_refused_it_asks_again(peer: Peer) -> None:
    peer.mode = "no_stream"
    with closing(following(peer)) as flags:
        until(lambda: flags.ready)
        peer.content = json.dumps(switch(True)).encode()
        until(lambda: flags.enabled("new"))


def test_an_event_without_end_does_not_fill_the_memory(peer: Peer) -> None:
    with closing(following(peer)) as flags:
        until(lambda: flags.ready and peer.streams)
        for _ in range(5):
            peer.tell(b"data: " + b"x" * (1024 * 1024))
        until(lambda: flags.stale)
        assert not flags.enabled("new", True)


# The disk between them


def test_a_service_starts_with_what_was_good_while_sereno_is_away(peer: Peer, tmp_path: Path) -> None:
    cache = tmp_path / "made" / "flags.kept"
    peer.publish(True)
    with closing(following(peer, cache)) as flags:
        until(lambda: flags.ready and cache.exists())
    assert cache.stat().st_mode & 0o077 == 0
    with closing(Flags.sereno("http://127.0.0.1:9", cache=cache)) as flags:  # nobody listens there
        assert flags.ready
        assert flags.stale
        assert flags.enabled("new")
        until(lambda: flags.error)
        assert flags.enabled("new")
    with closing(following(peer, cache)) as flags:
        until(lambda: not flags.stale)
        assert any(headers.get("If-None-Match") == peer.etag for _, headers in peer.asked)


def test_a_damaged_file_is_not_believed(tmp_path: Path) -> None:
    cache = tmp_path / "flags.kept"
    keep.save(cache, '"e"', json.dumps(switch(True)).encode())
    whole = cache.read_bytes()
    assert keep.load(cache) == ('"e"', json.dumps(switch(True)).encode())
    for damaged in (whole[:-1], whole.replace(b"true", b"tru3"), b"", b"\x00" * 100, whole[:20]):
        cache.write_bytes(damaged)
        with pytest.raises(ValueError):
            keep.load(cache)
        with closing(Flags.sereno("http://127.0.0.1:9", cache=cache)) as flags:
            assert not flags.ready
            assert "damaged" in flags.error  # before anybody asks: then Sereno is asked, and says nothing
            assert flags.enabled("new", True)


def test_a_disk_that_cannot_be_written_costs_the_file_only(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with closing(following(peer, tmp_path / "file" / "flags.kept")) as flags:
        until(lambda: flags.ready)
        assert not flags.stale


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "flags.kept"
    keep.save(cache, '"1"', b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        keep.save(cache, '"2"', b"new")
    assert keep.load(cache) == ('"1"', b"old")
    assert [one.name for one in tmp_path.iterdir()] == ["flags.kept"]


# Processes and threads


def test_the_children_of_a_fork_follow_too(tmp_path: Path) -> None:
    """As under gunicorn with preload: the thread stays with the parent."""
    path = tmp_path / "flags.json"
    replaced(path, switch(False))
    program = f"""
import json, os, sys, time
from sereno_kit.flags import Flags
flags = Flags.file({str(path)!r}, every_seconds=0.05)
flags.start()
time.sleep(0.1)
child = os.fork()
if child == 0:
    print(flags.enabled("new", True), flush=True)
    end = time.monotonic() + 10
    while not flags.enabled("new") and time.monotonic() < end:
        time.sleep(0.02)
    print(flags.enabled("new"), flush=True)
    os._exit(0)
time.sleep(0.3)
with open({str(path)!r}, "w") as file:
    json.dump({switch(True)!r}, file)
os.waitpid(child, 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_flags_that_are_forgotten_leave_no_thread(tmp_path: Path) -> None:
    import gc
    import threading

    path = tmp_path / "flags.json"
    replaced(path, switch(True))
    before = set(threading.enumerate())
    flags = Flags.file(path, every_seconds=0.05)
    assert set(threading.enumerate()) == before  # none until somebody asks
    flags.enabled("new")
    mine = (set(threading.enumerate()) - before).pop()
    del flags
    gc.collect()
    until(lambda: not mine.is_alive())


@pytest.mark.parametrize("url", ["", "sereno.example", "ftp://sereno.example", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Flags.sereno(url)


def test_a_token_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError):
        Flags.sereno("http://127.0.0.1", token="a\r\nX: y")
