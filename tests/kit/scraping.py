"""A real Prometheus that scrapes what tests show it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import free_port
from tests.promql.prometheus_peer import program


@dataclass
class Scraper:
    """A running Prometheus."""

    url: str

    def get(self, path: str, **params: str) -> Any:
        """What its API says."""
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(params)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series that `expr` gives now."""
        result: list[dict[str, Any]] = self.get("/api/v1/query", query=expr)["result"]
        return result

    def value(self, expr: str) -> float | None:
        """The one number that `expr` is worth now."""
        result = self.query(expr)
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None

    def until(self, holds: Callable[[], Any], seconds: float = 30) -> Any:
        """What `holds` gives, as soon as it gives something."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if found := holds():
                    return found
            assert time.monotonic() < end, f"not within {seconds} s: {self.targets()}"
            time.sleep(0.1)

    def targets(self) -> list[tuple[str, str, str]]:
        """Who is scraped, how it went, and what was wrong."""
        return [
            (one["labels"]["job"], one["health"], one["lastError"])
            for one in self.get("/api/v1/targets")["activeTargets"]
        ]


@contextlib.contextmanager
def scraping(folder: Path, ports: dict[str, int], *, native: bool) -> Iterator[Scraper]:
    """A Prometheus that scrapes the jobs at `ports` of this machine twice a second; by protobuf, if `native`."""
    config, port = folder / "prometheus.yml", free_port()
    jobs = "".join(
        f"- {{job_name: {job}, static_configs: [{{targets: ['127.0.0.1:{at}']}}]}}\n" for job, at in ports.items()
    )
    config.write_text(f"global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\nscrape_configs:\n{jobs}")
    more = ["--enable-feature=native-histograms,exemplar-storage"] if native else ["--enable-feature=exemplar-storage"]
    with (folder / "prometheus.log").open("ab") as log:
        server = subprocess.Popen(
            [
                program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}", *more,
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield Scraper(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait(timeout=20)
