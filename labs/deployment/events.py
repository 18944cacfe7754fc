"""The event log: who promoted, deployed or rolled back what, when, and why.

MLflow keeps no history of aliases, so nothing in it can say which version was in use
on a given day. This log can. It is a sqlite database that only grows: each record is
one transaction, and the database itself refuses to change, replace or delete one. That
guards against mistakes; whoever may write the file can still replace it as a whole.
"""

import getpass
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

ACTIONS = {
    "register": "a version was added to the registry",
    "promote": "the alias champion moved to a version that passed all gates it was given",
    "refuse": "a version failed a gate, and the alias stayed",
    "rollback": "the alias went back to an earlier champion",
    "found": "the alias was not where the log had it; somebody moved it without a record",
    "deploy": "a model was put where it answers",
    "shadow": "a challenger began or ceased to see the traffic without answering",
    "canary": "the share of traffic that a challenger answers changed",
    "blue_green": "all traffic moved from one version to another at once",
    "retrain": "a trigger asked for a new version",
    "step": "a step of a pipeline ran, or was left out because nothing had changed",
}
MOVES = ("promote", "rollback", "found")  # after each of them, `after` is the champion
WAIT_SECONDS = 30  # for another writer; one transaction takes milliseconds
COLUMNS = ["number", "at", "action", "model", "actor", "why", "before", "after", "details"]
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, action TEXT NOT NULL, model TEXT NOT NULL,
    actor TEXT NOT NULL, why TEXT NOT NULL, before TEXT, after TEXT, details TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the event log only grows; append a correction'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the event log only grows; append a correction'); END;
CREATE TRIGGER IF NOT EXISTS no_replace BEFORE INSERT ON events
    WHEN EXISTS (SELECT 1 FROM events WHERE number = NEW.number)
    BEGIN SELECT RAISE(ABORT, 'the event log only grows; append a correction'); END;
CREATE TRIGGER IF NOT EXISTS no_insert_before AFTER INSERT ON events
    WHEN NEW.number <= 0 OR NEW.number < (SELECT max(number) FROM events)
    BEGIN SELECT RAISE(ABORT, 'the event log only grows; append a correction'); END;
"""


@dataclass(frozen=True)
class Event:
    """One record. `before` and `after` are versions or None; `details` is plain JSON."""

    number: int
    at: datetime
    action: str
    model: str
    actor: str
    why: str
    before: str | None = None
    after: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class EventLog:
    """The log in the sqlite file `path`, which is made if there is none."""

    def __init__(self, path: Path | str):
        self.path = Path(path).resolve()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            connection.executescript(SCHEMA)

    @classmethod
    def beside(cls, registry: Path | str) -> "EventLog":
        """The log of the registry in the folder `registry`."""
        return cls(Path(registry) / "events.db")

    def append(
        self,
        action: str,
        model: str,
        *,
        why: str,
        actor: str = "",
        before: object = None,
        after: object = None,
        at: datetime | None = None,
        **details: Any,
    ) -> Event:
        """Add one record, which is on disk when this returns.

        `actor` defaults to the name of whoever is logged in, `at` to now; `details` are
        kept as JSON. Raises ValueError if the action is unknown, `why` says nothing, or
        `at` has no zone.
        """
        _check(action, model, why)
        moment = _zoned(at or datetime.now(UTC))
        record = {
            "at": _text(moment),
            "action": action,
            "model": model,
            "actor": actor or _user(),
            "why": why,
            "before": None if before is None else str(before),
            "after": None if after is None else str(after),
            "details": json.dumps(details, sort_keys=True, default=_plain),
        }
        places = ", ".join(f":{name}" for name in record)
        with self._connected() as connection, connection:
            done = connection.execute(
                f"INSERT INTO events ({', '.join(record)}) VALUES ({places})", record
            )
        read = {"number": done.lastrowid, "at": moment, "details": json.loads(record["details"])}
        return Event(**record | read)

    def table(
        self,
        model: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pd.DataFrame:
        """The records in order, one a row: of one model, of one action, of [since, until)."""
        wanted = {
            "model = ?": model,
            "action = ?": action,
            "at >= ?": since and _text(since),
            "at < ?": until and _text(until),
        }
        given = {test: value for test, value in wanted.items() if value is not None}
        where = " AND ".join(given) or "TRUE"
        query = f"SELECT {', '.join(COLUMNS)} FROM events WHERE {where} ORDER BY number"
        with self._connected() as connection:
            rows = connection.execute(query, list(given.values())).fetchall()
        table = pd.DataFrame(rows, columns=COLUMNS, dtype=object)  # object: None stays None
        table["number"] = table["number"].astype(int)
        table["at"] = pd.to_datetime(table["at"], utc=True)
        table["details"] = [json.loads(text) for text in table["details"]]
        return table

    def champions(self, model: str) -> list[str]:
        """The versions that held the alias champion, oldest first, as the log has it."""
        moves = self.table(model)
        return list(moves.loc[moves["action"].isin(MOVES), "after"])

    def champion_on(self, model: str, moment: datetime) -> str | None:
        """The version in use at `moment`, which has a time zone; None if there was none yet."""
        moves = self.table(model)
        moves = moves[moves["action"].isin(MOVES) & (moves["at"] <= _zoned(moment))]
        return None if moves.empty else moves.sort_values(["at", "number"])["after"].iloc[-1]

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")  # a commit survives a power cut
            yield connection
        finally:
            connection.close()


def _check(action: str, model: str, why: str) -> None:
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is not an action; use one of {', '.join(ACTIONS)}")
    if not model.strip() or not why.strip():
        raise ValueError(f"model is {model!r} and why is {why!r}; both must say something")


def _zoned(moment: datetime) -> datetime:
    """The same moment in UTC; one without a time zone would mean another moment elsewhere."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} names no time zone; pass datetime(..., tzinfo=UTC)")
    return moment.astimezone(UTC)


def _text(moment: datetime) -> str:
    """The moment in a form whose alphabetical order is the order in time."""
    return _zoned(moment).isoformat(timespec="microseconds")


def _user() -> str:
    """Whoever is logged in; a container may run as a number that has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _plain(value: Any) -> Any:
    """What JSON does not know: numpy's numbers and arrays as numbers, the rest as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
