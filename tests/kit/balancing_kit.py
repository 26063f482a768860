"""Traffic to a server that is told to end, by way of a load balancer that asks whether it is ready, now and then."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.kit.serving_kit import Server

POLL_SECONDS = 0.25
LAG_SECONDS = 0.3
SIGNAL_SECONDS = 0.1
"""What a signal may take to its process; polls within it are not counted."""


@dataclass
class Ending:
    """What callers saw of a server's end."""

    fates: Counter[str] = field(default_factory=Counter)
    """How many requests ended how: `ok`, or the name of what was wrong."""
    polls_until_503: int | None = None
    """The poll after SIGTERM that found 503: 1 is the first; 0 if it came at once; None if none did."""
    live_until_exit: bool = True
    """Whether liveness said 200 as long as the server answered at all."""
    seconds: float = 0.0
    """From SIGTERM (or the preStop) to the end of the process."""
    exit_code: int | None = None

    @property
    def lost(self) -> int:
        """Requests that were not answered as they should."""
        return sum(count for fate, count in self.fates.items() if fate != "ok")


class Balancer:
    """Sends as long as readiness said 200 the last time it asked, and a while longer: it is not the fastest."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self.sends = True
        self.ending = Ending()
        self.told_at: float | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def begin(self, slow: int, slow_seconds: float) -> None:
        """Slow requests, steady new connections, one that is kept, and the polls."""
        self._spawn(self._poll)
        for _ in range(2):
            self._spawn(self._steadily)
        self._spawn(self._over_one_connection)
        time.sleep(3 * POLL_SECONDS)
        for _ in range(slow):
            self._spawn(lambda: self._count(lambda: self._ask(f"/slow/{slow_seconds}")))
        time.sleep(0.3)

    def end(self) -> None:
        """Wait for everybody."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _spawn(self, function: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=function, daemon=True))
        self._threads[-1].start()

    def _poll(self) -> None:
        polls = 0
        while not self._over.wait(POLL_SECONDS):
            told_at = self.told_at
            polls += told_at is not None and time.monotonic() - told_at > SIGNAL_SECONDS
            ready, live = self._status("/health/ready"), self._status("/health/live")
            self.ending.live_until_exit &= live in (200, 0)
            if ready == 200:
                continue
            if ready == 503 and self.told_at is not None and self.ending.polls_until_503 is None:
                self.ending.polls_until_503 = polls
            time.sleep(LAG_SECONDS)
            self.sends = False

    def _steadily(self) -> None:
        while self.sends and not self._over.is_set():
            self._count(lambda: self._ask("/ok/1"))
            time.sleep(0.02)

    def _over_one_connection(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=20)
        while self.sends and not self._over.is_set():
            self._count(lambda: self._again(connection))
            time.sleep(0.02)
        connection.close()

    def _status(self, path: str) -> int:
        try:
            return self._server.get(path).status
        except OSError:
            return 0

    def _count(self, ask: Callable[[], str]) -> None:
        try:
            fate = ask()
        except (OSError, http.client.HTTPException) as error:
            fate = type(error).__name__
        with self._lock:
            self.ending.fates[fate] += 1

    def _ask(self, path: str) -> str:
        reply = self._server.get(path)
        return "ok" if reply.status == 200 and reply.whole else f"status {reply.status}"

    def _again(self, connection: http.client.HTTPConnection) -> str:
        connection.request("GET", "/ok/2")  # reconnects, where the last answer said `Connection: close`
        response = connection.getresponse()
        response.read()
        return "ok" if response.status == 200 else f"status {response.status}"


def ended(
    server: Server,
    *,
    slow: int = 10,
    slow_seconds: float = 2.5,
    pre_stop: Path | None = None,
    pre_stop_seconds: float = 1.5,
) -> Ending:
    """End `server` under traffic.

    Args:
        slow: requests under way when it is told to end.
        slow_seconds: how long they take.
        pre_stop: the file that is touched first, and SIGTERM sent `pre_stop_seconds` later, as a preStop hook does.
    """
    balancer = Balancer(server)
    balancer.begin(slow, slow_seconds)
    began = balancer.told_at = time.monotonic()
    if pre_stop is not None:
        pre_stop.touch()
        time.sleep(pre_stop_seconds)
    server.terminate()
    balancer.ending.exit_code = server.process.wait(40)
    balancer.ending.seconds = time.monotonic() - began
    balancer.end()
    return balancer.ending
