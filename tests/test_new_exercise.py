"""`labs new exercise` makes an exercise whose checks are proven from its first minute."""

import shutil
import subprocess
import sys
from pathlib import Path

import papermill
import pytest

import labs
from labs.cli import main
from labs.kit import manifest, material, new_exercise
from labs.kit.errors import UserError
from labs.kit.execute import environment, execute, read_notebook
from labs.kit.exercise.verify import verify
from labs.kit.normalise import dumps, normalise


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """The manifest and the build's settings, where an exercise can be made."""
    root = tmp_path / "clone"
    (root / "exercises").mkdir(parents=True)
    for name in ("exercises/course.toml", "pyproject.toml"):
        shutil.copy(material.root() / name, root / name)
    (root / "labs").symlink_to(Path(labs.__file__).parent)  # so that ruff knows whose it is
    monkeypatch.setenv("LABS_MATERIAL", str(root))
    return root


def test_a_new_exercise_is_proven_and_passes_every_test_of_an_exercise(
    clone, tmp_path, monkeypatch, capsys
):
    title = 'Say "no" to C:\\new'
    asked = ["new", "exercise", "miss-a-thing", "--track", "foundations", "--title", title]
    assert main(asked) == 0
    assert "labs verify miss-a-thing" in capsys.readouterr().out
    made = manifest.read().exercise("miss-a-thing")
    assert (made.title, made.track) == (title, "foundations")
    proof = verify(made)
    assert proof.problems == [] and proof.wrong == 5 and proof.rate == 1, proof.text()
    path = clone / made.path
    again = execute(read_notebook(path), "again", environment(tmp_path))
    assert dumps(normalise(again)) == path.read_text(encoding="utf-8")
    assert "2 of 2 points" in path.read_text(encoding="utf-8")
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    done = str(tmp_path / "done.ipynb")
    papermill.execute_notebook(
        str(path), done, made.parameters, kernel_name="python3", progress_bar=False
    )


def test_a_new_exercise_is_lint_and_format_clean(clone):
    new_exercise._write(manifest.Exercise("draft", "deployment", "Draft", 15, ("do",), 3, ()))
    ruff = str(Path(sys.executable).parent / "ruff")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *command, "exercises/draft"], cwd=clone, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_an_exercise_that_cannot_run_leaves_nothing_behind(clone, monkeypatch):
    before = (clone / "exercises" / "course.toml").read_text()
    monkeypatch.setattr(new_exercise, "_DATA", "raise SystemError")
    with pytest.raises(UserError, match="SystemError"):
        new_exercise.exercise("miss-a-thing")
    assert (clone / "exercises" / "course.toml").read_text() == before
    assert not (clone / "exercises" / "miss-a-thing").exists()


def test_a_folder_that_is_there_is_not_overwritten(clone):
    draft = clone / "exercises" / "draft"
    draft.mkdir()
    with pytest.raises(UserError, match="draft is there already"):
        new_exercise.exercise("draft")
    assert list(draft.iterdir()) == []


@pytest.mark.parametrize(
    ("slug", "track", "said"),
    [
        ("welcome", "", "There is a lesson 'welcome' already"),
        ("cost-per-row", "", "There is an exercise 'cost-per-row' already"),
        ("Bad Name", "", "'Bad Name' is not a slug"),
        ("good-name", "deploiment", "no track 'deploiment'; did you mean 'deployment'"),
    ],
)
def test_what_cannot_be_made_is_refused(clone, slug, track, said):
    with pytest.raises(UserError, match=said):
        new_exercise.exercise(slug, track)
