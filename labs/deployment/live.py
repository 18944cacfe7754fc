"""Models that follow the registry: a new champion is loaded aside, tried, and only then live.

Swapping is one assignment: requests that are being predicted keep the version that they
began with. A version that cannot be loaded or fails its self-test never becomes live,
and a registry that cannot be read changes nothing: the last good version stays.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PyFuncModel

from labs.deployment import aliases
from labs.deployment.batching import RowLimit
from labs.deployment.routing import Route, Routes
from labs.deployment.validation import Columns, Inputs

POLL_SECONDS = 0.25  # so that a new champion answers well within a second
TRY_AGAIN = 30.0  # seconds until a version that failed is tried again: a disk may be back
said = logging.getLogger("labs.deployment")


class Unfit(Exception):
    """A version that must not become live, and why."""


class Version:
    """One loaded version of a model. Its answers are those of MLflow's `pyfunc.predict`."""

    def __init__(self, name: str, number: str, folder: Path):
        self.name, self.number = name, number
        self.model = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
        self.inputs = Inputs(self.model.metadata.signature)
        self.loaded_at = datetime.now(UTC)
        self.limit = RowLimit()
        self.together = True
        self._predict = _predict_of(self.model)

    def predict(self, columns: Columns) -> Any:
        """The answers for fitted columns."""
        return self._predict(self.inputs.table(columns))


def _predict_of(model: PyFuncModel) -> Callable[[pd.DataFrame], Any]:
    """The model's own method: its input is validated already, and MLflow would do it again."""
    flavor = model.metadata.flavors["python_function"]
    if flavor["loader_module"] != "mlflow.sklearn":
        return model.predict
    return getattr(model.get_raw_model(), flavor.get("predict_fn", "predict"))


def self_test(version: Version) -> None:
    """Predict the model's example, or made-up rows if it has none. Raises Unfit.

    Answers must be as many as the rows, of the shape in the signature, none missing or
    infinite. If a row's answer depends on its company, the version is marked to predict
    each request alone.
    """
    columns = _sample(version)
    rows = len(next(iter(columns.values())))
    try:
        answers = _numbers(version.predict(columns))
        alone = [
            _numbers(version.predict({name: values[[row]] for name, values in columns.items()}))
            for row in range(rows)
        ]
    except Exception as error:
        sort = "its example" if version.model.input_example is not None else "a made-up row"
        raise Unfit(f"fails on {sort}: {type(error).__name__}: {_short(error)}") from error
    _require_sound(answers, rows, version.model)
    version.together = _same(answers, np.concatenate(alone))


def _sample(version: Version) -> Columns:
    example = version.model.input_example
    if isinstance(example, pd.DataFrame):
        return version.inputs.fitted_table(example.head(3))
    made_up = {"f": [0.0, 1.0], "i": [0, 1], "b": [False, True], "M": ["2020-01-01", "2021-01-01"]}
    columns = {}
    for column in version.model.metadata.signature.inputs:
        dtype = column.type.to_numpy()
        columns[column.name] = np.array(made_up.get(dtype.kind, ["", ""]), dtype=dtype)
    return columns


def _numbers(answers: Any) -> np.ndarray:
    return np.asarray(answers)


def _require_sound(answers: np.ndarray, rows: int, model: PyFuncModel) -> None:
    if not answers.ndim or len(answers) != rows:
        raise Unfit(f"answers {rows} rows with an array of shape {answers.shape}")
    outputs = model.metadata.signature.outputs
    if outputs is not None and outputs.is_tensor_spec():
        promised = outputs.inputs[0].shape
        if answers.ndim != len(promised) or answers.shape[1:] != tuple(promised[1:]):
            raise Unfit(f"answers with shape {answers.shape}; its signature says {promised}")
    if pd.isna(answers).any() or (answers.dtype.kind == "f" and not np.isfinite(answers).all()):
        raise Unfit("answers with NaN or infinity")


def _same(together: np.ndarray, alone: np.ndarray) -> bool:
    if together.shape != alone.shape:
        return False
    if together.dtype.kind == "f":  # the last digits depend on how many rows there are
        return np.allclose(together, alone, rtol=1e-6)
    return bool((together == alone).all())


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


class Live:
    """The champions of the registry in `folder`, and the challengers that routes name.

    `names` are the models to serve; None is every model that has a champion.
    """

    def __init__(self, folder: Path | str, names: Collection[str] | None = None):
        self.folder = Path(folder).resolve()
        self.names = None if names is None else list(names)
        self.champions: dict[str, Version] = {}
        self.challengers: dict[str, Version] = {}
        self.routes: dict[str, Route] = {}
        self.problems: dict[str, str] = {}  # of models: why the wanted version is not live
        self.registry_problem: str | None = None
        self.passes = 0
        self.failed_loads = 0
        self._registry = aliases.Reader(self.folder)
        self._routes = Routes.beside(self.folder)
        self._failed: dict[tuple[str, str], tuple[float, str]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)

    def start(self) -> None:
        """Load what is wanted, and follow from then on, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Follow no longer."""
        self._closing.set()

    @property
    def ready(self) -> bool:
        """Whether each model asked for answers; if all were asked for, those that can."""
        return self.passes > 0 and all(name in self.champions for name in self.names or ())

    @property
    def routes_problem(self) -> str | None:
        """What is wrong with the routes file, if anything."""
        return self._routes.problem

    def look(self) -> None:
        """Read registry and routes once, and make live what they want."""
        try:
            wanted = self._registry.champions()
            self.registry_problem = None
        except aliases.Unreadable as error:
            self._tell_registry(str(error))
            for name in list(self.champions):  # a canary must end even now
                self._challenger(name)
            return
        for name in self.names if self.names is not None else sorted({*wanted, *self.champions}):
            if self._closing.is_set():
                return
            self._champion(name, wanted.get(name))
            self._challenger(name)
        self.passes += 1

    def _champion(self, name: str, wanted: str | None) -> None:
        live = self.champions.get(name)
        if wanted is None:
            self.problems[name] = "no version has the alias champion"
        elif live is not None and live.number == wanted:
            self.problems.pop(name, None)
        elif version := self._loaded(name, wanted, self.challengers.get(name)):
            self.champions[name] = version  # from here on it answers
            self.problems.pop(name, None)
            said.info("%s: version %s is live", name, wanted)

    def _challenger(self, name: str) -> None:
        route = self._routes.of(name)
        if route.challenger is None:
            self.routes.pop(name, None)
            self.challengers.pop(name, None)
            return
        live = self.challengers.get(name)
        if live is None or live.number != route.challenger:
            live = self._loaded(name, route.challenger, self.champions.get(name))
        if live is None:
            self.routes.pop(name, None)
            self.challengers.pop(name, None)
        else:
            self.challengers[name] = live
            self.routes[name] = route

    def _loaded(self, name: str, number: str, other: Version | None) -> Version | None:
        """That version, ready to answer; None, and a problem told, if it is unfit."""
        if other is not None and other.number == number:
            return other
        failed_at, why = self._failed.get((name, number), (None, ""))
        if failed_at is None or time.monotonic() - failed_at > TRY_AGAIN:
            try:
                return self._load(name, number)
            except aliases.Unreadable as error:
                self._tell_registry(str(error))
                return None
            except (
                Exception,
                SystemExit,
            ) as error:  # whatever the version does, the others stay up
                why = f"version {number} is not live: it {_reason(error)}"
                self.failed_loads += 1
                self._failed[name, number] = time.monotonic(), why
                said.error("%s: %s", name, why)
        self.problems[name] = why
        return None

    def _load(self, name: str, number: str) -> Version:
        version = Version(name, number, aliases.model_folder(self.folder, name, number))
        self_test(version)
        self._failed.pop((name, number), None)
        return version

    def _tell_registry(self, problem: str) -> None:
        if self.registry_problem is None:
            said.error("registry: %s; the versions that are live stay", problem)
        self.registry_problem = problem

    def _follow(self) -> None:
        while not self._closing.is_set():
            try:
                self.look()
            except Exception:  # a bug here must not end the following for good
                said.exception("a look at the registry failed")
            self._closing.wait(POLL_SECONDS)
        self._registry.close()


def _reason(error: Exception) -> str:
    if isinstance(error, Unfit):
        return str(error)
    return f"cannot be loaded: {type(error).__name__}: {_short(error)}"
