"""`sereno export`: samples for others, in formats they know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from sereno.app.cli.client import print_json, print_line
from sereno.app.cli.import_ import bar, span_of
from sereno.kernel.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sereno.adapters.samples.interchange import SampleWriter
    from sereno.adapters.samples.source import Metadata
    from sereno.adapters.samples.store import SampleStore
    from sereno.promql.columns import Matcher

app = App(name="export", help="Hand out what is recorded.", result_action="return_value")
app.command("sereno.app.cli.export_spec:openslo", name="openslo", help="Write the objectives as OpenSLO v1.")
app.command("sereno.app.cli.export_spec:sloth", name="sloth", help="Write the objectives as Sloth reads them.")
app.command("sereno.app.cli.export_spec:pyrra", name="pyrra", help="Write the objectives as Pyrra reads them.")
Format = Literal["openmetrics", "tsdb", "parquet", "csv"]


@app.command
def samples(
    selectors: tuple[str, ...],
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    format: Format = "openmetrics",
    since: str = "30d",
    until: str = "now",
    store: Path | None = None,
    json: bool = False,
) -> int:
    """Write the samples that selectors find to a file; a control plane may be running meanwhile.

    Exits 1 when nothing was found.

    Parameters
    ----------
    selectors
        What to write, such as 'http_requests_total{job="shop"}'; '{job=~".+"}' for all that has a job.
    output
        The file, replaced whole; for tsdb an empty or new folder of blocks.
    format
        openmetrics (packed if the name ends in .gz), parquet, csv, or tsdb (needs promtool).
    since
        How far back (30d), or an instant (2026-01-01T00:00:00Z).
    until
        Up to when.
    store
        The sample store to read; SERENO_DATA_DIR/samples.db by default.
    json
        Print JSON for machines.
    """
    from sereno.adapters.clock import SystemClock
    from sereno.adapters.samples.interchange import export_samples, names_wanted
    from sereno.adapters.samples.store import SampleStore
    from sereno.app.settings import load_settings
    from sereno.promql.selectors import matchers_of

    if not selectors:
        raise UsageError("say which series to write", hint="'http_requests_total{job=\"shop\"}'")
    wanted = [matchers_of(one) for one in selectors]
    span = span_of(since, until, SystemClock().now())
    path = store or load_settings().data_dir / "samples.db"
    if not path.exists():
        raise UsageError(f"there is no sample store {path}")
    opened = SampleStore(path, read_only=True)
    try:
        series = names_wanted(opened, wanted, *span)
        if not series:
            print_line("nothing is recorded that these selectors find")
            return 1
        writer = _writer(format, output, opened, wanted, span)
        with bar("exporting") as told:
            found = export_samples(opened, writer, wanted, *span, progress=told)
    except OSError as problem:
        raise UsageError(f"{output} cannot be written: {problem.strerror or problem}") from problem
    finally:
        opened.close()
    if json:
        print_json({"series": found.series, "samples": found.samples, "left_out": found.left_out})
    else:
        left = f"; {found.left_out:,} left out, which {format} has no place for" if found.left_out else ""
        print_line(f"{found.samples:,} samples of {found.series:,} series written to {output}{left}.")
    return 0


def _writer(
    kind: Format, output: Path, store: SampleStore, wanted: Sequence[Sequence[Matcher]], span: tuple[int, int]
) -> SampleWriter:
    metadata = {name: said[-1] for name, said in store.metadata().items() if said}
    match kind:
        case "parquet":
            from sereno.adapters.samples.interchange import names_wanted
            from sereno.adapters.samples.parquet_format import ParquetWriter

            return ParquetWriter(output, names_wanted(store, wanted, *span))
        case "csv":
            from sereno.adapters.samples.csv_format import CsvWriter

            return CsvWriter(output)
        case "tsdb":
            from sereno.adapters.samples.tsdb import TsdbWriter

            return TsdbWriter(output, metadata)
        case _:
            return _text(output, metadata)


def _text(output: Path, metadata: dict[str, Metadata]) -> SampleWriter:
    from sereno.adapters.samples.openmetrics_out import OpenMetricsWriter

    return OpenMetricsWriter(output, metadata)
