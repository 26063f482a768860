"""The end of a process as its load balancer sees it; what servers do with it is in test_kit_servers.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sereno_kit.drain import Drainer, within
from sereno_kit.endpoints import Ask
from sereno_kit.health import HealthChecks
from sereno_kit.options import Drain, Health

READY = Ask("GET", "/health/ready")


class Hands:
    """A clock that moves when told to."""

    def __init__(self, now: float = 0.0) -> None:
        self.seconds = 100.0
        self.wall = now

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> float:
        return self.wall

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def asleep(self, seconds: float) -> None:
        self.seconds += seconds


async def test_once_begun_readiness_says_503_and_the_delay_runs() -> None:
    hands = Hands()
    health = HealthChecks(Health(), hands)
    drainer = Drainer(Drain(delay_seconds=5), health, hands)
    assert not drainer.finished
    assert (await health.ready(READY)).status == 200

    drainer.begin()
    assert (await health.ready(READY)).status == 503
    assert (await health.live(READY)).status == 200
    hands.seconds += 3
    drainer.begin()  # a second time changes nothing
    hands.seconds += 1.9
    assert not drainer.finished
    hands.seconds += 0.1
    assert drainer.finished


async def test_while_its_file_exists_it_is_out_of_rotation(tmp_path: Path) -> None:
    file = tmp_path / "drain"
    hands = Hands(now=1_000_000.0)
    health = HealthChecks(Health(), hands)
    Drainer(Drain(file=str(file)), health, hands)
    assert (await health.ready(READY)).status == 200
    file.touch()
    os.utime(file, (1_000_060, 1_000_060))
    answer = await health.ready(READY)
    assert (answer.status, json.loads(answer.body)["status"]) == (503, "draining")
    assert health.draining  # answers say `Connection: close` meanwhile
    file.unlink()
    assert (await health.ready(READY)).status == 200
    assert not health.draining


async def test_a_file_left_by_the_process_before_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "drain"
    file.touch()
    os.utime(file, (999_000, 999_000))
    hands = Hands(now=1_000_000.0)
    health = HealthChecks(Health(), hands)
    Drainer(Drain(file=str(file)), health, hands)
    assert (await health.ready(READY)).status == 200


async def test_a_file_does_not_undo_a_signal(tmp_path: Path) -> None:
    hands = Hands()
    health = HealthChecks(Health(), hands)
    drainer = Drainer(Drain(file=str(tmp_path / "drain")), health, hands)
    drainer.begin()
    assert (await health.ready(READY)).status == 503


def test_outside_the_main_thread_nothing_is_taken() -> None:
    before = signal.getsignal(signal.SIGTERM)
    said = []
    drainer = Drainer(Drain(), HealthChecks(Health()))
    thread = threading.Thread(target=lambda: said.append(drainer.install()))
    thread.start()
    thread.join()
    assert said == [False]
    assert signal.getsignal(signal.SIGTERM) == before


def test_flushing_is_bounded_and_one_that_fails_does_not_keep_the_next_from_it() -> None:
    flushed = []
    gate = threading.Event()

    def broken() -> None:
        raise OSError

    assert within(5, [broken, lambda: flushed.append("spans")])
    assert not within(0.02, [gate.wait, lambda: flushed.append("late")])
    assert flushed == ["spans"]
    gate.set()


def told(program: str, *signals: tuple[float, int], timeout: float = 10) -> tuple[int, str]:
    """Run `program` in another process, send it signals after it says READY; its exit code and what it said."""
    text = f"import signal, sys, time, threading, os\n{COMMON}\n{program}"
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    bound = threading.Timer(timeout, process.kill)
    bound.start()
    try:
        assert process.stdout.readline() == "READY\n"
        for after, number in signals:
            time.sleep(after)
            process.send_signal(number)
        said = process.stdout.read()
        return process.wait(), said
    finally:
        bound.cancel()
        process.kill()
        process.stdout.close()


COMMON = """
from sereno_kit.drain import Drainer
from sereno_kit.health import HealthChecks
from sereno_kit.options import Drain, Health
health = HealthChecks(Health())
began = None
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def drainer(**options):
    return Drainer(Drain(**options), health)
"""


def test_the_servers_own_handler_runs_after_the_delay() -> None:
    code, said = told(
        """
ended = threading.Event()
def server(number, frame):
    say("server", number == signal.SIGTERM, health.draining, d.finished)
    ended.set()
signal.signal(signal.SIGTERM, server)
d = drainer(delay_seconds=0.3, timeout_seconds=5)
say("READY") if d.install() and d.install() else None
ended.wait()
""",
        (0, signal.SIGTERM),
    )
    assert (code, said) == (0, "server True True True\n")


def test_a_second_signal_goes_to_the_server_at_once() -> None:
    code, said = told(
        """
ended = threading.Event()
def server(number, frame):
    say("server", d.finished)
    ended.set()
signal.signal(signal.SIGTERM, server)
d = drainer(delay_seconds=30, timeout_seconds=5)
d.install()
say("READY")
ended.wait()
""",
        (0, signal.SIGTERM),
        (1.1, signal.SIGTERM),
    )
    assert (code, said) == (0, "server False\n")


def test_one_signal_by_two_ways_is_one() -> None:
    """systemd tells every process of the unit, and then the parent tells its workers."""
    code, said = told(
        """
ended = threading.Event()
def server(number, frame):
    say("server", d.finished)
    ended.set()
signal.signal(signal.SIGTERM, server)
d = drainer(delay_seconds=0.6, timeout_seconds=5)
d.install()
say("READY")
ended.wait()
""",
        (0, signal.SIGTERM),
        (0.1, signal.SIGTERM),
        (0.2, signal.SIGTERM),
    )
    assert (code, said) == (0, "server True\n")


def test_two_services_of_one_process_drain_together() -> None:
    code, said = told(
        """
ended = threading.Event()
def server(number, frame):
    say("server", first.finished, second.finished)
    ended.set()
signal.signal(signal.SIGTERM, server)
first, second = drainer(delay_seconds=0.1), drainer(delay_seconds=0.3)
first.install(), second.install()
say("READY")
ended.wait()
""",
        (0, signal.SIGTERM),
    )
    assert (code, said) == (0, "server True True\n")


def test_where_nobody_handles_the_signal_what_is_kept_is_flushed_and_the_process_ends_by_it() -> None:
    code, said = told(
        """
d = drainer(delay_seconds=0.1)
d.at_end.append(lambda: say("flushed"))
d.install()
say("READY")
time.sleep(30)
""",
        (0, signal.SIGTERM),
    )
    assert (code, said) == (-signal.SIGTERM, "flushed\n")


def test_a_server_that_never_ends_is_ended() -> None:
    code, said = told(
        """
signal.signal(signal.SIGTERM, lambda *_: say("server"))
signal.signal(signal.SIGINT, lambda *_: say("hurry"))
d = drainer(delay_seconds=0.1, timeout_seconds=0.5)
d.at_end.append(lambda: say("flushed"))
d.at_end.append(threading.Event().wait)  # a flush that hangs holds nothing up
d.install()
say("READY")
while True:
    time.sleep(1)
""",
        (0, signal.SIGTERM),
        timeout=5,
    )
    assert (code, said) == (143, "server\nflushed\nhurry\n")


def test_control_c_is_left_alone() -> None:
    code, said = told(
        """
signal.signal(signal.SIGINT, signal.default_int_handler)  # What a shell starts in the background ignores it.
d = drainer(delay_seconds=30)
d.install()
try:
    say("READY")
    time.sleep(30)
except KeyboardInterrupt:
    say("interrupted", health.draining)
""",
        (0, signal.SIGINT),
    )
    assert (code, said) == (0, "interrupted False\n")


def test_a_process_that_ignores_the_signal_goes_on_ignoring_it() -> None:
    code, said = told(
        """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
d = drainer()
say("READY")
say(d.install(), signal.getsignal(signal.SIGTERM) == signal.SIG_IGN)
"""
    )
    assert (code, said) == (0, "False True\n")


def test_what_was_taken_is_given_back() -> None:
    code, said = told(
        """
def server(number, frame): ...
signal.signal(signal.SIGTERM, server)
first, second = drainer(), drainer()
first.install(), second.install()
say("READY")
first.uninstall()
say(signal.getsignal(signal.SIGTERM) is server)
second.uninstall()
second.uninstall()
say(signal.getsignal(signal.SIGTERM) is server)
say(first.install(), signal.getsignal(signal.SIGTERM) is server)
"""
    )
    assert (code, said) == (0, "False\nTrue\nTrue False\n")


def test_after_a_fork_the_child_takes_the_signal_anew() -> None:
    code, said = told(
        """
d = drainer(delay_seconds=0.1)
d.install()
child = os.fork()
if child == 0:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: (say("server", d.finished), ended.set()))  # as gunicorn does
    d.install()
    say("READY")
    ended.wait()
    os._exit(0)
time.sleep(0.3)
os.kill(child, signal.SIGTERM)
say("child", os.waitpid(child, 0)[1])
"""
    )
    assert (code, said) == (0, "server True\nchild 0\n")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_handler_that_a_loop_keeps_waits_for_the_delay_too(loop: str) -> None:
    code, said = told(
        f"""
import asyncio, uvloop
async def main():
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):  # as granian and hypercorn do
        loop.add_signal_handler(number, lambda: (say("server", d.finished), ended.set()))
    global d
    d = drainer(delay_seconds=0.2)
    say("READY") if d.install() else None
    await ended.wait()
{loop}.run(main())
""",
        (0, signal.SIGTERM),
    )
    assert (code, said) == (0, "server True\n")


def test_a_developers_reload_does_not_wait() -> None:
    code, said = told(
        """
sys.argv.append("--reload")
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: (say("server"), ended.set()))
d = drainer(delay_seconds=60)
d.install()
say("READY")
ended.wait()
""",
        (0, signal.SIGTERM),
        timeout=5,
    )
    assert (code, said) == (0, "server\n")
