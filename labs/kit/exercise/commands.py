"""What the exercises' commands print."""

import os
from pathlib import Path

from labs.kit import manifest
from labs.kit.errors import UserError
from labs.kit.exercise import desk, progress, shell, solutions
from labs.kit.exercise.submit import submit as write_submission


def exercises(folder: Path) -> None:
    """List the exercises."""
    print(progress.listing(folder))


def check(slugs: list[str], folder: Path) -> int:
    """Check saved answers (default: to all that are opened); 1 if points are missing."""
    known = desk.state(folder)
    course = manifest.read()
    chosen = slugs or [one.slug for one in course.exercises if one.slug in known]
    if not chosen:
        raise UserError(f"No exercise is opened in {folder}. See: labs exercises")
    for slug in chosen:
        print(shell.check(slug, folder), end="\n\n", flush=True)
    after = desk.state(folder)
    return int(any(after[slug]["points"] < after[slug]["of"] for slug in chosen))


def hint(slug: str, folder: Path) -> None:
    """Print the next hint; the last one stays."""
    exercise = manifest.read().exercise(slug)
    number = desk.next_hint(folder, exercise)
    print(f"Hint {number} of {len(exercise.hints)}: {exercise.hints[number - 1]}")


def solution(slug: str, folder: Path) -> None:
    """Print the solution, if it may be seen."""
    print(solutions.text(slug, folder))


def reset(slug: str, folder: Path) -> None:
    """Begin an exercise anew; what was there is kept."""
    kept = desk.reset(slug, folder)
    print(f"{slug} is as it was at first.")
    if kept:
        print(f"What you had written is kept in {kept}")


def update(folder: Path) -> None:
    """Bring lessons and opened exercises up to date, answers included."""
    from labs.kit import workspace

    done = workspace.prepare(folder)
    for path in [*done.written, *done.renewed]:
        print(f"{path}: new")
    for kept in done.kept:
        print(f"You changed {kept.lesson}: your copy is kept, the new one is {kept.offered}.")
    for one in desk.update(folder):
        said = {
            "renewed": "new; you had written nothing",
            "grafted": f"new, with your answers in it; your copy before is {one.backup}",
            "unreadable": f"could not be read as a notebook; it is kept as {one.backup}",
        }[one.how]
        print(f"{one.path}: {said}")
    print("Everything is up to date.")


def show_progress(folder: Path) -> None:
    """Print how far the learner has come."""
    print(progress.text(folder))


def submit(slugs: list[str], folder: Path, learner: str, into: Path | None) -> None:
    """Write a submission and say where it is."""
    name = learner or os.environ.get("LABS_LEARNER", "")
    path = write_submission(slugs, folder, name, into)
    print(f"Your answers are in {path}\nIt is a text file: look at it, and hand it in.")
