"""Material for tests of the exercise engine: a course of one lesson and small exercises."""

import shutil
from pathlib import Path

import nbformat

from labs.kit import material
from labs.kit.normalise import dumps

COURSE = """
title = "Example"
[tracks.foundations]
title = "Foundations"
description = "Small."
[[lessons]]
slug = "welcome"
track = "foundations"
title = "Start here"
minutes = 5
objectives = ["begin"]
"""
ENTRY = """
[[exercises]]
slug = "{slug}"
track = "foundations"
title = "Measure a shift"
minutes = 10
objectives = ["say how far a distribution has moved"]
points = 4
parameters = {{seed = 11}}
hints = ["Look at the difference.", "Divide it by the spread.", "abs(mean(b) - mean(a)) / std(a)"]
"""
OPENING = """# Measure a shift

**What you'll do**: write one function.

**What you'll learn**: what a shift is.

**What you'll need**: nothing.

**Time**: 10 minutes."""
ANSWER = '''def shift(before, after):
    """How far the mean moved, in standard deviations of `before`."""
    ### BEGIN SOLUTION
    return abs(after.mean() - before.mean()) / before.std()
    ### END SOLUTION'''
WHY = """<!-- BEGIN SOLUTION -->
Because a move says little without the spread: two units are much for a narrow distribution.
<!-- END SOLUTION -->"""
CHECKS = """
from labs.kit.exercise import Text, criterion

GOAL = "say how far a distribution has moved"


@criterion("A move of two standard deviations is 2", points=2, objective=GOAL)
def sees_a_move(shift, rng):
    before = rng.normal(size=500)
    assert abs(shift(before, before + 2 * before.std()) - 2) < 1e-9, "each value moved by two"


@criterion("A move down counts as one up", points=1, objective=GOAL, public=False)
def has_no_sign(shift, rng):
    before = rng.normal(size=500)
    assert shift(before, before - 1) > 0, "a move has a size, not a sign"


@criterion(
    "Says why the spread matters", points=1, objective=GOAL, by_hand=True,
    rubric=("1: compares with the spread", "0: does not"),
)
def says_why(why: Text):
    assert len(why.split()) >= 10, "write at least ten words"
"""
WRONG = {
    "always_zero": "def shift(before, after):\n    return 0.0",
    "no_spread": "def shift(before, after):\n    return abs(after.mean() - before.mean())",
    "spread_of_after": (
        "def shift(before, after):\n"
        "    return abs(after.mean() - before.mean()) / (2 * after.std())"
    ),
    "with_a_sign": (
        "def shift(before, after):\n    return (after.mean() - before.mean()) / before.std()"
    ),
    "of_the_sums": (
        "def shift(before, after):\n    return abs(after.sum() - before.sum()) / before.std()"
    ),
}
RIGHT = """# %% answer-shift
import numpy as np


def shift(before, after):
    moved = np.mean(after) - np.mean(before)
    return float(np.sqrt(moved**2 / np.var(before)))
"""


def solution(slug="measure-a-shift"):
    """The solution's notebook, as an author writes it; not yet executed."""
    new = nbformat.v4
    answer, prose = {"tags": ["answer"]}, {"tags": ["answer", "cites"]}
    notebook = new.new_notebook(
        cells=[
            new.new_markdown_cell(OPENING, id="opening"),
            new.new_code_cell(
                "import numpy as np\n\nfrom labs.kit.exercise import check, hint", id="imports"
            ),
            new.new_markdown_cell("The data come from a seed.", id="before-data"),
            new.new_code_cell("seed = 7", id="parameters", metadata={"tags": ["parameters"]}),
            new.new_markdown_cell("Two samples are drawn.", id="before-samples"),
            new.new_code_cell("samples = np.random.default_rng(seed).normal(size=9)", id="data"),
            new.new_markdown_cell("Write `shift(before, after)`.", id="task"),
            new.new_code_cell(ANSWER, id="answer-shift", metadata=answer),
            new.new_markdown_cell("Why is it divided by the spread?", id="task-why"),
            new.new_markdown_cell(WHY, id="answer-why", metadata=prose),
            new.new_markdown_cell("See what the checks say.", id="before-check"),
            new.new_code_cell(f'check("{slug}")', id="check", metadata={"tags": ["check"]}),
            new.new_markdown_cell("A move is measured by a spread.", id="end"),
        ]
    )
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = count
    return notebook


def write(root: Path, *slugs: str) -> Path:
    """The material in the folder `root`: one exercise under each of `slugs`."""
    shutil.rmtree(root, ignore_errors=True)
    (root / "notebooks" / "foundations").mkdir(parents=True)
    for slug in slugs:
        folder = root / "exercises" / slug
        (folder / "wrong").mkdir(parents=True)
        (folder / "right").mkdir()
        (folder / "solution.ipynb").write_text(dumps(solution(slug)), encoding="utf-8")
        (folder / "checks.py").write_text(CHECKS, encoding="utf-8")
        (folder / "right" / "by_the_variance.py").write_text(RIGHT, encoding="utf-8")
        for name, source in WRONG.items():
            catcher = "has_no_sign" if name == "with_a_sign" else "sees_a_move"
            text = f"# caught by: {catcher}\n# %% answer-shift\n{source}\n"
            (folder / "wrong" / f"{name}.py").write_text(text, encoding="utf-8")
    list_exercises(root, *slugs)
    return root


def list_exercises(root: Path, *slugs: str) -> None:
    """Let the manifest name exactly these exercises."""
    text = COURSE + "".join(ENTRY.format(slug=slug) for slug in slugs)
    (root / "exercises").mkdir(parents=True, exist_ok=True)
    (root / "exercises" / "course.toml").write_text(text, encoding="utf-8")


def used(monkeypatch, root: Path) -> None:
    """Let the kit find its material in `root`."""
    monkeypatch.setattr(material, "root", lambda: root)
