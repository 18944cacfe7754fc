"""A pipeline repeats what changed and nothing else, also after a kill; triggers say when."""

import math
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import forks
import mlflow
import numpy as np
import pandas as pd
import pytest
from served import post
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

from labs.deployment import gates, pipeline, promotion, registry, triggers
from labs.deployment.contents import Contents
from labs.deployment.deploy import deploy
from labs.deployment.events import EventLog
from labs.deployment.pipeline import Step, step

servers_are_forks = forks.servers_are_forks
MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)


def states(report):
    return {outcome.step: outcome.state for outcome in report.outcomes}


def write_numbers(folder, *numbers):
    (folder / "numbers.txt").write_text("\n".join(map(str, numbers)))


def read(numbers):
    return [int(line) for line in numbers.read_text().split()]


def add(values, times=1):
    return sum(values) * times


def save(total, folder):
    Path(folder, "total.txt").write_text(f"total {total}")


@pytest.fixture
def steps(tmp_path):
    """Read numbers from a file, add them up, write the sum to a file."""
    write_numbers(tmp_path, 1, 2, 3)
    return sum_steps(tmp_path)


def sum_steps(folder, times=1, add=add):
    reading = Step("read", read, {"numbers": Path("numbers.txt")})
    adding = Step("add", add, {"values": reading, "times": times})
    saving = Step("save", save, {"total": adding, "folder": str(folder)}, outputs=["total.txt"])
    return [reading, adding, saving]


def test_the_first_run_runs_each_step_and_the_second_none(steps, tmp_path):
    report = pipeline.run(steps, tmp_path)
    assert set(states(report).values()) == {"ran"}
    assert report.results["add"] == 6
    again = pipeline.run(steps, tmp_path)
    assert set(states(again).values()) == {"unchanged"}
    assert again.results["add"] == 6
    assert str(again).splitlines()[1] == "add   unchanged: nothing changed"


def test_a_changed_file_runs_what_depends_on_it(steps, tmp_path):
    pipeline.run(steps, tmp_path)
    write_numbers(tmp_path, 1, 2, 30)
    report = pipeline.run(steps, tmp_path)
    assert [o.because for o in report.outcomes] == [
        "numbers changed",
        "values changed",
        "total changed",
    ]
    assert (tmp_path / "total.txt").read_text() == "total 33"


def test_a_change_that_makes_no_difference_goes_no_further(steps, tmp_path):
    pipeline.run(steps, tmp_path)
    write_numbers(tmp_path, 3, 2, 1)
    report = pipeline.run(steps, tmp_path)
    assert states(report) == {"read": "ran", "add": "ran", "save": "unchanged"}


def test_a_changed_value_runs_its_step(steps, tmp_path):
    pipeline.run(steps, tmp_path)
    report = pipeline.run(sum_steps(tmp_path, times=2), tmp_path)
    assert report.outcomes[1].because == "times changed"
    assert (tmp_path / "total.txt").read_text() == "total 12"


def test_changed_code_runs_its_step_and_a_comment_does_not(steps, tmp_path):
    folder = tmp_path / "code"
    folder.mkdir()
    becauses = []
    for number, body in enumerate(["sum(values)", "sum( values )  # all", "max(values)"]):
        module = folder / f"adding_{number}.py"
        module.write_text(f"def add(values, times=1):\n    return {body}\n")
        made = {}
        exec(compile(module.read_text(), str(module), "exec"), made)
        report = pipeline.run(sum_steps(tmp_path, add=made["add"]), tmp_path)
        becauses.append(report.outcomes[1].because)
    assert becauses == [
        "it has not run to its end before",
        "nothing changed",
        "its code changed",
    ]


def test_a_helper_counts_if_it_is_named(steps, tmp_path):
    def add_with(*uses):
        return [steps[0], Step("add", add, {"values": steps[0]}, uses=uses)]

    pipeline.run(add_with(read), tmp_path)
    assert pipeline.run(add_with(read), tmp_path).outcomes[1].state == "unchanged"
    assert pipeline.run(add_with(save), tmp_path).outcomes[1].because == "its code changed"


def test_an_output_that_is_gone_or_edited_is_brought_back(steps, tmp_path):
    pipeline.run(steps, tmp_path)
    for spoil in (Path.unlink, lambda path: path.write_text("total 7")):
        spoil(tmp_path / "total.txt")
        report = pipeline.run(steps, tmp_path)
        assert report.outcomes[2].because == "nothing changed; total.txt was brought back"
        assert (tmp_path / "total.txt").read_text() == "total 6"


def test_a_step_that_fails_ends_the_run_and_is_the_first_to_run_again(steps, tmp_path):
    def breaks(values, times):
        raise RuntimeError("no power")

    failed = pipeline.run(sum_steps(tmp_path, add=breaks), tmp_path)
    assert states(failed) == {"read": "ran", "add": "failed", "save": "not reached"}
    assert not failed.passed and failed.outcomes[1].because == "RuntimeError: no power"
    mended = pipeline.run(steps, tmp_path)
    assert states(mended) == {"read": "unchanged", "add": "ran", "save": "ran"}


def test_a_step_cannot_change_what_a_later_one_gets(steps, tmp_path):
    def spoils(values):
        values.clear()

    later = [steps[0], Step("spoil", spoils, {"values": steps[0]}), *steps[1:]]
    assert pipeline.run(later, tmp_path).results["add"] == 6


def test_each_step_is_one_event_a_run(steps, tmp_path):
    log = EventLog(tmp_path / "events.db")
    for _ in range(2):
        pipeline.run(steps, tmp_path, name="sums", log=log, actor="nightly", at=MONDAY)
    table = log.table("sums", "step")
    told = [(details["step"], details["outcome"]) for details in table["details"]]
    assert told == [(s, o) for o in ("ran", "unchanged") for s in ("read", "add", "save")]
    assert set(table["at"]) == {MONDAY}


WRONG = {
    "order": (lambda s: [s[1], s[0]], "add needs read, which must come before it"),
    "twice": (lambda s: [s[0], s[0]], "two steps or none are named 'read'"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_steps_in_a_wrong_order_are_refused_before_any_runs(steps, tmp_path, wrong):
    spoil, why = WRONG[wrong]
    with pytest.raises(ValueError, match=why):
        pipeline.run(spoil(steps), tmp_path)
    assert not (tmp_path / ".pipeline").exists()


def test_what_a_step_lacks_or_cannot_give_is_said(steps, tmp_path):
    (tmp_path / "numbers.txt").unlink()
    report = pipeline.run(steps, tmp_path)
    assert report.outcomes[0].because == (
        "FileNotFoundError: numbers.txt, which read reads, is not there"
    )
    lazy = pipeline.run([Step("lazy", lambda: 1, outputs=["out.csv"])], tmp_path)
    assert "lazy has not written out.csv" in str(lazy)
    stuck = pipeline.run([Step("stuck", lambda: (number for number in [1]))], tmp_path)
    assert "stuck gave back a generator, which cannot be kept" in str(stuck)


KILLED = """
import os, signal, sys
from pathlib import Path
from labs.deployment import pipeline
from labs.deployment.pipeline import step
folder, victim = Path(sys.argv[1]), sys.argv[2]

def done(name):
    with open(folder / "done.txt", "a") as stream:
        stream.write(name + " ")
    if name == victim:
        Path(folder, "half.txt").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    return name

@step
def first():
    return done("first")

@step(before=first, outputs=["half.txt"])
def second(before):
    result = done("second")
    Path(folder, "half.txt").write_text("whole")
    return result

@step(before=second)
def third(before):
    return done("third")

print(pipeline.run([first, second, third], folder))
"""


def run_killed(folder, victim):
    (folder / "steps.py").write_text(KILLED.replace("victim = Path", "victim = Path"))
    command = [sys.executable, folder / "steps.py", folder, victim]
    environment = {"PYTHONPATH": str(Path(pipeline.__file__).parents[2])}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_a_killed_run_goes_on_with_the_step_in_which_it_was_killed(tmp_path):
    killed = run_killed(tmp_path, "second")
    assert killed.returncode == -signal.SIGKILL
    done = run_killed(tmp_path, "")
    assert done.stdout.splitlines() == [
        "first   unchanged: nothing changed",
        "second  ran: it has not run to its end before",
        "third   ran: it has not run to its end before",
    ], done.stderr
    assert (tmp_path / "done.txt").read_text().split() == ["first", "second", "second", "third"]
    assert (tmp_path / "half.txt").read_text() == "whole"


# From raw data to a smoke-tested champion, with the real registry.


@step(raw=Path("raw.csv"), outputs=["claims.csv"])
def validate(raw):
    table = pd.read_csv(raw)
    if table["cost"].lt(0).any():
        raise ValueError("a cost is negative")
    table.to_csv(raw.with_name("claims.csv"), index=False)


@step(claims=Path("claims.csv"), c=1.0)
def train(claims, c):
    table = pd.read_csv(claims)
    return LogisticRegression(C=c).fit(table[["cost"]], table["denied"])


@step(model=train, claims=Path("claims.csv"))
def evaluate(model, claims):
    table = pd.read_csv(claims)
    return {"accuracy": accuracy_score(table["denied"], model.predict(table[["cost"]]))}


@step(model=train, metrics=evaluate, claims=Path("claims.csv"))
def register(model, metrics, claims):
    table = pd.read_csv(claims)
    words = {"owner": "claims", "intended_use": "triage", "dataset_name": "claims"}
    logged = registry.log_model(
        model,
        data=table[["cost"]],
        target=table["denied"],
        name="denials",
        metrics=metrics,
        **words,
    )
    return registry.register(logged, "denials").version


@step(version=register, claims=Path("claims.csv"))
def gate_and_promote(version, claims):
    table = pd.read_csv(claims)
    better = gates.better_than_champion(table[["cost"]], table["denied"], accuracy_score, -0.05)
    log = EventLog.beside(claims.with_name("registry"))
    promoted = promotion.promote("denials", version, [better], log=log, why="retrained")
    if not promoted.passed:
        raise RuntimeError(str(promoted))
    return promoted.after


@step(champion=gate_and_promote, always=True)
def smoke_test(champion):
    answer = registry.load("denials").predict(pd.DataFrame({"cost": [900.0]}))
    assert list(answer) == [1]
    return f"version {champion} answers"


TRAINING = [validate, train, evaluate, register, gate_and_promote, smoke_test]


def write_claims(folder, seed=1, rows=200, deny_above=True):
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0, 1000, rows).round(2)
    denied = ((cost > 500) == deny_above).astype(int)
    pd.DataFrame({"cost": cost, "denied": denied}).to_csv(folder / "raw.csv", index=False)


def test_from_raw_data_to_a_champion_in_one_call_and_again_only_for_new_data(tmp_path):
    client = registry.open_registry(tmp_path / "registry")
    write_claims(tmp_path)
    assert set(states(pipeline.run(TRAINING, tmp_path)).values()) == {"ran"}
    again = states(pipeline.run(TRAINING, tmp_path))
    assert again.pop("smoke_test") == "ran"
    assert set(again.values()) == {"unchanged"}
    write_claims(tmp_path, seed=2)
    report = pipeline.run(TRAINING, tmp_path)
    assert report.passed and report.results["smoke_test"] == "version 2 answers"
    assert client.get_model_version_by_alias("denials", "champion").version == 2


RUNNING = []  # the server that the pipeline has started, if it has


@pytest.fixture
def nothing_served():
    """No server runs before the test, and none after it."""
    yield
    while RUNNING:
        RUNNING.pop().stop()


@step(champion=gate_and_promote, folder=Path("raw.csv"), always=True)
def put_live(champion, folder):
    server = RUNNING[0] if RUNNING else None
    options = {"registry": folder.with_name("registry"), "why": "retrained", "server": server}
    RUNNING[:] = [deploy("denials", **options).running]
    RUNNING[0].wait_for("denials", champion)
    return RUNNING[0].url


@step(url=put_live, champion=gate_and_promote, always=True)
def smoke_test_over_http(url, champion):
    body = {"dataframe_records": [{"cost": 900.0}, {"cost": 100.0}]}
    answer = post(f"{url}/models/denials/invocations", body)
    if (answer.status, answer.json()["predictions"]) != (200, [1, 0]):
        raise RuntimeError(f"status {answer.status}: {answer.body.decode()}")
    return f"version {answer.headers['x-model-version']} answers"


LIVE = [*TRAINING[:-1], put_live, smoke_test_over_http]


def test_from_raw_data_to_an_answer_over_http_and_on_to_the_next_version(tmp_path, nothing_served):
    registry.open_registry(tmp_path / "registry")
    write_claims(tmp_path)
    report = pipeline.run(LIVE, tmp_path)
    assert report.results["smoke_test_over_http"] == "version 1 answers", str(report)
    again = states(pipeline.run(LIVE, tmp_path))
    assert [name for name, state in again.items() if state == "ran"] == [
        "put_live",
        "smoke_test_over_http",
    ]
    write_claims(tmp_path, seed=2)
    report = pipeline.run(LIVE, tmp_path)
    assert report.results["smoke_test_over_http"] == "version 2 answers", str(report)
    deployed = EventLog.beside(tmp_path / "registry").table("denials", "deploy")
    assert list(deployed["after"]) == ["1", "1", "2"]


def test_an_answer_that_is_wrong_fails_the_pipeline(tmp_path, nothing_served):
    registry.open_registry(tmp_path / "registry")
    write_claims(tmp_path, deny_above=False)
    report = pipeline.run(LIVE, tmp_path)
    assert str(report).splitlines()[-1] == (
        'smoke_test_over_http  failed: RuntimeError: status 200: {"predictions": [0, 1]}'
    )


def test_bad_data_never_reaches_the_registry(tmp_path):
    registry.open_registry(tmp_path / "registry")
    write_claims(tmp_path)
    raw = (tmp_path / "raw.csv").read_text()
    (tmp_path / "raw.csv").write_text(raw + "-1.0,0\n")
    report = pipeline.run(TRAINING, tmp_path)
    assert str(report).splitlines()[:2] == [
        "validate          failed: ValueError: a cost is negative",
        "train             not reached: an earlier step failed",
    ]
    assert mlflow.MlflowClient().search_registered_models() == []


def test_content_comes_back_by_its_hash_and_is_kept_once(tmp_path):
    contents = Contents(tmp_path / "contents")
    file = tmp_path / "data.csv"
    file.write_text("first")
    first = contents.add(file)
    file.write_text("second")
    second = contents.add(file)
    assert contents.add(file) == second != first
    contents.checkout(first, file)
    assert file.read_text() == "first"
    assert len([path for path in contents.folder.rglob("*") if path.is_file()]) == 2


def test_content_that_is_absent_or_damaged_is_not_given_out(tmp_path):
    contents = Contents(tmp_path / "contents")
    with pytest.raises(LookupError, match="has no content 000000000000; add the file first"):
        contents.checkout("0" * 64, tmp_path / "x")
    digest = contents.add_bytes(b"whole")
    (file,) = [path for path in contents.folder.rglob("*") if path.is_file()]
    file.write_bytes(b"hole")
    with pytest.raises(LookupError, match="is damaged; delete it and add the file again"):
        contents.checkout(digest, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_first_trigger_that_is_due_gives_the_reason():
    weekly = triggers.on_schedule(timedelta(days=7), last=lambda: MONDAY)
    drift = triggers.on_drift(lambda: 0.31, threshold=0.25)
    either = triggers.first(weekly, drift)
    assert str(either(MONDAY + timedelta(days=6))) == ("drift: 0.31 is above the threshold of 0.25")
    assert either(MONDAY + timedelta(days=7)).trigger == "schedule"


def test_a_trigger_that_is_not_due_gives_nothing():
    none = triggers.first(
        triggers.on_drift(lambda: 0.25, threshold=0.25),
        triggers.on_new_data(lambda: 999, rows=1000),
        triggers.on_schedule(timedelta(days=7), last=lambda: MONDAY),
    )
    assert none(MONDAY + timedelta(days=6, hours=23)) is None
    assert str(triggers.on_new_data(lambda: 1000, rows=1000)(MONDAY)) == (
        "new data: 1,000 new rows, 1,000 are enough"
    )


def test_drift_that_was_not_measured_is_not_no_drift():
    with pytest.raises(ValueError, match="drift is nan: nothing was measured"):
        triggers.on_drift(lambda: math.nan, threshold=0.25)(MONDAY)


def test_a_weekly_schedule_retrains_five_times_in_a_simulated_month(tmp_path):
    log, retrained = EventLog(tmp_path / "events.db"), []
    weekly = triggers.on_schedule(timedelta(days=7), triggers.last_retrained(log, "denials"))
    for hour in range(0, 24 * 30, 6):
        now = MONDAY + timedelta(hours=hour)
        triggers.retrain_if(weekly, retrained.append, now, model="denials", log=log)
    assert len(retrained) == 5
    assert str(retrained[1]) == "schedule: 7.0 days since the last training, 7 allowed"
    days = (log.table("denials", "retrain")["at"] - MONDAY).dt.days
    assert list(days) == [0, 7, 14, 21, 28]
