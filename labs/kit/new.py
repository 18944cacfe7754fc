"""`labs new lesson`: a lesson that already passes every test a lesson must pass."""

import json

import nbformat

from labs.kit import execute, manifest, material, pictures
from labs.kit.cuts import CUTS
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
    require_free(course, slug, track)
    entry = manifest.Lesson(slug, track, title, MINUTES, ("say what this lesson enables",))
    path = material.root() / entry.path
    if path.exists():
        raise UserError(f"{path} is there already; add it to exercises/course.toml, or move it.")
    notebook = _notebook(entry)
    with execute.temporary_workspace() as folder:
        execute.execute(notebook, slug, execute.environment(folder))
    pictures.accept(normalise(notebook))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(notebook), encoding="utf-8")
    _add_to_manifest(entry)
    print(f"Wrote {entry.path} and its entry in exercises/course.toml. Now:")
    print(f"  write it:      edit {entry.path}, for example with: jupyter lab {entry.path}")
    print(f"  run it:        labs refresh {slug}")
    print(f"  prove it:      labs test {slug}")


def require_free(course: manifest.Course, slug: str, track: str) -> None:
    """Raise UserError unless a lesson or exercise `slug` can be made in the track."""
    if not material.is_clone():
        raise UserError("Material is written in a clone of the repository, not in the wheel.")
    if not manifest.SLUG.fullmatch(slug):
        raise UserError(
            f"{slug!r} is not a slug; write small letters, digits and single hyphens, "
            "as in roll-back-a-bad-release."
        )
    for known in course.notebooks:
        if slug == known.slug:
            kind = "a lesson" if known in course.lessons else "an exercise"
            raise UserError(f"There is {kind} {slug!r} already; choose another slug.")
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
    opening = _OPENING.format(title=entry.title, minutes=entry.minutes)
    cells = [
        markdown("opening", opening, minutes=(3, 6, 9)),
        markdown("say-opening", _SAY, tag="notes"),
        markdown("before-parameters", _BEFORE_PARAMETERS),
        code("parameters", "seed = 1", tag="parameters"),
        markdown("before-draw", _BEFORE_DRAW, minutes=(3, 6, 9)),
        markdown("say-before-draw", _SAY, tag="notes"),
        code("draw", _DRAW, minutes=(4, 8, 10)),
        markdown("say-draw", _SAY_DRAW, tag="notes"),
        markdown("before-claim", _BEFORE_CLAIM, minutes=(3, 6, 9)),
        markdown("say-before-claim", _SAY, tag="notes"),
        code("claim", "assert 0 < share < 1"),
        markdown("after-claim", "The assertion held."),
        markdown("quiz", _QUIZ, tag="quiz"),
        markdown("closing", _CLOSING),
    ]
    return nbformat.v4.new_notebook(cells=cells)


def markdown(name: str, text: str, **marks) -> nbformat.NotebookNode:
    """A Markdown cell; `marks` are its tag, and its minutes as a slide."""
    return nbformat.v4.new_markdown_cell(text, id=name, metadata=_metadata(**marks))


def code(name: str, text: str, **marks) -> nbformat.NotebookNode:
    """A code cell; `marks` are its tag, and its minutes as a slide."""
    return nbformat.v4.new_code_cell(text, id=name, metadata=_metadata(**marks))


def _metadata(tag: str = "", minutes: tuple[int, ...] = ()) -> dict:
    """A cell's tag, and its minutes in each cut in which it is a slide."""
    taken = {str(cut): length for cut, length in zip(CUTS, minutes, strict=False)}
    return {**({"tags": [tag]} if tag else {}), **({"labs": {"minutes": taken}} if taken else {})}


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

_SAY = """Say here what a presenter tells the room while this slide is up."""

_SAY_DRAW = """Run the cell live. Fallback: the stored output shows the same."""

_QUIZ = """## Check yourself

Answer in your head, then open the answer you chose.

**1. The coin showed heads more often than tails. Is it a fair coin?**

<details><summary>No, a fair coin shows as many heads as tails.</summary>

No. A fair coin strays from that in nearly every series of throws.

</details>
<details><summary>One series alone does not tell.</summary>

Right. Ask how often a fair coin would stray as far as this.

</details>
<details><summary>Yes, the difference is small.</summary>

No. Whether it is small depends on the number of throws.

</details>

**2. Why is there a seed?**

<details><summary>So that all who run the lesson see the same throws.</summary>

Right. Stored outputs are compared with those of each new run.

</details>
<details><summary>So that the throws are fair.</summary>

No. Any seed gives throws of the same coin.

</details>
<details><summary>So that the lesson runs faster.</summary>

No. A seed changes which numbers come, not how quickly.

</details>

**3. What does the assertion behind a bold claim do?**

<details><summary>It proves the claim for every seed.</summary>

No. It looks at the seeds with which the lesson is run, no others.

</details>
<details><summary>It prints the claim.</summary>

No. It says nothing as long as the claim holds.

</details>
<details><summary>It stops the lesson where the claim does not hold.</summary>

Right. So nobody can read a claim that the data do not show.

</details>"""

_CLOSING = """## What you learnt

You did one thing that you could not do before.

## In practice

Say what differs in production.

## What comes next

Name the next lesson."""
