"""A real server process answers for many models, follows the registry, and predicts together."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import cloudpickle
import forks
import mlflow
import pytest
from prometheus_client.parser import text_string_to_metric_families
from served import DATA, Sum, add_version, post, row, until
from sklearn.linear_model import LinearRegression

from labs.deployment import aliases, registry, telemetry, traffic
from labs.deployment.local import Server, ServerError
from labs.deployment.routing import Route, Routes

servers_are_forks = forks.servers_are_forks


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("server") / "registry"


@pytest.fixture(scope="module")
def client(folder):
    client = registry.open_registry(folder)
    add_version(client, "sums", Sum())
    return client


@pytest.fixture(scope="module")
def server(client, folder):
    """One server of all models, for all tests that do not need their own."""
    with Server(folder) as server:
        yield server


@pytest.fixture
def sums(client, server, request):
    """A served model of the test's own, named after it."""
    return served(client, server, request.node.name.removeprefix("test_"), Sum())


def served(client, server, name, model):
    add_version(client, name, model)
    until(lambda: name in server.get("/version")["models"])
    return name


def url(server, name="sums"):
    return f"{server.url}/models/{name}/invocations"


def metric(server, name, **labels):
    text = get(server, "/metrics").decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return 0.0


def get(server, path):
    with urllib.request.urlopen(server.url + path, timeout=30) as response:
        return response.read()


def test_a_served_model_answers_as_the_loaded_model_does(server):
    expected = registry.load("sums").predict(DATA).tolist()
    assert server.predict("sums", DATA) == expected
    csv = post(url(server), DATA.to_csv(index=False).encode(), "text/csv")
    assert csv.json() == {"predictions": expected}


def test_an_answer_names_the_version_that_gave_it(server):
    answer = post(url(server), row())
    assert answer.json() == {"predictions": [3.0]}
    assert answer.headers["x-model-version"] == "1"


def test_the_only_model_answers_without_its_name(client, folder):
    with Server(folder, ["sums"]) as server:
        assert post(f"{server.url}/invocations", row()).json() == {"predictions": [3.0]}
        assert post(url(server, "others"), row()).status == 404


def test_one_process_serves_every_model_and_those_that_come_later(client, server):
    served(client, server, "tens", Sum(10.0))
    assert server.predict("tens", DATA.head(1)) == [49.0]
    assert server.predict("sums", DATA.head(1)) == [39.0]
    refused = post(f"{server.url}/invocations", row())
    assert (refused.status, refused.json()["error_code"]) == (404, "NOT_FOUND")


def test_an_unknown_model_and_an_unknown_path_are_told(server):
    assert post(url(server, "others"), row()).json() == {
        "error_code": "NOT_FOUND",
        "message": "there is no model 'others' here",
    }
    assert post(f"{server.url}/nothing", row()).status == 404


def test_a_refusal_names_the_column_and_no_other(server):
    body = {"dataframe_records": [{"torque_nm": "much", "speed_rpm": 1}]}
    refused = post(url(server), body)
    assert refused.status == 422
    assert refused.json()["message"] == "the column 'torque_nm' must be a number; row 0 is text"
    assert b"speed_rpm" not in refused.body


def test_a_model_that_fails_on_a_missing_value_names_its_column(client, server):
    served(client, server, "lines", LinearRegression())
    refused = post(url(server, "lines"), row(torque=None))
    assert refused.status == 422
    assert refused.json()["message"] == "the model cannot answer: a value is missing in 'torque_nm'"


def test_the_probes_answer(server):
    assert server.get("/health") == {"status": "ok"}
    assert server.get("/ready")["ready"] is True
    assert server.get("/version")["models"]["sums"]["version"] == "1"


def test_the_metrics_count_requests_by_status(sums, server):
    post(url(server, sums), row())
    post(url(server, sums), b"{")
    post(url(server, "others"), row())
    assert metric(server, "labs_requests_total", model=sums, status="200") == 1
    assert metric(server, "labs_requests_total", model=sums, status="400") == 1
    assert metric(server, "labs_requests_total", model="", status="404") >= 1
    assert metric(server, "labs_live_version", model=sums, version="1") == 1
    assert metric(server, "labs_registry_up") == 1


def test_the_metrics_tell_what_the_process_uses(server):
    before = metric(server, "process_cpu_seconds_total")
    for _ in range(30):
        server.predict("sums", DATA)
    assert metric(server, "process_cpu_seconds_total") > before > 0
    if sys.platform.startswith("linux"):  # elsewhere memory is not told
        assert metric(server, "process_resident_memory_bytes") > 50e6


@pytest.mark.parametrize(("platform", "told"), [("linux", 0), ("darwin", 1), ("win32", 1)])
def test_cpu_is_told_once_on_every_platform(platform, told):
    names = [family.name for family in telemetry._cpu_elsewhere(platform)]
    assert names == ["process_cpu_seconds"] * told


def test_the_page_of_calls_needs_no_other_host_and_shows_no_column(server):
    page = get(server, "/docs").decode()
    schema = json.loads(get(server, "/openapi.json"))
    assert "http:" not in page + "".join(schema["paths"])
    assert not {"https:", "//", "<script", "torque_nm"} & set(page.split('"'))
    assert "torque_nm" not in page + json.dumps(schema)
    for path in schema["paths"]:
        assert path in page


def test_a_new_champion_answers_while_no_request_fails(client, sums, server):
    seen, ended = [], threading.Event()

    def ask():
        while not ended.is_set():
            answer = post(url(server, sums), row())
            seen.append((answer.status, answer.headers["x-model-version"], answer.json()))

    with ThreadPoolExecutor(4) as callers:
        asked = [callers.submit(ask) for _ in range(4)]
        until(lambda: len(seen) > 20)
        add_version(client, sums, Sum(100.0))
        until(lambda: seen[-1][1] == "2")
        ended.set()
    assert [call.result() for call in asked] == [None] * 4
    right = {"1": {"predictions": [3.0]}, "2": {"predictions": [103.0]}}
    assert all(answer == (200, answer[1], right[answer[1]]) for answer in seen)


def test_a_rollback_is_followed_like_a_promotion(client, sums, server):
    add_version(client, sums, Sum(100.0))
    until(lambda: server.predict(sums, DATA.head(1)) == [139.0])
    client.set_registered_model_alias(sums, "champion", "1")
    until(lambda: server.predict(sums, DATA.head(1)) == [39.0])


def test_requests_that_wait_together_are_predicted_together_and_answered_apart(sums, server):
    with ThreadPoolExecutor(21) as callers:
        slow = callers.submit(post, url(server, sums), row(torque=1.0, speed=-1))
        until(lambda: metric(server, "labs_predicting") == 1)
        answers = list(callers.map(lambda n: post(url(server, sums), row(n, 0)), range(20)))
    assert slow.result().json() == {"predictions": [0.0]}
    assert [answer.json() for answer in answers] == [{"predictions": [n]} for n in range(20)]
    assert metric(server, "labs_predict_rows_sum", model=sums) == 21
    assert metric(server, "labs_predict_rows_count", model=sums) < 21


def test_only_the_bad_one_of_requests_predicted_together_fails(sums, server):
    with ThreadPoolExecutor(11) as callers:
        callers.submit(post, url(server, sums), row(torque=1.0, speed=-1))
        until(lambda: metric(server, "labs_predicting") == 1)
        torques = [1, 2, -3, 4, 5, 6, 7, 8, 9, 10]
        answers = list(callers.map(lambda n: post(url(server, sums), row(n, 0)), torques))
    assert [answer.status for answer in answers] == [200, 200, 500] + [200] * 7
    assert answers[3].json() == {"predictions": [4.0]}
    assert "ArithmeticError" not in answers[2].body.decode()
    assert "ArithmeticError" in server.log


class Ranks(Sum):
    """Answers each row by its rank among the others: its company matters."""

    def predict(self, table):
        return table["torque_nm"].rank().to_numpy() + super().predict(table) * 0


def test_a_model_whose_rows_depend_on_each_other_predicts_each_request_alone(client, server):
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    served(client, server, "ranks", Ranks())
    with ThreadPoolExecutor(9) as callers:
        callers.submit(post, url(server, "ranks"), row(torque=1.0, speed=-1))
        until(lambda: metric(server, "labs_predicting") == 1)
        answers = list(callers.map(lambda n: post(url(server, "ranks"), row(n)), range(8)))
    assert [answer.json() for answer in answers] == [{"predictions": [1.0]}] * 8


@pytest.fixture
def two_versions(client, sums):
    """A served model that has a second version, which is not its champion."""
    add_version(client, sums, Sum(100.0), alias=None)
    return sums


def test_a_canary_answers_its_share_and_the_same_key_always_alike(two_versions, server, folder):
    Routes.beside(folder).put(two_versions, Route("canary", "2", 0.5, "salt"))
    until(lambda: server.get("/version")["models"][two_versions]["strategy"] == "canary")
    keys = [f"caller {n}" for n in range(40)]
    first = [server.predict(two_versions, DATA.head(1), key) for key in keys]
    assert first == [server.predict(two_versions, DATA.head(1), key) for key in keys]
    assert {tuple(answer) for answer in first} == {(39.0,), (139.0,)}
    records = recorded(folder, two_versions, 80)
    assert set(zip(records["role"], records["version"], strict=True)) == {
        ("champion", "1"),
        ("challenger", "2"),
    }


def test_a_shadow_sees_the_traffic_and_answers_nobody(two_versions, server, folder):
    Routes.beside(folder).put(two_versions, Route("shadow", "2"))
    until(lambda: server.get("/version")["models"][two_versions]["strategy"] == "shadow")
    assert server.predict(two_versions, DATA.head(1)) == [39.0]
    (record,) = recorded(folder, two_versions, 1).to_dict("records")
    assert (record["version"], record["prediction"]) == ("1", [39.0])
    assert (record["shadow_version"], record["shadow_prediction"]) == ("2", [139.0])


def test_blue_green_moves_all_traffic_without_a_failed_request(two_versions, server, folder):
    Routes.beside(folder).put(two_versions, Route("blue_green", "2", 1))
    until(lambda: server.predict(two_versions, DATA.head(1)) == [139.0])
    Routes.beside(folder).put(two_versions, Route("blue_green", "2", 0))
    until(lambda: server.predict(two_versions, DATA.head(1)) == [39.0])


def recorded(folder, model, records):
    until(lambda: len(traffic.read(folder / "traffic.db", model)) >= records)
    return traffic.read(folder / "traffic.db", model)


def test_what_is_read_from_the_file_is_what_mlflow_says(client, folder):
    add_version(client, "twenties", Sum(20.0))
    add_version(client, "twenties", Sum(21.0), alias=None)
    said = {
        model.name: str(model.aliases["champion"]) for model in client.search_registered_models()
    }
    assert aliases.champions(folder) == said
    assert said["twenties"] == "1"
    place = mlflow.artifacts.download_artifacts("models:/twenties/2")
    assert aliases.model_folder(folder, "twenties", "2") == Path(place)


def test_a_reader_follows_changes_and_a_file_that_took_the_others_place(client, folder, tmp_path):
    add_version(client, "replaced", Sum(1.0))
    add_version(client, "replaced", Sum(2.0), alias=None)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(folder / "mlflow.db", copy)
    with closing(aliases.Reader(folder)) as reader, closing(aliases.Reader(copy)) as other:
        assert reader.champions()["replaced"] == other.champions()["replaced"] == "1"
        client.set_registered_model_alias("replaced", "champion", "2")
        assert (reader.champions()["replaced"], other.champions()["replaced"]) == ("2", "1")
        shutil.copy(folder / "mlflow.db", copy / "new.db")
        os.replace(copy / "new.db", copy / "mlflow.db")
        assert other.champions()["replaced"] == "2"
        (copy / "mlflow.db").unlink()
        with pytest.raises(aliases.Unreadable, match="is gone"):
            other.champions()


def test_a_registry_that_was_copied_elsewhere_is_served_from_there(client, folder, tmp_path):
    copy = tmp_path / "artifacts" / "copy"
    shutil.copytree(folder, copy)
    for name in aliases.champions(folder):
        assert aliases.model_folder(copy, name, "1").is_relative_to(copy)
    with Server(copy, ["sums"]) as server:
        assert server.predict("sums", DATA.head(1)) == [39.0]


def test_a_folder_without_a_registry_is_told(tmp_path):
    with pytest.raises(ServerError, match=r"holds no mlflow\.db"):
        Server(tmp_path)


def test_a_model_without_a_champion_is_told_at_the_start(client, folder):
    with pytest.raises(ServerError, match="others: no version has the alias champion"):
        Server(folder, ["others"])


def test_a_port_that_is_taken_is_told(client, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"cannot listen on 127.0.0.1:{port}.*--port"):
            Server(folder, port=port)


def test_a_server_ends_with_whoever_started_it_even_if_that_is_killed(client, folder):
    code = (
        "import sys, time; from labs.deployment.local import Server\n"
        "server = Server(sys.argv[1]); print(server.url, server.process.pid, flush=True)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    address, pid = parent.stdout.readline().decode().split()
    assert post(f"{address}/models/sums/invocations", row()).status == 200
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not is_running(int(pid)))


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text()
