"""Kinds of answers beside functions and values: a model, a text, a registry, a service.

`Kind.of(answer, name)` is a context manager. It gives a check a small view of the answer,
into which only data go and out of which only data come, so that the same check can judge
an answer in another process. An answer that is not of its kind raises AssertionError with
a sentence for the learner. All of them may run the learner's code.
"""

import contextlib
import http.client
import inspect
import json as json_format
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

ANSWER_SECONDS = 5  # for one request; a small model needs milliseconds, a busy machine seconds
ANSWER_BYTES = 10_000_000  # of one response; more is a mistake, and would fill the memory
TEXT_LETTERS = 100_000  # of YAML; alert rules of a whole company have fewer
NESTED = 50  # levels of YAML; Kubernetes manifests have about ten
MODEL_BYTES = 500_000_000  # of one version's files, which are copied
DELETED = "Deleted_Internal"  # MLflow keeps a deleted version's row, in this stage
NOTHING: Any = object()  # None is a JSON value too


class Text(str):
    """A text: free text, or YAML."""

    @classmethod
    @contextmanager
    def of(cls, value: Any, name: str) -> Iterator["Text"]:
        """`value` as a text. Raises AssertionError if it is none."""
        _expect(isinstance(value, str), name, value, "a text")
        text = cls(value)
        text.name = name
        yield text

    def yaml(self) -> Any:
        """What the YAML says, as plain data. Raises AssertionError that names the line."""
        import yaml

        assert len(self) <= TEXT_LETTERS, (
            f"`{self.name}` has {len(self):,} letters; at most {TEXT_LETTERS:,} are read"
        )
        try:
            _require_plain(yaml.scan(self), self.name)
            said = yaml.safe_load(self)
        except (yaml.YAMLError, ValueError) as error:  # a date such as 2026-02-30 is a ValueError
            raise AssertionError(f"`{self.name}` is not YAML: {_where(error)}") from None
        assert said is not None, f"`{self.name}` is empty; YAML was expected"
        return said


class Model:
    """A trained model, of which only `predict` can be called."""

    def __init__(self, model: Any, name: str):
        self._model, self._name = model, name

    @classmethod
    @contextmanager
    def of(cls, value: Any, name: str) -> Iterator["Model"]:
        """`value` as a model. Raises AssertionError if it has no method `predict`."""
        has_predict = not inspect.isclass(value) and callable(getattr(value, "predict", None))
        _expect(has_predict, name, value, "a trained model, with a method `predict`")
        yield cls(value, name)

    def predict(self, table):
        """One prediction a row of the DataFrame `table`, as a numpy array."""
        return _array(self._model.predict(table.copy()), len(table), f"`{self._name}.predict`")


class Registry:
    """An MLflow registry and its event log, as they are when the block begins.

    Copies are read; the registry itself is never opened for writing. A version is a text
    of digits, as in the event log.
    """

    def __init__(self, folder: Path, copy: Path, name: str):
        self._folder, self._copy, self._name = folder, copy, name
        self._models: dict[str, Any] = {}
        self._open: dict[str, sqlite3.Connection] = {}

    @classmethod
    @contextmanager
    def of(cls, value: Any, name: str) -> Iterator["Registry"]:
        """The registry in the folder `value`. Raises AssertionError if there is none."""
        kind = "the folder of an MLflow registry"
        _expect(isinstance(value, str | os.PathLike), name, value, kind)
        folder = Path(value)
        assert folder.is_dir(), f"`{name}` names a folder that does not exist; {kind} was expected"
        assert (folder / "mlflow.db").is_file(), (
            f"the folder `{name}` has no file mlflow.db; {kind} was expected"
        )
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as copy:
            for file in ("mlflow.db", "events.db"):
                if (folder / file).is_file():
                    _copy_database(folder / file, Path(copy) / file, name)
            registry = cls(folder, Path(copy), name)
            try:
                yield registry
            finally:
                for connection in registry._open.values():
                    connection.close()

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The versions of the model `name`, oldest first.

        Each is a dict of `version`, `tags`, `aliases`, and its run's `metrics` and `params`.
        """
        query = "SELECT version, run_id FROM model_versions WHERE name = ? AND current_stage <> ?"
        rows = self._rows(f"{query} ORDER BY version", name, DELETED)
        return [self._version(name, version, run) for version, run in rows]

    def alias(self, name: str, alias: str) -> str | None:
        """The version of the model `name` that carries `alias`, or None."""
        query = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        rows = self._rows(query, name, alias)
        return str(rows[0][0]) if rows else None

    def events(self) -> list[dict[str, Any]]:
        """The records of the event log in order; `details` is data, `at` a text in ISO form."""
        if not (self._copy / "events.db").is_file():
            return []
        columns = ["number", "at", "action", "model", "actor", "why", "before", "after", "details"]
        query = f"SELECT {', '.join(columns)} FROM events ORDER BY number"
        records = [
            dict(zip(columns, row, strict=True)) for row in self._rows(query, file="events.db")
        ]
        return [record | {"details": json_format.loads(record["details"])} for record in records]

    def predict(self, name: str, version: str, table):
        """What a version of the model `name` answers to the DataFrame `table`, as an array.

        `version` is a number, or an alias. Raises AssertionError if there is no such version.
        """
        number = str(version) if str(version).isdigit() else self.alias(name, str(version))
        assert number is not None, f"no version of {name} has the alias {version}"
        key = f"{name}/{number}"
        if key not in self._models:
            self._models[key] = self._loaded(name, number)
        model = self._models[key]
        return _array(model.predict(table.copy()), len(table), f"version {number} of {name}")

    def _version(self, name: str, version: int, run: str | None) -> dict[str, Any]:
        tags = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
        aliases = "SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ?"
        metrics = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?"
        params = "SELECT key, value FROM params WHERE run_uuid = ?"
        return {
            "version": str(version),
            "tags": dict(self._rows(tags, name, version)),
            "aliases": sorted(alias for (alias,) in self._rows(aliases, name, version)),
            "metrics": {k: float("nan") if nan else v for k, v, nan in self._rows(metrics, run)},
            "params": dict(self._rows(params, run)),
        }

    def _loaded(self, name: str, version: str) -> Any:
        """The version, loaded from a copy of its files."""
        import mlflow.pyfunc

        source = self._model_folder(name, version)
        size = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
        assert size <= MODEL_BYTES, (
            f"version {version} of {name} has {size:,} bytes; at most {MODEL_BYTES:,} are read"
        )
        copy = shutil.copytree(source, self._copy / f"model-{len(self._models)}")
        return mlflow.pyfunc.load_model(str(copy))

    def _model_folder(self, name: str, version: str) -> Path:
        """Where a version's files lie: where the registry says, or moved along with it."""
        query = (
            "SELECT storage_location, source FROM model_versions "
            "WHERE name = ? AND version = ? AND current_stage <> ?"
        )
        rows = self._rows(query, name, int(version), DELETED)
        assert rows, f"{name} has no version {version} in `{self._name}`"
        place = Path(url2pathname(urlparse(rows[0][0] or rows[0][1]).path))
        parts = place.parts
        for at in [i for i, part in enumerate(parts) if part == "artifacts"]:
            if (moved := self._folder.joinpath(*parts[at:])).is_dir():
                return moved
        assert place.is_dir(), f"the files of version {version} of {name} are not there any more"
        return place

    def _rows(self, query: str, *values: Any, file: str = "mlflow.db") -> list[tuple]:
        try:
            if file not in self._open:
                self._open[file] = sqlite3.connect(self._copy / file)
            return self._open[file].execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise AssertionError(f"{file} of `{self._name}` cannot be read: {error}") from None


class Service:
    """A web application that answers over a socket which nobody else can reach."""

    def __init__(self, connect, name: str, seconds: float):
        self._connect, self._name, self._seconds = connect, name, seconds

    @classmethod
    @contextmanager
    def of(cls, value: Any, name: str, seconds: float = ANSWER_SECONDS) -> Iterator["Service"]:
        """Serve the ASGI application `value` until the block ends.

        Raises AssertionError if it is none, or does not start. Nothing outlives the block
        but a thread of the application's that neither ends nor can be interrupted.
        """
        _expect(_is_asgi(value), name, value, "an ASGI application such as FastAPI()")
        from labs.kit.exercise import serving

        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            closing(serving.listening(Path(folder))) as listener,
            serving.served(value, listener, name) as problem,
        ):
            assert problem is None, f"`{name}` did not start: {problem}"
            where = listener.family, listener.getsockname()
            yield cls(lambda: serving.connected(*where, seconds), name, seconds)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """The status, and the data: of JSON what it says, of anything else the text."""
        return self._asked("GET", path, None, headers or {})

    def post(
        self,
        path: str,
        json: Any = NOTHING,
        body: bytes | str = b"",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Like `get`; `json` is sent as JSON, `body` as it is. NaN is sent as `NaN`.

        Status 500 comes with what the application raised. Raises AssertionError if no
        answer comes in time, none at all, or half of one.
        """
        content = body if json is NOTHING else json_format.dumps(json)
        content = content.encode() if isinstance(content, str) else content
        return self._asked(
            "POST", path, content, {"content-type": "application/json"} | (headers or {})
        )

    def _asked(self, method: str, path: str, body: bytes | None, headers: dict) -> tuple[int, Any]:
        what = f"{method} {path}"
        deadline = time.monotonic() + self._seconds
        connection = http.client.HTTPConnection("localhost")
        try:
            connection.sock = self._connect()
            connection.sock.settimeout(self._seconds)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers)  # it may refuse before the end
            response = connection.getresponse()
            content = self._content(response, deadline, what)
        except TimeoutError:
            raise AssertionError(
                f"`{self._name}` did not answer {what} within {self._seconds:g} seconds"
            ) from None
        except (OSError, http.client.HTTPException):
            raise AssertionError(
                f"`{self._name}` broke off the connection at {what} instead of answering"
            ) from None
        finally:
            connection.close()
        return response.status, _data(content, response.headers.get_content_type())

    def _content(self, response, deadline: float, what: str) -> bytes:
        """The whole body; an endless or a trickling one raises."""
        content = b""
        while part := response.read1(65_536):
            content += part
            assert len(content) <= ANSWER_BYTES, (
                f"`{self._name}` answered {what} with more than {ANSWER_BYTES:,} bytes"
            )
            if time.monotonic() > deadline:
                raise TimeoutError
        return content


def refuse(sentence: str) -> None:
    """Say that an answer is not of its kind; raises AssertionError with the sentence."""
    raise AssertionError(sentence)


def _expect(fits: bool, name: str, value: Any, kind: str) -> None:
    assert fits, f"`{name}` is {_said(value)}; {kind} was expected"


def _said(value: Any) -> str:
    """What `value` is, in words."""
    if value is None:
        return "None"
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return "a function"
    word = type(value).__name__
    return f"{'an' if word[0].lower() in 'aeio' else 'a'} {word}"


def _require_plain(tokens: Iterator, name: str) -> None:
    """Raises AssertionError at an alias, or at nesting: both can make little text large."""
    depth = 0
    for token in tokens:
        kind = type(token).__name__
        assert kind != "AliasToken", f"`{name}` has an alias (*{token.value}); write it out"
        depth += kind.endswith("StartToken") - kind.endswith("EndToken")
        assert depth <= NESTED, f"`{name}` is nested more than {NESTED} deep"


def _where(error: Exception) -> str:
    """Place and problem of a YAML error, in one line."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + (problem or str(error).partition("\n")[0])


def _array(answer: Any, rows: int, what: str):
    """A model's answer as an array with one entry a row."""
    import numpy as np

    assert answer is not None, f"{what} came back None; one prediction a row was expected"
    try:
        array = np.asarray(answer)
    except ValueError:
        raise AssertionError(
            f"{what} came back ragged; one prediction a row was expected"
        ) from None
    got = len(array) if array.ndim else "one value"
    assert got == rows, f"{what} came back with {got} for {rows} rows; one prediction a row"
    return array


def _copy_database(source: Path, copy: Path, name: str) -> None:
    """Copy a sqlite file as of one moment, without writing to it or waiting for a writer."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise AssertionError(f"{source.name} of `{name}` cannot be read: {error}") from None


def _is_asgi(value: Any) -> bool:
    """Whether `value` is called as ASGI has it: `await value(scope, receive, send)`."""
    if inspect.isclass(value) or not callable(value):
        return False
    call = value if inspect.isroutine(value) else type(value).__call__
    if not inspect.iscoroutinefunction(call):
        return False
    try:
        inspect.signature(value).bind("scope", "receive", "send")
    except (TypeError, ValueError):
        return False
    return True


def _data(content: bytes, kind: str) -> Any:
    """A body as data; JSON that is none stays text."""
    text = content.decode(errors="replace")
    if kind == "application/json":
        with contextlib.suppress(ValueError, RecursionError):
            return json_format.loads(text)
    return text
