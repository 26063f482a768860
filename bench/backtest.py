"""A burn-rate objective replayed over 30 days, beside Prometheus: 40 series at 15 s, seven windows, every minute.

Both read from their disk format: Prometheus from blocks that promtool made (kept in the temporary folder, by their
content), Sereno from its sample store, in a process of its own from start to end. CPU seconds are those of the whole
process (ours) and of the server while it answers (Prometheus), turn about.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.figure import Figure
from bench.promql import DAY_MS, DAYS, samples
from sereno.promql import Columns

T0 = 1_767_225_600_000
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
STEP_MS, POINTS_MAX = 60_000, 10_800
ROOT = Path(__file__).parents[1]
METRIC = "m"


def ratio(window: str) -> str:
    """The error ratio over `window`."""
    return f'sum(rate({METRIC}{{status=~"5.."}}[{window}])) / sum(rate({METRIC}[{window}]))'


def measure() -> list[Figure]:
    """CPU of both, with compiled kernels and without, and how the cost grows with the window."""
    columns = samples()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "samples.db"
        _into_store(columns, store)
        kinds = _kinds()
        ours: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
        theirs = 0.0
        worst = 0.0
        with _prometheus(_blocks(columns)) as server:
            for _ in range(4):  # turn about: all of ours, a part of theirs
                for kind in kinds:
                    ours[kind].append(_child(store, kind, Path(folder)))
                if not theirs:
                    theirs, worst = _asked(server, Path(folder))
        return [*_figures(ours, theirs), Figure("largest relative difference", worst, "", most=1e-9)]


def _kinds() -> list[str]:
    from sereno.promql import kernels

    return ["python"] if kernels.native is None else ["native", "python"]


def _figures(ours: dict[str, list[dict[str, float]]], theirs: float) -> list[Figure]:
    figures = [Figure("Prometheus, seven windows", round(theirs, 1), "CPU s")]
    for kind, runs in ours.items():
        best = {key: min(run[key] for run in runs) for key in runs[0]}
        floor = 100 if kind == "native" else 50
        beside = f"{best['work']:.2f} CPU s, {best['read']:.2f} of it to read the store"
        whole = f"{best['cpu']:.2f} CPU s, {best['start']:.2f} of it for imports, the rest for the interpreter"
        figures += [
            Figure(f"{kind} kernels: times less CPU", round(theirs / best["work"], 1), "×", least=floor, beside=beside),
            Figure(f"{kind} kernels: with its start-up", round(theirs / best["cpu"], 1), "×", beside=whole),
            Figure(f"{kind} kernels: 3 d window to 5 m window", round(best["3d"] / best["5m"], 2), "×", most=1.5),
            Figure(f"{kind} kernels: cold start to result", round(best["wall"], 2), "s", most=2),
            Figure(f"{kind} kernels: resident at most", round(best["peak"]), "MB", most=512),
        ]
    if "native" not in ours:
        figures.append(Figure("compiled kernels are there (scripts/kernels)", 0, "", least=1))
    return figures


# Ours ----------------------------------------------------------------------------------------------------------------


def _into_store(columns: Columns, path: Path) -> None:
    from sereno.adapters.samples.store import SampleStore

    store = SampleStore(path)
    rows = []
    shared: dict[bytes, np.ndarray] = {}
    for row, labels in enumerate(columns.labels):
        times, values = columns.series(row)
        times = times + T0
        rows.append((labels, shared.setdefault(times.tobytes(), times), values))
    store.backfill_sync(rows)
    store.close()


def _child(store: Path, kind: str, folder: Path) -> dict[str, float]:
    """A process of ours that does the whole backtest, with one thread as the command `sereno` has."""
    began = time.time()
    run = subprocess.run(
        [sys.executable, "-m", "bench.backtest", str(store), str(folder / "ours.npy")],
        env=os.environ | {"SERENO_KERNELS": kind, "OPENBLAS_NUM_THREADS": "1"}, cwd=ROOT,
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(run.stdout)
    return {**figures, "wall": figures["at"] - began}


def backtest(path: str, out: str) -> None:
    """What the process of ours does: open the store, evaluate the seven ratios, write them down."""
    began = time.process_time()
    from sereno.adapters.samples.store import SampleStore
    from sereno.promql import Grid, Matcher, Selection, evaluate, evaluate_all

    imported = time.process_time()
    store = SampleStore(Path(path), read_only=True)
    read = 0.0
    kept: dict[tuple[Matcher, ...], Columns] = {}

    def select(selection: Selection) -> Columns:
        nonlocal read
        began = time.process_time()
        found = store.select(selection)
        read += time.process_time() - began
        if selection.end_ms - selection.start_ms > DAYS * DAY_MS:
            kept[selection.matchers] = found
        return found

    grid = Grid(T0, T0 + DAYS * DAY_MS - STEP_MS, STEP_MS)
    results = evaluate_all([ratio(window) for window in WINDOWS], grid, select)
    done = time.process_time()
    table = np.full((len(WINDOWS), len(grid.instants_ms)), np.nan)
    for row, result in enumerate(results):
        assert not isinstance(result, Exception), result
        table[row][result.present[0]] = result.values[0][result.present[0]]
    np.save(out, table)
    finished = time.time()
    figures = {"work": done - imported, "start": imported - began, "read": read, "cpu": done, "at": finished}
    figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for window in ("5m", "3d"):  # each by itself, from memory, what is derived of the samples made anew
        costs = []
        for _ in range(3):
            began = time.process_time()
            evaluate(ratio(window), grid, lambda selection: kept[selection.matchers])
            costs.append(time.process_time() - began)
        figures[window] = min(costs)
    store.close()
    print(json.dumps(figures))


# Theirs --------------------------------------------------------------------------------------------------------------


def _blocks(columns: Columns) -> Path:
    """The same samples as blocks of Prometheus; made once."""
    digest = hashlib.sha256(columns.times.tobytes() + columns.values.tobytes() + str(columns.labels).encode())
    folder = Path(tempfile.gettempdir()) / f"sereno-bench-blocks-{digest.hexdigest()[:16]}"
    if folder.exists():
        return folder
    print("bench: making Prometheus's blocks, once (about a minute)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "samples.om"
        _write_openmetrics(columns, text)
        made = Path(scratch) / "blocks"
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=744h"]
        subprocess.run([*command, str(text), str(made)], check=True, stdout=subprocess.DEVNULL)
        shutil.move(made, folder)
    return folder


def _write_openmetrics(columns: Columns, path: Path) -> None:
    with path.open("w") as out:
        out.write(f"# TYPE {METRIC} unknown\n")
        for row, labels in enumerate(columns.labels):
            inside = ",".join(f'{k}="{v}"' for k, v in labels.items() if k != "__name__")
            times, values = columns.series(row)
            out.writelines(
                f"{METRIC}{{{inside}}} {value!r} {(time_ms + T0) / 1000:.3f}\n"
                for time_ms, value in zip(times.tolist(), values.tolist(), strict=True)
            )
        out.write("# EOF\n")


@contextlib.contextmanager
def _prometheus(blocks: Path) -> Iterator[tuple[int, int]]:
    """A server over `blocks`: its process and port."""
    import urllib.request  # here: it is no part of what our process is measured by

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "prometheus.yml"
        config.write_text("{}")
        shutil.copytree(blocks, Path(folder) / "data")
        server = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
             "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}",
             "--query.timeout=10m", "--log.level=error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    if urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).status == 200:
                        break
                time.sleep(0.1)
            yield server.pid, port
        finally:
            server.terminate()
            server.wait(30)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _asked(server: tuple[int, int], folder: Path) -> tuple[float, float]:
    """CPU seconds of the server for the seven ratios, and the largest relative difference to ours."""
    pid, port = server
    ours = np.load(folder / "ours.npy")
    steps = ours.shape[1]
    theirs = np.full(ours.shape, np.nan)
    _query(port, ratio("5m"), T0 + DAY_MS, T0 + DAY_MS)  # pages in what it will read
    before = _cpu_of(pid)
    for row, window in enumerate(WINDOWS):
        for first in range(0, steps, POINTS_MAX):
            last = min(first + POINTS_MAX, steps) - 1
            points = _query(port, ratio(window), T0 + first * STEP_MS, T0 + last * STEP_MS)
            for at, value in points:
                theirs[row, (round(at * 1000) - T0) // STEP_MS] = float(value)
    used = _cpu_of(pid) - before
    if not (np.isnan(ours) == np.isnan(theirs)).all():
        return used, float("inf")
    gap = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-300)
    return used, float(np.nanmax(np.where(ours == theirs, 0.0, gap)))


def _query(port: int, expr: str, start_ms: int, end_ms: int) -> list[tuple[float, str]]:
    import urllib.parse
    import urllib.request

    asked = urllib.parse.urlencode(
        {"query": expr, "start": start_ms / 1000, "end": end_ms / 1000, "step": STEP_MS // 1000}
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query_range?{asked}", timeout=900) as answer:
        found = json.load(answer)["data"]["result"]
    return found[0]["values"] if found else []


if __name__ == "__main__":
    backtest(*sys.argv[1:])
