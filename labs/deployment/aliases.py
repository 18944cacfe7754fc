"""What a registry says now, read from its sqlite file without MLflow, in about a millisecond.

A server asks several times a second, so it must be cheap, must never wait long for a
writer, and must never create or change the file.
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


def champions(folder: Path, alias: str = "champion") -> dict[str, str]:
    """The version that carries `alias`, of each model that has one."""
    rows = _rows(
        folder, "SELECT name, version FROM registered_model_aliases WHERE alias = ?", alias
    )
    return {name: str(version) for name, version in rows}


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
    database = folder / "mlflow.db"
    if not os.path.exists(database):
        raise Unreadable(f"{database.name} is gone")
    try:
        address = f"{database.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS)) as connection:
            return connection.execute(query, values).fetchall()
    except sqlite3.Error as error:
        raise Unreadable(f"{database.name} cannot be read: {error}") from None
