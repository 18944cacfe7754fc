"""Batch scoring gives one whole file, also after a kill, a full disk or a change of mind."""

import os
import shutil
import signal
import subprocess
import sys
import time

import forks
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from labs.deployment import batch, registry
from labs.deployment.events import EventLog

ROWS = 2_000
FEATURES = ["torque_nm", "cycles", "variant"]


def make_table(rows=ROWS):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "station": [f"{i:05}" for i in range(rows)],
            "torque_nm": rng.normal(40, 3, rows),
            "cycles": rng.integers(0, 900, rows),
            "variant": rng.choice(["L", "H", "GT"], rows),
            "note": np.resize(["NA", "seen, twice", 'the "new" one', "two\nlines", ""], rows),
        }
    )


def register(data, predict="predict", model=None):
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["variant"]), remainder="passthrough"
    )
    model = make_pipeline(encoder, model or LogisticRegression(max_iter=2000))
    target = data["torque_nm"] > 40
    model.fit(data[FEATURES], target)
    words = {"owner": "line 4", "intended_use": "plan inspections", "dataset_name": "week 1"}
    logged = registry.log_model(
        model, data=data[FEATURES], target=target, name="failures", predict=predict, **words
    )
    return registry.register(logged, "failures").version


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A registry with two versions of `failures`, of which the second gives probabilities."""
    folder = tmp_path_factory.mktemp("batch")
    client = registry.open_registry(folder / "registry")
    register(make_table())
    register(make_table(), predict="predict_proba")
    client.set_registered_model_alias("failures", "champion", 1)
    make_table().to_csv(folder / "input.csv", index=False)
    make_table().to_parquet(folder / "input.parquet", index=False)
    return folder


@pytest.fixture
def inputs(folder):
    registry.open_registry(folder / "registry")
    return folder


def expected():
    return registry.load("failures").predict(make_table()[FEATURES])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("source", ["input.csv", "input.parquet", "a table"])
@pytest.mark.parametrize("target", ["scores.csv", "scores.parquet"])
def test_each_row_keeps_its_columns_and_gets_its_answer(inputs, tmp_path, source, target):
    source = make_table() if source == "a table" else inputs / source
    done = batch.score("failures", source, tmp_path / target, chunk_rows=300)
    read = pd.read_parquet if target.endswith("parquet") else read_text
    scores = read(tmp_path / target)
    assert (scores["prediction"].astype(str) == expected().astype(str)).all() or (
        scores["prediction"].str.title() == expected().astype(str)
    ).all()
    assert list(scores["station"]) == list(make_table()["station"])
    assert list(scores["note"]) == list(make_table()["note"])
    assert list(scores["torque_nm"].astype(float)) == list(make_table()["torque_nm"])
    assert (done.rows, done.chunks, done.reused) == (ROWS, 7, 0)
    assert files(tmp_path) == [target, f"{target}.run.json"]


def read_text(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_the_types_of_a_parquet_file_stay(inputs, tmp_path):
    batch.score("failures", inputs / "input.parquet", tmp_path / "scores.parquet")
    before = pa.parquet.read_schema(inputs / "input.parquet")
    after = pa.parquet.read_schema(tmp_path / "scores.parquet")
    assert [after.field(name).type for name in before.names] == before.types


def test_probabilities_become_a_column_for_each_class(inputs, tmp_path):
    batch.score("failures", make_table(), tmp_path / "p.parquet", version=2, keep=["station"])
    scores = pd.read_parquet(tmp_path / "p.parquet")
    assert list(scores.columns) == ["station", "prediction_0", "prediction_1"]
    np.testing.assert_allclose(scores["prediction_0"] + scores["prediction_1"], 1)


def test_a_loaded_model_scores_without_a_name(inputs, tmp_path):
    batch.score(registry.load("failures"), make_table(), tmp_path / "scores.parquet")
    assert (pd.read_parquet(tmp_path / "scores.parquet")["prediction"] == expected()).all()


def test_the_size_of_a_chunk_does_not_change_the_answers(inputs, tmp_path):
    for rows in (1, 7, 1999, 2000, 2001):
        table = make_table().head(20) if rows < 10 else make_table()
        done = batch.score("failures", table, tmp_path / f"{rows}.csv", chunk_rows=rows)
        assert done.chunks == -(-len(table) // rows)
        assert len(read_text(tmp_path / f"{rows}.csv")) == len(table)


def test_words_for_a_missing_text_are_missing_to_the_model_and_stay_in_the_file(inputs, tmp_path):
    table = make_table().head(4).assign(variant=["NA", "L", "", "H"])
    table.to_csv(tmp_path / "input.csv", index=False)
    batch.score("failures", tmp_path / "input.csv", tmp_path / "scores.csv")
    scores = read_text(tmp_path / "scores.csv")
    assert list(scores["variant"]) == ["NA", "L", "", "H"]
    missing = table.assign(variant=[None, "L", None, "H"])[FEATURES]
    answers = registry.load("failures").predict(missing)
    assert list(scores["prediction"] == "true") == list(answers)


def test_a_second_run_does_nothing(inputs, tmp_path):
    target = tmp_path / "scores.parquet"
    batch.score("failures", inputs / "input.csv", target, chunk_rows=300)
    written = target.stat().st_mtime_ns
    again = batch.score("failures", inputs / "input.csv", target, chunk_rows=300)
    assert (again.chunks, again.reused, target.stat().st_mtime_ns) == (7, 7, written)
    assert str(again) == (
        "scores.parquet: 2,000 rows by failures version 1; "
        "scored 0 of 7 chunks, as nothing has changed"
    )


def test_a_changed_input_or_version_is_scored_anew_and_said(inputs, tmp_path):
    source, target = tmp_path / "input.csv", tmp_path / "scores.csv"
    make_table().to_csv(source, index=False)
    batch.score("failures", source, target)
    other = batch.score("failures", source, target, version=2)
    assert other.because == "anew, because the model was version 1 and is version 2"
    make_table().tail(50).to_csv(source, index=False)
    changed = batch.score("failures", source, target, version=2)
    assert changed.because == "anew, because the input changed"
    assert len(read_text(target)) == changed.rows == 50


def test_a_target_that_was_cut_short_is_made_again(inputs, tmp_path):
    target = tmp_path / "scores.csv"
    batch.score("failures", inputs / "input.csv", target)
    whole = target.read_bytes()
    target.write_bytes(whole[:1000])
    done = batch.score("failures", inputs / "input.csv", target)
    assert done.because == "anew, because the target is not as it was written"
    assert target.read_bytes() == whole


KILLED_AT_EVERY_MOMENT = """
import gc, os, random, shutil, signal, sys
from pathlib import Path
folder, work, target = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
from labs.deployment import batch, registry
from labs.deployment.events import EventLog

registry.open_registry(folder / "registry")
model = registry.load("failures")  # once: no moment of its loading touches the target
gc.freeze()  # or each fork searches all that was imported for garbage
WATCHED = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")

def run(moment):
    '''Score in a process of its own that is killed at its n-th step on a file; whether it ended.'''
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    left = moment
    def kill(event, arguments):
        nonlocal left
        if event in WATCHED and str(work) in str(arguments[0]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(kill)
    try:
        batch.score(model, folder / "input.csv", work / target, chunk_rows=700,
                    log=EventLog(work / "events.db"))
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
    os._exit(0)

def fresh():
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()

def outcome():
    events = len(EventLog(work / "events.db").table())
    names = sorted(path.name for path in work.iterdir() if "events" not in path.name)
    return events, names, (work / target).read_bytes()

fresh()
assert run(0)
undisturbed = outcome()
assert undisturbed[0] == 1
moment = 1
fresh()
while not run(moment):
    assert run(0), moment
    assert outcome() == undisturbed, moment
    moment += 1
    fresh()
fresh()
kills, rng = 0, random.Random(1)
while not run(rng.randint(1, moment)):
    kills += 1
assert outcome() == undisturbed
print("moments", moment - 1, "kills in a row", kills)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork; the next test needs none")
@pytest.mark.parametrize("target", ["scores.csv", "scores.parquet"])
def test_a_run_killed_at_any_moment_is_completed_by_the_next_byte_for_byte(
    inputs, tmp_path, target
):
    done = forks.python(KILLED_AT_EVERY_MOMENT, inputs, tmp_path / "work", target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[1]) > 15, done.stdout


SCORE = """
import sys
from pathlib import Path
from labs.deployment import batch, registry
folder, target, chunk_rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
registry.open_registry(folder / "registry")
print(batch.score("failures", folder / sys.argv[4], target, chunk_rows=chunk_rows))
"""


def test_a_run_killed_from_outside_goes_on_and_another_version_starts_anew(inputs, tmp_path):
    target = tmp_path / "scores.csv"
    command = [sys.executable, "-c", SCORE, inputs, target, "20", "input.csv"]
    running = forks.begin(command)
    while len(list(tmp_path.glob("scores.csv.parts/*.arrow"))) < 10:
        assert running.poll() is None
        time.sleep(0.005)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    assert not target.exists()
    shutil.copytree(tmp_path / "scores.csv.parts", tmp_path / "second.csv.parts")
    resumed = batch.score("failures", inputs / "input.csv", target, chunk_rows=20)
    assert resumed.because == "going on where a run had stopped"
    assert 10 <= resumed.reused < 100
    batch.score("failures", inputs / "input.csv", tmp_path / "other.csv", chunk_rows=20)
    assert target.read_bytes() == (tmp_path / "other.csv").read_bytes()
    second = tmp_path / "second.csv"
    anew = batch.score("failures", inputs / "input.csv", second, chunk_rows=20, version=2)
    assert anew.because == "anew, because the model was version 1 and is version 2"
    assert anew.reused == 0


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_space(inputs, tmp_path):
    small_files = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
    full = forks.python(small_files + SCORE, inputs, tmp_path / "scores.csv", 500, "input.csv")
    error = full.stderr.splitlines()[-1]
    assert "the disk is full; what is scored is kept. Free some space and make the same" in error
    assert files(tmp_path) == ["scores.csv.parts"]
    assert not list(tmp_path.rglob("*.half"))
    resumed = batch.score("failures", inputs / "input.csv", tmp_path / "scores.csv", chunk_rows=500)
    assert (resumed.reused, resumed.chunks) == (4, 4)
    assert len(read_text(tmp_path / "scores.csv")) == ROWS


def test_two_runs_into_one_target_do_not_mix(inputs, tmp_path):
    held = batch.turn(batch.lock_of(tmp_path / "scores.csv"), 0, "held")
    with held, pytest.raises(TimeoutError, match=r"scores.csv is being written: somebody else"):
        batch.score("failures", make_table(), tmp_path / "scores.csv")


def test_a_run_is_one_event(inputs, tmp_path):
    log = EventLog(tmp_path / "events.db")
    for _ in range(2):
        batch.score("failures", make_table(), tmp_path / "s.csv", log=log, why="nightly", actor="a")
    (event,) = log.table().to_dict("records")
    assert (event["action"], event["after"], event["why"]) == ("deploy", "1", "nightly")
    assert event["details"]["rows"] == ROWS


PEAKS = """
import resource, sys
from pathlib import Path
from labs.deployment import batch, registry
folder, work = Path(sys.argv[1]), Path(sys.argv[2])
registry.open_registry(folder / "registry")
for name in ("large.csv", "thrice.csv", "twice.parquet"):
    batch.score("failures", work / name, work / f"of-{name}", chunk_rows=20_000)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def test_memory_does_not_grow_with_the_file(inputs, tmp_path):
    """A large file needs buffers, and one three times as large needs no more."""
    part = pa.Table.from_pandas(make_table())
    for name, parts in (("large", 400), ("thrice", 1200)):
        pa.csv.write_csv(pa.concat_tables([part] * parts), tmp_path / f"{name}.csv")
    pa.parquet.write_table(pa.concat_tables([part] * 800), tmp_path / "twice.parquet")
    command = [sys.executable, "-c", PEAKS, inputs, tmp_path]  # a fork begins with memory to spare
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peaks = [float(line) for line in done.stdout.split()]
    more = part.nbytes * 800 / 2**20
    assert more > 80
    assert peaks[-1] - peaks[0] < more / 2, (peaks, more)


def test_a_terminal_sees_a_bar_and_nothing_else_does(inputs, tmp_path):
    import pty

    quiet = forks.python(SCORE, inputs, tmp_path / "quiet.csv", 500, "input.csv")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SCORE, inputs, tmp_path / "bar.csv", "500", "input.parquet"]
    with open(theirs, "wb", buffering=0) as terminal, open(os.devnull, "wb") as nowhere:
        status = forks.begin(command, stdout=nowhere, stderr=terminal).wait()
        shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert status == 0
    assert "bar.csv [###############---------------] 1,000 rows" in shown
    assert "] 2,000 rows" in shown


WRONG = {
    "lacks a column": (lambda t: t.drop(columns="cycles"), "has no column cycles, which the model"),
    "text for a number": (
        lambda t: t.astype({"torque_nm": object}).assign(torque_nm="loose"),
        r"wrong.csv: In CSV column #1: .*invalid value 'loose'; mend it",
    ),
    "no rows": (lambda t: t.head(0), "wrong.csv has no rows; there is nothing to score"),
    "its own prediction": (
        lambda t: t.assign(prediction=1),
        "wrong.csv has a column 'prediction' already; leave it out with keep=",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_input_is_said_by_name(inputs, tmp_path, wrong):
    spoil, why = WRONG[wrong]
    spoil(make_table().head(5)).to_csv(tmp_path / "wrong.csv", index=False)
    with pytest.raises(ValueError, match=why):
        batch.score("failures", tmp_path / "wrong.csv", tmp_path / "scores.csv")
    assert not (tmp_path / "scores.csv").exists()


def test_rows_that_the_model_refuses_are_named(inputs, tmp_path):
    table = make_table().astype({"torque_nm": "float64"})
    table.loc[1_500, "torque_nm"] = np.nan
    with pytest.raises(ValueError, match=r"rows 1,401 to 1,600 of the table: .*NaN"):
        batch.score("failures", table, tmp_path / "scores.csv", chunk_rows=200)


def test_a_file_of_somebody_else_is_not_overwritten(inputs, tmp_path):
    (tmp_path / "scores.csv").write_text("mine")
    with pytest.raises(FileExistsError, match="a file is there that no run has written; move it"):
        batch.score("failures", make_table(), tmp_path / "scores.csv")
    with pytest.raises(ValueError, match=r"input.csv is both source and target"):
        batch.score("failures", inputs / "input.csv", inputs / "input.csv")
    assert (tmp_path / "scores.csv").read_text() == "mine"


def test_names_that_do_not_exist_are_said(inputs, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.csv: there is no such file to score"):
        batch.score("failures", tmp_path / "none.csv", tmp_path / "scores.csv")
    with pytest.raises(ValueError, match=r"scores.xls ends in '.xls'; name a .csv or .parquet"):
        batch.score("failures", make_table(), tmp_path / "scores.xls")
    with pytest.raises(LookupError, match="no version of 'failures' has the alias 'next'"):
        batch.score("failures", make_table(), tmp_path / "scores.csv", alias="next")
    with pytest.raises(ValueError, match="keep names shift, which the table does not have"):
        batch.score("failures", make_table(), tmp_path / "scores.csv", keep=["shift"])
