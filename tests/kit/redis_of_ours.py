"""Debian's redis-server on a free port of this machine, holding nothing."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import free_port


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """Its port, while it runs."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("redis-server is missing: install Debian's package `redis-server` (apt-get install redis-server)")
    port = free_port()
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < end, "redis-server did not begin in 20 s"
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(10)
