"""The notifiers of this installation. Addresses declared as `env:NAME` are looked up when a message leaves, so that
secrets stay out of the spec, the stores and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sereno.adapters import notify
from sereno.app.settings import Settings, resolve_address
from sereno.kernel.clock import Clock
from sereno.kernel.errors import DeliveryError
from sereno.kernel.message import Channel, Message


class Resolving:
    """Looks the address up, then sends."""

    def __init__(self, inner: notify.Notifier) -> None:
        self._inner = inner

    async def send(self, message: Message) -> str:
        """Deliver; returns the peer's name for the message. Raises DeliveryError."""
        address = resolve_address(message.address)
        if not address:
            raise DeliveryError(f"the environment variable {message.address[4:]} is not set", permanent=True)
        return await self._inner.send(replace(message, address=address))


def notifiers_of(settings: Settings, clock: Clock) -> Mapping[Channel, Resolving]:
    """One notifier a channel."""
    return {channel: Resolving(inner) for channel, inner in notify.notifiers_of(settings, clock=clock).items()}
