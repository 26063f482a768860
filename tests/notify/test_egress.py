"""Where the house may call, however the address is dressed up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.peers.http_peer import Reply, http_peer
from tests.peers.messages import FixedClock, a_message

from sereno.adapters.notify.egress import Policy, Refused, guarded_client
from sereno.adapters.notify.webhook import WebhookNotifier
from sereno.kernel.errors import DeliveryError

PUBLIC = Policy()
PRIVATE = Policy.of([], allow_private=True)


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("93.184.216.34", True, True),
        ("2606:2800:220:1:248:1893:25c8:1946", True, True),
        ("127.0.0.1", False, True),
        ("127.8.9.1", False, True),
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, True),
        ("192.168.1.1", False, True),
        ("100.64.0.1", False, True),  # carrier-grade NAT
        ("::1", False, True),
        ("fd00::1", False, True),
        ("169.254.169.254", False, False),  # metadata of most clouds
        ("fe80::1%eth0", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("::ffff:127.0.0.1", False, True),  # the same, dressed as IPv6
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),  # through NAT64
        ("64:ff9b:1::a9fe:a9fe", False, False),
        ("2002:a9fe:a9fe::1", False, False),  # through 6to4
        ("2002:7f00:1::1", False, True),
        ("not an address", False, False),
    ],
)  # fmt: skip
def test_addresses(address: str, public: bool, private: bool) -> None:
    assert PUBLIC.allows("x.example", address) is public
    assert PRIVATE.allows("x.example", address) is private


def test_what_is_allowed_by_name_or_range() -> None:
    policy = Policy.of(["hooks.internal", "10.1.0.0/16", "::1", "169.254.7.7"])
    assert policy.allows("hooks.internal", "192.168.1.1")
    assert policy.allows("HOOKS.internal.", "192.168.1.1")
    assert policy.allows("other.example", "10.1.2.3")
    assert policy.allows("other.example", "::1")
    assert policy.allows("other.example", "169.254.7.7")
    assert not policy.allows("other.example", "10.2.0.1")
    assert not policy.allows("xhooks.internal", "192.168.1.1")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/",
     "http://127.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/"],
)  # fmt: skip
async def test_loopback_however_it_is_spelled(url: str) -> None:
    async with http_peer() as peer:
        with pytest.raises(DeliveryError):
            await WebhookNotifier(PUBLIC, FixedClock()).send(a_message(address=url.format(port=peer.port)))
    assert peer.requests == []


async def test_a_name_that_changes_its_answer_gains_nothing() -> None:
    """DNS rebinding: whatever is asked is asked once a connection, and that very answer is judged and called."""
    answers = iter([["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]])
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)[1:] if len(asked) == 1 else next(answers)

    async with http_peer() as peer:
        notifier = WebhookNotifier(PUBLIC, FixedClock(), resolve=resolve)
        for _ in range(2):
            with pytest.raises(Refused):
                await notifier.send(a_message(address=f"http://rebind.example:{peer.port}/"))
    assert peer.requests == []
    assert asked == ["rebind.example"] * 2


async def test_the_name_stays_in_the_request_and_the_address_is_the_judged_one() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with http_peer() as peer:
        notifier = WebhookNotifier(Policy.of(["hooks.example"]), FixedClock(), resolve=resolve)
        await notifier.send(a_message(address=f"http://hooks.example:{peer.port}/x"))
    assert peer.requests[0].headers["host"] == f"hooks.example:{peer.port}"


async def test_of_many_addresses_only_allowed_ones_are_called() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["169.254.169.254", "127.0.0.2", "127.0.0.1"]  # the second does not listen

    async with http_peer() as peer:
        notifier = WebhookNotifier(Policy.of(["127.0.0.0/8"]), FixedClock(), resolve=resolve)
        await notifier.send(a_message(address=f"http://hooks.example:{peer.port}/x"))
    assert len(peer.requests) == 1


async def test_a_redirect_to_the_inside_is_not_followed() -> None:
    async with http_peer() as inside, http_peer(Reply(307, headers={"Location": inside.url})) as outside:
        with pytest.raises(DeliveryError) as caught:
            await WebhookNotifier(PRIVATE, FixedClock()).send(a_message(address=outside.url))
    assert caught.value.permanent
    assert inside.requests == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_peer() as proxy, http_peer() as peer:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with guarded_client(PRIVATE, timeout_seconds=2) as client:
            await client.post(peer.url, content=b"x")
    assert proxy.requests == []
    assert len(peer.requests) == 1
