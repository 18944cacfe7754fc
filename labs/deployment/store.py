"""An empty MLflow database, migrated once and then copied.

MLflow creates a database by running every migration of its history: 2-9 s. The
result is the same each time, so it is kept in the user's cache, one file for each
version of MLflow.
"""

import logging
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import mlflow
import platformdirs

for _name in ("alembic", "mlflow"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # a migration logs a line for each step


def address(database: Path) -> str:
    """The URI under which MLflow finds the sqlite file `database`."""
    return f"sqlite:///{database.as_posix()}"


def create(database: Path, artifacts: Path) -> None:
    """Make an empty MLflow database; its default experiment keeps its files in `artifacts`.

    It is a copy of the template. The template only saves time: where the cache cannot
    be read or written, the database is migrated in its place.
    """
    try:
        shutil.copyfile(_template(), database)
    except OSError:
        _migrate(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE experiments SET artifact_location = ?", [artifacts.as_uri()])


def template_path() -> Path:
    """Where the template for this version of MLflow lies."""
    cache = Path(platformdirs.user_cache_dir("mlops-labs", appauthor=False))
    return cache / f"mlflow-{mlflow.__version__}.db"


def _template() -> Path:
    """The template, made first if it is missing or damaged."""
    path = template_path()
    if path.is_file() and _is_sound(path):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, ignore_cleanup_errors=True) as folder:
        _migrate(Path(folder) / "migrated.db")
        whole = shutil.copyfile(Path(folder) / "migrated.db", Path(folder) / "whole.db")
        os.replace(whole, path)  # two kernels may get here at once: either file will do
    return path


def _is_sound(database: Path) -> bool:
    """Whether sqlite can read the file and finds a finished migration in it."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            checked = connection.execute("PRAGMA quick_check").fetchall()
            experiments = connection.execute("SELECT experiment_id FROM experiments").fetchall()
    except sqlite3.Error:
        return False
    return checked == [("ok",)] and experiments == [(0,)]


def _migrate(database: Path) -> None:
    """Let MLflow create the database itself, which it does when it is first asked something."""
    mlflow.MlflowClient(address(database)).search_experiments()
