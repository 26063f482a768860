"""The end of a process without a lost request: first nobody sends any more, then the server stops.

SIGTERM ─► readiness says 503; all is served on ─► delay_seconds ─► the server's own handler: the listener closes,
what is under way ends ─► timeout_seconds ─► whatever is left is cut. A second SIGTERM, a second later or more, goes to
the server at once.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import sys
import threading
from _thread import start_new_thread
from collections.abc import Callable
from types import FrameType
from typing import Any
from weakref import WeakSet

from sereno_kit.clock import SYSTEM, Clock
from sereno_kit.health import HealthChecks
from sereno_kit.options import Drain

_logger = logging.getLogger("sereno_kit.drain")
_ECHO_SECONDS = 1.0
"""A SIGTERM so soon after the first is the same one: systemd tells workers, and then their parent tells them again."""
_LAST_SECONDS = 1.0
"""Of the time-out: after the server was told to hurry, before the process ends in any case."""


class Drainer:
    """Makes readiness say 503 before the server stops listening.

    Args:
        options: how long the load balancer has to see it, and how long the rest may take.
        health: what is told to be `draining`.
        clock: for waiting.
    """

    def __init__(self, options: Drain, health: HealthChecks, clock: Clock = SYSTEM) -> None:
        self.options = options
        self.health = health
        self.clock = clock
        _ALL.add(self)
        self.at_end: list[Callable[[], Any]] = []
        """What to call before the process is ended by force: flush logs, spans, errors. In a thread, within a bound."""
        self._begun_at: float | None = None
        self._file_since = clock.now() if options.file else 0.0
        if options.file:
            health.before_ready = self._look_at_file

    def install(self) -> bool:
        """Take SIGTERM before the server does, and hand it on later.

        Only the main thread may do so; elsewhere, on systems without SIGTERM, and where SIGTERM is ignored, nothing
        happens and the server ends as it always did.

        Returns:
            Whether SIGTERM now begins with the drain.
        """
        return _PROCESS.add(self)

    def install_early(self) -> bool:
        """As `install`, where gunicorn's worker has set its handlers already; elsewhere nothing happens.

        Workers of threads load the application in the main thread, but serve every request in another.
        """
        return _of_gunicorn(signal.getsignal(signal.SIGTERM)) and self.install()

    def uninstall(self) -> None:
        """Leave SIGTERM to the server again."""
        _PROCESS.remove(self)

    def begin(self) -> None:
        """Readiness says 503 from now on; everything is served as before."""
        if self._begun_at is None:
            self._begun_at = self.clock.monotonic()
        self.health.draining = True

    @property
    def finished(self) -> bool:
        """Whether the load balancer has had its time to see it."""
        return self._begun_at is not None and self.clock.monotonic() - self._begun_at >= self.options.delay_seconds

    def _look_at_file(self) -> None:
        """Drain while the file exists; one that is older than this process says nothing of it."""
        if self._begun_at is None:
            try:
                self.health.draining = os.stat(str(self.options.file)).st_mtime >= self._file_since
            except OSError:
                self.health.draining = False


class _Process:
    """The process's one handler of SIGTERM, however many services it serves."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._drainers: list[Drainer] = []
        self._previous: Any = None
        self._pid = 0
        self._begun_at: float | None = None
        self._due = False
        self._handed_over = False

    def add(self, drainer: Drainer) -> bool:
        if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGTERM"):
            return False
        if self._pid != os.getpid():
            self._forget()  # What was known before the fork was another process's.
        if not self._drainers and not self._take():
            return False
        if drainer not in self._drainers:
            self._drainers.append(drainer)
        return True

    def remove(self, drainer: Drainer) -> None:
        if drainer in self._drainers and self._pid == os.getpid():
            self._drainers.remove(drainer)
            in_main = threading.current_thread() is threading.main_thread()
            if not self._drainers and in_main and signal.getsignal(signal.SIGTERM) == self._on_signal:
                signal.signal(signal.SIGTERM, self._previous)
                self._pid = 0

    def _take(self) -> bool:
        current = signal.getsignal(signal.SIGTERM)
        if current is None or current == signal.SIG_IGN:
            return False
        if _of_loop(current):
            # The loop calls its own callback even if a handler is set over it; only by its own door is it replaced.
            # The server's callback cannot be had back, but the servers that do so treat SIGINT in the same way.
            try:
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._on_signal)
            except (RuntimeError, NotImplementedError):
                return False
            self._previous = None
        else:
            self._previous = current
            signal.signal(signal.SIGTERM, self._on_signal)
            if _of_gunicorn(current):
                signal.siginterrupt(signal.SIGTERM, False)  # As gunicorn set it: system calls of requests go on.
        self._pid = os.getpid()
        self._begun_at, self._due, self._handed_over = None, False, False
        return True

    def _on_signal(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        """In the main thread, between any two of its instructions: nothing here may take a lock or write a line."""
        if not self._drainers:
            self._hand_over(number, frame)
            return
        now = self._drainers[0].clock.monotonic()
        if self._begun_at is not None:
            if self._due or now - self._begun_at >= _ECHO_SECONDS:
                self._hand_over(number, frame)
            return
        self._begun_at = now
        for drainer in self._drainers:
            drainer.begin()
        try:
            start_new_thread(self._wait, (list(self._drainers),))
        except RuntimeError:  # No thread is to be had: better to end without a drain than never.
            self._hand_over(number, frame)

    def _hand_over(self, number: int, frame: FrameType | None) -> None:
        self._handed_over = True
        if self._previous is None:
            signal.raise_signal(signal.SIGINT)
        elif callable(self._previous):
            self._previous(number, frame)
        else:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

    def _wait(self, drainers: list[Drainer]) -> None:
        """What happens by itself after the first signal: the second one, and the end."""
        clock = drainers[0].clock
        callbacks = [callback for drainer in drainers for callback in drainer.at_end]
        delay = 0.0 if _reloading() else max(drainer.options.delay_seconds for drainer in drainers)
        timeout = max(drainer.options.timeout_seconds for drainer in drainers)
        last = min(_LAST_SECONDS, timeout / 5)
        began = clock.monotonic()
        within(last, [lambda: _logger.info("draining", extra={"delay_seconds": delay, "timeout_seconds": timeout})])
        clock.sleep(max(0.0, delay - (clock.monotonic() - began)))
        self._due = True
        if not self._handed_over:
            if self._previous == signal.SIG_DFL:
                within(last, callbacks)  # Nobody will: by default the process is gone at once.
            _send(signal.SIGTERM)
        clock.sleep(timeout - 2 * last)
        cut = lambda: _logger.warning("not drained in time", extra={"timeout_seconds": timeout})  # noqa: E731
        within(last, [cut, *callbacks])
        _send(signal.SIGINT)  # uvicorn and gunicorn give up what is still under way.
        clock.sleep(last)
        os._exit(128 + signal.SIGTERM)


_PROCESS = _Process()
_ALL: WeakSet[Drainer] = WeakSet()


def install_all() -> None:
    """Take SIGTERM for every service of this process; see `sereno_kit.gunicorn`."""
    for drainer in list(_ALL):
        drainer.install()


def within(seconds: float, callbacks: list[Callable[[], Any]]) -> bool:
    """Call each of `callbacks` in another thread, whatever they raise, and wait for them no longer than `seconds`.

    Returns:
        Whether all came to an end in time.
    """
    done = threading.Event()

    def run() -> None:
        for callback in callbacks:
            try:
                callback()
            except Exception:  # noqa: S112 - one that cannot flush must not keep the next from it
                continue
        done.set()

    try:
        threading.Thread(target=run, name="sereno_kit flush", daemon=True).start()
    except RuntimeError:  # The interpreter is too far in its end to begin a thread.
        run()
    return done.wait(seconds)


def at_exit(callback: Callable[[], Any]) -> Callable[[], None]:
    """Call `callback` when this process ends of its own accord; also in one that multiprocessing has started.

    Returns:
        What undoes it.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is not None and util.process.parent_process() is not None:  # There `atexit` is not heard.
        finalizer = util.Finalize(None, callback, exitpriority=1)
        return lambda: finalizer.cancel() if finalizer.still_active() else None
    atexit.register(callback)
    return lambda: atexit.unregister(callback)


def _send(number: int) -> None:
    """A signal to this process, so that its main thread wakes up; on Windows `os.kill` would end it."""
    signal.raise_signal(number) if sys.platform == "win32" else os.kill(os.getpid(), number)


def _of_loop(handler: Any) -> bool:
    """Whether the handler is that of an event loop (`loop.add_signal_handler`), asyncio's or uvloop's."""
    if isinstance(getattr(handler, "__self__", None), asyncio.AbstractEventLoop):
        return True
    return (getattr(handler, "__module__", None) or "").startswith("asyncio.")


def _of_gunicorn(handler: Any) -> bool:
    return (getattr(handler, "__module__", None) or "").startswith("gunicorn.workers")


def _reloading() -> bool:
    """Whether the process is a developer's, ended at each change of a file: nobody balances load to it."""
    return "--reload" in sys.argv
