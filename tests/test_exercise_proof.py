"""`labs verify` sees what is wrong with an exercise, and passes one that is right."""

import sys

import example_exercises
import pytest

from labs.kit import manifest
from labs.kit.errors import UserError
from labs.kit.exercise import verify
from labs.kit.exercise.mutants import mutants
from labs.kit.exercise.stub import YOURS, answers, names, solved, stub
from labs.kit.normalise import dumps

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="labs verify forks processes")
SLUG = "measure-a-shift"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of an exercise with which nothing is wrong."""
    example_exercises.used(monkeypatch, example_exercises.write(tmp_path / "material", SLUG))
    return tmp_path / "material" / "exercises" / SLUG


def proof():
    return verify.verify(manifest.read().exercise(SLUG))


def edit(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_sound_exercise_is_proven(folder):
    found = proof()
    assert found.problems == [] and found.wrong == 5
    assert found.rate == 1.0 and found.killed >= 2
    assert "proven; 5 wrong answers" in found.text()


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("checks.py", "1e-9", "9", "wrong/always_zero.py passes sees_a_move"),
        ("checks.py", "abs(shift(", "1 or abs(shift(", "the stub passes under sees_a_move"),
        ("checks.py", "- 2) < 1e-9", "- 3) < 1e-9", "solution fails sees_a_move (seed 0)"),
        ("checks.py", "points=2", "points=3", "says 4 points, the criteria give 5"),
        ("checks.py", "objective=GOAL)", 'objective="x")', "its objective 'x' is not in"),
        ("checks.py", 'rubric=("1: compares with the spread", "0: does not"),', "", "no rubric"),
        ("right/by_the_variance.py", "**2", "**4", "right/by_the_variance.py fails sees_a_move"),
        ("wrong/no_spread.py", "# caught by: sees_a_move", "# a mistake", "first line names none"),
        ("wrong/no_spread.py", "sees_a_move", "sees_it", "names no criterion sees_it"),
        ("wrong/no_spread.py", "answer-shift", "answer-drift", "no answer cell answer-drift"),
        ("solution.ipynb", "### BEGIN SOLUTION", "### BEGIN", "no region ### BEGIN SOLUTION"),
        ("solution.ipynb", "**What you'll do**", "**Do**", 'does not say "What you\'ll do"'),
    ],
)
def test_what_is_wrong_is_said(folder, file, before, after, said):
    edit(folder / file, before, after)
    found = proof()
    assert any(said in problem for problem in found.problems), found.text()


def test_too_few_wrong_answers_and_no_right_one_are_problems(folder):
    (folder / "wrong" / "no_spread.py").unlink()
    (folder / "right" / "by_the_variance.py").unlink()
    said = proof().text()
    assert "4 wrong answers; 5 are needed" in said and "right/ holds no answer" in said


def test_a_check_that_any_mistake_passes_leaves_survivors(folder):
    edit(folder / "checks.py", "abs(shift(before, before + 2 * before.std()) - 2) < 1e-9", "True")
    edit(folder / "checks.py", "shift(before, before - 1) > 0", "shift(before, before) is not None")
    found = proof()
    assert found.rate < 0.9 and "of the mutants are killed" in found.text()


def test_a_reviewed_mutant_is_left_out_and_an_outdated_review_is_reported(folder):
    (one, *_) = mutants("answer-shift", example_exercises.ANSWER)
    entry = '[[equivalent]]\nmutant = "answer-shift, {}"\nreason = "for this test"\n'
    review = folder / "equivalent.toml"
    review.write_text(entry.format(one.change) + entry.format("line 9: gone"))
    found = proof()
    assert found.problems == ["equivalent.toml: there is no such mutant any more: answer-shift, "
                              "line 9: gone"]  # fmt: skip
    assert found.killed + len(found.survivors) == 1


def test_an_answer_that_never_ends_or_kills_its_process_is_caught(folder):
    for name, body in {
        "loops": "while True:\n        pass",
        "leaves": "import os\n    os._exit(0)",
        "exits": "raise SystemExit",
    }.items():
        text = f"# caught by: sees_a_move\n# %% answer-shift\ndef shift(a, b):\n    {body}\n"
        (folder / "wrong" / f"{name}.py").write_text(text)
    found = proof()
    assert found.problems == [] and found.wrong == 8


def test_a_given_cell_that_fails_is_no_fault_of_the_answers(folder):
    edit(folder / "solution.ipynb", "default_rng(seed)", "default_rng(sed)")
    with pytest.raises(UserError, match="the given cell data failed: NameError"):
        proof()


def test_the_stub_holds_everything_but_the_answers():
    notebook = stub(example_exercises.solution())
    code, prose = answers(notebook)
    assert code.source.splitlines()[-1] == f"    {YOURS}"
    assert '"""How far the mean moved' in code.source and "abs(" not in code.source
    assert prose.source == "*Your answer.*"
    assert "spread: two" not in dumps(notebook)
    assert [cell.id for cell in notebook.cells] == [c.id for c in solved(notebook).cells]
    assert names(code) == ["shift"] and names(prose) == ["why"]


def test_mutants_are_changes_that_a_person_can_read():
    text = (
        "def cost(rows, price=2.0):\n    ### BEGIN SOLUTION\n    if rows > 3 and not price:\n"
        "        return divmod(rows, 2)\n    return rows * price\n    ### END SOLUTION\n"
    )
    changes = {one.change for one in mutants("answer", text)}
    assert {
        "line 2: `rows > 3` becomes `rows >= 3`",
        "line 2: `rows > 3 and (not price)` becomes `rows > 3 or not price`",
        "line 3: `divmod(rows, 2)` becomes `divmod(2, rows)`",
        "line 4: `rows * price` becomes `rows / price`",
    } <= changes
    assert not any("2.0" in change for change in changes), "what is given is not changed"


def test_a_configuration_is_mutated_number_by_number():
    text = '### BEGIN SOLUTION\nrules = """\nsample: 200\nshare: 0.5\n"""\n### END SOLUTION\n'
    assert {one.change for one in mutants("answer", text)} == {
        "line 1: `sample: 200` becomes `sample: 201`",
        "line 1: `share: 0.5` becomes `share: 0.75`",
    }, "each has a name of its own, so that a review names one"
    assert {one.source for one in mutants("answer", text)} == {
        "rules = '\\nsample: 201\\nshare: 0.5\\n'",
        "rules = '\\nsample: 200\\nshare: 0.75\\n'",
    }
