"""`sereno import`: history brought from elsewhere, once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from sereno.app.cli.client import print_json, print_line
from sereno.kernel.duration import parse_duration
from sereno.kernel.errors import UsageError
from sereno.kernel.moment import to_ms

if TYPE_CHECKING:
    from sereno.adapters.samples.download import Downloaded
    from sereno.adapters.samples.interchange import Imported, SampleFile
    from sereno.adapters.samples.store import SampleStore
    from sereno.app.settings import Settings

app = App(name="import", help="Bring what others recorded and wrote.", result_action="return_value")
app.command("sereno.app.cli.import_rules:rules", name="rules", help="Bring Prometheus rules into the spec.")
app.command(
    "sereno.app.cli.import_alertmanager:alertmanager", name="alertmanager", help="Bring an Alertmanager's receivers."
)
app.command(
    "sereno.app.cli.import_dashboards:dashboards",
    name="dashboards",
    help="Turn dashboards of Grafana into documents of the spec.",
)
Format = Literal["openmetrics", "tsdb", "parquet", "csv", "prometheus"]
FOR_EVER = timedelta(days=36_500)
_SUFFIXES: dict[str, Format] = {
    ".om": "openmetrics", ".prom": "openmetrics", ".txt": "openmetrics", ".openmetrics": "openmetrics",
    ".parquet": "parquet", ".csv": "csv",
}  # fmt: skip


@app.command
def samples(
    source: str,
    *,
    format: Format | None = None,
    into: Annotated[Path | None, Parameter(name=["--into", "--store"])] = None,
    match: tuple[str, ...] = (),
    since: str = "30d",
    until: str = "now",
    pause: float = 0.0,
    json: bool = False,
) -> int:
    """Bring samples into the embedded store (or a file of its own), going on where an earlier run ended.

    Parameters
    ----------
    source
        A file (OpenMetrics text, Parquet, CSV), a Prometheus's data folder, or the http:// address of a Prometheus.
    format
        What it is, if its name does not tell.
    into
        The sample store to fill; SERENO_DATA_DIR/samples.db by default, whose control plane must not be running.
    match
        From a Prometheus: the selectors to bring, such as 'http_requests_total{job="shop"}'.
    since
        From a Prometheus: how far back (30d), or an instant (2026-01-01T00:00:00Z).
    until
        From a Prometheus: up to when.
    pause
        From a Prometheus: seconds to wait between two requests. Its token is read from SERENO_PROMETHEUS_TOKEN.
    json
        Print JSON for machines.
    """
    from sereno.app.settings import load_settings

    settings = load_settings()
    kind = format or _kind_of(source)
    if kind == "prometheus":
        downloaded = asyncio.run(_download(settings, source, into, match, _range(since, until), pause))
        print_json(_told_download(downloaded)) if json else print_line(_said_download(downloaded))
        return 0
    if match:
        raise UsageError("--match chooses from a Prometheus; a file is brought whole")
    imported = asyncio.run(_import(settings, _file(Path(source), kind), into))
    print_json(_told_import(imported)) if json else print_line(_said_import(imported))
    return 0


def _kind_of(source: str) -> Format:
    if source.startswith(("http://", "https://")):
        return "prometheus"
    path = Path(source)
    if path.is_dir():
        return "tsdb"
    found = _SUFFIXES.get(Path(source.removesuffix(".gz")).suffix)
    if found is None:
        raise UsageError(f"what {source} is cannot be told from its name", hint="--format openmetrics|parquet|csv|tsdb")
    return found


def _file(path: Path, kind: Format) -> SampleFile:
    if not path.exists():
        raise UsageError(f"there is no {path}")
    if (kind == "tsdb") != path.is_dir():
        raise UsageError(f"{path} is {'no' if kind == 'tsdb' else 'a'} folder")
    match kind:
        case "tsdb":
            from sereno.adapters.samples.tsdb import TsdbFolder

            return TsdbFolder(path)
        case "parquet":
            from sereno.adapters.samples.parquet_format import ParquetFile

            return ParquetFile(path)
        case "csv":
            from sereno.adapters.samples.csv_format import CsvFile

            return CsvFile(path)
        case _:
            from sereno.adapters.samples.openmetrics_in import OpenMetricsFile

            return OpenMetricsFile(path)


@contextmanager
def opened(settings: Settings, into: Path | None) -> Iterator[SampleStore]:
    """The store to fill: the control plane's, or a file of its own in which nothing is ever forgotten."""
    from sereno.adapters.samples.store import SampleStore

    path = into or settings.data_dir / "samples.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    store = SampleStore(path, retention=FOR_EVER if into else settings.retention)
    try:
        yield store
    finally:
        store.close()


async def _import(settings: Settings, file: SampleFile, into: Path | None) -> Imported:
    from sereno.adapters.samples.interchange import import_samples

    with opened(settings, into) as store, bar("importing") as told:
        return await import_samples(store, file, progress=told)


async def _download(
    settings: Settings, url: str, into: Path | None, match: tuple[str, ...], span: tuple[int, int], pause: float
) -> Downloaded:
    from sereno.adapters.notify.egress import Policy
    from sereno.adapters.samples.download import Progress, download
    from sereno.adapters.samples.fetching import client
    from sereno.adapters.samples.prometheus_api import PrometheusApi
    from sereno.app.control import may_call
    from sereno.promql.columns import Selection
    from sereno.promql.selectors import matchers_of

    if not match:
        raise UsageError("say which series to bring", hint="--match 'http_requests_total{job=\"shop\"}'")
    selections = [Selection(matchers_of(one), *span) for one in match]
    policy, token = Policy.of(settings.allowed_hosts, allow_private=True), settings.prometheus_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    with opened(settings, into) as store, bar("downloading") as told:

        def watch(progress: Progress) -> None:
            told(progress.done_ms, progress.total_ms)

        async with client(policy) as http:
            api = PrometheusApi(url, http, allowed=may_call(policy), headers=headers, timeout_seconds=120)
            return await download(api, store, selections, progress=watch, pause_seconds=pause, source=f"download {url}")


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, if a person is watching; told how much of how much."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=max(total, 1))


def _range(since: str, until: str) -> tuple[int, int]:
    from sereno.adapters.clock import SystemClock

    now = SystemClock().now()
    return span_of(since, until, now)


def span_of(since: str, until: str, now: datetime) -> tuple[int, int]:
    """The instants in ms that `since` (a duration back, or an instant) and `until` name. Raises UsageError."""
    end = to_ms(now) if until == "now" else _instant_ms(until, now)
    begin = _instant_ms(since, now)
    if begin >= end:
        raise UsageError(f"--since {since} is not before --until {until}")
    return begin, end


def _instant_ms(text: str, now: datetime) -> int:
    try:
        return to_ms(now - parse_duration(text))
    except OverflowError:
        raise UsageError(f"{text} is too long") from None
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is neither a duration nor an instant", hint="30d, or 2026-01-01T00:00:00Z"
        ) from None
    return to_ms(found if found.tzinfo else found.replace(tzinfo=now.tzinfo))


def _told_import(found: Imported) -> dict[str, object]:
    written = found.written
    return {
        "samples": found.samples, "stored": written.stored, "duplicates": written.duplicates,
        "conflicting": written.conflicting, "too_old": written.too_old, "left_out": found.left_out,
    }  # fmt: skip


def _said_import(found: Imported) -> str:
    written = found.written
    parts = [f"{written.stored:,} samples brought"]
    parts += [f"{written.duplicates:,} were here already"] if written.duplicates else []
    parts += [f"{written.conflicting:,} refused: another value stands at that time"] if written.conflicting else []
    parts += (
        [f"{found.left_out:,} native histograms left out: the format does not convey them"] if found.left_out else []
    )
    return "; ".join(parts) + "."


def _told_download(found: Downloaded) -> dict[str, object]:
    return {
        "samples": found.samples, "stored": found.written.stored, "duplicates": found.written.duplicates,
        "conflicting": found.written.conflicting, "requests": found.requests, "parts": found.parts,
        "halved": found.halved, "known_ms": found.known_ms, "total_ms": found.total_ms, "exact": found.exact,
        "warnings": list(found.warnings),
    }  # fmt: skip


def _said_download(found: Downloaded) -> str:
    said = f"{found.written.stored:,} samples brought in {found.requests} requests"
    if found.known_ms:
        said += (
            f"; {timedelta(milliseconds=found.known_ms)} of {timedelta(milliseconds=found.total_ms)} were here already"
        )
    return "\n".join([said + ".", *(f"warning: {one}" for one in found.warnings)])
