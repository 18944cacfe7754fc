"""The learner's workspace: written, renewed, and never overwritten."""

import json
import subprocess
import sys
import threading

import nbformat
import pytest

from labs.kit import folders, manifest, material, workspace
from labs.kit.errors import UserError


@pytest.fixture
def course_of_one(tmp_path, monkeypatch):
    """A kit of one small lesson, whose pristine text a test may change."""
    root = tmp_path / "kit"
    (root / "exercises").mkdir(parents=True)
    (root / "exercises" / "course.toml").write_text(
        'title = "T"\n[tracks.one]\ntitle = "One"\ndescription = "D"\n'
        '[[lessons]]\nslug = "begin"\ntrack = "one"\ntitle = "Begin"\n'
        'minutes = 15\nobjectives = ["do"]\n'
    )
    monkeypatch.setattr(material, "root", lambda: root)
    write(root / "notebooks" / "one" / "begin.ipynb", "x = 1")
    return root


def write(path, source):
    new = nbformat.v4
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new.new_notebook(cells=[new.new_code_cell(source, id="c")]), path)


def source(path):
    return nbformat.read(path, 4).cells[0].source


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "my labs ä"


@pytest.fixture
def pristine(course_of_one):
    return course_of_one / "notebooks" / "one" / "begin.ipynb"


COPY = "1-one/01-begin.ipynb"


def test_lessons_are_written_in_teaching_order(pristine, folder):
    done = workspace.prepare(folder)
    assert [path.as_posix() for path in done.written] == [COPY]
    assert source(folder / COPY) == "x = 1"
    assert workspace.prepare(folder) == workspace.Prepared([], [], [])


def test_an_unchanged_copy_is_renewed_after_a_backup(pristine, folder):
    workspace.prepare(folder)
    write(pristine, "x = 2")
    assert [path.as_posix() for path in workspace.prepare(folder).renewed] == [COPY]
    assert source(folder / COPY) == "x = 2"
    (backup,) = (folder / ".labs" / "backups").iterdir()
    assert source(backup) == "x = 1"


def test_a_copy_that_was_only_run_counts_as_unchanged(pristine, folder):
    workspace.prepare(folder)
    notebook = nbformat.read(folder / COPY, 4)
    notebook.cells[0].execution_count = 7
    nbformat.write(notebook, folder / COPY)
    write(pristine, "x = 2")
    assert workspace.prepare(folder).renewed


def test_an_empty_cell_at_the_end_is_no_change(pristine, folder):
    """JupyterLab adds one when the last cell is run."""
    workspace.prepare(folder)
    notebook = nbformat.read(folder / COPY, 4)
    notebook.cells.append(nbformat.v4.new_code_cell("", id="added"))
    nbformat.write(notebook, folder / COPY)
    write(pristine, "x = 2")
    assert workspace.prepare(folder).renewed


def test_an_offer_that_was_accepted_is_renewed_like_any_other(pristine, folder):
    workspace.prepare(folder)
    write(folder / COPY, "x = 'mine'")
    write(pristine, "x = 2")
    (kept,) = workspace.prepare(folder).kept
    (folder / kept.offered).replace(folder / COPY)
    workspace.prepare(folder)
    write(pristine, "x = 3")
    assert workspace.prepare(folder).renewed


def test_a_changed_copy_is_kept_and_the_new_version_offered_once(pristine, folder):
    workspace.prepare(folder)
    write(folder / COPY, "x = 'mine'")
    assert workspace.prepare(folder).kept == []
    write(pristine, "x = 2")
    (kept,) = workspace.prepare(folder).kept
    assert source(folder / COPY) == "x = 'mine'"
    assert source(folder / kept.offered) == "x = 2"
    assert workspace.prepare(folder).kept == []
    write(pristine, "x = 3")
    assert workspace.prepare(folder).kept and source(folder / kept.offered) == "x = 3"
    assert source(folder / COPY) == "x = 'mine'"


def test_an_offer_that_the_learner_changed_is_kept_too(pristine, folder):
    workspace.prepare(folder)
    write(folder / COPY, "x = 'mine'")
    write(pristine, "x = 2")
    (kept,) = workspace.prepare(folder).kept
    write(folder / kept.offered, "x = 'mine too'")
    write(pristine, "x = 3")
    workspace.prepare(folder)
    backups = [source(path) for path in (folder / ".labs" / "backups").iterdir()]
    assert "x = 'mine too'" in backups


@pytest.mark.parametrize(
    "state", ["", "not json", "[]", '{"begin": 3}', '{"begin": {"path": "x"}}']
)
def test_without_its_state_every_copy_is_the_learners(pristine, folder, state):
    workspace.prepare(folder)
    (folder / workspace.STATE).write_text(state)
    write(pristine, "x = 2")
    assert workspace.prepare(folder).kept
    assert source(folder / COPY) == "x = 1"
    assert workspace.prepare(folder) == workspace.Prepared([], [], [])


def test_a_file_that_is_no_notebook_is_kept(pristine, folder):
    workspace.prepare(folder)
    (folder / COPY).write_text("half a note")
    write(pristine, "x = 2")
    assert workspace.prepare(folder).kept
    assert (folder / COPY).read_text() == "half a note"


def test_a_deleted_copy_comes_back(pristine, folder):
    workspace.prepare(folder)
    (folder / COPY).unlink()
    assert workspace.prepare(folder).written
    assert source(folder / COPY) == "x = 1"


def test_a_lesson_that_moves_takes_the_learners_words_along(pristine, folder, course_of_one):
    workspace.prepare(folder)
    write(folder / COPY, "x = 'mine'")
    toml = course_of_one / "exercises" / "course.toml"
    first = '[[lessons]]\nslug = "zero"\ntrack = "one"\ntitle = "Zero"\n'
    first += 'minutes = 15\nobjectives = ["do"]\n'
    toml.write_text(toml.read_text().replace("[[lessons]]", first + "[[lessons]]", 1))
    write(course_of_one / "notebooks" / "one" / "zero.ipynb", "x = 0")
    workspace.prepare(folder)
    assert source(folder / "1-one" / "02-begin.ipynb") == "x = 'mine'"
    assert source(folder / "1-one" / "01-zero.ipynb") == "x = 0"


def test_notes_for_the_presenter_stay_out_of_the_learners_copy(pristine, folder):
    notebook = nbformat.read(pristine, 4)
    note = nbformat.v4.new_markdown_cell("say hello", metadata={"tags": ["notes"]})
    notebook.cells.append(note)
    nbformat.write(notebook, pristine)
    workspace.prepare(folder)
    assert "say hello" not in (folder / COPY).read_text()
    assert workspace.prepare(folder) == workspace.Prepared([], [], [])


def test_a_workspace_that_cannot_be_written_says_what_to_do(pristine, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.raises(UserError, match=r"cannot be written.*--workspace"):
        workspace.prepare(blocked)


@pytest.fixture
def full_disk(tmp_path):
    """A real file system of 64 kB that is full; or the file-size limit where mounting is not
    allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        yield disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    else:
        yield disk
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_loses_nothing(pristine, full_disk):
    write(pristine, "x = 1  # " + "long " * 100_000)
    with pytest.raises(UserError, match="cannot be written"):
        workspace.prepare(full_disk)
    assert not list(full_disk.rglob("*.ipynb"))
    assert not list(full_disk.rglob("*.part"))


def test_two_at_once_write_each_lesson_once(pristine, folder):
    done = []
    threads = [
        threading.Thread(target=lambda: done.append(workspace.prepare(folder))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(prepared.written) for prepared in done) == [0, 1]


def test_a_learners_copy_has_not_been_run(pristine, folder):
    notebook = nbformat.read(pristine, 4)
    notebook.cells[0].execution_count = 1
    notebook.cells[0].outputs = [nbformat.v4.new_output("stream", text="one")]
    nbformat.write(notebook, pristine)
    workspace.prepare(folder)
    (cell,) = nbformat.read(folder / COPY, 4).cells
    assert cell.execution_count is None and cell.outputs == []


def test_the_real_lessons_open_in_a_workspace(tmp_path):
    course = manifest.read()
    for lesson in course.lessons:
        path = workspace.open_lesson(lesson.slug, tmp_path / "w")
        assert path == tmp_path / "w" / course.workspace_path(lesson)
    assert set(json.loads((tmp_path / "w" / workspace.STATE).read_text())) == {
        lesson.slug for lesson in course.lessons
    }


def test_a_lesson_starts_from_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LABS_WORKSPACE", str(tmp_path))
    first = folders.lesson_folder("begin")
    (first / "mlflow.db").write_text("old")
    second = folders.lesson_folder("begin")
    assert second != first and not first.exists() and not list(second.iterdir())


def test_unknown_slug_on_the_command_line_is_one_message(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "labs.cli", "open", "welcom", "--workspace", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "did you mean 'welcome'" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / ".labs").exists()


def test_the_kit_itself_is_no_workspace(pristine, course_of_one):
    for folder in (course_of_one, course_of_one / "notebooks" / "one"):
        with pytest.raises(UserError, match="holds the kit itself"):
            workspace.prepare(folder)
    assert not (course_of_one / ".labs").exists()


def test_a_clone_at_home_is_not_where_the_default_workspace_is(monkeypatch):
    monkeypatch.delenv("LABS_WORKSPACE", raising=False)
    assert folders.default_folder().name not in ("mlops-labs", "labs")
