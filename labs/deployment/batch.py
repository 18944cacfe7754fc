"""Score a table in chunks into one file; a run that was killed goes on where it stopped.

The target appears at once, when all of it is there, so nobody ever reads half of it.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel

from labs.deployment.chunks import Source, check_suffix, for_model, open_source
from labs.deployment.events import EventLog
from labs.deployment.files import is_full
from labs.deployment.parts import Parts, lock_of
from labs.deployment.turns import turn

CHUNK_ROWS = 50_000  # some MB of a usual table, and a second or so that a kill can cost
WAIT_SECONDS = 2  # for another run into the same target, which may just be ending
BAR_WIDTH = 30  # characters


@dataclass(frozen=True)
class Scored:
    """What a run did: it scored `chunks - reused` chunks itself, and `because` says why."""

    target: Path
    model: str
    version: str
    rows: int
    chunks: int
    reused: int
    because: str

    def __str__(self) -> str:
        return (
            f"{self.target.name}: {self.rows:,} rows by {self.model} version {self.version}; "
            f"scored {self.chunks - self.reused} of {self.chunks} chunks, {self.because}"
        )


def score(
    model: str | PyFuncModel,
    source: pd.DataFrame | Path | str,
    target: Path | str,
    *,
    chunk_rows: int = CHUNK_ROWS,
    keep: Sequence[str] | None = None,
    alias: str = "champion",
    version: int | str | None = None,
    log: EventLog | None = None,
    why: str = "",
    actor: str = "",
    at: datetime | None = None,
) -> Scored:
    """Write the rows of `source`, with the model's answer to each, to the file `target`.

    `model` is a registered name, of which `version` or `alias` is used, or a loaded
    model. Files are CSV or Parquet. The columns `keep`, or all, are followed by
    `prediction`, or `prediction_0`, `prediction_1`... if an answer has several numbers.

    After a kill the same call completes the file, byte for byte as if undisturbed. If
    the input or the model changed meanwhile it starts anew, and says so; if all is done
    it does nothing. For a moment it needs twice the target's space. Raises OSError if
    the disk is full, FileExistsError if `target` is not a file of such a run.
    """
    target = Path(target).resolve()
    check_suffix(target)
    if chunk_rows < 1:
        raise ValueError(f"chunk_rows is {chunk_rows}; a chunk has at least one row")
    name, number, loaded = _resolved(model, alias, version)
    table = open_source(source, loaded.metadata.signature)
    kept = list(table.columns if keep is None else keep)
    _check(table, target, kept)
    plan = {"data": table.fingerprint, "chunk_rows": chunk_rows, "keep": kept}
    plan |= {"model": name, "version": number, "uuid": loaded.metadata.model_uuid}
    with turn(lock_of(target), WAIT_SECONDS, f"{target.name} is being written"):
        parts = Parts(target, plan)
        if parts.is_finished():
            parts.tidy()
            rows, chunks = parts.record["rows"], parts.record["chunks"]
            return Scored(target, name, number, rows, chunks, chunks, "as nothing has changed")
        try:
            because = parts.begin()
            rows, chunks, reused = _fill(parts, table, loaded)
            parts.join(chunks)
            if log:
                why = why or f"score {table.name}"
                parts.append_once(log, rows=rows, why=why, actor=actor, at=at)
            parts.finish(rows, chunks)
        except OSError as error:
            raise (_disk_full(error, target) if is_full(error) else error) from None
    return Scored(target, name, number, rows, chunks, reused, because)


def _fill(parts: Parts, table: Source, model: PyFuncModel) -> tuple[int, int, int]:
    """Make each part that is not there; the numbers of rows, of parts, of parts found."""
    rows = chunks = reused = 0
    for chunk in _with_bar(_readable(table, parts.plan["chunk_rows"]), parts.target, table.rows):
        if parts.has(chunks):
            reused += 1
        else:
            scored = _scored(model, chunk, parts.plan["keep"], rows, table.name)
            if not table.is_unchanged():
                raise ValueError(f"{table.name} changed while it was scored; score it again")
            parts.add(chunks, scored)
        rows, chunks = rows + chunk.num_rows, chunks + 1
    if not chunks:
        raise ValueError(f"{table.name} has no rows; there is nothing to score")
    return rows, chunks, reused


def _scored(model: PyFuncModel, chunk: pa.Table, keep: list[str], first: int, name: str):
    """The columns `keep` of `chunk` and the answers; it begins after row `first` of `name`."""
    signature = model.metadata.signature
    try:
        answers = _columns(model.predict(for_model(chunk, signature)))
    except Exception as error:
        last = first + chunk.num_rows
        raise ValueError(f"rows {first + 1:,} to {last:,} of {name}: {error}") from error
    scored = chunk.select(keep)
    for column, answer in answers.items():
        if column in keep:
            raise ValueError(f"{name} has a column {column!r} already; leave it out with keep=")
        scored = scored.append_column(column, answer)
    return scored


def _columns(answers) -> dict[str, pa.Array]:
    """The answers as named columns: `prediction`, or one for each number of an answer."""
    if isinstance(answers, pd.DataFrame):
        named = {str(name): values for name, values in answers.items()}
    elif np.ndim(answers) == 2:
        named = {f"prediction_{i}": values for i, values in enumerate(np.asarray(answers).T)}
    else:
        named = {"prediction": np.asarray(answers)}
    return {name: pa.array(values, from_pandas=True) for name, values in named.items()}


def _resolved(model, alias: str, version) -> tuple[str, str, PyFuncModel]:
    """Name, version and the loaded model; a model without a registry is its own version."""
    if isinstance(model, PyFuncModel):
        uuid = model.metadata.model_uuid
        return model.metadata.model_id or uuid, str(version or uuid), model
    if version is None:
        try:
            version = mlflow.MlflowClient().get_model_version_by_alias(model, alias).version
        except MlflowException:
            raise LookupError(
                f"no version of {model!r} has the alias {alias!r}; promote one, or pass version="
            ) from None
    return model, str(version), mlflow.pyfunc.load_model(f"models:/{model}/{version}")


def _check(table: Source, target: Path, keep: list[str]) -> None:
    if isinstance(table.data, Path) and table.data == target:
        raise ValueError(f"{target.name} is both source and target; name another target")
    if unknown := [name for name in keep if name not in table.columns]:
        raise ValueError(f"keep names {', '.join(unknown)}, which {table.name} does not have")


def _readable(table: Source, rows: int) -> Iterator[pa.Table]:
    """The chunks of `table`; what cannot be read is said with its name."""
    try:
        yield from table.chunks(rows)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{table.name}: {error}; mend it and score it again") from None


def _with_bar(chunks: Iterator[pa.Table], target: Path, total: int) -> Iterator[pa.Table]:
    """The same chunks; a terminal, and nothing else, shows how many rows are through."""
    if not sys.stderr.isatty():
        yield from chunks
        return
    rows = 0
    for chunk in chunks:
        yield chunk
        rows += chunk.num_rows
        full = min(BAR_WIDTH * rows // max(total, 1), BAR_WIDTH)
        bar = "#" * full + "-" * (BAR_WIDTH - full)
        print(f"\r{target.name} [{bar}] {rows:,} rows", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _disk_full(error: OSError, target: Path) -> OSError:
    told = "the disk is full; what is scored is kept. Free some space and make the same call again"
    return OSError(error.errno, told, str(target))
