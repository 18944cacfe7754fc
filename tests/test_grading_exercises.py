"""The grader's verdict on each exercise's solution and wrong answers is that of its proof."""

import os
from dataclasses import replace

import pytest

from labs.kit import manifest, material
from labs.kit.exercise import desk
from labs.kit.exercise.stub import is_answer, is_check, solved
from labs.kit.exercise.verify import FEW, _Cases
from labs.kit.grading import grade, tiers
from labs.kit.grading.assignment import drawn_parameters
from labs.kit.grading.verdict import Job
from labs.kit.verify import RELEASE

EXERCISES = manifest.read().exercises
RELEASED = bool(os.environ.get(RELEASE))  # then every right and wrong answer is graded


@pytest.fixture(scope="module")
def graded():
    """Grades all jobs of an exercise, in the sandbox that this machine has."""
    with tiers.best(grade._modules([one.slug for one in EXERCISES])) as (place, tier):
        place = replace(place, limits=grade.limits())
        yield lambda jobs: grade._spread(jobs, place, tier.name, 1)


LOUD = """
import logging
logging.basicConfig(level=logging.INFO)
logging.getLogger("mlflow").setLevel(logging.INFO)
logging.getLogger("mlflow").info("this goes to stderr, which other graders take for a failure")
"""


def job(exercise, variant, seed=0, learner=""):
    """The solution with the answers of a variant in their places, and libraries that log.

    For a `learner` the parameters are drawn, as `labs grade` does it.
    """
    cells = [
        {
            "cell": cell.id,
            "kind": cell.cell_type,
            "source": variant.answers.get(cell.id, cell.source) if is_answer(cell) else cell.source,
        }
        for cell in solved(desk.solution_of(exercise)).cells
        if not is_check(cell)
    ]
    imports = next(at for at, cell in enumerate(cells) if cell["kind"] == "code")
    cells.insert(imports + 1, {"cell": "", "kind": "code", "source": LOUD})
    drawn = drawn_parameters(b"a secret", learner, exercise) if learner else {}
    source = "\n".join(f"{name} = {value!r}" for name, value in drawn.items())
    for at in [at for at, cell in enumerate(cells, 1) if cell["cell"] == "parameters"]:
        cells.insert(at, {"cell": "drawn-parameters", "kind": "code", "source": source})
    return Job(variant.name, exercise.slug, tuple(cells), seed, drawn)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.slug)
def test_solutions_get_full_marks_and_wrong_answers_do_not(exercise, graded):
    criteria = grade.criteria(exercise.slug)
    cases = _Cases(material.root() / exercise.folder, desk.solution_of(exercise), list(criteria))
    by_hand = sum(one.points for one in criteria if one.by_hand)
    for variant in [cases.fixed()[1], cases.right[0]][: None if RELEASED else 1]:
        ((_, verdict),) = graded([job(exercise, variant, learner="ada")])
        assert verdict.outcome == ("needs a person" if by_hand else "graded"), verdict
        assert verdict.earned == exercise.points - by_hand, verdict
        assert "INFO mlflow: this goes to stderr" in verdict.printed
    for variant in cases.wrong[: None if RELEASED else 1]:
        caught = cases.catchers[variant.name]
        verdicts = (v for seed in FEW for _, v in graded([job(exercise, variant, seed)]))
        assert any(caught & lost(verdict) for verdict in verdicts), variant.name


def lost(verdict):
    """The criteria that do not have their points."""
    return {mark.criterion for mark in verdict.marks if mark.earned != mark.points}
