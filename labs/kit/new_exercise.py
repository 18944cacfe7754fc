"""`labs new exercise`: an exercise whose checks are already proven."""

import json
import shutil

import nbformat

from labs.kit import execute, manifest, material
from labs.kit.errors import UserError
from labs.kit.new import code, markdown, require_free
from labs.kit.normalise import dumps, normalise

MINUTES = 15
POINTS = 3
GOAL = "measure the share of failures that no alarm came before"


def exercise(slug: str, track: str = "", title: str = "") -> None:
    """Write `exercises/<slug>/`, its solution executed, and its entry in the manifest.

    The track defaults to the last one, the title to the slug with spaces. Raises
    UserError if the slug is taken or malformed, or the track is unknown.
    """
    course = manifest.read()
    track = track or course.tracks[-1].slug
    title = title or slug.replace("-", " ").capitalize()
    require_free(course, slug, track)
    entry = manifest.Exercise(slug, track, title, MINUTES, (GOAL,), POINTS, _HINTS)
    folder = material.root() / entry.folder
    if folder.exists():
        raise UserError(f"{folder} is there already; add it to exercises/course.toml, or move it.")
    listed = material.root() / "exercises" / "course.toml"
    before = listed.read_text(encoding="utf-8")
    try:
        _write(entry)
        listed.write_text(before.rstrip("\n") + _entry(entry), encoding="utf-8")
        _execute(entry)  # it calls `check`, which reads the manifest
    except BaseException:
        listed.write_text(before, encoding="utf-8")
        shutil.rmtree(folder)
        raise
    print(f"Wrote {entry.folder} and its entry in exercises/course.toml. Now:")
    print(f"  write it:      edit {entry.path}, checks.py, wrong/ and right/ beside it")
    print(f"  run it:        labs refresh {slug}")
    print(f"  prove it:      labs verify {slug}, and labs test {slug}")


def _write(entry: manifest.Exercise) -> None:
    """Write everything but the solution."""
    folder = material.root() / entry.folder
    for kind in ("wrong", "right"):
        (folder / kind).mkdir(parents=True)
    (folder / "checks.py").write_text(_CHECKS.format(goal=GOAL), encoding="utf-8")
    (folder / "right" / "by_a_loop.py").write_text(_RIGHT, encoding="utf-8")
    for name, (caught_by, result) in _WRONG.items():
        text = _WRONG_ANSWER.format(caught_by=caught_by, result=result)
        (folder / "wrong" / f"{name}.py").write_text(text, encoding="utf-8")


def _execute(entry: manifest.Exercise) -> None:
    """Write the solution, with its outputs."""
    notebook = _notebook(entry)
    with execute.temporary_workspace() as folder:
        execute.execute(notebook, entry.slug, execute.environment(folder))
    path = material.root() / entry.path
    path.write_text(dumps(normalise(notebook)), encoding="utf-8")


def _entry(entry: manifest.Exercise) -> str:
    hints = "".join(f"    {json.dumps(hint)},\n" for hint in entry.hints)
    return f"""

[[exercises]]
slug = {json.dumps(entry.slug)}
track = {json.dumps(entry.track)}
title = {json.dumps(entry.title, ensure_ascii=False)}
minutes = {entry.minutes}
objectives = [
    {json.dumps(GOAL)},
]
points = {entry.points}
parameters = {{seed = 11}}
hints = [
{hints}]
"""


def _notebook(entry: manifest.Exercise) -> nbformat.NotebookNode:
    opening = _OPENING.format(title=entry.title, minutes=entry.minutes)
    cells = [
        markdown("opening", opening),
        code("imports", _IMPORTS),
        markdown("before-parameters", "The data depend on nothing but this number."),
        code("parameters", "seed = 7", tag="parameters"),
        markdown("before-data", "A thousand operations: which failed, and which had an alarm."),
        code("data", _DATA),
        markdown("task", _TASK),
        code("answer-missed", _ANSWER, tag="answer"),
        markdown("before-check", "See what the checks say."),
        code("check", f'check("{entry.slug}")', tag="check"),
        markdown("closing", "A share needs to say of what: here, of the failures."),
    ]
    return nbformat.v4.new_notebook(cells=cells)


_OPENING = """# {title}

**What you'll do**: write one function.

**What you'll learn**: what the share of missed failures is a share of.

**What you'll need**: numpy's arrays of True and False.

**Time**: {minutes} minutes"""

_IMPORTS = """import numpy as np

from labs.kit.exercise import check, hint"""

_DATA = """rng = np.random.default_rng(seed)
failed = rng.random(1000) < 0.1
alarm = rng.random(1000) < np.where(failed, 0.7, 0.05)"""

_TASK = """Write `missed(failed, alarm)`: of the operations that failed, the share without an
alarm, from 0 to 1. Both are arrays of True and False of the same length."""

_ANSWER = '''def missed(failed, alarm):
    """Share of the failures that no alarm came before, from 0 to 1."""
    ### BEGIN SOLUTION
    return (failed & ~alarm).sum() / failed.sum()
    ### END SOLUTION'''

_HINTS = (
    "Which operations does the task speak of? The others count neither above nor below the line.",
    "`failed & ~alarm` is True where an operation failed and no alarm came.",
    "Count those with `.sum()`, and divide by the number of failures.",
)

_CHECKS = '''"""What `missed` is judged by."""

import numpy as np

from labs.kit.exercise import criterion

GOAL = "{goal}"


def operations(rng, quiet):
    """Twenty failures among forty operations, `quiet` of them without an alarm."""
    failed = rng.permutation(np.arange(40) < 20)
    alarm = failed.copy()
    alarm[rng.choice(np.flatnonzero(failed), quiet, replace=False)] = False
    return failed, alarm


@criterion("Failures without an alarm are missed", points=2, objective=GOAL)
def counts_missed_failures(missed, rng):
    """No false alarms among the operations."""
    failed, alarm = operations(rng, quiet=5)
    assert abs(missed(failed, alarm) - 0.25) < 1e-9, "five of the twenty failures had no alarm"


@criterion("Alarms without a failure change nothing", points=1, objective=GOAL, public=False)
def leaves_false_alarms_out(missed, rng):
    """Every operation that did not fail had an alarm."""
    quiet = int(rng.integers(1, 20))
    failed, alarm = operations(rng, quiet)
    share = missed(failed, alarm | ~failed)
    assert abs(share - quiet / 20) < 1e-9, "an alarm without a failure is another mistake"
'''

_WRONG_ANSWER = """# caught by: {caught_by}
# %% answer-missed
def missed(failed, alarm):
    return {result}
"""

_WRONG = {
    "share_of_all_operations": ("counts_missed_failures", "(failed & ~alarm).mean()"),
    "caught_instead_of_missed": (
        "counts_missed_failures",
        "(failed & alarm).sum() / failed.sum()",
    ),
    "share_of_those_without_alarm": (
        "counts_missed_failures",
        "(failed & ~alarm).sum() / (~alarm).sum()",
    ),
    "a_count_not_a_share": ("counts_missed_failures", "(failed & ~alarm).sum()"),
    "false_alarms_count_too": (
        "leaves_false_alarms_out",
        "(failed != alarm).sum() / failed.sum()",
    ),
}

_RIGHT = """# %% answer-missed
def missed(failed, alarm):
    quiet = [not warned for broke, warned in zip(failed, alarm, strict=True) if broke]
    return sum(quiet) / len(quiet)
"""
