"""Notifiers: how a message leaves the house. Each takes a message, returns the peer's name for it, or raises
DeliveryError saying whether trying the same address again makes sense."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Literal, Protocol, TextIO

from sereno.adapters.clock import SystemClock
from sereno.adapters.notify.egress import Policy
from sereno.adapters.notify.email import EmailNotifier, Smtp
from sereno.adapters.notify.gateway import GatewayNotifier
from sereno.adapters.notify.slack import SlackNotifier
from sereno.adapters.notify.terminal import TerminalNotifier
from sereno.adapters.notify.webhook import WebhookNotifier
from sereno.kernel.clock import Clock
from sereno.kernel.message import Channel, Message

__all__ = ["Notifier", "NotifySettings", "notifiers_of"]


class Notifier(Protocol):
    """Gets a message to its peer."""

    async def send(self, message: Message) -> str:
        """Deliver; returns the peer's name for the message. Raises DeliveryError."""
        ...


class Secret(Protocol):
    """A text that does not print itself."""

    def get_secret_value(self) -> str:
        """The text."""
        ...


class NotifySettings(Protocol):
    """What an installation sets about notifiers."""

    @property
    def smtp_host(self) -> str | None: ...  # noqa: D102
    @property
    def smtp_port(self) -> int: ...  # noqa: D102
    @property
    def smtp_security(self) -> Literal["starttls", "tls", "none"]: ...  # noqa: D102
    @property
    def smtp_user(self) -> str | None: ...  # noqa: D102
    @property
    def smtp_password(self) -> Secret | None: ...  # noqa: D102
    @property
    def smtp_from(self) -> str: ...  # noqa: D102
    @property
    def webhook_secret(self) -> Secret | None: ...  # noqa: D102
    @property
    def sms_gateway(self) -> Secret | None: ...  # noqa: D102
    @property
    def phone_gateway(self) -> Secret | None: ...  # noqa: D102
    @property
    def push_gateway(self) -> Secret | None: ...  # noqa: D102
    @property
    def gateway_token(self) -> Secret | None: ...  # noqa: D102
    @property
    def allow_private(self) -> bool: ...  # noqa: D102
    @property
    def allowed_hosts(self) -> tuple[str, ...]: ...  # noqa: D102


def notifiers_of(
    settings: NotifySettings, *, clock: Clock | None = None, terminal: TextIO | None = None
) -> Mapping[Channel, Notifier]:
    """One notifier a channel, as the installation has set them. Without an SMTP server e-mail fails for good at
    once, so that a person's next contact is tried."""
    clock = clock or SystemClock()
    policy = Policy.of(settings.allowed_hosts, allow_private=settings.allow_private)
    smtp = None
    if settings.smtp_host:
        smtp = Smtp(
            host=settings.smtp_host, port=settings.smtp_port, security=settings.smtp_security,
            sender=settings.smtp_from, user=settings.smtp_user, password=_revealed(settings.smtp_password),
        )  # fmt: skip
    token = _revealed(settings.gateway_token) or ""
    gateways: dict[Channel, Secret | None] = {
        "sms": settings.sms_gateway, "phone": settings.phone_gateway, "push": settings.push_gateway,
    }  # fmt: skip
    return {
        **{name: GatewayNotifier(name, _revealed(url), token, policy, clock) for name, url in gateways.items()},
        "terminal": TerminalNotifier(terminal or sys.stderr),
        "email": EmailNotifier(smtp, clock),
        "webhook": WebhookNotifier(policy, clock, (_revealed(settings.webhook_secret) or "").encode()),
        "slack": SlackNotifier(policy, clock),
    }


def _revealed(secret: Secret | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
