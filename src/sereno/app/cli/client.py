"""How commands talk to a running control plane: over its HTTP API, as any other client would."""

from __future__ import annotations

import json as json_module
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from sereno.kernel.errors import (
    Conflict,
    Forbidden,
    NotFound,
    SerenoError,
    Unauthenticated,
    Unavailable,
    UsageError,
)
from sereno.kernel.inert import inert, inert_line, numbered

_BY_STATUS: dict[int, type[SerenoError]] = {
    400: UsageError,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    422: UsageError,
}
_NOBODY = "set SERENO_TOKEN, or SERENO_DATA_DIR to the data folder of `sereno up` on this machine"
_WIDTH_OF_PIPES = 200
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)")


class Client:
    """A control plane at `url`, spoken to with `token`.

    Both default to SERENO_URL and SERENO_TOKEN; the token otherwise to the operator's token that `sereno up`
    left in its data directory (SERENO_DATA_DIR, or .sereno) for commands on the same machine.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        port = os.environ.get("SERENO_PORT", "8420")
        self.url = _address(url or os.environ.get("SERENO_URL") or f"http://127.0.0.1:{port}")
        self.token = token or os.environ.get("SERENO_TOKEN") or _operator_token()
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=15)

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON (or text) at `path` under /api/v1."""
        return self._send("GET", path, params={k: v for k, v in parameters.items() if v is not None})

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Do something, and return what the control plane says of it."""
        return self._send("POST", path, json=dict(body or {}))

    def ask(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        """What the query API (/prometheus/api/v1) answers: `data`, and perhaps `warnings` and `infos`."""
        told: dict[str, Any] = self._send("POST", f"/{path}", base="/prometheus/api/v1", data=dict(form), timeout=150)
        return told

    def _send(self, method: str, path: str, *, base: str = "/api/v1", **options: Any) -> Any:
        try:
            answer = self._http.request(method, base + path, **options)
        except httpx.TransportError as error:
            raise Unavailable(
                f"no control plane answers at {self.url} ({error})",
                hint="start one with `sereno up`, or set SERENO_URL",
            ) from error
        if not answer.is_success:
            if self.token is None and answer.status_code in (401, 403):
                raise Unauthenticated(f"the control plane at {self.url} does not know who asks", hint=_NOBODY)
            raise _error_of(answer)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        with suppress(ValueError):
            if kind in ("application/json", "text/markdown"):
                return answer.json() if kind == "application/json" else inert(answer.text)
        raise Unavailable(f"what answers at {self.url} is no control plane of Sereno", hint="look at SERENO_URL")


def _address(url: str) -> str:
    """`url` without slashes at its end. Raises UsageError if no client could call it."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"{url!r} is no address of a control plane: {error}", hint="look at SERENO_URL") from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise UsageError(f"{url!r} is no http:// or https:// address", hint="look at SERENO_URL")
    return url.rstrip("/")


def _operator_token() -> str | None:
    path = Path(os.environ.get("SERENO_DATA_DIR", ".sereno")) / "operator.token"
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _error_of(answer: httpx.Response) -> SerenoError:
    try:
        said = answer.json()["error"]
        told = said if isinstance(said, dict) else {"message": said}  # the query API has Prometheus's shape
        message, hint = inert(str(told["message"])), inert(str(told.get("hint") or "")) or None
    except (ValueError, KeyError, TypeError):
        message, hint = f"the control plane answered {answer.status_code}", None
    kind = _BY_STATUS.get(answer.status_code)
    return kind(message, hint=hint) if kind else Unavailable(message, hint=hint)


def print_json(value: object) -> None:
    """`value` on stdout as JSON for machines."""
    sys.stdout.write(numbered(json_module.dumps(value, indent=2, ensure_ascii=False)) + "\n")


def print_line(text: str) -> None:
    """A line for people, with nothing in it that their terminal would obey."""
    print(inert_line(text))


def print_table(title: str, columns: list[str], rows: list[list[object]], *, empty: str) -> None:
    """A table for people; `empty` is said when there are no rows."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_PIPES)
    if not rows:
        console.print(empty)
        return
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        # Nothing is cut off, and an identity stays whole: it is given to the next command.
        table.add_column(column, no_wrap=column in ("id", "#"), overflow="fold")
    for row in rows:
        table.add_row(*(escape(_shown(cell)) for cell in row))
    console.print(table)


def _shown(cell: object) -> str:
    """`cell` for people: nothing for None, instants to the second."""
    text = "" if cell is None else inert(str(cell))
    return _INSTANT.sub(r"\1 \2Z", text) if _INSTANT.fullmatch(text) else text
