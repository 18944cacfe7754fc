"""What was answered, by which version: the record from which a roll-out judges.

A server must not wait for a record, nor fail because of one. So a request only puts its
record in a queue in memory; a thread writes what has come, a few times a second, to the
sqlite file `traffic.db` beside the registry. If the disk is full or slower than the
traffic, records are dropped and counted, and the answers go on.
"""

import json
import queue
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

WAITING = 20_000  # records in memory at most, some 10 MB; then they are dropped
WRITE_EVERY = 0.25  # seconds
ROWS = 100  # of one request whose predictions are kept; a canary needs no more
COLUMNS = [
    "number",
    "at",
    "model",
    "key",
    "role",
    "version",
    "prediction",
    "milliseconds",
    "error",
    "shadow_version",
    "shadow_prediction",
    "shadow_error",
    "share",
]
SCHEMA = """
CREATE TABLE IF NOT EXISTS traffic (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL,
    role TEXT NOT NULL, version TEXT NOT NULL, prediction TEXT, milliseconds REAL, error TEXT,
    shadow_version TEXT, shadow_prediction TEXT, shadow_error TEXT, share REAL
);
CREATE INDEX IF NOT EXISTS traffic_of_model ON traffic (model, number);
"""


class Answered(NamedTuple):
    """One request that a version was asked to answer; one that was refused (4xx) is none.

    `role` and `version` are who was to answer, `error` is why it could not, and then
    `prediction` is what the champion answered in its place, if it did. `at` is in seconds
    since 1970, `share` the challenger's in the route that was followed. Predictions are
    arrays, lists or tables, one entry a row of the request.
    """

    at: float
    model: str
    key: str
    role: str
    version: str
    prediction: Any = None
    milliseconds: float | None = None
    error: str | None = None
    shadow_version: str | None = None
    shadow_prediction: Any = None
    shadow_error: str | None = None
    share: float | None = None


class TrafficWriter:
    """Writes records to the file `path` from a thread of its own, until closed."""

    def __init__(self, path: Path | str):
        self.path = Path(path).resolve()
        self.dropped = 0
        self.problem: str | None = None
        self._waiting: queue.Queue[Answered] = queue.Queue(WAITING)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="traffic", daemon=True)
        self._thread.start()

    @classmethod
    def beside(cls, registry: Path | str) -> "TrafficWriter":
        """The writer for the registry in the folder `registry`."""
        return cls(Path(registry) / "traffic.db")

    def record(self, answered: Answered) -> None:
        """Queue one record. Never waits, never raises; a full queue drops it."""
        try:
            self._waiting.put_nowait(answered)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is waiting, and stop."""
        self._closing.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        while not self._closing.wait(WRITE_EVERY):
            self._write()
        self._write()

    def _write(self) -> None:
        waiting = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        if not waiting:
            return
        try:
            rows = self._rows(waiting)
            with closing(sqlite3.connect(self.path, timeout=5)) as connection, connection:
                connection.execute("PRAGMA journal_mode = WAL")  # readers do not block it
                connection.executescript(SCHEMA)
                places = ", ".join("?" for _ in COLUMNS[1:])
                columns = ", ".join(COLUMNS[1:])
                connection.executemany(f"INSERT INTO traffic ({columns}) VALUES ({places})", rows)
        except Exception as error:  # whatever it is, the answers must go on
            self._lose(len(waiting), error)

    def _rows(self, waiting: list[Answered]) -> list[tuple]:
        rows = []
        for answered in waiting:
            try:
                rows.append(_row(answered))
            except Exception as error:  # a model may answer with anything
                self._lose(1, error)
        return rows

    def _lose(self, records: int, error: Exception) -> None:
        self.dropped += records
        self.problem = f"{self.path.name} lost records: {type(error).__name__}: {error}"


def read(path: Path | str, model: str, after: int = 0) -> pd.DataFrame:
    """The records of `model` whose `number` is above `after`, oldest first.

    Predictions come back as lists. Without a file there are no records.
    """
    rows = []
    if Path(path).exists():
        query = f"SELECT {', '.join(COLUMNS)} FROM traffic WHERE model = ? AND number > ?"
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            connection.executescript(SCHEMA)
            rows = connection.execute(f"{query} ORDER BY number", (model, after)).fetchall()
    table = pd.DataFrame(rows, columns=COLUMNS).astype(object).where(lambda t: t.notna(), None)
    table["at"] = pd.to_datetime(table["at"].astype(float), unit="s", utc=True)
    for column in ("prediction", "shadow_prediction"):
        table[column] = [None if text is None else json.loads(text) for text in table[column]]
    return table


def last(path: Path | str) -> int:
    """The `number` of the newest record; 0 if there is none."""
    if not Path(path).exists():
        return 0
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        connection.executescript(SCHEMA)
        return connection.execute("SELECT max(number) FROM traffic").fetchone()[0] or 0


def _row(answered: Answered) -> tuple:
    row = answered._replace(
        prediction=_json(answered.prediction),
        shadow_prediction=_json(answered.shadow_prediction),
    )
    return tuple(row)


def _json(prediction: Any) -> str | None:
    """The first rows of a prediction as JSON; None if there is none."""
    if prediction is None:
        return None
    return json.dumps(np.atleast_1d(np.asarray(prediction))[:ROWS].tolist(), default=str)
