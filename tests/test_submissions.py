"""What learners hand in is read, whatever became of it; what cannot be read says why."""

import copy
import datetime
import json
import os

import nbformat
import pytest
from example_exercises import solution, write

from labs.kit.exercise.stub import solved, stub
from labs.kit.exercise.submit import digest
from labs.kit.grading import raw, submission
from labs.kit.grading.submission import Unreadable

SLUG, SECOND = "measure-a-shift", "measure-it-again"
RIGHT = "def shift(before, after):\n    return abs(after.mean() - before.mean()) / before.std()"
WHY = "A move of two is much for a narrow distribution, and little for a wide one, so divide."


@pytest.fixture(autouse=True)
def kit(tmp_path, monkeypatch):
    root = write(tmp_path / "kit", SLUG, SECOND)
    monkeypatch.setenv("LABS_MATERIAL", str(root))
    return root


def notebook():
    """A learner's notebook, with a right answer and a text."""
    mine = stub(solution())
    by_id(mine, "answer-shift").source = RIGHT
    by_id(mine, "answer-why").source = WHY
    return mine


def by_id(found, place):
    return next(cell for cell in found.cells if cell.id == place)


def cell(source="x = 1", kind="code", place="own"):
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}[kind]
    return make(source, id=place)


def read(found, name=f"{SLUG}.ipynb"):
    """The answers in a notebook or in data."""
    (answers,) = submission.from_bytes(json.dumps(found).encode(), name)
    return answers


def source(answers, place):
    return next(one["source"] for one in answers.cells if one["cell"] == place)


def own(answers):
    return [one["source"] for one in answers.cells if not one["cell"]]


def is_whole(answers):
    """Whether both answers are in their places, and each cell of the kit once, in its order."""
    places = [one["cell"] for one in answers.cells if one["cell"]]
    expected = [one.id for one in stub(solution()).cells if one.id != "check"]
    given = (source(answers, "answer-shift"), source(answers, "answer-why"))
    return places == expected and given == (RIGHT, WHY)


def test_a_notebook_becomes_the_kit_s_cells_with_the_answers_in_their_places():
    answers = read(notebook())
    assert answers.exercise == SLUG
    assert is_whole(answers)
    assert (own(answers), answers.notes, answers.written) == ([], (), True)
    assert {one["kind"] for one in answers.cells} == {"code", "markdown"}


def test_marks_of_the_solution_and_check_cells_are_never_in_it():
    text = json.dumps(read(notebook()).cells) + json.dumps(read(solved(solution())).cells)
    assert "SOLUTION" not in text
    assert "check(" not in text


def moved(mine):
    mine.cells.reverse()


def doubled_with_its_id(mine):
    mine.cells.append(copy.deepcopy(by_id(mine, "answer-shift")))


def doubled_whole(mine):
    mine.cells += copy.deepcopy(mine.cells)


def given_cells_deleted(mine):
    mine.cells = [one for one in mine.cells if one.id.startswith("answer")]


def given_cells_edited(mine):
    by_id(mine, "data").source = "samples = None  # oh"
    by_id(mine, "imports").source = "raise SystemExit"


def cells_retyped(mine):
    for place, kind in (("answer-shift", "markdown"), ("answer-why", "code"), ("data", "raw")):
        by_id(mine, place).cell_type = kind


def check_cell_edited(mine):
    by_id(mine, "check").source = f'check("{SLUG}")  # at last'


def outputs_of_ten_megabytes(mine):
    by_id(mine, "data").outputs = [{"output_type": "stream", "name": "stdout", "text": "x" * 10**7}]


def unknown_kernel(mine):
    mine.metadata = {"kernelspec": {"name": "julia-1.9", "display_name": "Julia"}}


def tags_forged(mine):
    for one in mine.cells:
        one.metadata = {"tags": ["answer", "check", "kept", 7], "nbgrader": "no"}


def ids_lost(mine):
    for one in mine.cells:
        del one["id"]
    mine.nbformat_minor = 4


def not_quite_a_notebook(mine):
    mine.cells += [7, None, {}, {"cell_type": 3, "source": {"a": 1}, "id": ["x"], "metadata": 1}]
    mine.nbformat = "four"
    by_id(mine, "answer-shift").source = RIGHT.splitlines(keepends=True)


@pytest.mark.parametrize(
    "accident",
    [
        *(moved, doubled_with_its_id, doubled_whole, given_cells_deleted, given_cells_edited),
        *(cells_retyped, check_cell_edited, outputs_of_ten_megabytes, unknown_kernel, tags_forged),
        *(ids_lost, not_quite_a_notebook),
    ],
    ids=lambda accident: accident.__name__,
)
def test_accidents_do_no_harm(accident):
    mine = notebook()
    accident(mine)
    answers = read(mine)
    assert is_whole(answers)
    assert not [text for text in own(answers) if "SystemExit" in text or "None" in text]


def test_a_notebook_of_an_old_format_is_read():
    mine = notebook()
    ids_lost(mine)
    old = nbformat.convert(mine, 3)
    assert old["worksheets"]
    answers = read(old, "ada.ipynb")
    assert source(answers, "answer-shift") == RIGHT
    assert source(answers, "answer-why") == WHY


def test_cells_of_the_learner_s_own_run_after_the_cell_they_followed():
    mine = notebook()
    at = mine.cells.index(by_id(mine, "answer-shift"))
    mine.cells.insert(at, cell("import statistics"))
    answers = read(mine)
    places = [one["cell"] for one in answers.cells]
    assert own(answers) == ["import statistics"]
    assert places[places.index("answer-shift") - 1] == ""


def test_an_untouched_notebook_says_so():
    answers = read(stub(solution()))
    assert not answers.written
    assert answers.notes == ("nothing was written into it",)


@pytest.mark.parametrize(
    "text",
    ["(" * 5000, "-" * 50_000 + "1", "1" + "+1" * 50_000, "x = '\0'", "\ud83d", "def (", "%%bash"],
    ids=["brackets", "minuses", "sum", "zero byte", "half a character", "syntax", "magic"],
)
def test_a_cell_that_is_no_python_stays_the_learner_s_text(text):
    mine = notebook()
    mine.cells.insert(5, cell(text))
    by_id(mine, "answer-shift").source = text
    answers = read(mine)
    expected = text.encode("utf-8", "replace").decode()
    assert source(answers, "answer-shift") == expected == own(answers)[0]


def handed_in(**other):
    """What `labs submit` writes."""
    mine = notebook()
    answers = [
        {"cell": place, "kind": kind, "source": by_id(mine, place).source.split("\n")}
        for place, kind in (("answer-shift", "code"), ("answer-why", "markdown"))
    ]
    facts = {"exercise": SLUG, "stub": "", "points": 2, "answers": answers}
    facts["own"] = [{"after": "data", "kind": "code", "source": ["import statistics", "y = 2"]}]
    content = {"format": 1, "learner": "Ada Lovelace", "written": "2026-11-20T09:00:00+00:00"}
    content |= {"exercises": [facts, {**facts, "exercise": SECOND}], **other}
    return {**content, "sha256": digest(content)}


def test_a_submission_is_read_for_each_of_its_exercises():
    first, second = submission.from_bytes(json.dumps(handed_in()).encode())
    assert (first.exercise, second.exercise) == (SLUG, SECOND)
    assert first.learner == "Ada Lovelace"
    assert first.handed == datetime.datetime(2026, 11, 20, 9, tzinfo=datetime.UTC)
    assert is_whole(first)
    assert (own(first), first.notes) == (["import statistics\ny = 2"], ())


def test_a_changed_submission_is_noted_and_read():
    content = handed_in()
    content["exercises"][0]["answers"][0]["source"] = ["shift = 7"]
    first, _ = submission.from_bytes(json.dumps(content).encode())
    assert source(first, "answer-shift") == "shift = 7"
    assert first.notes == ("changed after `labs submit` wrote it",)


def test_a_submission_with_parts_of_other_kinds_is_read_as_far_as_it_goes():
    content = handed_in(written=["no"], learner=7)
    entry = content["exercises"][0]
    entry["answers"] += [3, {"cell": 1}, {"cell": "answer-gone", "kind": "code", "source": "z = 3"}]
    entry["own"] = {"after": 1}
    content["exercises"][1] = None
    (first,) = submission.from_bytes(json.dumps(content).encode())
    assert (first.learner, first.handed) == ("", None)
    assert is_whole(first)
    assert own(first) == ["z = 3"]


LARGE = {"cells": [{"cell_type": "code", "id": "answer-shift", "source": "x" * 300_000}]}
MANY = {"cells": [{"cell_type": "code", "id": "answer-shift", "source": "x"}] * 3000}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"{", "not valid JSON"),
        (b'{"cells": [', "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[1, 2]", "neither a notebook nor a submission"),
        (b"null", "neither a notebook nor a submission"),
        (b'{"cells": []}', "it has no cells"),
        (b'{"cells": {"a": 1}}', "it has no cells"),
        (b'{"cells": [{"cell_type": "code", "source": "x"}]}', "no cell of any exercise"),
        (b'{"exercises": [], "format": 1}', "no answers to any exercise"),
        (b'{"exercises": [{"exercise": "x"}], "format": 1}', "no answers to any exercise"),
        (b'{"exercises": [], "format": 2}', "reads up to 1"),
        (b"x" * (raw.LIMIT + 1), "larger than 20 MB"),
        (json.dumps(LARGE).encode(), "characters in one cell"),
        (json.dumps(MANY).encode(), "3,000 cells"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_what_cannot_be_read_says_why(found, why):
    with pytest.raises(Unreadable, match=why):
        submission.from_bytes(found, "ada.ipynb")


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("hush")
    link = tmp_path / f"{SLUG}.ipynb"
    link.symlink_to(tmp_path / "secret")
    with pytest.raises(Unreadable, match="it is a link"):
        submission.read(link)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.ipynb")
    with pytest.raises(Unreadable, match="no file"):
        submission.read(tmp_path / "pipe.ipynb")


def test_an_exercise_is_recognised_by_its_cells_and_then_by_name(kit):
    """The second exercise's answer has another name, so their cells tell them apart."""
    other = solution(SECOND)
    by_id(other, "answer-shift").id = "answer-move"
    (kit / "exercises" / SECOND / "solution.ipynb").write_text(nbformat.writes(other))
    assert read(notebook(), f"{SECOND}.ipynb").exercise == SLUG
    assert read(stub(other), f"{SLUG}.ipynb").exercise == SECOND
    strange = nbformat.v4.new_notebook(cells=[cell(RIGHT)])
    assert read(strange, f"ada_{SECOND}.ipynb").exercise == SECOND


def test_a_new_version_of_an_exercise_is_noticed(kit):
    path = kit / "exercises" / SLUG / "solution.ipynb"
    newer = solution()
    by_id(newer, "data").source += "\nmore = 1"
    path.write_text(nbformat.writes(newer))
    os.utime(path, ns=(1, 1))
    assert source(read(notebook()), "data").endswith("more = 1")
