"""A model goes into a real MLflow sqlite registry with its record, and comes out by its alias."""

import os
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from labs.deployment import registry, store
from labs.deployment.fingerprint import code_version, content_hash

DATA = pd.DataFrame({"torque_nm": np.arange(40.0), "speed_rpm": np.arange(40.0)[::-1]})
TARGET = DATA["torque_nm"] > 20
WORDS = {
    "name": "failures",
    "owner": "maintenance team",
    "intended_use": "plan inspections",
    "dataset_name": "line 4, week 1",
}


@pytest.fixture
def client(tmp_path):
    return registry.open_registry(tmp_path / "registry")


def fitted(model=None):
    return (LogisticRegression() if model is None else model).fit(DATA, TARGET)


def log(model=None, **changed):
    arguments = {"data": DATA, "target": TARGET, **WORDS, **changed}
    return registry.log_model(fitted(model), **arguments)


@pytest.fixture
def champion(client):
    version = registry.register(log(metrics={"recall": 0.75}), "failures")
    client.set_registered_model_alias("failures", "champion", version.version)
    return client.get_model_version_by_alias("failures", "champion")


def test_the_champion_predicts_as_the_model_that_was_logged(champion):
    assert (registry.load("failures").predict(DATA) == fitted().predict(DATA)).all()


def test_a_second_model_becomes_version_2_and_the_alias_stays_until_it_is_moved(champion, client):
    second = registry.register(log(), "failures")
    assert second.version == 2
    assert client.get_model_version_by_alias("failures", "champion").version == 1


def test_the_version_carries_its_whole_record(champion):
    assert champion.tags == {
        "owner": "maintenance team",
        "intended_use": "plan inspections",
        "dataset_name": "line 4, week 1",
        "data_hash": content_hash(DATA, TARGET),
        "code_version": code_version(),
    }


def test_the_metrics_are_in_the_run_of_the_version(champion, client):
    assert client.get_run(champion.run_id).data.metrics == {"recall": 0.75}


def test_requirements_are_pinned_to_what_is_installed_here(champion, tmp_path):
    (file,) = (tmp_path / "registry" / "artifacts").rglob("requirements.txt")
    assert f"mlflow=={mlflow.__version__}" in file.read_text().splitlines()


def test_all_files_are_in_the_folder_of_the_registry(champion, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    log()
    assert list(elsewhere.iterdir()) == []
    assert len(list((tmp_path / "registry").rglob("MLmodel"))) == 2


def test_a_registry_that_is_opened_again_still_has_its_models(champion, tmp_path):
    registry.open_registry(tmp_path / "another")
    client = registry.open_registry(tmp_path / "registry")
    assert client.get_model_version_by_alias("failures", "champion").version == 1


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5),
        GradientBoostingClassifier(n_estimators=5),
        HistGradientBoostingClassifier(max_iter=5),
        IsolationForest(n_estimators=5),
        KNeighborsClassifier(),
        MLPClassifier(max_iter=2000),
        CalibratedClassifierCV(LogisticRegression()),
        LinearRegression(),
        make_pipeline(FunctionTransformer(lambda table: table**2), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_kind_of_estimator_can_be_logged_and_loaded(client, model):
    logged = log(model)
    loaded = mlflow.pyfunc.load_model(logged.model_uri)
    np.testing.assert_array_equal(loaded.predict(DATA), model.predict(DATA))


def test_a_model_can_be_loaded_to_give_probabilities(client):
    logged = log(predict="predict_proba")
    loaded = mlflow.pyfunc.load_model(logged.model_uri)
    np.testing.assert_array_equal(loaded.predict(DATA), fitted().predict_proba(DATA))


def test_the_signature_is_that_of_all_rows_wherever_a_value_is_lacking(client):
    table = DATA.assign(
        variant=["L", "M"] * 20,
        plant=[None, *["Umeå"] * 38, None],
        wear=[*range(39), np.nan],
        parts=range(40),
        inspected=[*[pd.NaT] * 39, pd.Timestamp("2026-03-02")],
    )
    logged = registry.log_model(
        DummyClassifier().fit(table, TARGET), data=table, target=TARGET, **WORDS
    )
    assert logged.signature.inputs == infer_signature(table).inputs
    lacking = {name for name, column in table.items() if column.isna().any()}
    assert {one.name for one in logged.signature.inputs if not one.required} == lacking


@pytest.mark.parametrize("word", ["name", "owner", "intended_use", "dataset_name"])
@pytest.mark.parametrize("blank", ["", "  ", None])
def test_a_blank_word_is_refused_by_its_name(word, blank):
    with pytest.raises(ValueError, match=f"^{word} is {blank!r}; write who or what it is"):
        log(**{word: blank})


def test_data_without_column_names_is_refused_because_it_gives_no_signature():
    with pytest.raises(TypeError, match="data is a ndarray; pass a DataFrame whose columns have"):
        log(data=DATA.to_numpy())


def test_a_target_of_another_length_is_refused():
    with pytest.raises(ValueError, match="target has 39 values and data 40 rows"):
        log(target=TARGET[:-1])


def test_a_model_logged_without_signature_and_record_cannot_be_registered(client):
    with mlflow.start_run():
        bare = mlflow.sklearn.log_model(
            fitted(), name="bare", pip_requirements=[], serialization_format="cloudpickle"
        )
    with pytest.raises(ValueError, match="bare: the logged model lacks its signature, owner, int"):
        registry.register(bare, "bare")
    assert client.search_registered_models() == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (DATA.rename(columns={"torque_nm": "torque"}), r"missing inputs \['torque_nm'\]"),
        (DATA.assign(torque_nm="41.5"), "Can not safely convert str to float64"),
    ],
    ids=["renamed", "text"],
)
def test_the_signature_refuses_a_renamed_column_and_a_wrong_type(champion, wrong, why):
    with pytest.raises(mlflow.MlflowException, match=why):
        registry.load("failures").predict(wrong)


def test_a_missing_alias_is_named_with_the_call_that_gives_it(champion):
    with pytest.raises(LookupError, match=r"'failures' has the alias 'challenger'.*set_registered"):
        registry.load("failures", "challenger")


@pytest.mark.parametrize(
    "changed",
    [
        DATA.assign(torque_nm=DATA["torque_nm"].replace(3.0, 3.0000001)),
        DATA.rename(columns={"torque_nm": "torque"}),
        DATA.astype({"torque_nm": "float32"}),
        DATA.iloc[::-1],
        DATA[["speed_rpm", "torque_nm"]],
        DATA.iloc[:-1],
    ],
    ids=["value", "name", "type", "order of rows", "order of columns", "row"],
)
def test_the_hash_of_the_data_changes_with_one(changed):
    assert content_hash(changed) != content_hash(DATA)


def test_the_hash_of_the_data_is_the_same_on_every_machine_and_for_every_index():
    table = pd.DataFrame({"variant": ["L", "H"], "torque_nm": [39.5, None]})
    assert content_hash(table, [False, True])[:16] == "9e45911e239db751"
    assert content_hash(table.set_index(pd.Index([7, 8]))) == content_hash(table)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    path = tmp_path / "cache" / "template.db"
    monkeypatch.setattr(store, "template_path", lambda: path)
    return path


def test_a_damaged_template_is_made_anew(cache, tmp_path):
    cache.parent.mkdir()
    cache.write_bytes(b"SQLite format 3\0 cut short")
    assert registry.open_registry(tmp_path / "registry").search_experiments()
    assert store._is_sound(cache)
    assert [path.name for path in cache.parent.iterdir()] == ["template.db"]


def test_a_cache_that_cannot_be_written_costs_time_only(cache, tmp_path):
    cache.parent.write_text("a file where the folder should be")
    assert registry.open_registry(tmp_path / "registry").search_experiments()


def test_a_first_registry_prints_nothing_and_sends_nothing(tmp_path):
    code = (
        "from labs.deployment import registry\n"
        "registry.open_registry('registry')\n"
        "from mlflow.telemetry import get_telemetry_client\n"
        "assert get_telemetry_client() is None\n"
    )
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "CI"))} | home
    env["PYTHONPATH"] = str(Path(registry.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
