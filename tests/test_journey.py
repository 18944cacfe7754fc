"""How far a learner has come: what is done, what is next, and that it is never forgotten."""

import os
import subprocess
import sys

import nbformat
import pytest

from labs.kit import execute, journey, manifest, material, workspace
from labs.kit.warm import policy


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A workspace of a kit with three small lessons of two code cells each."""
    root = tmp_path / "kit"
    (root / "exercises").mkdir(parents=True)
    entries = "".join(
        f'[[lessons]]\nslug = "{slug}"\ntrack = "one"\ntitle = "{slug.title()} <now>"\n'
        f'minutes = {minutes}\nobjectives = ["do"]\n'
        for slug, minutes in (("begin", 10), ("go-on", 15), ("end", 20))
    )
    (root / "exercises" / "course.toml").write_text(
        f'title = "T"\n[tracks.one]\ntitle = "One"\ndescription = "D"\n{entries}'
    )
    monkeypatch.setattr(material, "root", lambda: root)
    for slug in ("begin", "go-on", "end"):
        save(root / "notebooks" / "one" / f"{slug}.ipynb", ["x = 1", "y = 2"])
    workspace.prepare(tmp_path / "my labs")
    return tmp_path / "my labs"


def save(path, sources, ran=0, error_in=None):
    new = nbformat.v4
    cells = [new.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(sources)]
    for number, cell in enumerate(cells[:ran]):
        cell.execution_count = number + 1
        if number == error_in:
            cell.outputs = [new.new_output("error", ename="E", evalue="v", traceback=[])]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new.new_notebook(cells=cells), path)


def copy_of(folder, slug):
    return folder / manifest.read().workspace_path(manifest.read().lesson(slug))


def test_a_lesson_is_done_when_every_cell_has_run_in_the_saved_copy(folder):
    save(copy_of(folder, "begin"), ["x = 1", "y = 2"], ran=2)
    save(copy_of(folder, "go-on"), ["x = 1", "y = 2"], ran=1)
    begin, go_on, end = found = journey.stages(folder)
    assert begin.done and str(begin).startswith("done on 20")
    assert (str(go_on), str(end)) == ("1 of 2 cells run", "not begun")
    assert journey.following(found) is go_on
    assert journey.summary(found) == "1 of 3 lessons done, 10 of 45 minutes."


def test_a_cell_that_failed_has_not_been_done_and_one_of_the_learners_own_is_not_asked_for(folder):
    save(copy_of(folder, "begin"), ["x = 1", "y = 2"], ran=2, error_in=1)
    save(copy_of(folder, "go-on"), ["x = 1", "y = 2", "my_own = 3"], ran=2)
    begin, go_on, _ = journey.stages(folder)
    assert (begin.done, begin.ran) == ("", 1)
    assert go_on.done


def test_what_was_done_stays_done_when_the_kit_renews_the_lesson(folder):
    save(copy_of(folder, "begin"), ["x = 1", "y = 2"], ran=2)
    save(material.root() / "notebooks" / "one" / "begin.ipynb", ["x = 1", "y = 3", "z = 4"])
    assert workspace.prepare(folder).renewed
    begin = journey.stages(folder)[0]
    assert begin.done and begin.ran == 0


def test_a_damaged_record_or_copy_is_no_error(folder):
    save(copy_of(folder, "begin"), ["x = 1", "y = 2"], ran=2)
    journey.stages(folder)
    (folder / journey.STATE).write_text("[]")
    copy_of(folder, "go-on").write_text("{")
    begin, go_on, _ = journey.stages(folder)
    assert begin.done and str(go_on) == "not begun"


def test_the_table_names_what_is_next_and_a_folder_without_lessons_says_so(folder, tmp_path):
    save(copy_of(folder, "begin"), ["x = 1", "y = 2"], ran=2)
    table = journey.table(journey.stages(folder))
    assert "✓ done on" in table and "Next: <b>Go-On &lt;now&gt;</b>" in table
    assert table.count("<tr>") == 4
    empty = tmp_path / "empty"
    assert "no lessons" in journey.table(journey.stages(empty))
    assert not empty.exists(), "looking changes nothing"


def test_next_opens_the_first_lesson_that_is_not_done(tmp_path):
    """The real command, kit and lessons; the first one is run as a learner would."""
    folder = tmp_path / "labs"
    workspace.prepare(folder)
    first, second, *_ = manifest.read().lessons
    done = copy_of(folder, first.slug)
    notebook = execute.read_notebook(done)
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    nbformat.write(notebook, done)
    command = [sys.executable, "-m", "labs.cli", "next", "--workspace", str(folder)]
    asked = subprocess.Popen(
        [*command, "--no-browser", "--port", "9300"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, policy.KERNELS: "cold"},  # nobody will use one
    )
    try:
        lines = iter(asked.stdout.readline, "")
        said = [next(line for line in lines if line.strip()) for _ in range(2)]
        assert said[0].startswith("1 of ") and said[1].startswith(f"Next: {second.title}")
        address = next(line for line in lines if "token=" in line)
        assert f"{second.slug}.ipynb" in address
    finally:
        subprocess.run([sys.executable, "-m", "labs.cli", "stop", "--workspace", str(folder)])
        asked.wait(60)


def test_the_journey_costs_a_kernel_next_to_nothing():
    code = "import sys, labs.kit.journey; print({'nbformat', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
