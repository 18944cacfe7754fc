"""`labs test` sees what it must see, and records what it saw."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
import warm

from labs.kit import freshness, manifest, material, record, verify
from labs.kit.conditions import environment
from labs.kit.errors import UserError
from labs.kit.record import COLD, REPORT


def pytest_on(folder, *options):
    """Run nbval on a folder of notebooks as `labs test LESSON` does, with the plugins it needs."""
    report = folder / "report.json"
    runner = [sys.executable, "-m", "pytest", "-q", "-p", "labs.kit.pytest_lessons", *verify.QUIET]
    nbval = ["-p", "nbval.plugin", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*runner, *nbval, *options, str(folder)],
        env={**os.environ, REPORT: str(report)},
        cwd=folder,
        capture_output=True,
        text=True,
    )
    return done, json.loads(report.read_text()) if report.exists() else {}


def save(path, source, stored, tags=()):
    new = nbformat.v4
    output = new.new_output("stream", name="stdout", text=stored)
    cell = new.new_code_cell(
        source, outputs=[output], execution_count=1, metadata={"tags": list(tags)}
    )
    nbformat.write(new.new_notebook(cells=[cell]), path)


def the_cell(path):
    """The id of the only cell."""
    return nbformat.read(path, as_version=4).cells[0].id


WORKSPACE = "import os; print('in', *os.environ['LABS_WORKSPACE'].rpartition('/'))"


@pytest.fixture(scope="module")
def spread(tmp_path_factory):
    """A run of four notebooks over two workers: what it ended with, and its report."""
    folder = tmp_path_factory.mktemp("spread")
    save(folder / "faithful.ipynb", "print(2)", "2\n")
    save(folder / "drifted.ipynb", "print(2)", "3\n")
    for name in ("one", "two"):
        save(folder / f"{name}.ipynb", WORKSPACE, "not this\n")
    return folder, *pytest_on(folder, "-p", "xdist.plugin", "-n", "2", "--dist", "loadfile")


def test_drifted_outputs_fail_and_faithful_ones_pass(spread):
    folder, done, report = spread
    assert done.returncode == 1
    assert report["faithful"]["nbval"] == "passed"
    assert list(report["faithful"]["cells"]) == [the_cell(folder / "faithful.ipynb")]
    assert report["drifted"]["nbval"] == "failed"
    assert report["drifted"]["first_failure"].endswith("drifted.ipynb::Cell 0")
    assert "faithful" in done.stdout and "papermill" in done.stdout  # the final table


# A name of a package that something else has imported: nothing is missing in a warm kernel.
FORGETS_AN_IMPORT = "import wsgiref\nprint(wsgiref.simple_server.__name__)"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every kernel is cold")
def test_what_was_asked_for_cold_runs_cold_and_shows_a_missing_import(tmp_path):
    lessons = tmp_path / "lessons"
    lessons.mkdir()
    save(lessons / "faithful.ipynb", "print(2)", "2\n")
    for name in ("forgetful", "forgetful_and_warm"):
        save(lessons / f"{name}.ipynb", FORGETS_AN_IMPORT, "wsgiref.simple_server\n")
    asked = {COLD: "faithful forgetful", "CI": "true"}  # where a cold kernel unasked for fails
    with (
        warm.light_server(tmp_path, "wsgiref.simple_server") as address,
        warm.variables({**environment(tmp_path), **warm.warm(address), **asked}) as started,
    ):
        done, report = pytest_on(lessons)
        assert started() == ["asked for", "asked for", "warm"]
    outcomes = {slug: (one["nbval"], one.get("cold")) for slug, one in report.items()}
    assert outcomes == {
        "faithful": ("passed", "passed"),
        "forgetful": ("failed", "failed"),
        "forgetful_and_warm": ("passed", None),
    }
    assert done.returncode == 1
    assert report["forgetful"]["first_failure"].endswith("forgetful.ipynb::Cell 0")
    assert list(report["faithful"]["cells"]) == [the_cell(lessons / "faithful.ipynb")]
    assert "faithful" in done.stdout and "papermill" in done.stdout  # the final table


def test_every_notebook_has_a_workspace_of_its_own(spread):
    _, done, _ = spread
    seen = {"".join(folder) for folder in re.findall(r"in (\S+) (/) (mlops-labs-\w+)", done.stdout)}
    assert len(seen) == 2
    assert not any(os.path.exists(folder) for folder in seen)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("LABS_BUILD", str(tmp_path))
    return tmp_path / "verified.json"


STATES = {"one": "a1", "two": "b2"}


def test_the_record_keeps_lessons_that_did_not_run(recorded):
    both = {"nbval": "passed", "papermill": "passed", "seconds": 1.2}
    record.add({"one": {**both, "cells": {"train": 0.523}}}, STATES)
    record.add({"two": {"nbval": "failed", "seconds": 0.5}}, STATES)
    record.add({"one": both}, STATES)  # by papermill alone, which does not time cells
    found = json.loads(recorded.read_text())
    assert found["one"]["cells"] == {"train": 0.52} and found["two"]["cells"] == {}
    assert found["one"]["seconds"] == 1.2 and found["one"]["packages"]["mlflow"]
    assert found["two"]["nbval"] == "failed" and found["two"]["papermill"] == "not run"
    assert (found["one"]["state"], found["two"]["state"]) == ("a1", "")


def test_nbval_runs_a_lesson_cold_until_it_has_passed_so_as_it_is_now(recorded):
    assert record.passed_cold(STATES) == set()
    both = {"nbval": "passed", "papermill": "passed", "seconds": 1.0}
    record.add({"one": {**both, "cold": "passed"}, "two": {**both, "cold": "failed"}}, STATES)
    assert record.passed_cold(STATES) == {"one"} and record.passed(STATES) == {"one", "two"}
    record.add({"one": both}, STATES)  # a warm run takes nothing back
    assert record.passed_cold(STATES) == {"one"}
    assert record.passed_cold({"one": "a2"}) == record.passed({"one": "a2"}) == set()


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("labs/deployment/registry.py", True),  # imported by the lesson
        ("labs/deployment/store.py", True),  # imported by what it imports
        ("labs/locks/default.txt", True),
        ("labs/kit/doctor.py", False),
    ],
)
def test_the_state_of_a_lesson_is_what_it_depends_on(changed, matters, tmp_path, monkeypatch):
    lesson = manifest.read().lesson("from-notebook-to-registered-model")
    package = tmp_path / "labs"
    shutil.copytree(freshness.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(freshness, "PACKAGE", package)
    before = freshness.states([lesson])
    with open(tmp_path / changed, "a") as file:
        file.write("# changed\n")
    assert (freshness.states([lesson]) != before) == matters


def test_an_unknown_lesson_is_refused_before_anything_runs():
    with pytest.raises(UserError, match="did you mean 'welcome'"):
        verify.run(["welcme"])


def test_without_a_clone_it_says_where_the_tests_are(monkeypatch):
    monkeypatch.setattr(material, "is_clone", lambda: False)
    with pytest.raises(UserError, match="Clone it and run there"):
        verify.run([])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_sigterm_ends_the_tests_too(tmp_path):
    """Neither a kernel nor pytest goes on when `labs test` is told to end."""
    began = tmp_path / "began"
    slow = tmp_path / "test_slow.py"
    slow.write_text(
        f"import os, pathlib, time\n\ndef test_slow():\n"
        f"    pathlib.Path({str(began)!r}).write_text(str(os.getpid()))\n    time.sleep(300)\n"
    )
    code = (
        "import sys; from labs.kit import verify; "
        f"sys.exit(verify._run([*verify.QUIET, '-q', {str(slow)!r}], None))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (began.exists() and began.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()
    assert process.wait(30) == pytest.ExitCode.INTERRUPTED
    assert not psutil.pid_exists(int(began.read_text()))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT that is ignored")
def test_a_test_hears_ctrl_c_though_a_script_has_begun_it_in_the_background(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import signal, subprocess\n\ndef test_it():\n"
        "    process = subprocess.Popen(['sleep', '60'])\n"
        "    process.send_signal(signal.SIGINT)\n"
        "    assert process.wait(30) == -signal.SIGINT\n"
    )
    options = ["-q", "--disable-plugin-autoload", "-p", "labs.kit.pytest_lessons"]
    script = f"{sys.executable} -m pytest {' '.join(options)} -c {os.devnull} test_it.py & wait $!"
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
