"""A newer version of an exercise takes a learner's answers along: nothing they wrote is lost."""

import json
import tempfile
from pathlib import Path

import nbformat
import pytest
from example_exercises import list_exercises, solution, used, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.cli import main
from labs.kit import workspace
from labs.kit.exercise import desk
from labs.kit.exercise.graft import graft, is_kept
from labs.kit.exercise.stub import answers, stub
from labs.kit.normalise import dumps, parse

pytestmark = pytest.mark.filterwarnings("ignore:Non-unique cell id")  # they are the point
SLUG = "measure-a-shift"
COPY = f"exercises/01-{SLUG}.ipynb"
STUB = stub(solution())
IDS = [cell.id for cell in STUB.cells]
KINDS = {
    "code": nbformat.v4.new_code_cell,
    "markdown": nbformat.v4.new_markdown_cell,
    "raw": nbformat.v4.new_raw_cell,
}
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(str.strip)
CODE = st.sampled_from(
    [
        "def shift(before, after):\n    return 1",
        "def shift(before, after):\n    return undefined",
        "def shift(before, after:",
        "import numpy as np\nimport pandas as pd",
        "samples = [1]",
        "%time shift(1, 2)",
    ]
)
WRITTEN = WORDS | CODE


@st.composite
def edits(draw):
    """One thing that a learner, or an unkind editor, does to a notebook."""
    what = draw(st.sampled_from(["write", "delete", "double", "copy", "retype", "move", "add"]))
    return what, draw(st.integers(0, 30)), draw(st.integers(0, 30)), draw(WRITTEN)


def edited(notebook, changes):
    """The notebook after the changes, as a file has it."""
    cells = list(parse(dumps(notebook)).cells)
    for what, first, second, text in changes:
        at, to = first % (len(cells) or 1), second % (len(cells) + 1)
        kind = list(KINDS)[second % 3]
        if what == "add" or not cells:
            cells.insert(to, KINDS[kind](text))
        elif what == "write":
            cells[at].source = text
        elif what == "delete":
            del cells[at]
        elif what == "double":
            cells.insert(to, parse(dumps(of(cells[at]))).cells[0])
        elif what == "copy":
            cells.insert(to, KINDS[cells[at].cell_type](cells[at].source))
        elif what == "retype":
            cells[at] = KINDS[kind](cells[at].source, id=cells[at].id)
        elif what == "move":
            cell = cells.pop(at)
            cells.insert(min(to, len(cells)), cell)
    return of(*cells)


def of(*cells):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = list(cells)
    return notebook


@st.composite
def newer(draw):
    """The stub as a later version of the kit has it."""
    fresh = parse(dumps(STUB))
    for place in draw(st.sets(st.sampled_from(IDS), max_size=4)):
        fresh.cells = [cell for cell in fresh.cells if cell.id != place]
    for cell in fresh.cells:
        if draw(st.integers(0, 4)) == 0:
            cell.source += "\n# newer"
    if draw(st.booleans()):
        extra = nbformat.v4.new_code_cell("...  # your code", id="answer-more")
        extra.metadata["tags"] = ["answer"]
        fresh.cells.insert(draw(st.integers(0, len(fresh.cells))), extra)
    return fresh


def written(mine):
    """What the learner wrote: every text that the kit did not give."""
    given_texts = {cell.source for cell in STUB.cells}
    return {cell.source for cell in mine.cells if cell.source.strip()} - given_texts


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(edits(), max_size=6), newer(), st.booleans())
def test_nothing_that_was_written_is_lost(changes, fresh, stub_is_lost):
    mine = edited(STUB, changes)
    before = None if stub_is_lost else STUB
    merged = graft(mine, fresh, before)
    texts = {cell.source for cell in merged.cells}
    assert written(mine) - {cell.source for cell in fresh.cells} <= texts


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(edits(), max_size=6), newer())
def test_the_result_is_a_valid_notebook_and_updating_it_again_changes_nothing(changes, fresh):
    merged = graft(edited(STUB, changes), fresh, STUB)
    nbformat.validate(json.loads(dumps(merged)))
    ids = [cell.id for cell in merged.cells]
    assert len(ids) == len(set(ids))
    again = graft(parse(dumps(merged)), fresh, fresh)
    assert dumps(again) == dumps(merged)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(edits(), max_size=6), newer())
def test_the_newer_versions_own_cells_stay_in_order(changes, fresh):
    merged = graft(edited(STUB, changes), fresh, STUB)
    ours = [cell for cell in merged.cells if not is_kept(cell)]
    assert [cell.id for cell in ours] == [cell.id for cell in fresh.cells]
    answer_ids = {cell.id for cell in answers(fresh)}
    for cell, new in zip(ours, fresh.cells, strict=True):
        assert cell.cell_type == new.cell_type
        assert cell.source == new.source or cell.id in answer_ids


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(edits().filter(lambda one: one[0] in ("add", "move", "copy")), max_size=6),
    newer(),
    WRITTEN,
)
def test_an_answer_lands_in_the_cell_with_its_id(changes, fresh, answer):
    mine = parse(dumps(STUB))
    by_id(mine, "answer-shift").source = answer
    merged = graft(edited(mine, changes), fresh, STUB)
    if "answer-shift" in {cell.id for cell in fresh.cells}:
        assert by_id(merged, "answer-shift").source == answer


def by_id(notebook, place):
    return next(cell for cell in notebook.cells if cell.id == place)


SHIFT = "def shift(before, after):\n    return abs(after.mean() - before.mean()) / before.std()"


def run(notebook):
    """What the code cells define, run from the top."""
    namespace = {"check": lambda slug: None}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source.replace("from labs.kit.exercise import check, hint", ""), namespace)
    return namespace


def replaced(place, *cells):
    """The stub in which `cells` stand where the cell `place` was."""
    mine = parse(dumps(STUB))
    at = [cell.id for cell in mine.cells].index(place)
    mine.cells[at : at + 1] = cells
    return mine


def test_an_answer_in_a_cell_of_its_own_takes_the_lost_cells_place():
    mine = replaced("answer-shift", nbformat.v4.new_code_cell(SHIFT))
    assert by_id(graft(mine, STUB), "answer-shift").source == SHIFT


def test_the_last_of_several_drafts_is_the_answer():
    drafts = [SHIFT.replace("std", "var"), SHIFT]
    mine = replaced("answer-shift", *map(nbformat.v4.new_code_cell, drafts))
    merged = graft(mine, STUB)
    assert by_id(merged, "answer-shift").source == SHIFT
    assert [cell.source for cell in merged.cells if cell.cell_type == "raw"] == drafts[:1]


def test_a_text_in_a_cell_of_its_own_takes_the_lost_cells_place():
    mine = replaced("answer-why", nbformat.v4.new_markdown_cell("Because of the spread."))
    assert by_id(graft(mine, STUB), "answer-why").source == "Because of the spread."


def test_the_stub_does_not_undo_an_answer_that_was_split_over_cells():
    parts = ["def size(x):\n    return abs(x)", "other = 1", "shift = lambda a, b: size(-3)"]
    mine = replaced("answer-shift", *map(nbformat.v4.new_code_cell, parts))
    assert run(graft(mine, STUB))["shift"](1, 2) == 3


def test_an_import_added_to_a_given_cell_still_counts():
    mine = parse(dumps(STUB))
    by_id(mine, "imports").source += "\nimport math\nnp.mean = None"
    by_id(mine, "answer-shift").source = "def shift(before, after):\n    return math.pi"
    namespace = run(graft(mine, STUB))
    assert namespace["shift"](1, 2) > 3 and namespace["np"].mean is not None


def test_pictures_pasted_into_a_text_stay():
    mine = parse(dumps(STUB))
    why = by_id(mine, "answer-why")
    why.source, why.attachments = "![](attachment:a.png)", {"a.png": {"image/png": "AAAA"}}
    assert by_id(graft(mine, STUB), "answer-why").attachments == why.attachments


def test_a_file_that_has_lost_its_ids_keeps_its_answers():
    mine = parse(dumps(STUB))
    by_id(mine, "answer-shift").source = SHIFT
    by_id(mine, "answer-why").source = "Because of the spread."
    for cell in mine.cells:
        del cell["id"]
    mine.nbformat_minor = 4
    merged = graft(mine, STUB)
    assert by_id(merged, "answer-shift").source == SHIFT
    assert by_id(merged, "answer-why").source == "Because of the spread."
    assert not any(is_kept(cell) for cell in merged.cells)


@pytest.fixture
def kit(tmp_path, monkeypatch):
    root = write(tmp_path / "kit", SLUG)
    used(monkeypatch, root)
    return root


@pytest.fixture
def opened(kit, tmp_path):
    """A workspace with the exercise in it."""
    folder = tmp_path / "mine"
    desk.open_exercise(SLUG, folder)
    return folder


def change_upstream(kit, place="task", text="Write it, please."):
    path = kit / "exercises" / SLUG / "solution.ipynb"
    notebook = parse(path.read_text(encoding="utf-8"))
    by_id(notebook, place).source = text
    path.write_text(dumps(notebook), encoding="utf-8")


def write_answer(folder, text=SHIFT, copy=COPY):
    notebook = parse((folder / copy).read_text(encoding="utf-8"))
    by_id(notebook, "answer-shift").source = text
    (folder / copy).write_text(dumps(notebook), encoding="utf-8")


def labs(folder, *arguments):
    return main([*arguments, "--workspace", str(folder)])


def update(folder, capsys):
    capsys.readouterr()
    assert labs(folder, "update") == 0
    return capsys.readouterr().out


@pytest.fixture
def lesson(kit):
    """The one lesson of the example course, which `labs update` writes too."""
    path = kit / "notebooks" / "foundations" / "welcome.ipynb"
    path.write_text(dumps(of(nbformat.v4.new_markdown_cell("# Start", id="opening"))))


def test_update_grafts_and_keeps_the_copy_before(kit, lesson, opened, capsys):
    write_answer(opened)
    change_upstream(kit)
    assert f"{COPY}: new, with your answers in it" in update(opened, capsys)
    notebook = parse((opened / COPY).read_text(encoding="utf-8"))
    assert by_id(notebook, "answer-shift").source == SHIFT
    assert by_id(notebook, "task").source == "Write it, please."
    (backup,) = (opened / ".labs" / "backups").glob("01-measure*")
    assert SHIFT in {cell.source for cell in parse(backup.read_text(encoding="utf-8")).cells}
    assert COPY not in update(opened, capsys)


def test_update_renews_what_was_not_touched(kit, lesson, opened, capsys):
    change_upstream(kit)
    assert "new; you had written nothing" in update(opened, capsys)


def test_update_leaves_a_copy_alone_that_is_of_the_newest_version(lesson, opened, capsys):
    write_answer(opened)
    before = (opened / COPY).read_bytes()
    assert COPY not in update(opened, capsys)
    assert (opened / COPY).read_bytes() == before


def test_update_of_half_a_file_keeps_it(kit, lesson, opened, capsys):
    write_answer(opened)
    half = (opened / COPY).read_text(encoding="utf-8")[:900]
    (opened / COPY).write_text(half, encoding="utf-8")
    change_upstream(kit)
    assert "could not be read as a notebook; it is kept as" in update(opened, capsys)
    (backup,) = (opened / ".labs" / "backups").glob("01-measure*")
    assert backup.read_text(encoding="utf-8") == half


def test_an_exercise_that_is_gone_upstream_stays(kit, lesson, opened, capsys):
    write_answer(opened)
    list_exercises(kit)
    before = (opened / COPY).read_bytes()
    update(opened, capsys)
    assert (opened / COPY).read_bytes() == before


def test_an_exercise_whose_number_changed_is_moved(kit, lesson, opened, capsys):
    write_answer(opened)
    write(kit, "another", SLUG)
    kit_lesson = kit / "notebooks" / "foundations" / "welcome.ipynb"
    kit_lesson.write_text(dumps(of(nbformat.v4.new_markdown_cell("# Start", id="opening"))))
    update(opened, capsys)
    assert not (opened / COPY).exists()
    assert SHIFT in sources(opened / f"exercises/02-{SLUG}.ipynb")


def sources(path):
    return {cell.source for cell in parse(path.read_text(encoding="utf-8")).cells}


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(edits(), max_size=5), newer())
def test_after_an_update_every_text_is_in_the_copy_or_a_backup(kit, changes, fresh):
    carried = kit / "exercises" / SLUG / "stub.ipynb"
    carried.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        path = desk.open_exercise(SLUG, folder)
        mine = edited(parse(path.read_text(encoding="utf-8")), changes)
        path.write_text(dumps(mine), encoding="utf-8")
        carried.write_text(dumps(fresh), encoding="utf-8")
        for _ in range(2):
            desk.update(folder)
        found = set(sources(path))
        for backup in (folder / ".labs" / "backups").glob("*.ipynb"):
            found |= sources(backup)
        assert written(mine) <= found


def test_an_update_that_cannot_write_loses_nothing(kit, opened, monkeypatch):
    write_answer(opened)
    change_upstream(kit)

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workspace, "_write", full)
    with pytest.raises(OSError):
        desk.update(opened)
    assert SHIFT in sources(opened / COPY)
