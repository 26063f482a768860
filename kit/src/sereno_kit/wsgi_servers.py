"""What WSGI servers need to be helped with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def take_back_headers(start_response: Callable[..., Any]) -> None:
    """Before headers are said anew: gunicorn adds them to those said before, where PEP 3333 wants them replaced."""
    inner: Any = start_response
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    response: Any = getattr(inner, "__self__", None)
    if type(response).__module__ != "gunicorn.http.wsgi" or getattr(response, "headers_sent", True):
        return
    if isinstance(getattr(response, "headers", None), list):
        response.headers.clear()
        response.response_length = None
