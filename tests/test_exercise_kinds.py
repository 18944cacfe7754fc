"""The kinds of answers that exercises judge: text, model, registry, service."""

import asyncio
import hashlib
import threading
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI, Response
from mlflow import MlflowClient
from sklearn.linear_model import LinearRegression

from labs.deployment.events import EventLog
from labs.deployment.promotion import promote
from labs.deployment.registry import log_model, open_registry, register
from labs.kit.exercise.kinds import Model, Registry, Service, Text

TABLE = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


def refused(kind, value) -> str:
    """What a learner reads whose answer `value` is not of `kind`."""
    with pytest.raises(AssertionError) as raised, kind.of(value, "answer"):
        pass
    return str(raised.value)


@pytest.fixture(scope="module")
def registry_with_version_2_as_champion(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    client = open_registry(folder)
    for slope in (1.0, 2.0, 3.0):
        model = LinearRegression().fit(TABLE, slope * TABLE["x"])
        logged = log_model(
            model,
            data=TABLE,
            target=TABLE["x"],
            name="slope",
            owner="line",
            intended_use="tests",
            dataset_name="three rows",
            metrics={"slope": slope, "never": float("nan")},
        )
        register(logged, "slope")
    client.log_param(logged.run_id, "depth", 4)
    client.delete_model_version("slope", "1")
    at = datetime(2026, 3, 2, tzinfo=UTC)
    promote("slope", 2, [], log=EventLog.beside(folder), why="it is steeper", at=at)
    return folder


@pytest.fixture(scope="module")
def app_with_every_fault():
    app = FastAPI()
    app.get("/health")(lambda: {"status": "ok"})
    app.get("/text")(lambda: Response("hello", media_type="text/plain"))
    app.get("/long")(lambda: Response(b"x" * 10_000_001))
    app.get("/lies")(lambda: Response("{half", media_type="application/json"))
    app.get("/raises")(lambda: 1 / 0)
    app.get("/sleeps")(lambda: time.sleep(3))

    @app.get("/blocks")
    async def blocks():
        while True:
            pass

    @app.get("/exits")
    async def exits():
        raise SystemExit(1)

    @app.post("/echo")
    async def echo(row: dict) -> dict:
        return row

    return app


def test_a_text_is_read_as_yaml():
    with Text.of("a: [1, 2]", "rules") as text:
        assert text == "a: [1, 2]" and text.yaml() == {"a": [1, 2]}


@pytest.mark.parametrize(
    "text, said",
    [
        ("a: [1", "is not YAML: line 1"),
        ("a: b: c", "`answer` is not YAML: line 1, column 5: mapping values"),
        ("  \n", "is empty"),
        ("a: &x 1\nb: *x", "has an alias (*x); write it out"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
        ("a: 2026-02-30", "is not YAML: day"),
        ("[" * 50_000, "is nested more than 50 deep"),
        ("a" * 100_001, "at most 100,000 are read"),
    ],
)
def test_a_text_that_is_no_yaml_says_where(text, said):
    with Text.of(text, "answer") as answer, pytest.raises(AssertionError) as raised:
        answer.yaml()
    assert said in str(raised.value)


@pytest.mark.parametrize("kind", [Text, Model, Registry, Service])
@pytest.mark.parametrize(
    "value, said", [(None, "None"), (3, "an int"), (len, "a function"), (dict, "the class dict")]
)
def test_what_is_not_of_the_kind_is_named(kind, value, said):
    assert refused(kind, value).startswith(f"`answer` is {said}; ")


def test_a_model_answers_an_array_and_keeps_the_table_as_it_is():
    with Model.of(LinearRegression().fit(TABLE, [2.0, 4.0, 6.0]), "model") as model:
        given = TABLE.copy()
        assert np.allclose(model.predict(given), [2, 4, 6]) and given.equals(TABLE)


@pytest.mark.parametrize(
    "answer, said", [(None, "None"), ([1.0], "1 for 3 rows"), (0.5, "one value"), ([[1], 2], "rag")]
)
def test_a_model_that_does_not_answer_each_row_is_named(answer, said):
    class Odd:
        def predict(self, table):
            return answer

    with Model.of(Odd(), "model") as model, pytest.raises(AssertionError, match=said):
        model.predict(TABLE)


def test_a_registry_says_what_mlflow_says(registry_with_version_2_as_champion):
    client = MlflowClient()
    with Registry.of(registry_with_version_2_as_champion, "store") as store:
        ours = store.versions("slope")
    theirs = sorted(client.search_model_versions("name = 'slope'"), key=lambda v: int(v.version))
    assert [v["version"] for v in ours] == [str(v.version) for v in theirs] == ["2", "3"]
    for our, their in zip(ours, theirs, strict=True):
        run = client.get_run(their.run_id).data
        assert our["tags"] == their.tags and our["params"] == run.params
        assert our["metrics"]["slope"] == run.metrics["slope"]
        assert np.isnan(our["metrics"]["never"]) and np.isnan(run.metrics["never"])
    assert [v["aliases"] for v in ours] == [["champion"], []]


def test_a_registry_gives_alias_events_and_predictions(registry_with_version_2_as_champion):
    with Registry.of(str(registry_with_version_2_as_champion), "store") as store:
        assert store.alias("slope", "champion") == "2" and store.alias("slope", "x") is None
        assert np.allclose(store.predict("slope", "champion", TABLE), [2, 4, 6])
        assert np.allclose(store.predict("slope", "3", TABLE), [3, 6, 9])
        (event,) = store.events()
        assert (event["action"], event["after"], event["why"]) == ("promote", "2", "it is steeper")
        assert event["at"].startswith("2026-03-02") and event["details"] == {"verdicts": []}
        for version, said in (("1", "no version 1"), ("x", "no version of slope has the alias x")):
            with pytest.raises(AssertionError, match=said):
                store.predict("slope", version, TABLE)


def test_a_registry_is_never_changed_and_may_have_moved(
    registry_with_version_2_as_champion, tmp_path
):
    moved = tmp_path / "artifacts" / "moved"
    moved.parent.mkdir()
    registry_with_version_2_as_champion.rename(moved)
    try:
        files = [file for file in sorted(moved.rglob("*")) if file.is_file()]
        before = [hashlib.sha256(file.read_bytes()).digest() for file in files]
        with Registry.of(moved, "store") as store:
            assert len(store.predict("slope", "champion", TABLE)) == 3
        assert [hashlib.sha256(file.read_bytes()).digest() for file in files] == before
        assert [file for file in sorted(moved.rglob("*")) if file.is_file()] == files
    finally:
        moved.rename(registry_with_version_2_as_champion)


def test_a_folder_that_is_no_registry_is_named(tmp_path):
    assert "does not exist" in refused(Registry, tmp_path / "nowhere")
    assert "has no file mlflow.db" in refused(Registry, tmp_path)
    (tmp_path / "mlflow.db").write_text("no database, but long enough to be taken for one" * 9)
    assert "cannot be read" in refused(Registry, tmp_path)


def test_a_service_answers_data(app_with_every_fault):
    with Service.of(app_with_every_fault, "app") as service:
        assert service.get("/health") == (200, {"status": "ok"})
        assert service.get("/text") == (200, "hello")
        assert service.get("/lies") == (200, "{half")
        assert service.post("/echo", json={"a": None}) == (200, {"a": None})
        assert service.post("/echo", body="no json")[0] == 422
        assert service.post("/echo", body=b"png", headers={"content-type": "image/png"})[0] == 422
        assert service.post("/echo", body=b"x" * 3_000_000)[0] == 422


def test_a_service_that_raises_says_what_with_status_500(app_with_every_fault):
    with Service.of(app_with_every_fault, "app") as service:
        assert service.get("/raises") == (500, "ZeroDivisionError: division by zero")
        assert service.get("/exits") == (500, "SystemExit: 1")
        assert service.get("/health")[0] == 200


def test_an_answer_without_end_is_refused(app_with_every_fault):
    with (
        Service.of(app_with_every_fault, "app") as service,
        pytest.raises(AssertionError, match="GET /long with more than 10,000,000 bytes"),
    ):
        service.get("/long")


@pytest.mark.parametrize("path", ["/sleeps", "/blocks"])
def test_a_service_that_hangs_is_left_and_closed(app_with_every_fault, path):
    with (
        pytest.raises(AssertionError, match=rf"did not answer GET {path} within 0.2 seconds"),
        Service.of(app_with_every_fault, "hangs", seconds=0.2) as service,
    ):
        service.get(path)
    assert not [thread for thread in threading.enumerate() if thread.name == "hangs"]


def test_a_service_that_breaks_off_is_named():
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    with Service.of(half, "app") as service, pytest.raises(AssertionError, match="broke off"):
        service.get("/")


def test_a_service_starts_and_ends_with_its_block():
    seen = []

    async def lifespan(app):
        seen.append("started")
        yield
        seen.append("ended")

    with Service.of(FastAPI(lifespan=lifespan), "app"):
        assert seen == ["started"]
    assert seen == ["started", "ended"]


def test_a_service_that_does_not_start_says_why():
    async def lifespan(app):
        raise ValueError("no model")
        yield

    said = refused(Service, FastAPI(lifespan=lifespan))
    assert said == "`answer` did not start: ValueError: no model"


def test_a_service_can_be_asked_within_a_running_loop(app_with_every_fault):
    async def cell():
        with Service.of(app_with_every_fault, "app") as service:
            return service.get("/health")[0]

    assert asyncio.run(cell()) == 200
