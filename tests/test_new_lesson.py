"""`labs new lesson` makes a lesson that passes what every lesson must pass."""

import shutil

import papermill
import pytest

from labs.kit import gate, manifest, material, new
from labs.kit.errors import UserError
from labs.kit.execute import environment, execute, read_notebook
from labs.kit.normalise import dumps, normalise


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A copy of the manifest in which a lesson can be made."""
    shutil.copytree(material.root() / "exercises", tmp_path / "exercises")
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(material, "root", lambda: tmp_path)
    return tmp_path


def test_a_new_lesson_passes_every_test_of_a_lesson(clone, monkeypatch):
    title = 'Say "no" to C:\\new'
    new.lesson("explain-a-thing", "deployment", title)
    assert manifest.read().lesson("explain-a-thing").title == title
    lesson = manifest.read().lesson("explain-a-thing")
    path = clone / lesson.path
    assert gate.problems(read_notebook(path)) == []
    again = execute(read_notebook(path), "again", environment(clone / "workspace"))
    assert dumps(normalise(again)) == path.read_text(encoding="utf-8")
    for name, value in environment(clone / "workspace").items():
        monkeypatch.setenv(name, value)
    for values in (lesson.parameters, *lesson.release):
        papermill.execute_notebook(
            str(path), str(clone / "done.ipynb"), values, kernel_name="python3", progress_bar=False
        )


def test_a_notebook_that_is_there_is_not_overwritten(clone):
    path = clone / "notebooks" / "deployment" / "canary.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("somebody's draft")
    with pytest.raises(UserError, match=r"canary\.ipynb is there already"):
        new.lesson("canary", "deployment")
    assert path.read_text() == "somebody's draft"


@pytest.mark.parametrize(
    ("slug", "track", "said"),
    [
        ("welcome", "", "There is a lesson 'welcome' already"),
        ("Bad Name", "", "'Bad Name' is not a slug"),
        ("good-name", "deploiment", "no track 'deploiment'; did you mean 'deployment'"),
    ],
)
def test_what_cannot_be_made_is_refused(clone, slug, track, said):
    before = (clone / "exercises" / "course.toml").read_text()
    with pytest.raises(UserError, match=said):
        new.lesson(slug, track)
    assert (clone / "exercises" / "course.toml").read_text() == before
