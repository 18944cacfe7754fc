"""How tests are spread over workers: the long files first, and whole."""

import os
import re
import subprocess
import sys

from labs.kit import material
from labs.kit.spread import LONG, TOGETHER, LessonsApart

TWO_TESTS = "def test_1():\n    pass\n\n\ndef test_2():\n    pass\n"


def test_long_files_are_begun_first_and_stay_whole(tmp_path):
    for name in ("test_a.py", "test_b.py", *LONG[:2]):
        (tmp_path / name).write_text(TWO_TESTS)
    command = [sys.executable, "-m", "pytest", "-v", "--disable-plugin-autoload"]
    command += ["-p", "xdist.plugin", "-p", "labs.kit.pytest_lessons"]
    spread = ["-n", "1", "--dist", "loadfile", "--no-loadscope-reorder", "-c", os.devnull]
    done = subprocess.run(
        [*command, *spread, "--rootdir", ".", "."], cwd=tmp_path, capture_output=True, text=True
    )
    order = re.findall(r"PASSED (\S+)::", done.stdout)
    files = [*LONG[:2], "test_a.py", "test_b.py"]
    assert order == [file for file in files for _ in range(2)], done.stdout


def test_the_long_files_are_there():
    folder = material.root() / "tests"
    assert [name for name in (*LONG, *TOGETHER) if not (folder / name).is_file()] == []


def test_files_that_share_a_server_go_to_one_worker_and_lessons_to_any():
    def scope(nodeid):
        return LessonsApart._split_scope(None, nodeid)

    assert len({scope(f"tests/{name}::test_{name}") for name in TOGETHER}) == 1
    assert scope("tests/test_gate.py::test_a") == "tests/test_gate.py"
    lesson = "tests/test_lessons.py::test_papermill[lesson_welcome_0]"
    assert scope(lesson) == lesson
