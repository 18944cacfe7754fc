"""The alias champion moves through gates, goes back without, and each move is on record."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import forks
import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from labs.deployment import promotion, registry
from labs.deployment.events import EventLog
from labs.deployment.gates import Verdict, better_than_champion
from labs.deployment.promotion import promote, rollback

DATA = pd.DataFrame({"torque_nm": np.arange(40.0), "speed_rpm": np.arange(40.0)[::-1]})
TARGET = DATA["torque_nm"] > 20
WORDS = {"owner": "us", "intended_use": "test", "dataset_name": "line 4"}
MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.fixture
def client(tmp_path):
    """A registry with four versions of failures, none of them champion."""
    client = registry.open_registry(tmp_path)
    model = LogisticRegression().fit(DATA, TARGET)
    logged = registry.log_model(model, data=DATA, target=TARGET, name="failures", **WORDS)
    for _ in range(4):
        registry.register(logged, "failures")
    return client


@pytest.fixture
def log(client, tmp_path):
    return EventLog.beside(tmp_path)


@pytest.fixture
def three_champions(log):
    for version in (1, 2, 3):
        promote("failures", version, [], log=log, why=f"release {version}")


def champion(client):
    return str(client.get_model_version_by_alias("failures", "champion").version)


def yes(candidate):
    return Verdict("yes", True, "always")


def no(candidate):
    return Verdict("no", False, "never")


def moves(log):
    table = log.table("failures")
    return list(table[["action", "before", "after"]].itertuples(index=False, name=None))


def test_a_version_that_passes_every_gate_becomes_champion(client, log):
    promoted = promote("failures", 1, [yes], log=log, why="first", actor="Ida", at=MONDAY)
    assert champion(client) == "1"
    assert str(promoted) == "failures: version 1 is the first champion\n  passed  yes: always"
    promoted = promote("failures", 2, [yes], log=log, why="better")
    assert str(promoted).startswith("failures: version 2 is champion, after version 1")
    assert moves(log) == [("promote", None, "1"), ("promote", "1", "2")]
    assert log.table().iloc[0][["at", "actor", "why"]].to_list() == [MONDAY, "Ida", "first"]
    assert log.table()["details"][0] == {"verdicts": ["passed  yes: always"]}


def test_a_version_that_fails_one_gate_stays_out_and_every_gate_is_asked(client, log):
    promote("failures", 1, [], log=log, why="first")
    refused = promote("failures", 2, [no, yes], log=log, why="try")
    assert (refused.passed, refused.before, refused.after) == (False, "1", "1")
    assert [verdict.passed for verdict in refused.verdicts] == [False, True]
    assert str(refused).startswith("failures: refused; version 1 stays champion\n  FAILED  no")
    assert champion(client) == "1"
    assert moves(log)[-1] == ("refuse", "1", "2")
    assert log.champions("failures") == ["1"]


def test_a_first_version_that_is_refused_leaves_no_champion(client, log):
    refused = promote("failures", 1, [no], log=log, why="try")
    assert str(refused).startswith("failures: refused; there is still no champion")
    assert client.get_registered_model("failures").aliases == {}


def test_a_gate_that_raises_or_says_nothing_refuses(client, log):
    def data_contract(candidate):
        return 1 / 0

    def talkative(candidate):
        raise ValueError("a table of\n" + 1000 * "1 2 3\n")

    gates = [data_contract, lambda candidate: True, better_than_champion(DATA, TARGET, max)]
    gates += [talkative]
    promote("failures", 1, [], log=log, why="first")
    refused = promote("failures", 2, gates, log=log, why="try")
    assert not refused.passed
    assert [str(verdict).splitlines()[0] for verdict in refused.verdicts[:1]] == [
        "FAILED  data contract: could not judge: ZeroDivisionError: division by zero"
    ]
    assert refused.verdicts[1].because == "could not judge: it returned True, not a Verdict"
    assert refused.verdicts[2].gate == "is better"
    assert refused.verdicts[3].because.startswith("could not judge: ValueError: a table of 1 2 3")
    assert len(str(refused.verdicts[3])) < 300
    assert champion(client) == "1"


def test_a_gate_sees_both_models(client, log):
    seen = []

    def sees(candidate):
        seen.append((candidate.version, candidate.champion_version))
        assert (candidate.model.predict(DATA) == candidate.champion.predict(DATA)).all()
        return yes(candidate)

    promote("failures", 1, [], log=log, why="first")
    assert promote("failures", 2, [sees], log=log, why="better").passed
    assert seen == [("2", "1")]


def test_a_version_that_cannot_be_loaded_is_refused_and_recorded(client, log, tmp_path):
    promote("failures", 1, [], log=log, why="first")
    model = LogisticRegression().fit(DATA, TARGET)
    logged = registry.log_model(model, data=DATA, target=TARGET, name="failures", **WORDS)
    broken = registry.register(logged, "failures")
    for pickle in (tmp_path / "artifacts").rglob("model.pkl"):
        if logged.model_id in str(pickle):
            pickle.write_bytes(b"not a model")
    refused = promote("failures", broken.version, [yes], log=log, why="try")
    assert not refused.passed
    assert refused.verdicts[0].gate == "both models load"
    assert champion(client) == "1"
    assert moves(log)[-1] == ("refuse", "1", str(broken.version))


@pytest.mark.parametrize("version", [9, "latest"])
def test_a_version_that_does_not_exist_is_said_to(client, log, version):
    with pytest.raises(ValueError, match=f"failures has no version {version}; register it first"):
        promote("failures", version, [], log=log, why="try")
    with pytest.raises(ValueError, match=f"failures has no version {version}; register it first"):
        rollback("failures", log=log, why="try", to=version)
    assert log.table().empty


def test_a_registry_in_trouble_is_not_taken_for_one_without_a_champion(client, log, tmp_path):
    """Without a champion every comparison passes, so this mistake would let anything in."""
    promote("failures", 1, [], log=log, why="first")
    (tmp_path / "mlflow.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(mlflow.MlflowException, match="not a database"):
        promote("failures", 2, [], log=log, why="try")
    assert moves(log) == [("promote", None, "1")]


def test_a_rollback_gives_the_alias_back_and_the_next_goes_further(three_champions, client, log):
    assert rollback("failures", log=log, why="alarm", actor="Ida", at=MONDAY) == "2"
    assert champion(client) == "2"
    assert rollback("failures", log=log, why="alarm again") == "1"
    assert champion(client) == "1"
    assert moves(log)[-2:] == [("rollback", "3", "2"), ("rollback", "2", "1")]
    with pytest.raises(ValueError, match=r"failures: the log knows no earlier champion than ver"):
        rollback("failures", log=log, why="once more")
    assert champion(client) == "1"


def test_a_version_that_was_mended_and_promoted_again_is_good_again(three_champions, client, log):
    rollback("failures", log=log, why="alarm")
    promote("failures", 3, [], log=log, why="the feed was mended")
    promote("failures", 4, [], log=log, why="release 4")
    assert rollback("failures", log=log, why="alarm") == "3"


def test_a_rollback_to_a_named_version_does_not_make_the_bad_one_good(three_champions, log):
    assert rollback("failures", log=log, why="alarm", to=4) == "4"
    assert rollback("failures", log=log, why="4 is bad too") == "2"


def test_promoting_the_champion_again_does_not_hide_the_one_before(three_champions, log):
    promote("failures", 3, [], log=log, why="once more, by mistake")
    assert rollback("failures", log=log, why="alarm") == "2"


def test_a_version_that_is_gone_is_passed_over(three_champions, client, log):
    client.delete_model_version("failures", "2")
    assert rollback("failures", log=log, why="alarm") == "1"


def test_a_rollback_without_any_record_explains(client, log):
    with pytest.raises(ValueError, match=r"earlier champion than version None; name the version"):
        rollback("failures", log=log, why="alarm")
    assert rollback("failures", log=log, why="alarm", to=2) == "2"
    assert champion(client) == "2"


def test_a_move_made_by_another_tool_is_found_and_can_be_gone_back_to(client, log):
    client.set_registered_model_alias("failures", "champion", "1")
    promote("failures", 2, [], log=log, why="better")
    client.set_registered_model_alias("failures", "champion", "4")
    assert rollback("failures", log=log, why="who was that?") == "2"
    assert rollback("failures", log=log, why="alarm") == "1"
    assert moves(log) == [
        ("found", None, "1"),
        ("promote", "1", "2"),
        ("found", "2", "4"),
        ("rollback", "4", "2"),
        ("rollback", "2", "1"),
    ]


def test_the_champion_of_any_day_is_in_the_log(client, log):
    for day, version in [(0, 1), (7, 2)]:
        at = MONDAY + timedelta(days=day)
        promote("failures", version, [], log=log, why="release", at=at)
    rollback("failures", log=log, why="alarm", at=MONDAY + timedelta(days=9))
    days = [log.champion_on("failures", MONDAY + timedelta(days=day)) for day in (6, 8, 10)]
    assert days == ["1", "2", "1"]


PROMOTER = """
import sys
from labs.deployment import registry
from labs.deployment.events import EventLog
from labs.deployment.gates import Verdict
from labs.deployment.promotion import promote, rollback

def not_older(candidate):
    older = int(candidate.champion_version or 0) > int(candidate.version)
    return Verdict("not older", not older, f"champion is {candidate.champion_version}")

registry.open_registry(sys.argv[1])
log = EventLog.beside(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(3):
    promote("failures", sys.argv[2], [not_older], log=log, why="race", actor=sys.argv[2])
"""


def promoter(folder, version, code=PROMOTER):
    """A process of its own that promotes `version` when it reads a line."""
    command = [sys.executable, "-c", code, folder, version]
    return forks.begin(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_that_promote_at_once_take_turns_and_both_are_recorded(client, log, tmp_path):
    """Version 2 refuses to follow version 3, so each must see what the other has done."""
    processes = [promoter(tmp_path, version) for version in ("2", "3")]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [process.wait() for process in processes] == [0, 0]
    records = log.table("failures")
    assert len(records) == 6
    now = None
    for record in records.itertuples():
        assert record.before == now
        passes = record.after == "3" or now != "3"
        assert record.action == ("promote" if passes else "refuse")
        now = record.after if passes else now
    assert champion(client) == now == "3"


def test_who_waits_too_long_for_a_turn_is_told(client, log, monkeypatch):
    monkeypatch.setattr(promotion, "WAIT_SECONDS", 0.1)

    def slow(candidate):
        with pytest.raises(TimeoutError, match=r"promoting failures: somebody else is at it"):
            promote("failures", 2, [], log=log, why="impatient")
        return yes(candidate)

    assert promote("failures", 1, [slow], log=log, why="first").passed


def test_a_promoter_that_is_killed_gives_up_its_turn(client, log, tmp_path):
    code = PROMOTER.replace(
        "older = int", "print('inside', flush=True); sys.stdin.read(); older = int"
    )
    process = promoter(tmp_path, "2", code)
    assert process.stdout.readline().strip() == "ready"
    process.stdin.write(b"go\n")
    process.stdin.flush()
    assert process.stdout.readline().strip() == "inside"
    process.kill()
    process.wait()
    assert promote("failures", 3, [], log=log, why="after the crash").passed
    assert champion(client) == "3"
