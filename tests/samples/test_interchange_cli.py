"""`sereno import` and `sereno export` as people type them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sereno.adapters.samples.store import SampleStore
from sereno.app.cli import run
from sereno.promql.columns import Matcher, Selection

TEXT = '# TYPE orders counter\norders_total{job="a"} 5 1790000000\norders_total{job="b"} 7.5 1790000000.25\n# EOF\n'
AT = ["--since", "2026-01-01T00:00:00Z", "--until", "2027-01-01T00:00:00Z"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERENO_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "orders.om").write_text(TEXT)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int) -> str:
    assert run(words) == code
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    return shown.out + shown.err


def test_in_by_one_format_and_out_by_every_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra sereno[parquet]")
    brought = told(capsys, "import", "samples", "orders.om", "--into", "a.db")
    assert (brought["stored"], brought["duplicates"], brought["left_out"]) == (2, 0, 0)
    wanted = "orders_total"
    for form in ("openmetrics", "csv", "parquet"):
        out = f"out.{form}"
        written = told(capsys, "export", "samples", wanted, "--store", "a.db", "--format", form, "-o", out, *AT)
        assert written == {"series": 2, "samples": 2, "left_out": 0}
        again = told(capsys, "import", "samples", out, "--into", f"{form}.db")
        assert again["stored"] == 2
    assert (folder / "out.openmetrics").read_text() == TEXT.replace("1790000000\n", "1790000000.000\n").replace(
        "} 5 ", "} 5.0 "
    ).replace("0.25\n", "0.250\n")


def test_the_same_file_twice_is_read_once(capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "import", "samples", "orders.om")
    again = told(capsys, "import", "samples", "orders.om")
    assert (again["samples"], again["stored"]) == (0, 0)


def test_while_the_control_plane_holds_its_store(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data").mkdir()
    held = SampleStore(folder / "data" / "samples.db")
    try:
        assert "is held by process" in said(capsys, "import", "samples", "orders.om", code=1)
        assert "no sample store" in said(capsys, "export", "samples", "up", "-o", "x", "--store", "none.db", code=2)
        assert "nothing is recorded" in said(capsys, "export", "samples", "up", "-o", "x.om", code=1)
    finally:
        held.close()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["import", "samples", "nowhere.om"], "there is no nowhere.om"),
        (["import", "samples", "what.xyz"], "cannot be told from its name"),
        (["import", "samples", "orders.om", "--match", "up"], "a file is brought whole"),
        (["import", "samples", "http://127.0.0.1:1"], "say which series"),
        (["import", "samples", "orders.om", "--format", "tsdb"], "no folder"),
        (["import", "samples", "http://127.0.0.1:1", "--match", "up", "--since", "soon"], "neither a duration"),
        (["import", "samples", "http://127.0.0.1:1", "--match", "up", "--since", "9999999999d"], "too long"),
        (["import", "samples", "http://127.0.0.1:1", "--match", "up", "--since", "0s"], "is not before"),
        (["export", "samples", "up", "-o", "out.om"], "no sample store"),
    ],
)
def test_wrong_use_is_explained(capsys: pytest.CaptureFixture[str], words: list[str], shown: str) -> None:
    assert shown in said(capsys, *words, code=2)


def test_mistakes_in_files_have_their_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.om").write_text("up 1 1790000000\nup oops 1790000001\n")
    assert "bad.om:2: " in said(capsys, "import", "samples", "bad.om", code=1)


def test_an_output_that_cannot_be_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "import", "samples", "orders.om", "--into", "a.db")
    words = ["export", "samples", "orders_total", "--store", "a.db", "-o", "no/such/folder.om", *AT]
    assert "cannot be written" in said(capsys, *words, code=2)


@pytest.fixture
def prometheus() -> Iterator[str]:
    """Something that speaks enough of the query API, with a password."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("authorization") != "Bearer hush":
                self.send_error(401)
            elif self.path.endswith("/read"):
                self.send_error(404)
            else:
                result = [{"metric": {"__name__": "up"}, "values": [[1790000000, "1"]]}]
                body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_from_a_prometheus_with_a_token(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, prometheus: str
) -> None:
    monkeypatch.setenv("SERENO_PROMETHEUS_TOKEN", "hush")
    span = ["--since", "2026-09-21T00:00:00Z", "--until", "2026-09-22T00:00:00Z"]
    words = ["import", "samples", prometheus, "--match", "up", "--into", "p.db", *span]
    found = told(capsys, *words)
    assert found["stored"] == 1
    assert not found["exact"]
    assert told(capsys, *words)["requests"] == 0
    store = SampleStore(folder / "p.db", read_only=True)
    columns = store.select(Selection((Matcher("__name__", "=", "up"),), 0, 1 << 60))
    store.close()
    assert columns.times.tolist() == [1_790_000_000_000]
