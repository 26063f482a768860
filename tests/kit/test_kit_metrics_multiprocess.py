"""Several processes, one service: counts add up, the dead are forgotten and their counts are not."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import free_port
from tests.kit.metric_pages import promtool_complaints, samples

from sereno_kit.metrics import multiprocess

HEAD = """
import os, sys, threading, time
from sereno_kit.metrics import exposition, process, registry as registries
from sereno_kit.endpoints import Ask
from sereno_kit.metrics.http import HttpMetrics
from sereno_kit.options import Metrics
from sereno_kit.context import Trace

registry = registries.current()
assert registry.multiprocess

def page(accept=""):
    return exposition.endpoint(registry)(Ask("GET", "/metrics", {"accept": accept})).body

def child(work):
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)

def wait(*pids):
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""


def run(folder: Path, script: str) -> bytes:
    """What a program that was started with the folder prints."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(script)],
        env={**os.environ, multiprocess.VARIABLE: str(folder)}, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that was taken for this run."""
    where = tmp_path / "multiproc"
    monkeypatch.setenv(multiprocess.VARIABLE, str(where))
    assert multiprocess.prepare()
    return where


def test_what_processes_count_adds_up_and_outlives_them(folder: Path) -> None:
    page = run(
        folder,
        """
        orders = registry.counter("orders_total", "Orders", status=["paid", "failed"])
        waits = registry.histogram("wait_seconds", "Waits", native=True)
        running = registry.gauge("jobs_running", "Running")
        debt = registry.gauge("debt_mxn", "Debt", unit="mxn", multiprocess="mostrecent")
        http = HttpMetrics(registry, Metrics(), [0.2])

        def work():
            orders.inc(2, status="paid")
            waits.observe(0.1)
            running.inc()
            debt.set(os.getpid())
            http.begin(); http.end("GET", "/", 200, 0.1, trace=Trace("a" * 32, "b" * 16))

        first = child(work); wait(first)
        second = child(work); wait(second)
        work()
        text = page()
        assert f"debt_mxn {float(os.getpid())}".encode() in text
        assert b"trace_id" not in page("application/openmetrics-text"), "no exemplars between processes"
        assert page("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
        sys.stdout.buffer.write(text)
        """,
    )
    found = samples(page)
    assert found['orders_total{status="paid"}'] == 6
    assert found['orders_total{status="failed"}'] == 0, "declared values are there in every process"
    assert found["wait_seconds_count"] == 3
    assert found['http_requests_total{endpoint="/",method="GET",status="200"}'] == 3
    assert found["jobs_running"] == 1, "the dead run nothing"
    assert promtool_complaints(page) == []


def test_every_process_tells_what_it_uses_and_the_dead_keep_only_their_cpu(folder: Path) -> None:
    page = run(
        folder,
        """
        process.install(registry)
        registries._WRITE_EVERY_SECONDS = 0.05
        registry.writer._every = 0.05
        registry.read_gauge("workers", "One each", lambda: 1)
        go = os.pipe()

        def work():
            ballast = bytearray(30_000_000)
            end = time.process_time() + 0.15
            while time.process_time() < end: pass
            time.sleep(0.4)
            os.write(go[1], b"x")
            time.sleep(30)

        pids = [child(work), child(work)]
        for _ in pids:
            assert os.read(go[0], 1)
        alive = page()
        for pid in pids:
            os.kill(pid, 9); os.waitpid(pid, 0)
        time.sleep(0.3)
        sys.stdout.buffer.write(alive + b"=====" + page())
        """,
    )
    alive, dead = (samples(part) for part in page.split(b"====="))
    assert (alive["workers"], dead["workers"]) == (3, 1)
    assert alive["process_resident_memory_bytes"] - dead["process_resident_memory_bytes"] > 50_000_000
    assert alive["process_open_fds"] > dead["process_open_fds"] > 0
    assert alive["process_threads"] >= 3 * 2
    assert dead["process_cpu_seconds_total"] >= alive["process_cpu_seconds_total"] > 0.3
    assert alive["process_max_fds"] == dead["process_max_fds"]
    assert alive['python_gc_collections_total{generation="0"}'] > 0
    assert promtool_complaints(page.split(b"=====")[0]) == []


def test_a_fork_amid_writing_leaves_no_child_stuck(folder: Path) -> None:
    run(
        folder,
        """
        import signal
        sys.setswitchinterval(1e-6)
        for name in ("a", "b", "c"):
            gauge = registry.read_gauge(name, "Many", labels=["i"])
            for i in range(400):
                gauge.read(lambda: 1, i=str(i))
        registry.writer._stop.set()
        registry.writer._every = 0.0001
        registry.writer._begin()
        hits = registry.counter("hits_total", "Hits")
        signal.alarm(40)
        for _ in range(30):
            wait(child(lambda: (signal.alarm(5), hits.inc(), registry.writer.write())))
        assert b"hits_total 30.0" in page()
        """,
    )


def test_totals_that_are_asked_for_grow_by_what_is_new_and_begin_anew(folder: Path) -> None:
    page = run(
        folder,
        """
        said = iter([5, 7, 7, 2, 3, 3])
        registry.sampled("counter", "said_total", "Said").add(lambda: next(said))
        registry.writer._stop.set()
        for _ in range(5):
            registry.writer.write()
        sys.stdout.buffer.write(page())
        """,
    )
    assert samples(page)["said_total"] == 7 + 3


def test_a_broken_file_takes_only_itself_away(folder: Path) -> None:
    page = run(
        folder,
        """
        import pathlib
        registry.counter("orders_total", "Orders").inc(3)
        here = pathlib.Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        (here / "counter_1.db").write_bytes(b"")  # it is just being made
        (here / "histogram_1.db").write_bytes(b"\\xff\\x00\\x01\\x00" + os.urandom(200))
        sys.stdout.buffer.write(page() + b"=====" + page())
        """,
    )
    first, second = page.split(b"=====")
    assert samples(first)["orders_total"] == 3
    assert samples(second)['sereno_kit_errors_total{part="metrics"}'] >= 1


# -- the folder -----------------------------------------------------------------------------------------


def test_the_parent_empties_what_an_earlier_run_left(folder: Path) -> None:
    (folder / "counter_1.db").write_bytes(b"old")
    (folder / "gauge_liveall_1.db").write_bytes(b"old")
    (folder / "precious.txt").write_text("not the client's")
    (folder / multiprocess._MARK).write_text(f"1 0 {multiprocess._space()}")
    assert multiprocess.prepare()
    assert sorted(file.name for file in folder.iterdir()) == ["precious.txt", multiprocess._MARK]


def test_while_the_owner_lives_nothing_is_touched(folder: Path) -> None:
    (folder / "counter_1.db").write_bytes(b"counting")
    assert not multiprocess.prepare(), "a reload of the same parent"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        (folder / multiprocess._MARK).write_text(multiprocess._identity(other.pid))
        assert not multiprocess.prepare(), "a second server that shares the folder"
        other.communicate(b"\n")
    assert (folder / "counter_1.db").exists()
    assert multiprocess.prepare()
    assert not (folder / "counter_1.db").exists()


def test_a_number_that_was_given_to_another_process_is_not_the_owner(folder: Path) -> None:
    (folder / "counter_1.db").write_bytes(b"old")
    (folder / multiprocess._MARK).write_text(f"{os.getpid()} 12345 {multiprocess._space()}")
    assert multiprocess.prepare()
    assert not (folder / "counter_1.db").exists()


def test_a_folder_of_somebody_elses_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(multiprocess.VARIABLE, str(tmp_path))
    (tmp_path / "counter_1.db").write_bytes(b"theirs")
    assert not multiprocess.prepare()
    assert (tmp_path / "counter_1.db").exists()
    assert not (tmp_path / multiprocess._MARK).exists()
    assert "left as it is" in capsys.readouterr().err
    (tmp_path / "gauge_livesum_999999.db").write_bytes(b"theirs")
    multiprocess.sweep()
    assert (tmp_path / "gauge_livesum_999999.db").exists(), "only where the folder is ours"


def test_only_live_gauges_of_the_dead_are_forgotten(folder: Path) -> None:
    names = {
        "gauge_livesum_{}.db", "gauge_livemostrecent_{}.db", "gauge_sum_{}.db", "counter_{}.db", "histogram_{}.db",
    }  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
    for pid in (gone.pid, os.getpid()):
        for name in names:
            (folder / name.format(pid)).touch()
    multiprocess.sweep()
    kept = {file.name for file in folder.iterdir()}
    assert {name for name in names if name.format(gone.pid) in kept} == {
        "gauge_sum_{}.db", "counter_{}.db", "histogram_{}.db",
    }  # fmt: skip
    assert all(name.format(os.getpid()) in kept for name in names)
    multiprocess.mark_process_dead(os.getpid())
    assert f"gauge_livesum_{os.getpid()}.db" not in {file.name for file in folder.iterdir()}


def test_without_the_variable_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(multiprocess.VARIABLE, raising=False)
    assert multiprocess.folder() is None
    assert not multiprocess.prepare()
    multiprocess.sweep()
    multiprocess.mark_process_dead(1)
    done = subprocess.run([sys.executable, "-m", "sereno_kit.metrics.multiprocess"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "is not set" in done.stderr
    where = tmp_path / "new" / "folder"
    env = {**os.environ, multiprocess.VARIABLE: str(where)}
    assert subprocess.run([sys.executable, "-m", "sereno_kit.metrics.multiprocess"], env=env).returncode == 0
    assert where.is_dir()


# -- gunicorn -------------------------------------------------------------------------------------------

APP = """
import os
from sereno_kit.endpoints import Ask
from sereno_kit.metrics import exposition, process, registry as registries
from sereno_kit.metrics.http import HttpMetrics
from sereno_kit.options import Metrics

registry = registries.current()
process.install(registry)
registry.read_gauge("workers_told", "One each", lambda: 1)
http = HttpMetrics(registry, Metrics(), [0.2])
page = exposition.endpoint(registry)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/metrics":
        answer = page(Ask("GET", "/metrics"))
        start_response("200 OK", [("Content-Type", answer.content_type)])
        return [answer.body]
    http.begin()
    http.end("GET", "/", 200, 0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
CONF = """
import os
from sereno_kit.metrics.multiprocess import child_exit, prepare

prepare()
workers = 2
preload_app = {preload}
"""


@contextlib.contextmanager
def gunicorn(folder: Path, *, preload: bool) -> Iterator[str]:
    """A service of two workers."""
    (folder / "shop.py").write_text(APP)
    (folder / "gunicorn.conf.py").write_text(CONF.format(preload=preload))
    port = free_port()
    multi = folder / "multi"
    multi.mkdir()
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "shop:app", "-b", f"127.0.0.1:{port}"],
            cwd=folder, env={**os.environ, multiprocess.VARIABLE: str(multi)}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)


def get(url: str) -> bytes:
    end = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.parametrize("preload", [False, True])
def test_gunicorns_workers_are_one_service_and_a_killed_one_is_forgotten(tmp_path: Path, preload: bool) -> None:
    name = 'http_requests_total{endpoint="/",method="GET",status="200"}'
    with gunicorn(tmp_path, preload=preload) as url:
        pids: set[bytes] = set()
        asked, end = 0, time.monotonic() + 30
        while len(pids) < 2 or asked < 30:
            pids.add(get(url))
            asked += 1
            assert time.monotonic() < end, "the second worker never answered"
        found = samples(get(f"{url}/metrics"))
        assert found[name] == asked
        assert found["http_requests_in_progress"] == 0
        os.kill(int(next(iter(pids))), signal.SIGKILL)
        end = time.monotonic() + 30
        while len(pids) < 3:
            pids.add(get(url))
            asked += 1
            assert time.monotonic() < end
        time.sleep(0.3)
        found = samples(get(f"{url}/metrics"))
        assert found[name] == asked, "what the dead one counted stays"
        files = {file.name for file in (tmp_path / "multi").iterdir()}
        alive = {int(found[1]) for file in files if (found := re.fullmatch(r"gauge_livesum_(\d+)\.db", file))}
        assert not [pid for pid in alive if not Path(f"/proc/{pid}").exists()]
