"""Log lines as a test sees them: exactly what would have been written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import orjson

from sereno_kit import logs
from sereno_kit.logs import sinks
from sereno_kit.options import Logs


class CapturedLogs:
    """The lines of the block, in order."""

    def __init__(self) -> None:
        self._raw: list[bytes] = []
        self._lock = threading.Lock()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line as a dict; one that is no JSON, as of the console's form, as its `text`."""
        return [_parsed(line) for line in self.text.splitlines()]

    @property
    def text(self) -> str:
        """What would have been written."""
        with self._lock:
            return b"".join(self._raw).decode("utf-8", "replace")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def named(self, message: str) -> list[dict[str, Any]]:
        """The lines that say `message`."""
        return [line for line in self.lines if line.get("message") == message]

    def one(self, message: str) -> dict[str, Any]:
        """The only line that says `message`. Raises LookupError if there are none or several."""
        found = self.named(message)
        if len(found) != 1:
            said = [line.get("message", line) for line in self.lines]
            raise LookupError(f"{len(found)} lines say {message!r}; there are {said}")
        return found[0]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The lines of the access log."""
        return self.named("request")

    def _take(self, line: bytes) -> None:
        with self._lock:
            self._raw.append(line)


_captures: tuple[CapturedLogs, ...] = ()
_changing = threading.Lock()


@contextmanager
def capture_logs(level: str = "DEBUG") -> Iterator[CapturedLogs]:
    """Collect the lines that the program writes in the block, instead of writing them.

    They come as they are configured, redacted and in their field set. Where nothing is configured yet, everything from
    `level` on is collected, of structlog and `logging` alike, until `instrument` says otherwise.

    Args:
        level: what is collected where nothing is configured.
    """
    captured = CapturedLogs()
    own = logs.configure(Logs(level=level, stream=StringIO())) if logs._current is None else None
    _change(lambda there: (*there, captured))
    try:
        yield captured
    finally:
        if own is not None:
            own.close()
        _change(lambda there: tuple(one for one in there if one is not captured))


def _change(how: Callable[[tuple[CapturedLogs, ...]], tuple[CapturedLogs, ...]]) -> None:
    """Stand where lines leave for as long as somebody captures: loggers, the access log and later kits alike."""
    global _captures
    with _changing:
        before, _captures = _captures, how(_captures)
        if _captures and not before:
            sinks.Direct.write = _write  # type: ignore[method-assign, assignment]
        elif before and not _captures:
            sinks.Direct.write = _original  # type: ignore[method-assign]


def _write(_: sinks.Direct, line: bytes) -> None:
    for captured in _captures:
        captured._take(line)


_original = sinks.Direct.write


def _parsed(line: str) -> dict[str, Any]:
    try:
        parsed = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {"text": line}
    return parsed if isinstance(parsed, dict) else {"text": line}
