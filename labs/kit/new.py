"""`labs new lesson`: a lesson that already passes every test a lesson must pass."""

import json

import nbformat

from labs.kit import execute, manifest, material
from labs.kit.errors import UserError, nearest
from labs.kit.normalise import dumps, normalise

MINUTES = 20


def lesson(slug: str, track: str = "", title: str = "") -> None:
    """Write `notebooks/<track>/<slug>.ipynb`, executed, and its entry in the manifest.

    The track defaults to the last one, the title to the slug with spaces. Raises
    UserError if the slug is taken or malformed, or the track is unknown.
    """
    course = manifest.read()
    track = track or course.tracks[-1].slug
    title = title or slug.replace("-", " ").capitalize()
    _check(course, slug, track)
    entry = manifest.Lesson(slug, track, title, MINUTES, ("say what this lesson enables",))
    path = material.root() / entry.path
    if path.exists():
        raise UserError(f"{path} is there already; add it to exercises/course.toml, or move it.")
    notebook = _notebook(entry)
    with execute.temporary_workspace() as folder:
        execute.execute(notebook, slug, execute.environment(folder))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(normalise(notebook)), encoding="utf-8")
    _add_to_manifest(entry)
    print(f"Wrote {entry.path} and its entry in exercises/course.toml. Now:")
    print(f"  write it:      edit {entry.path}, for example with: jupyter lab {entry.path}")
    print(f"  run it:        labs refresh {slug}")
    print(f"  prove it:      labs test {slug}")


def _check(course: manifest.Course, slug: str, track: str) -> None:
    if not material.is_clone():
        raise UserError("Lessons are written in a clone of the repository, not in the wheel.")
    if not manifest.SLUG.fullmatch(slug):
        raise UserError(
            f"{slug!r} is not a slug; write small letters, digits and single hyphens, "
            "as in roll-back-a-bad-release."
        )
    if slug in {known.slug for known in course.lessons}:
        raise UserError(f"There is a lesson {slug!r} already; choose another slug.")
    tracks = [known.slug for known in course.tracks]
    if track not in tracks:
        raise UserError(
            f"There is no track {track!r}{nearest(track, tracks) or '.'} "
            f"The tracks are {', '.join(tracks)}; a new one is a table in exercises/course.toml."
        )


def _add_to_manifest(entry: manifest.Lesson) -> None:
    path = material.root() / "exercises" / "course.toml"
    text = path.read_text(encoding="utf-8").rstrip("\n")
    added = f"""

[[lessons]]
slug = {json.dumps(entry.slug)}
track = {json.dumps(entry.track)}
title = {json.dumps(entry.title, ensure_ascii=False)}
minutes = {entry.minutes}
objectives = [
    "{entry.objectives[0]}",
]
parameters = {{seed = 7}}
release = [{{seed = 2024}}]
"""
    path.write_text(text + added, encoding="utf-8")


def _notebook(entry: manifest.Lesson) -> nbformat.NotebookNode:
    new = nbformat.v4
    cells = [
        new.new_markdown_cell(
            _OPENING.format(title=entry.title, minutes=entry.minutes), id="opening"
        ),
        new.new_markdown_cell(_BEFORE_PARAMETERS, id="before-parameters"),
        new.new_code_cell("seed = 1", id="parameters", metadata={"tags": ["parameters"]}),
        new.new_markdown_cell(_BEFORE_DRAW, id="before-draw"),
        new.new_code_cell(_DRAW, id="draw"),
        new.new_markdown_cell(_BEFORE_CLAIM, id="before-claim"),
        new.new_code_cell("assert 0 < share < 1", id="claim"),
        new.new_markdown_cell(_CLOSING, id="closing"),
    ]
    return new.new_notebook(cells=cells)


_OPENING = """# {title}

**What you'll do**: one sentence that names the end product.

**What you'll learn**
- to do one thing that you could not do before

**What you'll need**: pandas and scikit-learn, nothing of MLOps.

**Time**: {minutes} minutes

**Words**
- *term*: its definition in one sentence."""

_BEFORE_PARAMETERS = (
    """The lesson depends on nothing but this number. The tests run it with another one."""
)

_BEFORE_DRAW = """Say what comes: here, a thousand throws of a coin that is not quite fair."""

_DRAW = """import numpy as np

throws = np.random.default_rng(seed).random(1000) < 0.55
share = throws.mean()
print(f"{throws.sum()} of {throws.size} throws were heads.")"""

_BEFORE_CLAIM = """Say what was seen. **Heads and tails both came up**, and a claim in bold has an
assertion behind it."""

_CLOSING = """The assertion held.

## What you learnt

You did one thing that you could not do before.

## In practice

Say what differs in production.

## What comes next

Name the next lesson."""
