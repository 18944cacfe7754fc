"""Whether what a talk claims still holds: its lessons pass, and its numbers stand in outputs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from labs.kit import freshness, gate, manifest, material, record, verify
from labs.kit.errors import UserError
from labs.kit.talk import source, talks
from labs.kit.talk.talks import Talk

SHOWN = 5  # claims in one message


def hold(talk: Talk) -> None:
    """Return if everything that the talk claims holds.

    Lessons that have not passed as they are now are run first; that needs a clone, an
    installed kit has none to write in. Raises UserError that names lesson, cell and claim.
    """
    if found := list(problems(talk)):
        more = f"\nand {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise UserError(
            f"{talk.title}: the deck is not built, for it would say what its lessons do not show:\n"
            + "\n".join(found[:SHOWN])
            + f"{more}\nMend the text, or show the number in an output."
        )
    if material.is_clone() and (waiting := unproven(talk)):
        _run(waiting)


def problems(talk: Talk) -> Iterator[str]:
    """Each number on a slide or in its notes that no output of its lesson shows."""
    shown: set[str] = set()
    for lesson in dict.fromkeys(talk.lessons):
        notebook = source.lesson_notebook(lesson)
        shown |= gate.supported(notebook)
        said = _said(talk, lesson, [cell.id for cell in notebook.cells])
        for problem in gate.unsupported_numbers(notebook):
            if problem.partition(":")[0].removeprefix("cell ") in said:
                yield f"  {lesson}, {problem}"
    for key in ("opening", "closing"):
        for number in gate.numbers_beyond(getattr(talk, key), shown):
            yield f"  {talk.source}, {key}: says {number}, which no output of its lessons shows"


def _said(talk: Talk, lesson: str, cells: list[str]) -> set[str]:
    """The cells of a lesson that the talk shows, and the notes after each."""
    shown = {slide.cell.id for slide in talks.slides(talk) if slide.lesson == lesson}
    notes = {cell.id for cell in source.lesson_notebook(lesson).cells if gate.cuts.is_notes(cell)}
    said, on = set(), False
    for cell in cells:
        on = cell in shown or (on and cell in notes)
        said |= {cell} if on else set()
    return said


def unproven(talk: Talk) -> list[str]:
    """The lessons of a talk that have not passed in the state they are in now."""
    course = manifest.read()
    states = freshness.states(course.lesson(slug) for slug in dict.fromkeys(talk.lessons))
    return [slug for slug in states if slug not in record.passed(states)]


def _run(lessons: list[str]) -> None:
    print(f"To be run first, as changed since they last passed: {', '.join(lessons)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mlops-labs-") as name:
        report = Path(name) / "junit.xml"
        if not verify.run(lessons, extra=["--junitxml", str(report), "-q"]):
            return
        failed = list(_failed(report)) or [f"  {', '.join(lessons)}: the run did not end"]
    raise UserError(
        "The deck is not built, for these lessons do not do what their slides show:\n"
        + "\n".join(failed)
        + "\nMend the lesson. If the new output is right, store it with labs refresh LESSON, and "
        "read its slides and notes again."
    )


def _failed(report: Path) -> Iterator[str]:
    """The first failure of each lesson, from pytest's report."""
    seen: set[str] = set()
    for case in ElementTree.parse(report).iter("testcase") if report.is_file() else ():
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        if bad is None:
            continue
        lesson, what = _place(case.get("classname", ""), case.get("name", ""))
        if lesson not in seen:
            seen.add(lesson)
            said = (bad.get("message") or "").strip().splitlines()
            yield f"  {lesson}, {what}: {said[0][:200] if said else 'failed'}"


def _place(owner: str, name: str) -> tuple[str, str]:
    """The lesson and the cell of a failed test: nbval counts cells of code from 0."""
    for lesson in manifest.read().lessons:
        if name.startswith("Cell ") and lesson.slug in (owner.split(".")[-1], owner.split(".")[-2]):
            code = [c for c in source.lesson_notebook(lesson.slug).cells if c.cell_type == "code"]
            return lesson.slug, f"cell {code[int(name.removeprefix('Cell '))].id}"
        if f"lesson_{lesson.slug}_" in name:
            return lesson.slug, "with other parameters"
    return name, owner
