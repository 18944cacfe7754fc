"""The event log only grows, survives its writers, and says who was champion when."""

import getpass
import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from labs.deployment.events import EventLog

MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    return EventLog.beside(tmp_path)


@pytest.fixture
def log_of_a_year(log):
    """Version 1 promoted on day 0, 2 on day 10, back to 1 on day 12, 3 refused on day 20."""
    moves = [("promote", None, 1, 0), ("promote", 1, 2, 10), ("rollback", 2, 1, 12)]
    for action, before, after, day in [*moves, ("refuse", 1, 3, 20)]:
        at = MONDAY + timedelta(days=day)
        log.append(action, "failures", why="as told", before=before, after=after, at=at)
    log.append("promote", "parts", why="first", after=7, at=MONDAY + timedelta(days=11))
    return log


def raw(log, statement, *values):
    with sqlite3.connect(log.path) as connection:
        return connection.execute(statement, values).fetchall()


def test_a_record_comes_back_as_it_was_appended(log):
    event = log.append(
        "promote", "failures", why="better", actor="Ida", before=1, after=2, at=MONDAY, gain=0.03
    )
    (row,) = log.table().to_dict("records")
    assert row == vars(event)
    assert row == {
        "number": 1,
        "at": MONDAY,
        "action": "promote",
        "model": "failures",
        "actor": "Ida",
        "why": "better",
        "before": "1",
        "after": "2",
        "details": {"gain": 0.03},
    }


def test_a_record_without_actor_and_time_is_by_this_user_and_now(log):
    begun = datetime.now(UTC)
    event = log.append("deploy", "failures", why="first day")
    assert event.actor == getpass.getuser()
    assert begun <= event.at <= datetime.now(UTC)
    assert (event.before, event.after) == (None, None)


def test_a_user_without_a_name_is_a_number(log, monkeypatch):
    def nameless():
        raise KeyError("uid not found: 10001")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert log.append("deploy", "failures", why="in a container").actor.startswith("user ")


def test_details_may_hold_what_numpy_measured(log):
    log.append("deploy", "failures", why="try", rows=np.int64(3), gains=np.array([0.5]), day=MONDAY)
    (details,) = log.table()["details"]
    assert details == {"rows": 3, "gains": [0.5], "day": str(MONDAY)}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"action": "promoted"}, "'promoted' is not an action; use one of register, promote"),
        ({"model": " "}, "both must say something"),
        ({"why": ""}, "both must say something"),
        ({"at": datetime(2026, 11, 2)}, "names no time zone"),
    ],
)
def test_a_record_that_says_too_little_is_refused(log, wrong, why):
    with pytest.raises(ValueError, match=why):
        log.append(**{"action": "deploy", "model": "failures", "why": "first day"} | wrong)
    assert log.table().empty


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET why = 'another reason' WHERE number = 1",
        "DELETE FROM events",
        "DELETE FROM events WHERE number = 1",
        "INSERT OR REPLACE INTO events SELECT 1, at, action, model, 'Eve', why, before, after, "
        "details FROM events WHERE number = 1",
        "REPLACE INTO events SELECT number, at, action, model, 'Eve', why, before, after, details "
        "FROM events WHERE number = 5",
        "INSERT INTO events SELECT -1, at, action, model, 'Eve', why, before, after, details "
        "FROM events WHERE number = 5",
        "INSERT INTO events SELECT number, at, action, model, 'Eve', why, before, after, details "
        "FROM events WHERE number = 5 ON CONFLICT DO UPDATE SET actor = 'Eve'",
    ],
    ids=["update", "delete all", "delete", "replace", "replace last", "before the first", "upsert"],
)
def test_the_database_itself_refuses_to_change_what_is_written(log_of_a_year, statement):
    before = raw(log_of_a_year, "SELECT * FROM events")
    with pytest.raises(sqlite3.IntegrityError, match="the event log only grows"):
        raw(log_of_a_year, statement)
    assert raw(log_of_a_year, "SELECT * FROM events") == before


def test_records_are_found_by_model_action_and_time(log_of_a_year):
    table = log_of_a_year.table
    assert list(table("failures")["number"]) == [1, 2, 3, 4]
    assert list(table(action="promote")["model"]) == ["failures", "failures", "parts"]
    week = {"since": MONDAY + timedelta(days=10), "until": MONDAY + timedelta(days=12)}
    assert list(table(**week)["number"]) == [2, 5]
    assert table("parts", "rollback").empty
    assert table()["at"].dt.tz is UTC or str(table()["at"].dt.tz) == "UTC"


def test_times_of_other_zones_are_found_too(log_of_a_year):
    stockholm = timezone(timedelta(hours=1))
    since = (MONDAY + timedelta(days=20)).astimezone(stockholm)
    assert list(log_of_a_year.table(since=since)["action"]) == ["refuse"]


@pytest.mark.parametrize(
    ("day", "champion"), [(-1, None), (0, "1"), (9, "1"), (10, "2"), (12, "1"), (300, "1")]
)
def test_the_champion_of_any_day_is_known(log_of_a_year, day, champion):
    assert log_of_a_year.champion_on("failures", MONDAY + timedelta(days=day)) == champion


def test_the_champions_are_listed_in_order(log_of_a_year):
    assert log_of_a_year.champions("failures") == ["1", "2", "1"]
    assert log_of_a_year.champions("parts") == ["7"]
    assert log_of_a_year.champions("nobody") == []


WRITER = """
import sys
from labs.deployment.events import EventLog
log = EventLog(sys.argv[1])
for i in range(int(sys.argv[2])):
    event = log.append("deploy", sys.argv[3], why="keep writing", step=i, ballast="x" * 2000)
    print(event.number, flush=True)
"""


def writer(path, count, name):
    arguments = [sys.executable, "-c", WRITER, str(path), str(count), name]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_a_writer_killed_in_mid_stream_leaves_each_record_that_it_was_told_of_and_none_half(log):
    process = writer(log.path, 1_000_000, "failures")
    told = [int(process.stdout.readline()) for _ in range(50)]
    process.kill()
    told += [int(line) for line in process.communicate()[0].splitlines()]
    table = log.table()
    written = list(table["number"])
    assert written[: len(told)] == told
    assert len(written) - len(told) in (0, 1)  # it may have died before it could tell the last
    assert [details["step"] for details in table["details"]] == list(range(len(written)))
    assert {len(details["ballast"]) for details in table["details"]} == {2000}
    assert log.append("deploy", "failures", why="after the crash").number == written[-1] + 1


def test_two_processes_that_append_at_once_lose_nothing(tmp_path):
    path = tmp_path / "events.db"  # not made yet: they also race for that
    processes = [writer(path, 100, name) for name in ("failures", "parts")]
    numbers = [set(map(int, p.communicate()[0].split())) for p in processes]
    assert [p.returncode for p in processes] == [0, 0]
    assert numbers[0] | numbers[1] == set(range(1, 201))
    assert not numbers[0] & numbers[1]
    for name in ("failures", "parts"):
        steps = [details["step"] for details in EventLog(path).table(name)["details"]]
        assert steps == list(range(100))


def test_other_tools_can_read_the_log(log_of_a_year):
    rows = raw(log_of_a_year, "SELECT at, details FROM events WHERE number = 1")
    assert rows == [("2026-11-02T08:00:00.000000+00:00", "{}")]
    assert json.loads(rows[0][1]) == {}
