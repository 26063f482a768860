"""What the house itself calls, steered by whoever writes a target, a name server's answer or a redirect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from tests.peers.http_peer import Reply, http_peer

from sereno.adapters.notify.egress import Policy
from sereno.adapters.samples.exposition import ScrapeError
from sereno.adapters.samples.fetching import PRIVATE, ask, client
from sereno.adapters.samples.prometheus_api import PrometheusApi
from sereno.app.control import may_call
from sereno.kernel.errors import Unavailable

METADATA = ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "169.254.170.2"]
allowed = may_call(PRIVATE)


async def read(http: httpx.AsyncClient, url: str) -> bytes:
    return (await ask(http, url, timeout_seconds=2, body_bytes_max=10_000, allowed=allowed)).body


def told(body: bytes = b"up 1\n") -> Reply:
    return Reply(body=body)


@pytest.mark.parametrize("address", METADATA)
def test_where_clouds_keep_their_metadata_nobody_calls_by_default(address: str) -> None:
    assert not Policy().allows("x.example", address)
    assert not PRIVATE.allows("x.example", address)
    assert Policy.of([address]).allows("x.example", address)  # unless the operator says that very address


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "100.100.100.200"],
)
def test_targets_named_by_such_an_address_are_refused_before_any_call(host: str) -> None:
    assert not allowed(f"http://{host}/latest/meta-data")
    assert allowed("http://10.0.0.7:9100/metrics")
    assert allowed("http://shop:9100/metrics")  # a name is judged when it is connected to


@pytest.mark.parametrize("spelling", ["2852039166", "0xa9fea9fe", "169.254.43518", "meta.example"])
async def test_targets_that_lead_there_by_another_spelling_or_a_name_are_not_called(spelling: str) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["169.254.169.254"]  # as any resolver reads these

    async with client(resolve=resolve) as http:
        with pytest.raises(ScrapeError, match="policy"):
            await read(http, f"http://{spelling}/latest/meta-data")
        api = PrometheusApi(f"http://{spelling}:9090", http, allowed=allowed, sleep=_at_once)
        with pytest.raises(Unavailable, match="policy"):
            await api.present("up", 0)
    assert asked


async def test_an_address_in_octal_is_no_address() -> None:
    async with client() as http:
        with pytest.raises(ScrapeError, match="not an address"):
            await read(http, "http://0251.0376.0251.0376/latest/meta-data")


async def test_a_name_that_changes_its_answer_is_judged_at_every_connection() -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(answers)

    async with http_peer(Reply(body=b"up 1\n", headers={"Connection": "close"})) as peer:
        async with client(resolve=resolve) as http:
            assert await read(http, f"http://rebind.example:{peer.port}/metrics") == b"up 1\n"
            await http.aclose()
        async with client(resolve=resolve) as http:
            with pytest.raises(ScrapeError, match="policy"):
                await read(http, f"http://rebind.example:{peer.port}/metrics")
    assert len(peer.requests) == 1


async def test_targets_redirect_at_home_only() -> None:
    async with http_peer(told()) as inside:
        for to in (
            inside.url,
            "http://169.254.169.254/",
            "//evil.example/",
            "file:///etc/passwd",
            "https://127.0.0.1/",
        ):
            async with http_peer(Reply(302, headers={"Location": to})) as outside, client() as http:
                with pytest.raises(ScrapeError):
                    await read(http, outside.url)
        assert inside.requests == []


async def test_the_prometheus_redirects_nowhere_and_its_token_stays_with_it() -> None:
    async with http_peer(told()) as thief, http_peer() as prometheus, client() as http:
        prometheus.reply = Reply(307, headers={"Location": thief.url})
        address = f"http://ana:word@127.0.0.1:{prometheus.port}"
        api = PrometheusApi(
            address, http, allowed=allowed, headers={"Authorization": "Bearer t0ps3cret"}, sleep=_at_once
        )
        with pytest.raises(Unavailable) as caught:
            await api.present("up", 0)
    assert thief.requests == []
    said = f"{caught.value.message} {caught.value.hint} {caught.value!r} {caught.value.__cause__!r}"
    assert "t0ps3cret" not in said
    assert "word" not in said


async def test_a_target_takes_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with http_peer() as proxy, http_peer(told()) as peer:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with client() as http:
            await read(http, peer.url)
    assert proxy.requests == []


async def _at_once(_seconds: float) -> None:
    return
