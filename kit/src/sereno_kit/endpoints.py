"""The addresses that the kit itself answers, the same under ASGI and WSGI: metrics, health, admin, chaos."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


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


class Refused(Exception):
    """What an operator asks for cannot be; the message says why, and `status` how it is answered."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def json_object(ask: Ask) -> dict[str, Any]:
    """The JSON object in the body. Raises Refused for anything else."""
    import orjson

    try:
        body = orjson.loads(ask.body)
    except orjson.JSONDecodeError:
        raise Refused("the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused("the body is a JSON object")
    return body
