"""Samples as Parquet: a row a sample, for DuckDB, pandas, Spark and us. Needs `sereno[parquet]`.

Columns: `time_ms` (int64, delta encoded), `value` (double, all bits kept, split by byte), `histogram` (text, JSON, only
where a sample is a native histogram), and one column a label, of dictionary-encoded text, null where a series lacks
the label. A label that is itself called like one of these columns is in `label_…`; the file's metadata,
`sereno.labels`, says which column is which label. Rows are ordered by metric, stretch of time, series and time.

Files of others are read too if they have `time_ms` (or `timestamp`, as instants or ms) and `value`: every other column
of text is taken for a label, and a column `labels` that is a map for all labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from sereno.adapters.samples.intake import BadLabels, BadSamples, checked
from sereno.adapters.samples.interchange import Portion, file_identity, grouped, replacing
from sereno.adapters.samples.series_text import IMPORT_LIMITS, histogram_json, histogram_of
from sereno.kernel.errors import UsageError
from sereno.kernel.labels import Labels
from sereno.promql.columns import Columns, Int64s, Objects

RESERVED = ("time_ms", "value", "histogram")
_LABELS_KEY = b"sereno.labels"
_GROUP_ROWS = 1 << 20
_COLUMNS_MAX = 2000


def arrow() -> Any:
    """pyarrow with its Parquet part. Raises UsageError, naming the extra, if it is not installed."""
    try:
        import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError("Parquet needs pyarrow", hint="pip install 'sereno[parquet]'") from None
    return import_module("pyarrow")


class ParquetWriter:
    """Writes `path`; `series` are all that will come (a Parquet file's columns are fixed at its beginning)."""

    def __init__(self, path: Path, series: Sequence[Labels]) -> None:
        pa = arrow()
        self._pa, self._path, self._partial = pa, path, replacing(path)
        names = sorted({name for labels in series for name in labels})
        if len(names) > _COLUMNS_MAX:
            raise UsageError(f"{len(names)} different labels are too many columns", hint="export fewer metrics at once")
        self._columns = _column_names(names)
        text = pa.dictionary(pa.int32(), pa.string())
        plain = [("time_ms", pa.int64()), ("value", pa.float64()), ("histogram", pa.string())]
        fields = [*plain, *((column, text) for column in self._columns.values())]
        told = {_LABELS_KEY: json.dumps({column: name for name, column in self._columns.items()}).encode()}
        self._schema = pa.schema(fields, metadata=told)
        self._writer = pa.parquet.ParquetWriter(
            self._partial, self._schema, compression="zstd",
            use_dictionary=list(self._columns.values()),
            column_encoding={"time_ms": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
        )  # fmt: skip

    def write(self, columns: Columns) -> int:
        """Write these samples; all have a place here."""
        pa = self._pa
        lengths = np.diff(columns.offsets)
        rows = np.repeat(np.arange(len(columns.labels), dtype=np.int32), lengths)
        natives = pa.nulls(len(columns.times), pa.string())
        if columns.histograms is not None:
            found = [None if one is None else histogram_json(one) for one in columns.histograms.tolist()]
            natives = pa.array(found, pa.string())
        arrays = [pa.array(columns.times), pa.array(columns.values), natives]
        for name in self._columns:
            arrays.append(self._label(name, columns.labels, rows))
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=_GROUP_ROWS)
        return 0

    def _label(self, name: str, labels: Sequence[Labels], rows: Any) -> Any:
        words: dict[str, int] = {}
        codes = np.array([words.setdefault(one[name], len(words)) if name in one else -1 for one in labels], np.int32)
        spread = codes[rows]
        indices = self._pa.array(spread, mask=spread < 0)
        return self._pa.DictionaryArray.from_arrays(indices, self._pa.array(list(words), self._pa.string()))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
        self._partial.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._writer.close()
        self._partial.unlink(missing_ok=True)


def _column_names(names: Sequence[str]) -> dict[str, str]:
    """The column of each label."""
    found: dict[str, str] = {}
    for name in names:
        column = name
        while column in RESERVED or (column != name and column in names):
            column = f"label_{column}"
        found[name] = column
    return found


class ParquetFile:
    """A Parquet file at `path`; its places are row groups."""

    def __init__(self, path: Path) -> None:
        self._pa, self._path = arrow(), path
        try:
            self._file = self._pa.parquet.ParquetFile(path)
        except self._pa.ArrowInvalid as problem:
            raise BadSamples(f"{path}: not a Parquet file: {problem}") from None
        self._time, self._labels, self._map = self._understood()

    @property
    def identity(self) -> str:
        """What tells this file from others."""
        return file_identity(self._path)

    @property
    def size(self) -> int:
        """The number of row groups."""
        return int(self._file.metadata.num_row_groups)

    def portions(self, place: int) -> Iterator[Portion]:
        """Everything from row group `place` on. Raises BadSamples where it is wrong."""
        for group in range(place, self.size):
            try:
                batches = self._file.iter_batches(_GROUP_ROWS, row_groups=[group])
                for batch in batches:
                    yield Portion(self._samples(self._pa.Table.from_batches([batch])), group)
            except (self._pa.ArrowException, OSError) as problem:
                raise BadSamples(f"{self._path}: row group {group}: {problem}") from None
            yield Portion((), group + 1)

    def _understood(self) -> tuple[str, dict[str, str], bool]:
        """The column of time, the label of each column of text, and whether `labels` is a map."""
        pa, schema = self._pa, self._file.schema_arrow
        names = set(schema.names)
        time = next((name for name in ("time_ms", "timestamp") if name in names), None)
        if time is None or "value" not in names:
            raise BadSamples(f"{self._path}: expected the columns time_ms (or timestamp) and value")
        if len(names) < len(schema.names):
            raise BadSamples(f"{self._path}: two columns have the same name")
        is_map = "labels" in names and pa.types.is_map(schema.field("labels").type)
        told = (schema.metadata or {}).get(_LABELS_KEY)
        if told is not None:
            try:
                labels = {str(column): str(name) for column, name in json.loads(told).items() if column in names}
            except (ValueError, AttributeError) as problem:
                raise BadSamples(f"{self._path}: its metadata is broken: {problem}") from None
        else:
            labels = {name: name for name in schema.names if name not in RESERVED and _is_text(pa, schema.field(name))}
        return time, labels, is_map

    def _samples(self, table: Any) -> list[Any]:
        times = self._times(table.column(self._time))
        values = table.column("value").cast(self._pa.float64())
        if values.null_count or len(times) != len(values):
            raise BadSamples(f"{self._path}: a row has no value")
        labels, numbers = self._series(table)
        return grouped(labels, numbers, times, values.to_numpy().astype(np.float64), self._natives(table))

    def _times(self, column: Any) -> Int64s:
        pa = self._pa
        if column.null_count:
            raise BadSamples(f"{self._path}: a row has no time")
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms"), safe=False)
        return np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)

    def _natives(self, table: Any) -> Objects | None:
        if "histogram" not in table.column_names or table.column("histogram").null_count == len(table):
            return None
        found = np.full(len(table), None, object)
        for place, text in enumerate(table.column("histogram").to_pylist()):
            if text is not None:
                try:
                    found[place] = histogram_of(text)
                except ValueError as problem:
                    raise BadSamples(f"{self._path}: {problem}") from None
        return found

    def _series(self, table: Any) -> tuple[list[Labels], Int64s]:
        """The series there are, and the number of each row's."""
        if self._map:
            return self._mapped(table.column("labels").to_pylist())
        codes, words = [], []
        for column in self._labels:
            encoded = table.column(column).combine_chunks()
            encoded = encoded if self._pa.types.is_dictionary(encoded.type) else encoded.dictionary_encode()
            codes.append(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64))
            words.append(encoded.dictionary.to_pylist())
        if not codes:
            raise BadSamples(f"{self._path}: no column is a label")
        rows, numbers = _distinct(np.stack(codes, axis=1))
        names = list(self._labels.values())
        found = [
            self._checked(
                [(name, words[at][code]) for at, (name, code) in enumerate(zip(names, row, strict=True)) if code >= 0]
            )
            for row in rows.tolist()
        ]
        return found, numbers

    def _mapped(self, rows: Sequence[Any]) -> tuple[list[Labels], Int64s]:
        known: dict[tuple[Any, ...], int] = {}
        numbers = np.array([known.setdefault(tuple(row or ()), len(known)) for row in rows], np.int64)
        return [self._checked([(str(n), str(v or "")) for n, v in key]) for key in known], numbers

    def _checked(self, pairs: Sequence[tuple[str, str | None]]) -> Labels:
        try:
            return checked([(name, value or "") for name, value in pairs], IMPORT_LIMITS)
        except BadLabels as problem:
            raise BadSamples(f"{self._path}: {problem}") from None


def _distinct(codes: Any) -> tuple[Any, Int64s]:
    """The different rows of a matrix, and which of them each row is; rows mostly repeat the one before."""
    changes = np.ones(len(codes), bool)
    changes[1:] = (codes[1:] != codes[:-1]).any(axis=1)
    runs = codes[changes]
    rows, numbers = np.unique(runs, axis=0, return_inverse=True)
    return rows, np.asarray(numbers.reshape(-1)[np.cumsum(changes) - 1], np.int64)


def _is_text(pa: Any, field: Any) -> bool:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
