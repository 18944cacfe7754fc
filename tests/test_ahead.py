"""What a second process has run of a session counts in the first, and is not run again."""

import os
import sys
import time

import pytest
from test_resident_server import begin, has_ended, source  # noqa: F401  source is a fixture

from labs.kit import ahead, verify

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

TESTS = """
import os, time, pathlib
import pytest

def ran(name):
    with open(pathlib.Path(__file__).with_name(name), "a") as file:
        file.write(f"{os.getpid()}\\n")

@pytest.mark.lesson("right")
def test_right():
    ran("right")

@pytest.mark.lesson("wrong")
def test_wrong():
    print("said before")
    assert 1 + 1 == 3

def test_other():
    ran("other")
"""
DIES = """
@pytest.mark.lesson("dies")
def test_dies():
    if "LABS_LEAVE_REPORTS" in os.environ:
        ran("dies"), os._exit(3)
    ran("dies")
"""
SLEEPS = """
@pytest.mark.lesson("sleeps")
def test_sleeps():
    ran("sleeps"), time.sleep(300)
"""


def arguments(folder, tests):
    (folder / "test_it.py").write_text(tests)
    return ["-q", "-c", os.devnull, "-p", "labs.kit.pytest_lessons", str(folder / "test_it.py")]


def ran(folder, name):
    """The processes that ran a test, in order."""
    return list(map(int, (folder / name).read_text().split()))


@pytest.fixture
def forked(source, monkeypatch):  # noqa: F811
    address = begin()
    monkeypatch.setattr(verify, "test_server", lambda: address)
    return address


def test_a_lesson_runs_once_in_the_second_process_and_the_rest_in_the_first(
    forked, tmp_path, capfd
):
    assert verify._run_one(arguments(tmp_path, TESTS), [], dict(os.environ)) == 1
    said = capfd.readouterr().out
    assert "assert (1 + 1) == 3" in said and "said before" in said, "the failure as it was there"
    assert "1 failed, 2 passed" in said and "right  " in said, "in the table of lessons"
    (second,) = ran(tmp_path, "right")
    first = set(ran(tmp_path, "other")) - {second}
    assert len(first) == 1


def test_what_a_process_did_not_report_before_it_died_runs_in_the_first(forked, tmp_path, capfd):
    assert verify._run_one(arguments(tmp_path, TESTS + DIES), [], dict(os.environ)) == 1
    assert "1 failed, 3 passed" in capfd.readouterr().out
    second, first = ran(tmp_path, "dies")
    assert ran(tmp_path, "right") == [second] != [first]


def test_with_options_of_the_users_own_nothing_runs_ahead(forked, tmp_path, capfd):
    assert verify._run_one(arguments(tmp_path, TESTS), ["-x"], dict(os.environ)) == 1
    assert "1 failed, 1 passed" in capfd.readouterr().out
    assert not (tmp_path / "other").exists()


def test_the_second_process_ends_with_the_first(forked, tmp_path):
    with ahead.begun(forked, arguments(tmp_path, TESTS + SLEEPS), dict(os.environ)):
        while not (tmp_path / "sleeps").exists() or not ran(tmp_path, "sleeps"):
            time.sleep(0.01)
    assert has_ended(ran(tmp_path, "sleeps")[0])
