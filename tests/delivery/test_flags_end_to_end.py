"""A real control plane, a real service, and an operator at the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.delivery.conftest import running

from sereno.app.cli import run
from sereno_kit.flags import Flags


def until(what: Callable[[], object], seconds: float = 10.0) -> float:
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.005)
    return time.monotonic() - began


def test_a_switch_reaches_a_service_and_outlives_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"
    with running(tmp_path) as (url, token):
        monkeypatch.setenv("SERENO_URL", url)
        monkeypatch.setenv("SERENO_TOKEN", token)
        flags = Flags.sereno(url, token=token, service="pay", cache=kept)
        flags.start()
        until(lambda: flags.ready)
        assert flags.enabled("banner")
        assert run(["flags", "set", "banner", "off", "--reason", "it hurts"]) == 0
        until(lambda: not flags.enabled("banner", True))
        assert "off for everybody (local: it hurts)" in capsys.readouterr().out.replace("operator", "local")
        assert run(["flags", "set", "express", "100%", "--reason", "all of them", "--for", "2h"]) == 0
        until(lambda: flags.enabled("express", user="anybody"))
        capsys.readouterr()
        assert run(["flags", "explain", "express", "--user", "bo"]) == 0
        assert run(["flags", "explain", "express", "--user", "x", "--attribute", "plan=pro", "--attribute",
                    "email=x@shop.example", "--json"]) == 0  # fmt: skip
        told = capsys.readouterr().out
        assert told.startswith("true: this user is named")
        assert json.loads(told.partition("\n")[2])["rule"] == 2
        assert run(["flags", "list"]) == 0
        assert "checkout/express" in capsys.readouterr().out
        for wrong in (["set", "banner", "maybe", "--reason", "x"], ["set", "banner", "off", "--reason", " "],
                      ["set", "nothing", "off", "--reason", "x"], ["set", "banner", "101%", "--reason", "x"],
                      ["set", "banner", "off", "--reason", "x", "--for", "5s"], ["explain", "express", "--attribute", "x"]):  # fmt: skip
            assert run(["flags", *wrong]) in (1, 2)
            assert "sereno: " in capsys.readouterr().err
    # Sereno is away: the service goes on, and so does one that starts now.
    until(lambda: flags.stale)
    assert not flags.enabled("banner", True)
    flags.close()
    started = Flags.sereno(url, token=token, service="pay", cache=kept)
    assert not started.enabled("banner", True)
    assert started.stale
    with running(tmp_path) as (url, token):
        monkeypatch.setenv("SERENO_URL", url)
        back = Flags.sereno(url, token=token, service="pay", cache=kept)
        back.start()
        until(lambda: back.ready and not back.stale)
        assert not back.enabled("banner", True)  # the override outlived the restart
        assert run(["flags", "reset", "banner", "--reason", "mended"]) == 0
        until(lambda: back.enabled("banner"))
        back.close()
    started.close()
