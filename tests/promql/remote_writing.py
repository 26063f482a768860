"""A Prometheus that is sent its samples, staleness markers and all, by remote write."""

from __future__ import annotations

import socket
import struct
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cramjam
import numpy as np
from tests.promql.prometheus_peer import Prometheus, Series, _wait_ready, program

_BATCH = 20_000


def _varint(value: int) -> bytes:
    found = bytearray()
    value &= 2**64 - 1
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _labels(series: Series) -> bytes:
    pairs = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in series[0].pairs)
    return b"".join(_field(1, pair) for pair in pairs)


def _sample(at: int, value: float) -> bytes:
    return _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(at))


def requests(series: list[Series]) -> Iterator[bytes]:
    """Write requests (version 1.0) that hold all samples in order of time."""
    heads = [_labels(one) for one in series]
    rows = np.concatenate([np.full(len(times), row) for row, (_, times, _) in enumerate(series)])
    times = np.concatenate([times for _, times, _ in series])
    values = np.concatenate([values for _, _, values in series])
    order = np.lexsort((rows, times))
    for begin in range(0, len(order), _BATCH):
        part = order[begin : begin + _BATCH]
        samples: dict[int, list[bytes]] = {}
        for index in part:
            samples.setdefault(int(rows[index]), []).append(_sample(int(times[index]), float(values[index])))
        body = b"".join(_field(1, heads[row] + b"".join(found)) for row, found in samples.items())
        yield bytes(cramjam.snappy.compress_raw(body))


@contextmanager
def written_prometheus(folder: Path, series: list[Series]) -> Iterator[Prometheus]:
    """A Prometheus on a free port that was sent `series`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "prometheus.yml"
    config.write_text("global: {evaluation_interval: 1m}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--log.level=error",
            "--web.enable-remote-write-receiver",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _wait_ready(server, f"http://127.0.0.1:{port}")
        for body in requests(series):
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/v1/write",
                data=body,
                headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"},
            )
            with urllib.request.urlopen(asked, timeout=30) as answer:
                assert answer.status in (200, 204), answer.status
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=20)
