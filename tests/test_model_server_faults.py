"""A real server survives what goes wrong around it, and says so."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlparse

import forks
import pytest
from served import DATA, Sum, TurnsBad, add_version, post, row, until

from labs.deployment import aliases, registry
from labs.deployment.local import Server
from labs.deployment.routing import Route, Routes

servers_are_forks = forks.servers_are_forks

TROUBLES = {
    "cannot be loaded": "it cannot be loaded: OSError: its weights are gone",
    "nan": "it answers with NaN or infinity",
    "one answer": "it answers 3 rows with an array of shape (1,)",
    "shape": "it answers with shape (3, 2); its signature says (-1,)",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("faults") / "registry"


@pytest.fixture(scope="module")
def client(folder):
    client = registry.open_registry(folder)
    add_version(client, "sums", Sum())
    return client


@pytest.fixture(scope="module")
def server(client, folder):
    """A server with short limits; whatever a test does to it, it must serve the next."""
    limits = {"most_bytes": 100_000, "body_seconds": 1.5, "predict_seconds": 2.0}
    with Server(folder, **limits) as server:
        yield server
        assert server.predict("sums", DATA.head(1)) == [39.0]
        assert "Traceback" not in server.log


def url(server, name="sums"):
    return f"{server.url}/models/{name}/invocations"


def connect(server):
    return socket.create_connection((urlparse(server.url).hostname, urlparse(server.url).port), 60)


def head(length, name="sums"):
    return (
        f"POST /models/{name}/invocations HTTP/1.1\r\nhost: here\r\n"
        f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    ).encode()


def status_of(connection):
    """The status that comes over a raw connection; None if it just ends."""
    line = connection.makefile("rb").readline()
    return int(line.split()[1]) if line else None


def test_a_server_killed_in_the_middle_of_a_request_starts_again_on_its_port(client, folder):
    server = Server(folder, ["sums"])
    port = urlparse(server.url).port
    with ThreadPoolExecutor(1) as callers:
        asked = callers.submit(post, url(server), row(torque=30.0, speed=-1))
        until(lambda: is_predicting(server))
        server.process.send_signal(signal.SIGKILL)
        with pytest.raises((OSError, http.client.HTTPException)):
            asked.result()
    assert server.stop() == -signal.SIGKILL
    with Server(folder, ["sums"], port=port) as again:
        assert again.url == server.url
        assert again.predict("sums", DATA.head(1)) == [39.0]


def health(server):
    try:
        with urllib.request.urlopen(f"{server.url}/health", timeout=60) as answer:
            return answer.status, json.load(answer)["status"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["status"]


def is_predicting(server):
    return "labs_predicting 1.0" in metrics(server)


def metrics(server):
    with closing(connect(server)) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
        return connection.makefile("rb").read().decode()


def test_a_locked_registry_changes_nothing_and_is_said(client, folder, server):
    add_version(client, "locked", Sum())
    until(lambda: "locked" in server.get("/version")["models"])
    with closing(sqlite3.connect(folder / "mlflow.db", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        until(lambda: "locked" in server.get("/ready")["registry"])
        assert server.get("/ready")["ready"] is True
        assert server.predict("locked", DATA.head(1)) == [39.0]
        writer.execute("ROLLBACK")
    until(lambda: server.get("/ready")["registry"] == "ok")
    add_version(client, "locked", Sum(100.0))
    until(lambda: server.predict("locked", DATA.head(1)) == [139.0])


def test_a_registry_that_is_gone_changes_nothing_and_is_said(folder, server):
    os.rename(folder / "mlflow.db", folder / "away.db")
    until(lambda: server.get("/ready")["registry"] == "mlflow.db is gone")
    assert server.get("/ready")["ready"] is True
    assert server.predict("sums", DATA.head(1)) == [39.0]
    assert "labs_registry_up 0.0" in metrics(server)
    os.rename(folder / "away.db", folder / "mlflow.db")
    until(lambda: server.get("/ready")["registry"] == "ok")
    assert "labs_registry_up 1.0" in metrics(server)


def test_a_registry_that_is_damaged_changes_nothing_and_is_said(folder, server):
    os.rename(folder / "mlflow.db", folder / "away.db")
    (folder / "mlflow.db").write_bytes(b"not a database" * 100)
    until(lambda: "cannot be read" in server.get("/ready")["registry"])
    assert server.predict("sums", DATA.head(1)) == [39.0]
    os.replace(folder / "away.db", folder / "mlflow.db")
    until(lambda: server.get("/ready")["registry"] == "ok")


@pytest.mark.parametrize("manner", TROUBLES)
def test_a_version_that_turned_bad_never_answers_and_a_good_one_follows(client, server, manner):
    name = manner.replace(" ", "-")
    add_version(client, name, Sum())
    until(lambda: name in server.get("/version")["models"])
    add_version(client, name, TurnsBad(manner))
    until(lambda: name in server.get("/ready")["problems"])
    assert server.get("/ready")["problems"][name] == f"version 2 is not live: {TROUBLES[manner]}"
    assert server.get("/version")["models"][name]["version"] == "1"
    assert f'labs_model_problem{{model="{name}"}} 1.0' in metrics(server)
    assert server.predict(name, DATA) == DATA.sum(axis=1).tolist()
    add_version(client, name, Sum(100.0))
    until(lambda: server.predict(name, DATA.head(1)) == [139.0])
    assert name not in server.get("/ready")["problems"]


def test_a_version_whose_files_are_damaged_never_answers(client, folder, server):
    add_version(client, "damaged", Sum())
    until(lambda: "damaged" in server.get("/version")["models"])
    version = add_version(client, "damaged", Sum(100.0), alias=None)
    (aliases.model_folder(folder, "damaged", version) / "model.pkl").write_bytes(b"cut short")
    client.set_registered_model_alias("damaged", "champion", version)
    until(lambda: "damaged" in server.get("/ready")["problems"])
    assert "cannot be loaded" in server.get("/ready")["problems"]["damaged"]
    assert server.predict("damaged", DATA.head(1)) == [39.0]


def test_a_champion_whose_alias_is_taken_away_stays_and_is_told(client, server):
    add_version(client, "orphan", Sum())
    until(lambda: "orphan" in server.get("/version")["models"])
    client.delete_registered_model_alias("orphan", "champion")
    until(lambda: "orphan" in server.get("/ready")["problems"])
    assert server.predict("orphan", DATA.head(1)) == [39.0]


def test_the_champion_answers_for_a_challenger_that_fails(client, folder, server):
    add_version(client, "risky", Sum())
    bad = add_version(client, "risky", TurnsBad("fails later"), alias=None)
    Routes.beside(folder).put("risky", Route("canary", bad, 1.0))
    until(lambda: (server.get("/version")["models"].get("risky") or {}).get("strategy") == "canary")
    answer = post(url(server, "risky"), row(torque=35.0))
    assert (answer.status, answer.headers["x-model-version"]) == (200, "1")


def test_a_challenger_that_cannot_be_loaded_gets_no_traffic(client, folder, server):
    add_version(client, "unloadable", Sum())
    bad = add_version(client, "unloadable", TurnsBad("cannot be loaded"), alias=None)
    Routes.beside(folder).put("unloadable", Route("canary", bad, 1.0))
    until(lambda: "unloadable" in server.get("/ready")["problems"])
    assert server.predict("unloadable", DATA.head(1)) == [39.0]


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"{", "application/json"),
        (bytes(range(256)) * 20, "application/json"),
        (os.urandom(5000), "text/csv"),
        (b"[" * 90_000, "application/json"),
        (b'{"instances": ' + b'{"a": ' * 10_000, "application/json"),
        (b'{"dataframe_records": [{"torque_nm": 1e999999, "speed_rpm": 1}], "params": []', ""),
    ],
    ids=["cut short", "binary", "random", "deep", "deep objects", "endless"],
)
def test_a_malformed_body_is_refused(server, body, media):
    refused = post(url(server), body, media)
    assert refused.status in (400, 415)
    assert refused.json()["message"]


def test_a_body_in_another_encoding_is_refused(server):
    refused = post(url(server), b"\x1f\x8b", **{"content-encoding": "gzip"})
    assert refused.status == 415


def test_a_body_that_is_too_long_is_refused_and_the_client_sees_it(server):
    refused = post(url(server), b" " * 300_000)
    assert refused.status == 413
    assert "longer than 100000 bytes" in refused.json()["message"]


def test_a_body_that_claims_to_be_endless_is_refused_before_it_comes(server):
    with closing(connect(server)) as connection:
        connection.sendall(head(10**12))
        assert status_of(connection) == 413


def test_a_body_without_a_length_is_refused_when_it_gets_too_long(server):
    connection = http.client.HTTPConnection(urlparse(server.url).netloc, timeout=60)
    with closing(connection):
        chunks = (b" " * 10_000 for _ in range(30))
        connection.request("POST", "/models/sums/invocations", chunks, encode_chunked=True)
        assert connection.getresponse().status == 413


def test_a_slow_body_is_refused_while_others_are_answered(server):
    with closing(connect(server)) as connection:
        connection.sendall(head(100) + b"{")
        assert post(url(server), row()).status == 200
        assert status_of(connection) == 408


def test_a_connection_that_never_sends_its_headers_is_ended(server):
    with closing(connect(server)) as connection:
        connection.sendall(b"POST /models/sums/invocations HTTP/1.1\r\n")
        assert status_of(connection) is None


def test_a_client_that_leaves_in_the_middle_harms_nobody(server):
    for sent in (head(100), head(100) + b"{", b"\x00\xff"):
        with closing(connect(server)) as connection:
            connection.sendall(sent)
    assert post(url(server), row()).status == 200


def test_a_prediction_that_takes_too_long_is_given_up(server):
    late = post(url(server), row(torque=3.0, speed=-1))
    assert (late.status, late.json()["message"]) == (504, "no answer within 2 seconds")


def test_a_prediction_that_never_ends_makes_health_fail_so_that_a_restart_helps(client, folder):
    limits = {"predict_seconds": 0.5, "stuck_seconds": 1.0}
    with Server(folder, ["sums"], **limits) as server:
        assert health(server) == (200, "ok")
        endless = post(url(server), row(torque=1e6, speed=-1))
        assert (endless.status, endless.json()["message"]) == (504, "no answer within 0.5 seconds")
        until(lambda: health(server) == (503, "a prediction does not end"))
        assert post(url(server), row()).status == 504, "one thread predicts for all"
        assert server.get("/version")["models"]["sums"]["problem"] is None
    with Server(folder, ["sums"], **limits) as restarted:
        assert post(url(restarted), row()).status == 200


def test_more_requests_than_can_wait_are_turned_away_at_once(client, folder):
    with Server(folder, ["sums"]) as server, closing(connect(server)) as slow:
        body = json.dumps(row(torque=3.0, speed=-1)).encode()
        slow.sendall(head(len(body)) + body)
        until(lambda: is_predicting(server))
        crowd = [connect(server) for _ in range(1010)]
        body = json.dumps(row()).encode()
        for connection in crowd:
            connection.sendall(head(len(body)) + body)
        found = [status_of(connection) for connection in crowd]
        for connection in crowd:
            connection.close()
    assert set(found) == {200, 503}
    assert found.count(503) == 10


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM; stop() drains there too")
def test_sigterm_lets_the_server_answer_what_it_has_begun(client, folder):
    server = Server(folder, ["sums"])
    with ThreadPoolExecutor(1) as callers:
        asked = callers.submit(post, url(server), row(torque=3.0, speed=-1))
        until(lambda: is_predicting(server))
        server.process.send_signal(signal.SIGTERM)
        assert asked.result().json() == {"predictions": [2.0]}
    assert server.process.wait(60) == 0
    with pytest.raises(OSError):
        connect(server)
    assert "Traceback" not in server.log


def test_stop_drains_too(client, folder):
    server = Server(folder, ["sums"])
    with ThreadPoolExecutor(1) as callers:
        asked = callers.submit(post, url(server), row(torque=3.0, speed=-1))
        until(lambda: is_predicting(server))
        assert server.stop() == 0
        assert asked.result().json() == {"predictions": [2.0]}
