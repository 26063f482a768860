"""A Parquet file of samples as a store's file, made once for each file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path


def convert(file: Path, path: Path, progress: Callable[[str, float], None]) -> tuple[str, ...]:
    """Bring the samples of `file` into the store at `path`, going on where an earlier run was cut off.

    Raises UsageError when pyarrow is not installed, BadSamples where the file is wrong.
    """
    return asyncio.run(_convert(file, path, progress))


async def _convert(file: Path, path: Path, progress: Callable[[str, float], None]) -> tuple[str, ...]:
    from sereno.adapters.samples.interchange import import_samples
    from sereno.adapters.samples.parquet_format import ParquetFile
    from sereno.adapters.samples.store import SampleStore
    from sereno.app.backtest_sources import KEPT

    source = ParquetFile(file)
    store = SampleStore(path, retention=KEPT)
    try:
        done = await import_samples(
            store, source, progress=lambda place, size: progress(file.name, place / max(size, 1))
        )
        return (f"{file}: {done.left_out} samples were left out",) if done.left_out else ()
    finally:
        store.close()
