"""An exercise for tests of the grader, whose checks hold canaries, and answers to it."""

from pathlib import Path

import example_exercises
import nbformat

from labs.kit.exercise.stub import is_check, solved
from labs.kit.grading.verdict import Job
from labs.kit.normalise import dumps

SLUG = "flag-a-shift"
CANARY = "canary-of-the-hidden-check"
CHECKS = f"""
from labs.kit.exercise import Text, criterion

GOAL = "say how far a distribution has moved"
EXPECTED = "{CANARY}"


@criterion("Nothing moved, nothing is flagged", points=2, objective=GOAL)
def says_zero(psi, rng):
    base = rng.normal(size=300)
    assert abs(psi(base, base)) < 1e-9, "the two samples are the same"


@criterion("A shift is told from none", points=3, objective=GOAL, public=False)
def tells_a_shift(psi, rng):
    "{CANARY}"
    for moved in rng.permutation([True, False] * 4):
        base = rng.normal(size=400)
        found = psi(base, rng.permutation(base) + 2 * moved)
        assert (found > 0.25) == moved, "a shift of two must be flagged, and none must not"


@criterion("The weeks are listed", points=1, objective=GOAL)
def lists_weeks(weeks, seed):
    assert weeks == [seed, seed + 1], "two weeks, from `seed` on"
"""
PSI = '''def psi(base, now):
    """Population stability index over ten bins of `base`."""
    ### BEGIN SOLUTION
    edges = np.quantile(base, np.linspace(0, 1, 11))[1:-1]
    shares = [np.bincount(np.digitize(x, edges), minlength=10) / len(x) for x in (base, now)]
    a, b = (np.clip(share, 1e-4, None) for share in shares)
    return float(np.sum((b - a) * np.log(b / a)))
    ### END SOLUTION'''
ZERO = "def psi(base, now):\n    return 0.0"  # has the two points of `says_zero`
WEEKS = """### BEGIN SOLUTION
weeks = [seed, seed + 1]
### END SOLUTION"""
ENTRY = example_exercises.ENTRY.replace("points = 4", "points = 6")


def write(root: Path) -> Path:
    """A course with this exercise in the folder `root`."""
    folder = root / "exercises" / SLUG
    folder.mkdir(parents=True)
    (root / "exercises" / "course.toml").write_text(
        example_exercises.COURSE + ENTRY.format(slug=SLUG), encoding="utf-8"
    )
    (folder / "checks.py").write_text(CHECKS, encoding="utf-8")
    (folder / "solution.ipynb").write_text(dumps(solution()), encoding="utf-8")
    return root


def solution() -> nbformat.NotebookNode:
    """The exercise's solution."""
    new, answer = nbformat.v4, {"tags": ["answer"]}
    start = new.new_code_cell("seed = 7", id="parameters", metadata={"tags": ["parameters"]})
    return new.new_notebook(
        cells=[
            new.new_markdown_cell(example_exercises.OPENING, id="opening"),
            new.new_code_cell("import numpy as np\n\nfrom labs.kit.exercise import check", id="in"),
            start,
            new.new_code_cell(PSI, id="answer-psi", metadata=answer),
            new.new_code_cell(WEEKS, id="answer-weeks", metadata=answer),
            new.new_code_cell(f'check("{SLUG}")', id="check", metadata={"tags": ["check"]}),
        ]
    )


def job(key: str = "honest", seed: int = 1, **answers: str) -> Job:
    """The solution with some answers replaced: `psi` and `weeks`, or `own` before them."""
    cells = [
        {"cell": cell.id, "kind": cell.cell_type, "source": answers.get(name(cell), cell.source)}
        for cell in solved(solution()).cells
        if not is_check(cell)
    ]
    if "own" in answers:
        cells.insert(3, {"cell": "", "kind": "code", "source": answers["own"]})
    return Job(key, SLUG, tuple(cells), seed, {"seed": 7})


def name(cell: nbformat.NotebookNode) -> str:
    """An answer cell's name here."""
    return cell.id.removeprefix("answer-")
