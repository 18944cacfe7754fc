"""Submissions with known grades to one short exercise whose notebook imports heavy libraries.

The same answers come as jobs for our grader and as notebooks for nbgrader.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from labs.kit.grading.verdict import Job
from labs.kit.normalise import dumps

SLUG = "measure-a-shift"
COURSE = f"""
title = "Benchmark"
[tracks.foundations]
title = "Foundations"
description = "Small."
[[lessons]]
slug = "welcome"
track = "foundations"
title = "Start here"
minutes = 5
objectives = ["begin"]
[[exercises]]
slug = "{SLUG}"
track = "foundations"
title = "Measure a shift"
minutes = 10
objectives = ["say how far a distribution has moved"]
points = 7
hints = ["Divide by the spread."]
"""
IMPORTS = """import logging
import warnings

import mlflow
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression"""
SHIFT = '''def shift(before, after):
    """How far the mean moved, in standard deviations of `before`."""
    '''
WORST = '''def worst(table):
    """The group with the largest mean error."""
    '''
SOLUTION = "### BEGIN SOLUTION\n    {}\n    ### END SOLUTION"
MOVED = "return abs(after.mean() - before.mean()) / before.std()"
LARGEST = 'return table.groupby("group")["error"].mean().idxmax()'
CHECKS = """
import numpy as np
import pandas as pd

from labs.kit.exercise import criterion

GOAL = "say how far a distribution has moved"


@criterion("A move of two standard deviations is 2", points=2, objective=GOAL)
def sees_a_move(shift, rng):
    before = rng.normal(size=500)
    assert abs(shift(before, before + 2 * before.std()) - 2) < 1e-9, "each value moved by two"


@criterion("A move down counts as one up", points=1, objective=GOAL, public=False)
def has_no_sign(shift, rng):
    before = rng.normal(size=500)
    assert shift(before, before - rng.uniform(1, 2)) > 0, "a move has a size, not a sign"


@criterion("The worst group is found", points=2, objective=GOAL)
def finds_the_worst(worst):
    table = pd.DataFrame({"group": ["a", "b", "b"], "error": [5.0, 1.0, 6.0]})
    assert worst(table) == "a", "b has the largest error, a the largest mean"


@criterion("In any table", points=2, objective=GOAL, public=False)
def finds_it_in_any_table(worst, rng):
    groups = rng.choice(list("abcde"), 300)
    table = pd.DataFrame({"group": groups, "error": rng.normal(size=300)})
    means = {each: table.loc[groups == each, "error"].mean() for each in "abcde"}
    assert worst(table) == max(means, key=means.get), "the mean error of a group decides"
"""
TESTS = (  # the same checks as nbgrader has them: points, and the cell
    (
        2,
        "b = np.random.default_rng(1).normal(size=500)\n"
        "assert abs(shift(b, b + 2 * b.std()) - 2) < 1e-9",
    ),
    (1, "b = np.random.default_rng(2).normal(size=500)\nassert shift(b, b - 1.5) > 0"),
    (
        2,
        'assert worst(pd.DataFrame({"group": list("abb"), "error": [5.0, 1.0, 6.0]})) == "a"',
    ),
    (
        2,
        'g = np.random.default_rng(3).choice(list("abcde"), 300)\n'
        't = pd.DataFrame({"group": g, "error": np.random.default_rng(4).normal(size=300)})\n'
        'm = {e: t.loc[g == e, "error"].mean() for e in "abcde"}\n'
        "assert worst(t) == max(m, key=m.get)",
    ),
)


@dataclass(frozen=True)
class Kind:
    """A kind of submission: its two answers, and what it deserves."""

    name: str
    shift: str
    worst: str
    outcome: str
    earned: int


KINDS = (
    Kind("right", SHIFT + MOVED, WORST + LARGEST, "graded", 7),
    Kind(
        "right in another way",
        SHIFT + "return float(np.sqrt((after.mean() - before.mean()) ** 2 / np.var(before)))",
        WORST + "return max(set(table.group), key=lambda g: table.error[table.group == g].mean())",
        "graded",
        7,
    ),
    Kind(
        "right, with warnings and logging",
        'logging.warning("begun")\n' + SHIFT + f'warnings.warn("here")\n    {MOVED}',
        WORST + f'logging.getLogger("mlflow").error("there")\n    {LARGEST}',
        "graded",
        7,
    ),
    Kind("with a sign", SHIFT + MOVED.replace("abs", ""), WORST + LARGEST, "graded", 6),
    Kind("a constant", SHIFT + "return 2.0", WORST + 'return "z"', "graded", 3),
    Kind("raises when called", SHIFT + "return before / None", WORST + LARGEST, "graded", 4),
    Kind("untouched", SHIFT + "...", WORST + "...", "graded", 0),
    Kind("no Python", SHIFT + "return (", WORST + LARGEST, "failed", 4),
    Kind("one cell raises", SHIFT + MOVED, "worst = table.groupby", "failed", 3),
    Kind("leaves by exit", SHIFT + "raise SystemExit", WORST + LARGEST, "graded", 4),
)


def write_material(root: Path) -> None:
    """The course of one exercise, as the kit reads it."""
    folder = root / "exercises" / SLUG
    folder.mkdir(parents=True)
    (root / "notebooks").mkdir()
    (root / "exercises" / "course.toml").write_text(COURSE, encoding="utf-8")
    (folder / "checks.py").write_text(CHECKS, encoding="utf-8")
    answers = SHIFT + SOLUTION.format(MOVED), WORST + SOLUTION.format(LARGEST)
    (folder / "solution.ipynb").write_text(dumps(_notebook(*answers)), encoding="utf-8")


def jobs(count: int) -> Iterator[tuple[Job, Kind]]:
    """`count` submissions, the kinds in turn, each judged with data of its own."""
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        cells = tuple(
            {"cell": cell.id, "kind": cell.cell_type, "source": cell.source}
            for cell in _notebook(kind.shift, kind.worst).cells
        )
        yield Job(f"{number:03d}", SLUG, cells, seed=number), kind


def write_course(root: Path, count: int) -> None:
    """A course of nbgrader's: the assignment's source, and `count` of the same submissions."""
    answers = SHIFT + SOLUTION.format(MOVED), WORST + SOLUTION.format(LARGEST)
    _save(root / "source" / "ps" / "p.ipynb", _with_tests(_notebook(*answers)))
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        notebook = _with_tests(_notebook(kind.shift, kind.worst))
        _save(root / "submitted" / f"s{number:03d}" / "ps" / "p.ipynb", notebook)
    (root / "nbgrader_config.py").write_text("c = get_config()\n", encoding="utf-8")


def _notebook(shift: str, worst: str) -> nbformat.NotebookNode:
    new = nbformat.v4.new_code_cell
    answer = {"tags": ["answer"]}
    cells = [
        nbformat.v4.new_markdown_cell("# Measure a shift", id="opening"),
        new(IMPORTS, id="imports"),
        new(shift, id="answer-shift", metadata=answer),
        new(worst, id="answer-worst", metadata=answer),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _with_tests(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    for cell in notebook.cells[2:]:
        cell.metadata = {"nbgrader": _mark(cell.id, solution=True)}
    for number, (points, source) in enumerate(TESTS):
        mark = _mark(f"test-{number}", points=points, grade=True, locked=True)
        cell = nbformat.v4.new_code_cell(source, id=f"test-{number}", metadata={"nbgrader": mark})
        notebook.cells.append(cell)
    return notebook


def _mark(name: str, **facts: object) -> dict[str, object]:
    """The metadata with which nbgrader knows a cell."""
    rest = {"schema_version": 3, "grade": False, "locked": False, "solution": False, "task": False}
    return {**rest, "grade_id": name, **facts}


def _save(path: Path, notebook: nbformat.NotebookNode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
