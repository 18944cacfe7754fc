"""What a registry says now, read from its sqlite file without MLflow.

A server asks several times a second, so it must be cheap, must never wait long for a
writer, and must never create or change the file. To open the file costs a hundred times
what the question costs, so whoever asks again and again keeps it open.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse
from urllib.request import url2pathname

WAIT_SECONDS = 0.1  # for a writer to finish; the next look comes soon


class Unreadable(Exception):
    """The registry cannot be read now: it is locked, gone, or none."""


class Pointed(NamedTuple):
    """A registered version and the folder that holds its model."""

    version: str
    model: Path


CHAMPIONS = "SELECT name, version FROM registered_model_aliases WHERE alias = ?"


def champions(folder: Path, alias: str = "champion") -> dict[str, str]:
    """The version that carries `alias`, of each model that has one."""
    with closing(Reader(folder)) as reader:
        return reader.champions(alias)


class Reader:
    """Asks one registry again and again over one connection.

    Between two questions it holds no lock. It opens the file anew when another has taken
    its place, and after every error.
    """

    def __init__(self, folder: Path):
        self._database = folder / "mlflow.db"
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def champions(self, alias: str = "champion") -> dict[str, str]:
        """The version that carries `alias`, of each model. Raises Unreadable."""
        return {name: str(version) for name, version in self.rows(CHAMPIONS, alias)}

    def rows(self, query: str, *values: object) -> list[tuple]:
        """What the registry answers to `query`. Raises Unreadable."""
        try:
            return self._opened().execute(query, values).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise Unreadable(f"{self._database.name} cannot be read: {error}") from None
        finally:
            if os.name == "nt":  # there, nobody could remove a file that is open
                self.close()

    def close(self) -> None:
        """Let go of the file; the next question opens it again."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _opened(self) -> sqlite3.Connection:
        try:
            status = os.stat(self._database)
        except OSError:
            self.close()
            raise Unreadable(f"{self._database.name} is gone") from None
        file = status.st_dev, status.st_ino
        if self._connection is None or file != self._file:
            self.close()
            address = f"{self._database.absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(
                address, uri=True, timeout=WAIT_SECONDS, check_same_thread=False
            )
            self._file = file
        return self._connection


def model_folder(folder: Path, name: str, version: str) -> Path:
    """Where the files of a version lie. Raises LookupError if there is no such version.

    A registry that was copied or mounted elsewhere still names the old place; its files
    are then found by their path below `artifacts`.
    """
    query = "SELECT storage_location, source FROM model_versions WHERE name = ? AND version = ?"
    rows = _rows(folder, query, name, int(version))
    if not rows:
        raise LookupError(f"the registry has no version {version} of {name}")
    place = Path(url2pathname(urlparse(rows[0][0] or rows[0][1]).path))
    parts = place.parts
    if "artifacts" in parts:
        below = parts[
            parts.index("artifacts", len(folder.parts) if _within(place, folder) else 0) :
        ]
        if (moved := folder.joinpath(*below)).exists():
            return moved
    return place


def _within(place: Path, folder: Path) -> bool:
    return place.is_relative_to(folder)


def _rows(folder: Path, query: str, *values: object) -> list[tuple]:
    with closing(Reader(folder)) as reader:
        return reader.rows(query, *values)
