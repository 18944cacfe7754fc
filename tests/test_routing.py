"""Which version answers: sticky by key, monotone in the share, safe with a broken file."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

from labs.deployment import traffic
from labs.deployment.routing import Changed, Route, Routes, answers
from labs.deployment.traffic import Answered, TrafficWriter

KEYS = [f"truck-{i}" for i in range(20_000)]


def challenged(share, salt="failures/2"):
    route = Route("canary", "2", share, salt)
    return {key for key in KEYS if answers(route, key) == "challenger"}


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5])
def test_a_canary_answers_its_share_of_the_keys(share):
    slack = 4 * (share * (1 - share) / len(KEYS)) ** 0.5
    assert abs(len(challenged(share)) / len(KEYS) - share) < slack


def test_share_0_answers_nobody_and_share_1_everybody():
    assert challenged(0) == set()
    assert challenged(1) == set(KEYS)


def test_a_larger_share_gives_no_key_back_to_the_champion():
    shares = [challenged(share) for share in (0.01, 0.05, 0.25, 0.5, 1.0)]
    assert all(small <= large for small, large in pairwise(shares))


def test_another_salt_meets_other_keys():
    both = challenged(0.1) & challenged(0.1, salt="failures/3")
    assert 0.005 < len(both) / len(KEYS) < 0.015  # independent draws share 1 %


def test_a_key_has_the_same_answer_in_another_process_with_another_hash_seed():
    code = (
        "from labs.deployment.routing import Route, answers\n"
        "route = Route('canary', '2', 0.25, 'failures/2')\n"
        "print(''.join(answers(route, f'truck-{i}')[1] for i in range(2000)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
    )
    route = Route("canary", "2", 0.25, "failures/2")
    assert done.stdout.strip() == "".join(answers(route, key)[1] for key in KEYS[:2000])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"strategy": "coin"}, "strategy is 'coin'; use one of 'single', 'shadow'"),
        ({"strategy": "shadow"}, "shadow with challenger None makes no sense"),
        ({"strategy": "canary", "challenger": "2", "share": 1.5}, "canary allows 0-1"),
        ({"strategy": "canary", "challenger": "2", "share": "1"}, "share is '1'"),
        ({"strategy": "canary", "challenger": "2", "share": float("nan")}, "share is nan"),
        ({"strategy": "canary", "challenger": 2, "share": 0.5}, "a version is text"),
        ({"strategy": "blue_green", "challenger": "2", "share": 0.5}, "blue_green allows 0 or 1"),
        ({"strategy": "shadow", "challenger": "2", "share": 1}, "shadow allows 0"),
        ({"until": "noon"}, "until is 'noon'; it is a number of seconds"),
    ],
)
def test_a_route_that_makes_no_sense_is_refused(wrong, why):
    with pytest.raises(ValueError, match=why):
        Route(**wrong)


def test_a_server_that_follows_the_file_sees_a_new_route_at_the_next_request(tmp_path):
    followed = Routes.beside(tmp_path)
    assert followed.of("failures") == Route()
    canary = Route("canary", "2", 0.05, "failures/2")
    assert Routes.beside(tmp_path).put("failures", canary) == Route()
    assert followed.of("failures") == canary
    assert Routes.beside(tmp_path).put("failures", Route()) == canary
    assert followed.of("failures") == Route()
    assert json.loads((tmp_path / "routes.json").read_text()) == {}


def test_a_route_that_nobody_extends_ends_by_itself(tmp_path):
    followed = Routes.beside(tmp_path)
    followed.put("failures", Route("canary", "2", 0.5, until=time.time() + 2))
    followed.put("parts", Route("canary", "2", 0.5, until=time.time() + 600))
    assert followed.of("failures").share == 0.5
    time.sleep(2.1)
    assert followed.of("failures") == Route()
    assert followed.of("parts").share == 0.5


def test_a_route_that_somebody_else_has_changed_is_not_overwritten(tmp_path):
    routes = Routes.beside(tmp_path)
    canary = Route("canary", "2", 0.5)
    routes.put("failures", canary, instead_of=Route())
    with pytest.raises(Changed, match=r"failures has the route .*'canary'.* by now"):
        routes.put("failures", Route("shadow", "3"), instead_of=Route())
    assert routes.of("failures") == canary


@pytest.mark.parametrize("text", ["", '{"failures": ', "[]", "\x00\xff", "[" * 100_000, "3"])
def test_a_broken_file_means_the_champion_answers_and_the_problem_is_said(tmp_path, text):
    routes = Routes.beside(tmp_path)
    routes.put("failures", Route("blue_green", "2", 1))
    (tmp_path / "routes.json").write_text(text)
    assert routes.of("failures") == Route()
    assert "champions answer everything" in routes.problem


def test_a_broken_entry_costs_only_its_own_model_its_route(tmp_path):
    routes = Routes.beside(tmp_path)
    (tmp_path / "routes.json").write_text(
        '{"parts": {"strategy": "shadow", "challenger": "2"}, "failures": {"shares": 1}}'
    )
    assert routes.of("parts") == Route("shadow", "2")
    assert routes.of("failures") == Route()
    assert routes.problem.startswith("the route of failures is ignored")


def test_a_file_that_is_a_folder_means_the_champion_answers(tmp_path):
    (tmp_path / "routes.json").mkdir()
    routes = Routes.beside(tmp_path)
    assert routes.of("failures") == Route()
    assert "cannot be read" in routes.problem


def test_two_processes_that_write_routes_at_once_lose_none(tmp_path):
    code = (
        "import sys\n"
        "from labs.deployment.routing import Route, Routes\n"
        "for i in range(40):\n"
        "    Routes.beside(sys.argv[1]).put(f'{sys.argv[2]}{i}', Route('shadow', '2'))\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    writers = [subprocess.Popen([*arguments, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(json.loads((tmp_path / "routes.json").read_text())) == 80
    assert sorted(path.name for path in tmp_path.iterdir()) == ["routes.json", "routes.lock"]


def answered(key="truck-1", **changed):
    return Answered(**{"at": 1e9, "model": "failures", "key": key, "role": "champion"} | changed)


def test_the_record_of_the_traffic_comes_back_as_it_was_written(tmp_path):
    writer = TrafficWriter.beside(tmp_path)
    shadowed = {"shadow_version": "2", "shadow_prediction": [True]}
    writer.record(answered(version="1", prediction=np.array([0, 1]), milliseconds=2.5, **shadowed))
    writer.record(answered(version="2", role="challenger", error="ValueError: torque"))
    writer.record(answered(version="1", model="parts"))
    writer.close()
    first, second = traffic.read(writer.path, "failures").to_dict("records")
    assert (first["prediction"], first["shadow_prediction"]) == ([0, 1], [True])
    assert (first["milliseconds"], first["error"]) == (2.5, None)
    assert (second["role"], second["error"], second["prediction"]) == (
        "challenger",
        "ValueError: torque",
        None,
    )
    assert list(traffic.read(writer.path, "failures", after=first["number"])["number"]) == [2]


def test_no_traffic_is_an_empty_table(tmp_path):
    assert traffic.read(tmp_path / "traffic.db", "failures").empty
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_written_is_counted_and_the_others_are_kept(tmp_path):
    class Strange:
        def __array__(self, *_, **__):
            raise RuntimeError("no array")

    writer = TrafficWriter.beside(tmp_path)
    writer.record(answered(version="1", prediction=Strange()))
    writer.record(answered(version="1", prediction=[1]))
    writer.close()
    assert len(traffic.read(writer.path, "failures")) == 1
    assert (writer.dropped, "no array" in writer.problem) == (1, True)


def test_a_disk_that_refuses_costs_records_and_nothing_else(tmp_path):
    (tmp_path / "traffic.db").mkdir()
    writer = TrafficWriter.beside(tmp_path)
    writer.record(answered(version="1"))
    writer.close()
    assert writer.dropped == 1
    assert "unable to open" in writer.problem


def test_a_queue_that_is_full_drops_and_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(traffic, "WAITING", 3)
    monkeypatch.setattr(traffic, "WRITE_EVERY", 60)
    writer = TrafficWriter.beside(tmp_path)
    for _ in range(5):
        writer.record(answered(version="1"))
    writer.close()
    assert (len(traffic.read(writer.path, "failures")), writer.dropped) == (3, 2)


def test_the_record_can_be_read_while_it_is_written(tmp_path):
    writer = TrafficWriter.beside(tmp_path)
    writer.record(answered(version="1"))
    deadline = time.monotonic() + 20
    while traffic.read(writer.path, "failures").empty and time.monotonic() < deadline:
        time.sleep(0.01)
    with sqlite3.connect(writer.path) as reader:
        assert reader.execute("SELECT count(*) FROM traffic").fetchone() == (1,)
        writer.record(answered(version="1"))
        writer.close()
    assert writer.dropped == 0
