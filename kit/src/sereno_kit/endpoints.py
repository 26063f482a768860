"""The addresses that the kit itself answers, the same under ASGI and WSGI: metrics, health, admin, chaos."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to one of the kit's own addresses. Header names are in lower case; the body is cut at 64 KiB."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    body: bytes = b""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Endpoint = Callable[[Ask], Answer | Awaitable[Answer]]
"""Answers an Ask. Under WSGI an awaitable is run to its end on a loop of its own."""
