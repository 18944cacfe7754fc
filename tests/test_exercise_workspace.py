"""Exercises in a learner's workspace, by the real command line: every state of the file."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading

import nbformat
import pytest
from example_exercises import solution, write

from labs.cli import main
from labs.kit import manifest, material, server
from labs.kit.exercise import desk, progress, shell
from labs.kit.exercise.criteria import load
from labs.kit.exercise.judge import judge
from labs.kit.exercise.stub import YOUR_PROSE, YOURS, stub
from labs.kit.normalise import dumps, parse

SLUG = "measure-a-shift"
SECOND = "measure-it-again"
RIGHT = "def shift(before, after):\n    return abs(after.mean() - before.mean()) / before.std()"
WRONG = "def shift(before, after):\n    return after.mean() - before.mean()"


@pytest.fixture
def kit(tmp_path, monkeypatch):
    root = write(tmp_path / "kit", SLUG, SECOND)
    monkeypatch.setenv("LABS_MATERIAL", str(root))
    return root


class Desk:
    """A workspace, the command line, and what it said."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.copy = folder / "exercises" / f"01-{SLUG}.ipynb"

    def labs(self, *arguments, fails=False):
        """What the command printed, on either stream."""
        self.capsys.readouterr()
        code = main([*arguments, "--workspace", str(self.folder)])
        said = "".join(self.capsys.readouterr())
        assert bool(code) == fails, said
        assert "Traceback" not in said
        return said

    @property
    def notebook(self):
        return parse(self.copy.read_text(encoding="utf-8"))

    def save(self, notebook):
        self.copy.write_text(dumps(notebook), encoding="utf-8")

    def answer(self, text=RIGHT):
        notebook = self.notebook
        by_id(notebook, "answer-shift").source = text
        self.save(notebook)
        return notebook

    def backups(self):
        return sorted((self.folder / ".labs" / "backups").glob("*.ipynb"))


def by_id(notebook, place):
    return next(cell for cell in notebook.cells if cell.id == place)


@pytest.fixture
def mine(kit, tmp_path, capsys):
    """A workspace in which the exercise has been opened."""
    folder = tmp_path / "my labs ä"
    desk.open_exercise(SLUG, folder)
    return Desk(folder, capsys)


def test_the_stub_holds_everything_but_the_answers(mine):
    sources = {cell.id: cell.source for cell in mine.notebook.cells}
    assert sources["answer-shift"].endswith(f"    {YOURS}") and sources["answer-why"] == YOUR_PROSE
    assert "normal(size=9)" in sources["data"]
    assert "SOLUTION" not in mine.copy.read_text(encoding="utf-8")
    assert all(not cell.get("outputs") for cell in mine.notebook.cells)


def test_opening_it_again_changes_nothing(mine):
    mine.answer()
    before = mine.copy.read_bytes()
    assert server._copy_of(SLUG, mine.folder) == mine.copy
    assert mine.copy.read_bytes() == before


def test_an_unknown_exercise_is_one_message(mine):
    assert "did you mean 'measure-a-shift'" in mine.labs("check", "measure-a-shif", fails=True)


def test_exercises_are_listed_with_what_is_done(mine):
    said = mine.labs("exercises")
    assert f"{SLUG}   10 min  Measure a shift (opened)" in said
    assert f"{SECOND}  10 min  Measure a shift (not opened)" in said


def test_hints_climb_and_are_shared_by_all(mine):
    heads = [mine.labs("hint", SLUG).partition(":")[0] for _ in range(4)]
    assert heads == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    assert desk.state(mine.folder)[SLUG]["hints"] == 3


def test_check_from_the_shell_says_what_the_notebook_says(mine):
    assert "press Ctrl+S in JupyterLab" in mine.labs("check", SLUG, fails=True)
    mine.answer(WRONG)
    said = mine.labs("check", SLUG, fails=True)
    assert (
        "Ctrl+S" not in said
        and "Measure a shift: 0 of 2 points" in said
        and "each value moved by two" in said
    )
    assert f"{SLUG}: 0 of 2 points" in mine.labs("progress")
    mine.answer()
    assert "Measure a shift: 2 of 2 points" in mine.labs("check")


def test_check_before_anything_is_opened_says_so(kit, tmp_path, capsys):
    fresh = Desk(tmp_path / "fresh", capsys)
    assert "No exercise is opened" in fresh.labs("check", fails=True)
    assert f"Open it: labs open {SLUG}" in fresh.labs("check", SLUG, fails=True)
    assert not fresh.folder.exists()


def test_a_cell_that_raises_does_not_stop_the_others(mine):
    notebook = mine.answer()
    notebook.cells.insert(3, nbformat.v4.new_code_cell("1 / 0", id="mine"))
    mine.save(notebook)
    said = mine.labs("check", SLUG)
    assert (
        "2 of 2 points" in said and "cell mine raised ZeroDivisionError: division by zero" in said
    )


def test_a_cell_that_breaks_a_library_is_looked_for(mine):
    mine.answer(f"{RIGHT}\n\nimport IPython.display\n\nIPython.display.display = None")
    said = mine.labs("check", SLUG, fails=True)
    assert "The checks could not run" in said and "one that changes a library" in said


def moved(cells):
    return [cells[-1], *cells[:-1]][::-1]


def renamed(cells):
    return [_as(cell, id=f"new-{place}") for place, cell in enumerate(cells)]


def deleted(cells):
    return [cell for cell in cells if cell.id in ("answer-shift", "answer-why")]


def doubled(cells):
    return [again for cell in cells for again in (cell, _as(cell))]


def retyped(cells):
    kinds = {"code": nbformat.v4.new_markdown_cell, "markdown": nbformat.v4.new_raw_cell}
    return [kinds[cell.cell_type](cell.source, id=cell.id) for cell in cells]


def written_anew(cells):
    own = nbformat.v4.new_code_cell(RIGHT)
    return [own if cell.id == "answer-shift" else cell for cell in cells]


def with_broken_cells(cells):
    bad = [nbformat.v4.new_code_cell(text) for text in ("def (", "%%nonsense\n!", "check = 1")]
    return [*bad, *cells]


def _as(cell, **changes):
    return nbformat.from_dict({**cell, **changes})


def of_version_3(notebook):
    return nbformat.convert(notebook, 3)


def without_ids(notebook):
    notebook.nbformat_minor = 0
    for cell in notebook.cells:
        del cell["id"]
    return notebook


def of_another_kernel(notebook):
    notebook.metadata.kernelspec = {"name": "ir", "display_name": "R", "language": "R"}
    return notebook


def points(mine):
    """The points of what is saved, run here cell by cell; those that raise are left out."""
    names = {}
    for cell in desk.saved(SLUG, mine.folder).cells:
        if cell.cell_type == "code" and cell.id != "check":
            with contextlib.suppress(SyntaxError):
                exec(cell.source, names)
    criteria = load(material.root() / "exercises" / SLUG / "checks.py")
    return sum(one.earned for one in judge(criteria, names))


CELLS = [moved, renamed, deleted, doubled, retyped, written_anew, with_broken_cells]


@pytest.mark.parametrize("disorder", CELLS)
def test_disordered_cells_cost_no_points(mine, disorder):
    notebook = mine.answer()
    notebook.cells = disorder(notebook.cells)
    mine.copy.write_text(json.dumps(notebook), encoding="utf-8")
    assert points(mine) == 3, "two public ones, and a hidden one"


@pytest.mark.parametrize("form", [of_version_3, without_ids, of_another_kernel])
def test_other_formats_and_kernels_cost_no_points(mine, form):
    mine.copy.write_text(json.dumps(form(mine.answer())), encoding="utf-8")
    assert points(mine) == 3


def test_a_learner_with_a_file_in_disorder_sees_the_right_points_alone(mine):
    notebook = of_another_kernel(mine.answer())
    notebook.cells = with_broken_cells(moved(doubled(notebook.cells)))
    raw = json.dumps(notebook)
    mine.copy.write_text(raw, encoding="utf-8")
    command = [sys.executable, "-m", "labs.cli", "check", "--workspace", str(mine.folder)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0 and not done.stderr
    assert "2 of 2 points" in done.stdout and "raised SyntaxError" in done.stdout
    assert mine.copy.read_text(encoding="utf-8") == raw, "checking changes nothing"


@pytest.mark.parametrize("content", ["half", "", "null", "[]", "{}", '{"cells": 3}', "\0\0\0"])
@pytest.mark.parametrize("command", ["check", "submit"])
def test_half_a_file_is_one_message_and_stays(mine, content, command):
    mine.answer()
    whole = mine.copy.read_text(encoding="utf-8")
    mine.copy.write_text(whole[:700] if content == "half" else content, encoding="utf-8")
    before = mine.copy.read_bytes()
    name = ["--name", "Ada"] if command == "submit" else []
    said = mine.labs(command, SLUG, *name, fails=True)
    assert "not a whole notebook" in said and f"labs reset {SLUG}" in said and len(said) < 600
    assert mine.copy.read_bytes() == before
    assert "is kept in" in mine.labs("reset", SLUG)
    assert [path.read_bytes() for path in mine.backups()] == [before]


def test_reset_keeps_a_dated_backup(mine):
    mine.answer()
    assert "is kept in" in mine.labs("reset", SLUG)
    (backup,) = mine.backups()
    assert backup.name.startswith(f"01-{SLUG}-20") and RIGHT in _sources(backup)
    assert RIGHT not in _sources(mine.copy)


def _sources(path):
    return {cell.source for cell in parse(path.read_text(encoding="utf-8")).cells}


def test_a_cell_that_never_ends_is_named(mine, monkeypatch):
    mine.answer("while True:\n    pass")
    limited = shell.execute
    monkeypatch.setattr(shell, "execute", lambda *given: limited(*given, seconds=2))
    said = mine.labs("check", SLUG, fails=True)
    assert "(answer-shift) did not end within 2 seconds" in said


def test_the_solution_waits_for_full_marks(mine):
    assert "shown when all checks of yours pass" in mine.labs("solution", SLUG, fails=True)
    desk.record_points(mine.folder, SLUG, 2, 2)
    said = mine.labs("solution", SLUG)
    assert "abs(after.mean() - before.mean())" in said and "SOLUTION" not in said


@pytest.mark.parametrize(
    ("settings", "fails", "said"),
    [
        ('solutions = "always"', False, "return abs("),
        ('solutions = "never"', True, "your mentor keeps the solutions"),
        ('solutions = "soon"', True, "solutions is 'soon'; write one of after full marks"),
        ("solutions = 3", True, "solutions is 3; write one of"),
        ("solutions", True, "not valid TOML"),
    ],
)
def test_the_mentors_settings_decide_about_solutions(mine, settings, fails, said):
    (mine.folder / ".labs" / "settings.toml").write_text(settings)
    assert said in mine.labs("solution", SLUG, fails=fails)


def test_an_edition_without_solutions_has_none_to_show(mine, kit):
    path = kit / "exercises" / SLUG / "solution.ipynb"
    (path.parent / "stub.ipynb").write_text(dumps(stub(solution(SLUG))), encoding="utf-8")
    path.unlink()
    desk.record_points(mine.folder, SLUG, 2, 2)
    assert "holds no solutions" in mine.labs("solution", SLUG, fails=True)
    assert "as it was at first" in mine.labs("reset", SLUG)


def test_progress_by_track_objective_and_minutes(mine):
    desk.record_points(mine.folder, SLUG, 2, 2)
    said = mine.labs("progress")
    assert "1 of 2 exercises done, 10 of 20 minutes." in said
    assert "Foundations: 10 of 20 minutes" in said and "✓ measure-a-shift: all checks" in said
    assert "say how far a distribution has moved" in said
    table = progress.table(manifest.read(), progress.steps(mine.folder))
    assert table.count("<tr>") == 3 and "✓ all checks passed on 20" in table


def test_the_best_points_stay(mine):
    desk.record_points(mine.folder, SLUG, 2, 2)
    full = desk.state(mine.folder)[SLUG]["full"]
    desk.record_points(mine.folder, SLUG, 0, 2)
    assert (
        desk.state(mine.folder)[SLUG] | {"points": 2, "full": full} == desk.state(mine.folder)[SLUG]
    )


@pytest.mark.parametrize(
    "state",
    ["", "not json", "[]", '{"measure-a-shift": 3}', '{"measure-a-shift": {"points": "x"}}'],
)
def test_a_lost_state_loses_no_answer(mine, state):
    mine.answer()
    (mine.folder / desk.STATE).write_text(state)
    assert "Hint 1 of 3" in mine.labs("hint", SLUG)
    desk.record_points(mine.folder, SLUG, 2, 2)
    assert f"{SLUG}: all checks passed" in mine.labs("progress")
    assert mine.labs("submit", SLUG, "--name", "Ada")
    assert RIGHT in _sources(mine.copy)


def test_a_notebook_and_a_terminal_may_remember_at_the_same_moment(mine):
    def remember(slug):
        for points in range(20):
            desk.record_points(mine.folder, slug, points, 50)

    threads = [threading.Thread(target=remember, args=[slug]) for slug in (SLUG, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [desk.state(mine.folder)[slug]["points"] for slug in (SLUG, SECOND)] == [19, 19]


def submitted(said):
    path = said.partition("Your answers are in ")[2].partition("\n")[0]
    return path, json.loads(open(path, encoding="utf-8").read())


def test_a_submission_is_one_file_that_a_person_can_read(mine):
    notebook = mine.answer()
    helper = nbformat.v4.new_code_cell("factor = 1", id="helper")
    notebook.cells.insert(6, helper)
    mine.save(notebook)
    path, content = submitted(mine.labs("submit", SLUG, SLUG, "--name", "Ada Lovelace"))
    assert "/submissions/ada-lovelace-20" in path
    (one,) = content["exercises"]
    assert one["answers"][0] == {
        "cell": "answer-shift",
        "kind": "code",
        "source": RIGHT.split("\n"),
    }
    assert one["own"] == [{"after": "data", "kind": "code", "source": ["factor = 1"]}]
    assert content["learner"] == "Ada Lovelace" and content["packages"]["mlflow"]
    digest = content.pop("sha256")
    assert digest == hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def test_a_submission_is_never_written_over(mine):
    mine.answer()
    paths = {submitted(mine.labs("submit", SLUG, "--name", "Ada"))[0] for _ in range(3)}
    assert len(paths) == 3 and all(os.path.getsize(path) > 500 for path in paths)


def test_a_submission_goes_to_a_shared_folder_too(mine, tmp_path, monkeypatch):
    mine.answer()
    monkeypatch.setenv("LABS_LEARNER", "Åsa Öberg")
    shared = tmp_path / "handed in"
    said = mine.labs("submit", SLUG, "--into", str(shared), fails=True)
    assert "is no folder; the submission is in" in said
    shared.mkdir()
    path, content = submitted(mine.labs("submit", SLUG, "--into", str(shared)))
    assert path.startswith(str(shared)) and content["learner"] == "Åsa Öberg"
    assert len(list((mine.folder / "submissions").iterdir())) == 2


def test_nothing_to_hand_in_is_said_in_words(mine):
    assert "no answer is saved yet" in mine.labs("submit", SLUG, "--name", "Ada", fails=True)
    assert f"labs open {SECOND}" in mine.labs("submit", SECOND, "--name", "Ada", fails=True)
    mine.answer()
    assert "Say who you are" in mine.labs("submit", SLUG, fails=True)
    assert not (mine.folder / "submissions").exists()


def test_an_answer_in_a_cell_of_ones_own_can_be_handed_in(mine):
    notebook = mine.notebook
    notebook.cells = written_anew(notebook.cells)
    mine.save(notebook)
    _, content = submitted(mine.labs("submit", SLUG, "--name", "Ada"))
    assert content["exercises"][0]["answers"][0]["source"] == RIGHT.split("\n")
