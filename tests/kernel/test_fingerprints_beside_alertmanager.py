"""Our fingerprints are Alertmanager's: the real one, from Debian's package, is asked."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sereno.kernel.labels import Labels

LABELS = [
    {"alertname": "ApiDown", "service": "api"},
    {"alertname": "CobroLento", "detail": "señal ñandú", "zone": "América/Lima"},
    {"alertname": "Long", "path": "/a" * 500, "quote": 'a"b\\c\n'},
    {"a": "1", "aa": "", "alertname": "x"},
]


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Alertmanager that tells nobody."""
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        pytest.fail("prometheus-alertmanager is missing: apt-get install prometheus-alertmanager")
    folder: Path = tmp_path_factory.mktemp("alertmanager")
    (folder / "am.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        program, f"--config.file={folder}/am.yml", f"--storage.path={folder}/data", f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"http://{address}/-/ready", timeout=1)
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        yield f"http://{address}/api/v2/alerts"
    finally:
        process.terminate()
        process.wait(10)


def test_the_same_labels_have_the_same_fingerprint(alertmanager: str):
    body = json.dumps([{"labels": labels} for labels in LABELS]).encode()
    request = urllib.request.Request(alertmanager, body, {"Content-Type": "application/json"})
    assert urllib.request.urlopen(request, timeout=5).status == 200
    with urllib.request.urlopen(alertmanager, timeout=5) as answer:
        theirs = {alert["labels"]["alertname"]: alert["fingerprint"] for alert in json.load(answer)}
    assert theirs == {labels["alertname"]: Labels(labels).fingerprint for labels in LABELS}
