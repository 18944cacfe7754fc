"""The tables of the record, in SQLite or PostgreSQL, with triggers that keep every row as it is."""

import contextlib
import datetime
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from labs.kit import workspace
from labs.kit.errors import UserError

SCHEMA = sa.MetaData()
BUSY_SECONDS = 30  # that a writer waits for another one's transaction, which takes milliseconds


class Moment(sa.TypeDecorator):
    """A time in UTC; SQLite by itself would forget the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        """A time as the database gets it."""
        return value and value.astimezone(datetime.UTC)

    def process_result_value(self, value, dialect):
        """A time as it comes back."""
        if value is None or value.tzinfo:
            return value and value.astimezone(datetime.UTC)
        return value.replace(tzinfo=datetime.UTC)


class Plain(sa.TypeDecorator):
    """A text; what no database stores is left out (zero bytes) or becomes a question mark."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value, dialect):
        """A text as the database gets it."""
        return value.replace("\0", "").encode("utf-8", "replace").decode()


def _table(name: str, *columns: sa.Column) -> sa.Table:
    number = sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)
    at = sa.Column("at", Moment, nullable=False)
    return sa.Table(name, SCHEMA, number, at, *columns, sqlite_autoincrement=True)


def _texts(*names: str) -> list[sa.Column]:
    return [sa.Column(name, Plain, nullable=False) for name in names]


submissions = _table(
    "submissions",
    *_texts("learner", "assignment", "exercise", "submission", "path", "note"),
    sa.Column("handed", Moment, nullable=False),
    sa.Column("readable", sa.Boolean, nullable=False),
)
grades = _table(
    "grades",
    *_texts("learner", "assignment", "exercise", "submission", "checks", "environment"),
    *_texts("tier", "seed", "outcome"),
    sa.Column("limits", sa.JSON, nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("earned", sa.Integer, nullable=False),
    sa.Column("possible", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("verdict", sa.JSON, nullable=False),
)
readings = _table(
    "readings",
    sa.Column("grade", sa.ForeignKey("grades.id"), nullable=False),
    *_texts("learner", "exercise", "criterion", "about", "comment", "reader"),
    sa.Column("points", sa.Integer, nullable=False),
)

SQLITE = """
CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table} {when}
BEGIN SELECT RAISE(ABORT, '{table}: rows are only added, never changed or removed'); END
"""
REPLACED = "WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # INSERT OR REPLACE
FUNCTION = """
CREATE OR REPLACE FUNCTION labs_only_add() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%%: rows are only added, never changed or removed', TG_TABLE_NAME; END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION labs_only_add()
"""


def _keep(table: sa.Table) -> None:
    """Let the database refuse to change what the table holds."""
    for verb, when in (("UPDATE", ""), ("DELETE", ""), ("INSERT", REPLACED.format(table=table))):
        _after(table, SQLITE.format(table=table, verb=verb, when=when), "sqlite")
    _after(table, FUNCTION, "postgresql")
    _after(table, POSTGRESQL.format(table=table), "postgresql")


def _after(table: sa.Table, statement: str, dialect: str) -> None:
    sa.event.listen(table, "after_create", sa.DDL(statement).execute_if(dialect=dialect))


for _one in SCHEMA.tables.values():
    _keep(_one)


def connect(url: str) -> sa.Engine:
    """An engine for `url`, its tables made where they are missing."""
    try:
        made = sa.engine.make_url(url)
        engine = sa.create_engine(made, **_options(made))
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError):
        raise UserError(
            'class.toml: record is no address of a database; write record = "" for a file in '
            "this folder, or postgresql+psycopg://USER:${PASSWORD}@HOST/DATABASE"
        ) from None
    except ModuleNotFoundError as error:
        raise UserError(
            f"class.toml: record needs the package {error.name}. Install it: "
            "pip install 'mlops-labs[postgresql]'"
        ) from None
    if made.get_backend_name() == "sqlite":
        sa.event.listen(engine, "connect", _prepare)
    with told(engine), _alone(made):
        _make(engine)
    return engine


def _alone(url: sa.URL) -> contextlib.AbstractContextManager:
    """One process at a time makes a file: SQLite does not wait for a change of its journal."""
    path = Path(url.database or "")
    if url.get_backend_name() != "sqlite" or not url.database or not path.parent.is_dir():
        return contextlib.nullcontext()
    return workspace.Locked(path.with_name(f".{path.name}.lock"))


def _make(engine: sa.Engine) -> None:
    """Make the tables; another process may be making them at this moment."""
    try:
        SCHEMA.create_all(engine)
    except sa.exc.DatabaseError:
        SCHEMA.create_all(engine)


def _options(url: sa.URL) -> dict:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {"connect_args": {"connect_timeout": 10}, "pool_pre_ping": True}


def _prepare(connection, _) -> None:
    """Readers never wait for a writer, and a finished transaction survives a killed process."""
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


@contextlib.contextmanager
def told(engine: sa.Engine) -> Iterator[None]:
    """Say in one sentence that the database cannot be used."""
    try:
        yield
    except sa.exc.DatabaseError as error:
        first = (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
        shown = engine.url.render_as_string(hide_password=True)
        raise UserError(
            f"The record of grades, {shown}: {first}. Mend that (is the database there, and may "
            "you write to it?) and run the command again; what was graded is kept."
        ) from None
