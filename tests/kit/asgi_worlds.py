"""Small worlds for the middleware: an application under a kit of its own, callers who speak ASGI by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from sereno_kit import Metrics, instrument
from sereno_kit.kit import Kit
from sereno_kit.metrics.registry import Registry, use

QUIET = Metrics(process=False, loop_lag=False)


@contextmanager
def instrumented(app: Any, **options: Any) -> Iterator[Kit]:
    """A kit around `app` that shares nothing with the rest of the process, and leaves nothing behind."""
    options = {"service": "shop", "logs": None, "drain": None, "metrics": QUIET, **options}
    with use(Registry(CollectorRegistry())):
        kit = instrument(app, **options)
        try:
            yield kit
        finally:
            kit.close()


class Lines:
    """An access log that keeps what it is told."""

    def __init__(self, kit: Kit) -> None:
        self.told: list[tuple[Any, ...]] = []
        kit.observer.access = self  # type: ignore[assignment]

    def write(self, *told: Any) -> None:
        """One line."""
        self.told.append(told)

    def __len__(self) -> int:
        return len(self.told)


def scope_of(path: str, *, method: str = "GET", headers: Any = (), **more: Any) -> dict[str, Any]:
    """The scope of an HTTP request as uvicorn makes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogateescape"),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example"), *headers],
        "client": ("192.0.2.7", 4711),
        "server": ("127.0.0.1", 8000),
        **more,
    }


class Caller:
    """Somebody who asks, and may leave: raises `gone` when something is sent to him after that."""

    def __init__(
        self, *, leaves_at_once: bool = False, leaves_after: int | None = None, gone: type[Exception] | None = None
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self.asked = 0
        self._leaves_at_once = leaves_at_once
        self._leaves_after = leaves_after
        self._gone = gone

    async def receive(self) -> dict[str, Any]:
        """The request, then nothing; unless he leaves."""
        self.asked += 1
        if self.asked > 1 and not self._leaves_at_once:
            await asyncio.Event().wait()
        first = {"type": "http.request", "body": b"", "more_body": False}
        return first if self.asked == 1 else {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        """He takes it, unless he has left."""
        if self._leaves_after is not None and len(self.sent) >= self._leaves_after and self._gone is not None:
            raise self._gone("gone")
        self.sent.append(message)

    @property
    def status(self) -> int:
        """What he was answered."""
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    def header(self, name: str) -> list[str]:
        """All values of a header."""
        return [value.decode() for key, value in self.sent[0]["headers"] if key.decode().lower() == name]


async def ask(app: Any, path: str, *, caller: Caller | None = None, **more: Any) -> Caller:
    """One request, to its end, whatever is raised by then."""
    caller = caller or Caller()
    try:
        await app(scope_of(path, **more), caller.receive, caller.send)
    except Exception as error:
        caller.error = error  # type: ignore[attr-defined]
    return caller


def counted(kit: Kit) -> dict[tuple[str, str, str], int]:
    """What was counted: by method, route and status."""
    return {
        (sample.labels["method"], sample.labels["endpoint"], sample.labels["status"]): int(sample.value)
        for family in kit.metrics.prometheus.collect()
        for sample in family.samples
        if sample.name == "http_requests_total" and sample.value
    }


def series(kit: Kit) -> int:
    """How many series there are in all."""
    return sum(len(family.samples) for family in kit.metrics.prometheus.collect())
