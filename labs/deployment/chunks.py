"""Tables in chunks: a DataFrame, CSV or Parquet file read some rows at a time, and written.

A file is never whole in memory. Between reading and writing a chunk is an Arrow table,
so columns that no model uses pass through as they are, dates and decimals included.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from mlflow.models import ModelSignature
from mlflow.types import DataType

from labs.deployment.fingerprint import content_hash

READ_BYTES = 1 << 20  # a block of CSV that is parsed at once
BATCH_ROWS = 16_384  # a step through a Parquet file; chunks are cut from these
MISSING = ["", "NA", "N/A", "NULL", "NaN", "nan", "null", "None"]  # in a text column of the model


@dataclass(frozen=True)
class Source:
    """What is to be scored: its name, columns, content hash, and rows (of a CSV, at most)."""

    name: str
    columns: list[str]
    fingerprint: str
    rows: int
    data: pd.DataFrame | Path
    types: dict[str, pa.DataType]
    stamp: tuple[int, int] | None

    def chunks(self, rows: int) -> Iterator[pa.Table]:
        """The rows in order, `rows` to a table; the last table may be shorter."""
        return rechunked(self._batches(), rows)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if isinstance(self.data, pd.DataFrame):
            return iter(pa.Table.from_pandas(self.data, preserve_index=False).to_batches())
        if self.data.suffix == ".csv":
            return _csv_batches(
                self.data, {**dict.fromkeys(self.columns, pa.string()), **self.types}
            )
        return _parquet_batches(self.data)

    def is_unchanged(self) -> bool:
        """Whether a file is still the one that was opened."""
        return self.stamp is None or self.stamp == _stamp(self.data)


def open_source(source: pd.DataFrame | Path | str, signature: ModelSignature) -> Source:
    """`source` for a model with `signature`, which says the types of its columns in a CSV.

    Columns of a CSV that the model does not use stay text, as they stand in the file.
    Raises FileNotFoundError, or ValueError if it is no table or lacks a column.
    """
    types = _arrow_types(signature)
    if isinstance(source, pd.DataFrame):
        name, data, stamp = "the table", source, None
        columns, rows = [str(column) for column in source.columns], len(source)
        fingerprint = content_hash(source)
    else:
        data = Path(source).resolve()
        name = data.name
        check_suffix(data)
        if not data.is_file():
            raise FileNotFoundError(f"{data}: there is no such file to score")
        stamp = _stamp(data)
        columns, rows = _layout(data)
        fingerprint, lines = _digest(data)
        rows = lines if rows is None else rows
    needed = {c.name for c in signature.inputs if c.required}
    if missing := sorted(needed - set(columns)):
        raise ValueError(
            f"{name} has no column {', '.join(missing)}, which the model needs; "
            f"it has {', '.join(columns)}"
        )
    return Source(name, columns, fingerprint, rows, data, types, stamp)


def check_suffix(path: Path) -> None:
    """Raise ValueError unless `path` is named as a CSV or Parquet file."""
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path.name} ends in {path.suffix!r}; name a .csv or .parquet file")


def rechunked(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """The same rows, `rows` to a table, however they were cut before."""
    waiting, held = [], 0
    for batch in batches:
        while held + batch.num_rows >= rows:
            cut = rows - held
            yield pa.Table.from_batches([*waiting, batch.slice(0, cut)])
            batch, waiting, held = batch.slice(cut), [], 0
        if batch.num_rows:
            waiting.append(batch)
            held += batch.num_rows
    if waiting:
        yield pa.Table.from_batches(waiting)


def for_model(chunk: pa.Table, signature: ModelSignature) -> pd.DataFrame:
    """The columns of `chunk` that the model takes, as a DataFrame."""
    chunk = chunk.select([c.name for c in signature.inputs if c.name in chunk.column_names])
    for i, field in enumerate(chunk.schema):
        if field.type == pa.string():
            absent = pc.is_in(chunk[i], value_set=pa.array(MISSING))
            chunk = chunk.set_column(i, field, pc.if_else(absent, None, chunk[i]))
    return chunk.to_pandas()


def write_tables(tables: Iterable[pa.Table], stream: IO[bytes], suffix: str) -> None:
    """Write `tables`, which have one schema, as one CSV, Parquet or Arrow file."""
    tables = iter(tables)
    first = _plain(next(tables)) if suffix == ".csv" else next(tables)
    with _writer(suffix)(stream, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table.cast(first.schema))


def _writer(suffix: str):
    kinds = {".csv": pa.csv.CSVWriter, ".parquet": pa.parquet.ParquetWriter}
    return kinds.get(suffix, pa.ipc.new_file)


def _plain(table: pa.Table) -> pa.Table:
    """Categories as their values: a CSV has no others."""
    fields = [
        f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f
        for f in table.schema
    ]
    return table.cast(pa.schema(fields))


def _arrow_types(signature: ModelSignature) -> dict[str, pa.DataType]:
    if signature is None or not signature.inputs.has_input_names():
        raise ValueError("the model's signature names no columns; log it with a DataFrame's")
    kinds = {column.name: column.type for column in signature.inputs}
    texts = (DataType.string, DataType.binary)
    return {
        name: pa.string() if kind in texts else pa.from_numpy_dtype(kind.to_numpy())
        for name, kind in kinds.items()
    }


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of the last change: with another stamp, take it for another content."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _layout(path: Path) -> tuple[list[str], int | None]:
    """The names of the columns, and the number of rows if the file states it."""
    if path.suffix == ".parquet":
        with pa.parquet.ParquetFile(path) as file:
            return file.schema_arrow.names, file.metadata.num_rows
    with open(path, encoding="utf-8-sig", newline="") as stream:
        columns = next(csv.reader(stream), [])
    if len(set(columns)) < len(columns) or not columns:
        raise ValueError(f"{path.name}: the first line must name each column once; it is {columns}")
    return columns, None


def _digest(path: Path) -> tuple[str, int]:
    """SHA-256 of the file, and how many lines follow its first."""
    digest, lines = hashlib.sha256(), 0
    with open(path, "rb") as stream:
        while block := stream.read(READ_BYTES):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest(), max(lines - 1, 0)


def _csv_batches(path: Path, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    with pa.csv.open_csv(
        path,
        read_options=pa.csv.ReadOptions(block_size=READ_BYTES),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(column_types=types),
    ) as reader:
        yield from reader


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.parquet.ParquetFile(path) as file:
        yield from file.iter_batches(BATCH_ROWS)
