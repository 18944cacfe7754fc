"""Log a model with what a registry must know, register it, load it by its alias.

The store is a real MLflow store: a sqlite file and a folder of artifacts. Whatever
MLflow offers works on it beside these functions, its user interface included.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.models.model import ModelInfo
from mlflow.pyfunc import PyFuncModel

from labs.deployment import store
from labs.deployment.fingerprint import code_version, content_hash, pinned

NEEDED = ("mlflow", "scikit-learn", "pandas", "numpy", "scipy", "cloudpickle")  # to load a model
RECORD = ("owner", "intended_use", "dataset_name", "data_hash", "code_version")

# cloudpickle stores every scikit-learn estimator, and functions written in a notebook.
# MLflow's default, skops, refuses many of them (random forests are one) unless their types
# are listed, and takes that list from the model's own file, so it is no protection either.
# MLflow warns of this at every log; it is said once, here: load only models that you trust.
FORMAT = "cloudpickle"
EXAMPLE_ROWS = 3  # of the data, kept with the model: a server tries each version on them
logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)


def open_registry(folder: Path | str) -> mlflow.MlflowClient:
    """A client of the registry in `folder`, which is made if there is none.

    MLflow's own functions use that registry from here on.
    """
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "mlflow.db"
    if not database.exists():
        store.create(database, artifacts=folder / "artifacts")
    mlflow.set_tracking_uri(store.address(database))
    mlflow.set_experiment(experiment_id="0")
    return mlflow.MlflowClient()


def log_model(
    model,
    *,
    data: pd.DataFrame,
    target: Sequence,
    name: str,
    owner: str,
    intended_use: str,
    dataset_name: str,
    metrics: Mapping[str, float] | None = None,
    predict: str = "predict",
) -> ModelInfo:
    """Log a fitted scikit-learn `model` in a run of its own, with its signature and record.

    `data` and `target` are what it was trained on; the first rows of `data` are kept with
    the model as its example. `predict` names the method that the loaded model calls, such
    as `predict_proba`. Raises ValueError if a text is blank,
    TypeError if `data` is not a table with named columns.
    """
    record = {"owner": owner, "intended_use": intended_use, "dataset_name": dataset_name}
    _require_texts({"name": name, **record})
    _require_named_columns(data)
    record |= {"data_hash": content_hash(data, target), "code_version": code_version()}
    with mlflow.start_run(run_name=name, nested=True):
        mlflow.log_metrics(dict(metrics or {}))
        return mlflow.sklearn.log_model(
            model,
            name=name,
            signature=infer_signature(_telling(data), getattr(model, predict)(data.head())),
            input_example=data.head(EXAMPLE_ROWS),
            pip_requirements=pinned(NEEDED),  # explicit: finding them out takes MLflow 5-7 s
            pyfunc_predict_fn=predict,
            serialization_format=FORMAT,
            metadata=record,
        )


def register(logged: ModelInfo, name: str) -> ModelVersion:
    """A new version of the registered model `name`; its tags are the logged model's record.

    Raises ValueError if the model has no signature or an incomplete record.
    """
    record = logged.metadata or {}
    missing = [key for key in RECORD if not record.get(key)]
    if logged.signature is None:
        missing.insert(0, "signature")
    if missing:
        raise ValueError(
            f"{name}: the logged model lacks its {', '.join(missing)}; "
            "log it with labs.deployment.registry.log_model, which records them"
        )
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    return client.create_model_version(
        name, logged.model_uri, logged.run_id, tags=record, model_id=logged.model_id
    )


def load(name: str, alias: str = "champion") -> PyFuncModel:
    """The version of `name` that carries `alias`; it checks each input against its signature.

    Raises LookupError if no version carries it.
    """
    try:
        mlflow.MlflowClient().get_model_version_by_alias(name, alias)
    except MlflowException as error:
        raise LookupError(
            f"no version of {name!r} has the alias {alias!r} ({error.message}); "
            f"give it with client.set_registered_model_alias({name!r}, {alias!r}, version)"
        ) from None
    return mlflow.pyfunc.load_model(f"models:/{name}@{alias}")


def _telling(data: pd.DataFrame) -> pd.DataFrame:
    """The rows that tell MLflow as much about the columns as all do: types, and which lack values.

    It looks at each cell that holds a text, which takes seconds for a large table.
    """
    mixed = [
        kind for kind in data.dtypes if kind.kind == "O" and not isinstance(kind, pd.StringDtype)
    ]
    if mixed or data.empty:
        return data
    lacking = data.isna().to_numpy()
    return data.iloc[np.union1d(lacking.argmax(axis=0), (~lacking).argmax(axis=0))]


def _require_texts(texts: Mapping[str, str]) -> None:
    for key, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{key} is {text!r}; write who or what it is, in words")


def _require_named_columns(data: pd.DataFrame) -> None:
    if not isinstance(data, pd.DataFrame) or not all(isinstance(c, str) for c in data.columns):
        raise TypeError(
            f"data is a {type(data).__name__}; pass a DataFrame whose columns have names, "
            "because the signature is made of their names and types"
        )
