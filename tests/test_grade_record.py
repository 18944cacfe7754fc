"""The record of grades only grows, and says what counts; in every database that is there."""

import datetime
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import databases
import pytest
import sqlalchemy as sa

from labs.kit.errors import UserError
from labs.kit.grading import classroom, record, tables
from labs.kit.grading.verdict import Mark, Verdict

HERE = Path(__file__).parent
FRIDAY = datetime.datetime(2026, 11, 20, 9, tzinfo=datetime.UTC)
CODE = Mark("middle", "The middle", "gate", 2, 2, True, False, "right")
LETTER = Mark("letter", "The letter", "tell", 4, None, True, True, "a person")
GRADED = Verdict("graded", marks=(CODE,), tier="namespaces")


def waits(text="Dear colleagues", **other):
    """A verdict that waits for a person."""
    facts = {"marks": (CODE, LETTER), "texts": {"letter": text}, "tier": "namespaces", **other}
    return Verdict("needs a person", **facts)


@pytest.fixture(scope="module")
def server():
    """PostgreSQL, if this machine has it."""
    if "postgresql" not in databases.NAMES:
        yield ""
        return
    with databases.postgresql() as url:
        yield url


@pytest.fixture(params=databases.NAMES)
def autumn(request, server, tmp_path):
    """A class whose record is new, in each database."""
    made = classroom.new(tmp_path / "autumn")
    if request.param == "sqlite":
        return made
    tables.SCHEMA.drop_all(sa.create_engine(server))
    file = made.folder / classroom.FILE
    file.write_text(file.read_text().replace('record = ""', f'record = "{server}"'))
    return classroom.open_class(made.folder)


def hand_in(opened, submission, readable=True, learner="ada", exercise="gates"):
    facts = {"assignment": "week 1", "path": "", "handed": FRIDAY, "note": ""}
    return opened.hand_in(
        learner=learner, exercise=exercise, submission=submission, readable=readable, **facts
    )


def add(opened, submission="one", verdict=GRADED, learner="ada", exercise="gates", **other):
    facts = {"learner": learner, "exercise": exercise, "submission": submission, **other}
    return opened.add(verdict=verdict, **facts)


def test_what_is_added_comes_back(autumn):
    odd = Verdict("failed", 'a "why"', (CODE,), {}, ("cell x",), "zero \0 half \ud83d", 1.5)
    with record.open_record(autumn) as opened:
        number = add(
            opened,
            verdict=odd,
            assignment="week 1",
            checks="c",
            environment="e",
            limits={"memory": 1.5e9},
            seed="s",
            parameters={"seed": 7},
        )
    with record.open_record(autumn) as opened:
        (grade,) = opened.grades()
    assert (grade.id, grade.verdict, grade.outcome) == (number, odd, "failed")
    assert (grade.checks, grade.environment, grade.seed) == ("c", "e", "s")
    assert (grade.limits, grade.parameters) == ({"memory": 1.5e9}, {"seed": 7})
    assert abs(grade.at - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE grades SET earned = 99",
        "DELETE FROM grades",
        "UPDATE readings SET points = 4",
        "DELETE FROM readings",
        "DELETE FROM submissions",
    ],
)
def test_the_database_refuses_to_change_or_remove_a_row(autumn, statement):
    with record.open_record(autumn) as opened:
        hand_in(opened, "one")
        opened.read(add(opened, verdict=waits()), "letter", 3, "", "Elin")
        before = opened.grades()
        with pytest.raises(sa.exc.DatabaseError, match="only added"), opened.engine.begin() as sql:
            sql.execute(sa.text(statement))
        assert opened.grades() == before
        assert before[0].earned == 5


def test_the_database_refuses_to_replace_a_row(autumn):
    with record.open_record(autumn) as opened:
        add(opened)
        lite = opened.engine.dialect.name == "sqlite"
        replace = (
            "INSERT OR REPLACE INTO grades SELECT * FROM grades" if lite else "TRUNCATE grades"
        )
        with pytest.raises(sa.exc.DatabaseError), opened.engine.begin() as sql:
            sql.execute(sa.text(replace))
        assert len(opened.grades(latest=False)) == 1


def test_grading_again_adds_and_the_newest_grade_counts(autumn):
    with record.open_record(autumn) as opened:
        hand_in(opened, "one")
        first = add(opened, verdict=Verdict("crashed", marks=(CODE,)))
        second = add(opened)
        assert [one.id for one in opened.grades()] == [second]
        assert [one.id for one in opened.grades(latest=False)] == [first, second]


def test_only_the_newest_readable_submission_counts(autumn):
    with record.open_record(autumn) as opened:
        hand_in(opened, "one")
        hand_in(opened, "two")
        second = add(opened, "two")
        add(opened, "one")
        hand_in(opened, "spoilt", readable=False)
        assert [one.id for one in opened.grades()] == [second]
        hand_in(opened, "three")
        assert opened.grades() == [], "the newest one has no grade yet"


def test_a_person_s_points_count_and_the_last_word_is_the_newest(autumn):
    with record.open_record(autumn) as opened:
        number = add(opened, verdict=waits())
        (grade,) = opened.grades()
        assert (grade.waits, grade.outcome, grade.earned) == (True, "needs a person", 2)
        opened.read(number, "letter", 3, "clear", "Elin")
        opened.read(number, "letter", 4, "on reflection \0", "Omar")
        (grade,) = opened.grades()
        assert (grade.waits, grade.outcome, grade.earned, grade.possible) == (False, "graded", 6, 6)
        assert [one.reader for one in grade.readings] == ["Elin", "Omar"]


def test_a_text_that_did_not_change_is_not_read_again(autumn):
    with record.open_record(autumn) as opened:
        opened.read(add(opened, "one", waits()), "letter", 3, "", "Elin")
        add(opened, "two", waits())
        assert opened.grades()[0].earned == 5
        add(opened, "three", waits("Another letter"))
        assert opened.grades()[0].waits


@pytest.mark.parametrize("points", [-1, 5, 2.0, True, "4"])
def test_points_beyond_the_criterion_s_are_refused(autumn, points):
    with record.open_record(autumn) as opened, pytest.raises(UserError, match="give 0 to 4"):
        opened.read(add(opened, verdict=waits()), "letter", points, "", "Elin")


def test_a_reading_of_nothing_is_refused(autumn):
    with record.open_record(autumn) as opened:
        number = add(opened, verdict=waits())
        with pytest.raises(UserError, match="no criterion 'note'"):
            opened.read(number, "note", 1, "", "Elin")
        with pytest.raises(UserError, match="no grade 999"):
            opened.read(999, "letter", 1, "", "Elin")


def write_many(folder, learner):
    """Add twenty grades, as one process of several."""
    with record.open_record(classroom.open_class(folder)) as opened:
        for number in range(20):
            add(opened, str(number), learner=learner)


def test_processes_that_write_at_once_lose_nothing(autumn):
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    writers = [context.Process(target=write_many, args=(autumn.folder, one)) for one in "abc"]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    with record.open_record(autumn) as opened:
        every = opened.grades(latest=False)
    assert [one.exitcode for one in writers] == [0, 0, 0]
    assert len(every) == 60 == len({one.id for one in every})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+psycopg://labs:geheim@127.0.0.1:1/class", "labs:***@127.0.0.1:1/class"),
        ("sqlite:////no/such/folder/grades.db", "unable to open"),
        ("no address", "no address of a database"),
        ("oracle9://x", "no address of a database"),
    ],
)
def test_a_record_out_of_reach_is_one_sentence(tmp_path, url, said):
    made = classroom.new(tmp_path / "autumn")
    made = classroom.Classroom(made.folder, "autumn", record=url)
    with pytest.raises(UserError) as told:
        record.open_record(made)
    assert said in str(told.value)
    assert "geheim" not in str(told.value)


def test_a_password_can_stay_in_the_environment(tmp_path, monkeypatch):
    made = classroom.new(tmp_path / "autumn")
    monkeypatch.setenv("WHERE", str(tmp_path))
    made = classroom.Classroom(made.folder, "autumn", record="sqlite:///${WHERE}/elsewhere.db")
    with record.open_record(made) as opened:
        add(opened)
    assert (tmp_path / "elsewhere.db").exists()


def test_a_finished_grade_outlives_a_killed_process(tmp_path):
    made = classroom.new(tmp_path / "autumn")
    script = """
import os, signal, test_grade_record as ours
opened = ours.record.open_record(ours.classroom.open_class())
ours.add(opened)
os.kill(os.getpid(), signal.SIGKILL)
"""
    variables = {**os.environ, "LABS_CLASS": str(made.folder), "PYTHONPATH": str(HERE)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=variables)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with record.open_record(made) as opened:
        assert len(opened.grades()) == 1
