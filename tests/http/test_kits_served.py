"""A real service with the kit under uvicorn, overridden from the console and from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.serving import served
from tests.http import house as houses
from tests.http.conftest import SAME, House
from tests.http.kit_replicas import TOKEN, VARIABLE, Replica, at, free_port, replicas

from sereno.app.cli import run
from sereno.app.control import Control
from sereno.app.http.auth import add_token

FORM = {"service": "pagos", "kind": "pipeline", "target": "banco", "part": "circuit_breaker", "reason": "prueba"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    with replicas(2, tmp_path_factory.mktemp("fleet")) as found:
        yield found


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)


def states(page: str) -> list[str]:
    return re.findall(r"(?:abierto a mano|cerrado a mano|cerrado|abierto)(?=</span>)", page)


async def test_a_breaker_is_opened_and_reset_and_calls_feel_it(house: House, fleet: list[Replica]) -> None:
    one, two = fleet
    at(house.control, [one.address, two.address, f"http://127.0.0.1:{free_port()}/-/kit"])
    rita = await house.visitor("responder")
    assert one.pay().json()["result"] == "charged"
    page = (await rita.get("/kits?service=pagos")).text
    assert states(page) == ["cerrado", "cerrado"]
    assert "Responden 2 de 3 réplicas" in page

    done = (await rita.post("/kits/override", data={**FORM, "verb": "force_open"}, headers=SAME)).text
    assert "Obedecieron 2 de 3" in done
    assert states(done) == ["abierto a mano", "abierto a mano"]
    assert [replica.pay().status_code for replica in fleet] == [503, 503]
    assert states((await rita.get("/kits")).text) == ["abierto a mano", "abierto a mano"]

    alone = {**FORM, "verb": "reset", "replica": two.address}
    assert "Obedecieron todas (1 de 1)" in (await rita.post("/kits/override", data=alone, headers=SAME)).text
    assert [replica.pay().status_code for replica in fleet] == [503, 200]

    assert "2 de 3" in (await rita.post("/kits/override", data={**FORM, "verb": "reset"}, headers=SAME)).text
    assert [replica.pay().status_code for replica in fleet] == [200, 200]


async def test_what_a_replica_does_not_have_it_refuses(house: House, fleet: list[Replica]) -> None:
    at(house.control, [fleet[0].address])
    robot = await house.program("responder")
    body = {"target": "nadie", "command": "reset", "reason": "x"}
    told = (await robot.post("/api/v1/kits/pagos/override", json=body)).json()["replicas"][0]
    assert (told["outcome"], told["said"]) == ("refused", "it says: there is no pipeline 'nadie'")
    body = {"target": "banco", "command": "force_open", "policy": "retry", "reason": "x"}
    told = (await robot.post("/api/v1/kits/pagos/override", json=body)).json()["replicas"][0]
    assert told["outcome"] == "refused"


async def test_a_wrong_token_is_told(house: House, fleet: list[Replica], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "another-token-that-is-wrong")
    at(house.control, [fleet[0].address])
    found = (await (await house.program("viewer")).get("/api/v1/kits/pagos")).json()["replicas"][0]
    assert found["trouble"] == "it does not take our token (401)"


def test_the_command_line_does_the_same(
    tmp_path: Path, fleet: list[Replica], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    furnish, tokens = houses.furnish, []

    async def with_kits(*given: object, **options: object) -> Control:
        control = await furnish(*given, **options)  # type: ignore[arg-type]
        at(control, [replica.address for replica in fleet])
        tokens.append(await add_token(control, name="robot", role="responder", kind="api"))
        return control

    monkeypatch.setattr(houses, "furnish", with_kits)
    with served(tmp_path, "calm") as url:
        monkeypatch.setenv("SERENO_URL", url)
        monkeypatch.setenv("SERENO_TOKEN", tokens[0])
        monkeypatch.setenv("COLUMNS", "200")
        assert run(["kit", "open", "pagos", "banco", "--reason", "prueba", "--for", "10m"]) == 0
        assert "2 of 2 replicas obeyed" in capsys.readouterr().out
        assert fleet[0].pay().status_code == 503
        assert run(["kit", "list"]) == 0
        assert capsys.readouterr().out.count("banco forced_open") == 2
        assert run(["kit", "close", "pagos", "banco", "--reason", "x", "--replica", fleet[1].address, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [one["state"] for one in told["replicas"]] == ["forced_closed"]
        assert run(["kit", "isolate", "pagos", "banco", "--reason", "x"]) == 0
        assert run(["kit", "reset", "pagos", "banco", "--reason", "x"]) == 0
        assert run(["kit", "feature", "pagos", "recomendaciones", "degraded", "--reason", "lento", "--for", "5m"]) == 0
        capsys.readouterr()
        assert run(["kit", "show", "pagos"]) == 0
        shown = capsys.readouterr().out
        assert shown.count("closed") == 2
        assert shown.count("robot: lento") == 2
        assert run(["kit", "feature", "pagos", "recomendaciones", "clear", "--reason", "x"]) == 0
        assert run(["kit", "show", "pagos", "--json"]) == 0
        assert '"degraded"' not in capsys.readouterr().out
        assert run(["kit", "open", "pagos", "nadie", "--reason", "x"]) == 1
        assert "there is no pipeline 'nadie'" in capsys.readouterr().out
        assert run(["kit", "open", "pagos", "banco", "--reason", "x", "--for", "10s"]) == 2
        assert run(["kit", "show", "nothing"]) == 1
        assert fleet[0].pay().status_code == 200
