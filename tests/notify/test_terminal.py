"""A page on the terminal."""

from __future__ import annotations

import io

import pytest
from tests.peers.messages import a_message

from sereno.adapters.notify.terminal import TerminalNotifier
from sereno.kernel.errors import DeliveryError


async def test_a_block_that_stands_out() -> None:
    stream = io.StringIO()
    await TerminalNotifier(stream).send(a_message(language="es"))
    lines = stream.getvalue().strip().splitlines()
    assert lines[0].startswith("━━ AVISO PARA ana ━━")
    assert lines[1] == "  [SEV1] Checkout: nobody can pay"
    assert "  Acknowledge: https://sereno.example/ack/t0ken" in lines
    assert set(lines[-1]) == {"━"}


async def test_an_alert_cannot_steer_the_terminal() -> None:
    stream = io.StringIO()
    await TerminalNotifier(stream).send(a_message(subject="\x1b[2Jgone\x9b31m", text="a\rb\x07\n", person="\x1b]0;x"))
    assert not set(stream.getvalue()) & {"\x1b", "\r", "\x07", "\x9b"}


async def test_a_terminal_that_is_gone() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(DeliveryError) as caught:
        await TerminalNotifier(stream).send(a_message())
    assert caught.value.permanent
