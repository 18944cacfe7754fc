"""Executing a notebook, and what is said when it cannot be executed."""

import nbformat
import pytest

from labs.kit import material
from labs.kit.errors import UserError
from labs.kit.execute import environment, execute, read_notebook, refresh
from labs.kit.normalise import dumps, normalise


def notebook_of(*sources):
    new = nbformat.v4
    cells = [new.new_code_cell(text, id=f"cell-{i}") for i, text in enumerate(sources, 1)]
    return new.new_notebook(cells=cells)


def run(tmp_path, *sources, seconds=30):
    return execute(notebook_of(*sources), "begin", environment(tmp_path), seconds)


def said(tmp_path, *sources, seconds=30):
    with pytest.raises(UserError) as error:
        run(tmp_path, *sources, seconds=seconds)
    return str(error.value)


def test_cells_run_in_the_fixed_environment(tmp_path):
    done = run(tmp_path, "import os; print(os.environ['LABS_WORKSPACE'])", "print(hash('a'))")
    assert done.cells[0].outputs[0].text.strip() == str(tmp_path)
    again = run(tmp_path, "1", "print(hash('a'))")
    assert done.cells[1].outputs == again.cells[1].outputs


def test_a_failing_cell_is_named(tmp_path):
    text = said(tmp_path, "x = 1", "x / 0")
    assert "begin: cell 2 (cell-2) failed: ZeroDivisionError" in text
    assert "    x / 0" in text


def test_a_cell_that_never_ends_is_named(tmp_path):
    text = said(tmp_path, "import time", "time.sleep(60)", seconds=2)
    assert "begin: cell 2 (cell-2) did not end within 2 seconds" in text


def test_a_kernel_that_dies_is_named(tmp_path):
    text = said(tmp_path, "import os", "os._exit(3)")
    assert "begin: cell 2 (cell-2) took the kernel down" in text


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    path = tmp_path / "begin.ipynb"
    path.write_text("{not json")
    with pytest.raises(UserError, match=r"begin\.ipynb: not a notebook"):
        read_notebook(path)
    with pytest.raises(UserError, match=r"other\.ipynb: no such notebook"):
        read_notebook(tmp_path / "other.ipynb")


@pytest.fixture
def kit_with_a_failing_lesson(tmp_path, monkeypatch):
    (tmp_path / "exercises").mkdir()
    (tmp_path / "exercises" / "course.toml").write_text(
        'title = "T"\n[tracks.one]\ntitle = "One"\ndescription = "D"\n'
        '[[lessons]]\nslug = "begin"\ntrack = "one"\ntitle = "Begin"\n'
        'minutes = 15\nobjectives = ["do"]\n'
    )
    (tmp_path / "notebooks" / "one").mkdir(parents=True)
    path = tmp_path / "notebooks" / "one" / "begin.ipynb"
    path.write_text(dumps(normalise(notebook_of("print(1)", "print(1 / 0)"))))
    monkeypatch.setattr(material, "root", lambda: tmp_path)
    return path


def test_refresh_leaves_a_failing_lesson_as_it_was(kit_with_a_failing_lesson):
    before = kit_with_a_failing_lesson.read_bytes()
    with pytest.raises(UserError, match="ZeroDivisionError"):
        list(refresh(["begin"]))
    assert kit_with_a_failing_lesson.read_bytes() == before


def test_refresh_is_idempotent(kit_with_a_failing_lesson):
    mended = dumps(normalise(notebook_of("print(1)", "print(1 / 1)")))
    kit_with_a_failing_lesson.write_text(mended)
    assert list(refresh()) == [("begin", True, [])]
    assert list(refresh()) == [("begin", False, [])]
    assert '"1.0\\n"' in kit_with_a_failing_lesson.read_text()
