"""A house with switches."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from tests.delivery.flags import with_flags
from tests.http.conftest import House
from tests.http.house import furnish

from sereno.app.http import create_app


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A calm house whose services have switches."""
    async with AsyncExitStack() as stack:
        control = await furnish(tmp_path / "house", "calm")
        control.spec.current = with_flags(control.spec.current)
        stack.callback(control.database.close)
        yield House(control, create_app(control), stack)


def declared() -> str:
    """The switches of the tests as a team would declare them."""
    return """\
flags: checkout
services: [pay]
define:
  - name: express
    type: boolean
    default: false
    to: true
    users: [ana, bo]
    rules:
      - {when: {country: [PE, CL], app: {at_least: "2.1"}}, share: 50%}
      - {when: {email: {ends_with: "@shop.example"}, plan: {is_not: free}}}
    share: 10%
    owner: shop
    expires: 2026-03-01
  - {name: banner, type: boolean, default: true}
---
flags: looks
define:
  - {name: theme, type: string, values: [light, dark], default: light, share: 25%, to: dark}
  - {name: limit, type: number, default: 10, users: [ana], to: 20}
"""


@pytest.fixture
def sereno_server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A real `sereno up` with these switches: its address, and the operator's token."""
    with running(tmp_path) as found:
        yield found


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, str]]:
    from tests.spec.shop import PEOPLE, SHOP

    spec, data = folder / "reliability", folder / "data"
    (spec / "runbooks").mkdir(parents=True, exist_ok=True)
    (spec / "runbooks/pay.md").write_text("# Pay\n")
    for name, text in (("people.yaml", PEOPLE), ("shop.yaml", SHOP), ("flags.yaml", declared())):
        (spec / name).write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ, "SERENO_PORT": str(port), "SERENO_SPEC": str(spec), "SERENO_DATA_DIR": str(data),
        "SERENO_URL": url,
    }  # fmt: skip
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "sereno", "up"], env=environment, stdout=log, stderr=log)
    try:
        for _ in range(300):
            with suppress(httpx.TransportError, FileNotFoundError):
                if httpx.get(f"{url}/health/live").is_success:
                    break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield url, (data / "operator.token").read_text().strip()
    finally:
        process.terminate()
        assert process.wait(20) == 0, (folder / "log").read_text()[-3000:]
