"""`labs present` and `labs talk`: what they make, and what they say."""

import webbrowser
from pathlib import Path

from labs.kit import cuts, manifest, material
from labs.kit.errors import UserError
from labs.kit.talk import deck, legible, talks

NEW = '''# Who it is for, and what they do differently afterwards.
title = "{title}"
audience = "everyone who works with models"
minutes = {minutes}
opening = "Which question do you want in every head before you begin?"
closing = """
- The first thing to do tomorrow.
- The second thing, within a month.
"""

# The slides of {lesson}: {cells}.
# Name some with cells = ["..."], or for each cut with cells.15 = ["..."], cells.30 = ["..."].
# cut = 15 gives each as long as the lesson's 15-minute cut does; code = false hides code.
[[lessons]]
slug = "{lesson}"
cells.{minutes} = [{shown}]

[[polls]]
question = "What does the room expect before it sees the next slide?"
choices = ["Yes", "No", "I do not know"]
after = "{after}"
'''


def present(
    name: str,
    minutes: int | None = None,
    pdf: bool = False,
    handout: bool = False,
    open_browser: bool = False,
) -> None:
    """Make the deck of a talk, and what else is wanted, and say where it is."""
    talk = talks.read(name, minutes)
    path = deck.build(talk)
    print(f"{talk.title}, {talk.minutes} minutes, for {talk.audience}")
    print(f"  deck       {path}")
    for problem in legible.problems(talk):
        print(f"  to mend    {problem}")
    if pdf or handout:
        _on_paper(talk, path, pdf, handout)
    print(f"Before you give it: labs preflight {name} --minutes {talk.minutes}")
    if open_browser:
        webbrowser.open(path.resolve().as_uri())


def _on_paper(talk: talks.Talk, path: Path, of_deck: bool, handout: bool) -> None:
    from labs.kit.talk import pdf, show

    if of_deck:
        print(f"  PDF        {pdf.of_deck(path)}")
    if handout:
        print(f"  handout    {pdf.of_handout(talk)}")
        run = path.with_name(f"{path.stem}-run-of-show.html")
        run.write_text(show.page(talk), encoding="utf-8")
        run.with_suffix(".md").write_text(show.markdown(talk), encoding="utf-8")
        print(f"  for you    {run}")


def new(slug: str, lesson: str, title: str = "", minutes: int = 30) -> Path:
    """Write a talk of one lesson that can be given at once, to be made one's own."""
    course = manifest.read()
    if not manifest.SLUG.fullmatch(slug):
        raise UserError(
            f"{slug!r} is not a slug; write small letters, digits and single hyphens, as in "
            "'when-a-model-goes-bad'."
        )
    folder = talks.path() if material.is_clone() else Path.cwd()
    path = folder / f"{slug}.toml"
    if path.exists():
        raise UserError(f"{path}: there is such a talk already; choose another name.")
    if slug in [one.slug for one in (*course.lessons, *course.tracks)]:
        raise UserError(f"{slug!r} is a lesson or a track; a talk needs a name of its own.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_draft(slug, course.lesson(lesson), title, minutes), encoding="utf-8")
    try:
        talks.slides(talks.read(str(path), minutes))
    except UserError:
        path.unlink()
        raise
    print(f"{path}\nMake it yours, then: labs present {path if folder == Path.cwd() else slug}")
    return path


def _draft(slug: str, lesson: manifest.Lesson, title: str, minutes: int) -> str:
    from labs.kit.talk.source import lesson_notebook

    notebook = lesson_notebook(lesson.slug)
    every = [cell.id for cell in notebook.cells if cuts.minutes(cell)]
    cells = _chosen(notebook, minutes)
    return NEW.format(
        title=title or slug.replace("-", " ").capitalize(),
        lesson=lesson.slug,
        minutes=minutes,
        cells=", ".join(every),
        shown=", ".join(f'"{cell}"' for cell in cells),
        after=cells[0],
    )


def _chosen(notebook, minutes: int) -> list[str]:
    """The lesson's slides in the cut, less the last ones if the questions need their time."""
    slides, taken = [], 2.0  # the opening question and the poll
    for cell in cuts.slides(notebook, minutes):
        taken += cuts.minutes(cell)[minutes]
        if taken <= cuts.TALK[1] * minutes:
            slides.append(cell.id)
    return slides
