"""`labs grade`: the real sandbox, on a class of five; stopped in the middle, and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from example_exercises import CHECKS, solution, write

from labs.cli import main
from labs.kit import material
from labs.kit.exercise.stub import stub
from labs.kit.grading import assignment, classroom, collect, record

SLUG = "measure-a-shift"
RIGHT = "def shift(before, after):\n    return abs(after.mean() - before.mean()) / before.std()"
ANSWERS = {
    "ada": RIGHT,
    "grace": "def shift(before, after):\n    return (after - before).mean() / before.std()",
    "li": f"{RIGHT}\nnothing_of_this_name",
    "mallory": "import os\nos._exit(0)",
}
WHY = "A move of two is much for a narrow distribution, and little for a wide one, so divide."


def notebook(answer):
    """What a learner saved, as text."""
    mine = stub(solution())
    for cell in mine.cells:
        cell.source = {"answer-shift": answer, "answer-why": WHY}.get(cell.id, cell.source)
    return json.dumps(mine)


def new_class(folder, answers):
    """A class in which each of `answers` was handed in and collected."""
    made = classroom.new(folder)
    assignment.assign(made, "Week 1", [SLUG])
    for learner, answer in answers.items():
        (made.inbox / f"{learner}_{SLUG}.ipynb").write_text(notebook(answer))
    collect.collect(classroom.open_class(folder))
    return classroom.open_class(folder)


@pytest.fixture(autouse=True)
def kit(tmp_path, monkeypatch):
    root = write(tmp_path / "kit", SLUG)
    monkeypatch.setenv("LABS_MATERIAL", str(root))
    return root


@pytest.fixture
def grade(capsys):
    """The command on a class, and what it said."""

    def run(made, *arguments, code=0):
        capsys.readouterr()
        done = main(["grade", "--class", str(made.folder), *arguments])
        said = "".join(capsys.readouterr())
        assert done == code, said
        return said

    return run


def grades(made, latest=True):
    """Every grade, by learner."""
    with record.open_record(made) as opened:
        return {one.learner: one for one in opened.grades(latest)}


def count(made):
    with record.open_record(made) as opened:
        return len(opened.grades(latest=False))


def test_a_class_is_graded_once_and_again_only_where_something_changed(kit, tmp_path, grade):
    made = new_class(tmp_path / "autumn", ANSWERS)
    (made.inbox / f"eve_{SLUG}.ipynb").write_text("{")
    collect.collect(made)
    said = grade(made)
    found = grades(made)
    assert {learner: one.outcome for learner, one in found.items()} == {
        "ada": "needs a person",
        "grace": "needs a person",
        "li": "failed",
        "mallory": "crashed",
        "eve": "unreadable",
    }
    assert {learner: one.earned for learner, one in found.items()} == {
        "ada": 3,
        "grace": 2,
        "li": 3,
        "mallory": 0,
        "eve": 0,
    }
    assert all(one.possible == 4 and one.tier and one.limits for one in found.values())
    assert found["ada"].verdict.texts == {"says_why": WHY}
    assert found["ada"].seed not in ("", found["grace"].seed)
    assert "Graded 5 submissions" in said
    assert "needs a person      2" in said
    assert f"mallory, {SLUG}: crashed" in said
    assert f"eve, {SLUG}: unreadable" in said
    assert made.secret().hex() not in said

    assert "Graded 0 submissions" in (again := grade(made))
    assert "5 had a grade already" in again

    (made.inbox / f"grace_{SLUG}.ipynb").write_text(notebook(RIGHT))
    collect.collect(made)
    (copy,) = (made.submissions / "ada").glob("*.ipynb")
    copy.chmod(0o600)
    copy.write_text(notebook("shift = max"))
    assert "Graded 1 submission " in grade(made)
    assert grades(made)["grace"].earned == 3
    assert count(made) == 6

    checks = kit / "exercises" / SLUG / "checks.py"
    checks.write_text(CHECKS.replace("each value moved by two", "it moved by two"))
    os.utime(checks, ns=(1, 1))
    said = grade(made, "--workers", "1")
    assert "Graded 4 submissions" in said
    assert "it is not what was collected" in said
    assert count(made) == 10, "what the mentor's disk has lost is no learner's fault"

    collect.collect(made)
    assert "Graded 1 submission " in grade(made, "--again", "--learner", "ada")
    assert grades(made)["ada"].earned == 3


def running(made):
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "labs.cli", "grade", "--workers", "1", "--class", str(made.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(material.__file__).parents[2],
    )


def wait_for(made, number):
    """Wait until so many grades are on record."""
    until = time.monotonic() + 60
    while count(made) < number:
        assert time.monotonic() < until
        time.sleep(0.05)


SLOW = {f"learner-{one}": f"import time\ntime.sleep(0.4)\n{RIGHT}" for one in range(8)}


def stopped(made, after, stop):
    """Stop the command once so many grades are on record; its exit code, and what it said."""
    process = running(made)
    wait_for(made, after)
    process.send_signal(stop)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def test_runs_that_were_stopped_are_finished_by_the_next(tmp_path, grade):
    """After Ctrl-C, then kill -9, two runs at once do the rest: they take turns."""
    made = new_class(tmp_path / "autumn", SLOW)
    code, said = stopped(made, 2, signal.SIGINT)
    before = count(made)
    assert code == 130, said
    assert f"{before} graded, {8 - before} left. To go on, run the same command again." in said
    assert "Traceback" not in said
    code, said = stopped(made, before + 1, signal.SIGKILL)
    assert code == -signal.SIGKILL, said
    before = count(made)
    assert before < 8
    other = running(made)
    said = [grade(made, "--workers", "1"), other.communicate(timeout=60)[0]]
    assert other.returncode == 0, said
    assert "Graded 0 submissions" in min(said)
    assert f"Graded {8 - before} submission" in max(said)
    assert f"{before} had a grade already" in max(said)
    assert set(grades(made)) == set(SLOW)
    assert count(made) == 8, "nobody was graded twice"
    assert {one.earned for one in grades(made).values()} == {3}


def test_nothing_collected_is_no_mistake(tmp_path, grade):
    assert "labs collect" in grade(new_class(tmp_path / "autumn", {}))


def test_a_learner_or_an_assignment_that_is_not_there_is_named(tmp_path, grade):
    made = new_class(tmp_path / "autumn", {"ada": RIGHT})
    assert "no learner 'adda'; did you mean 'ada'" in grade(made, "--learner", "adda", code=1)
    assert "did you mean 'Week 1'" in grade(made, "--assignment", "week1", code=1)


def test_the_learners_edition_grades_nothing(kit, tmp_path, grade):
    made = new_class(tmp_path / "autumn", {})
    (kit / "exercises" / material.FURTHER).write_text("{}")
    assert "public checks only" in grade(made, code=1)
