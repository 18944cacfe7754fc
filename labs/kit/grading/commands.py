"""What the commands of grading print; each opens the class, and calls one function."""

import datetime
import sys
import time
from pathlib import Path

from labs.kit.errors import UserError, nearest
from labs.kit.grading import classroom as classes
from labs.kit.grading.classroom import Classroom
from labs.kit.grading.verdict import OUTCOMES

BAR = "Grading |{bar:24}| {n_fmt} of {total_fmt}, {remaining} left"
TOLD = 10  # lines about single submissions; the gradebook has the rest


def class_new(folder: Path, name: str, roster: Path | None) -> None:
    """Make a class and say what comes next."""
    made = classes.new(folder, name, roster)
    listed = f", with {_count(len(made.learners), 'learner')}" if made.learners else ""
    print(f"{made.name} is in {made.folder}{listed}.")
    print(
        "Its file `secret` decides what each learner's data are. Keep it, and show it to nobody.\n"
        f"Next: labs assign SLUG --due 2026-12-01T17:00 --class {made.folder}"
    )


def class_show(folder: Path | None) -> None:
    """Show who is stuck where."""
    from labs.kit.grading import cohort

    cohort.show(classes.open_class(folder))


def class_similar(folder: Path | None) -> None:
    """List answers that look alike."""
    from labs.kit.grading import similar

    similar.show(classes.open_class(folder))


def class_bundle(into: Path | None) -> None:
    """Build the learner edition."""
    from labs.kit.grading import bundle

    path = bundle.build(into)
    print(f"The learner edition is {path}\nLearners install it with: pip install {path.name}")


def assign(folder: Path | None, slugs: list[str], name: str, due: str) -> None:
    """Add an assignment to the class."""
    from labs.kit.grading import assignment

    try:
        at = assignment.moment(due) if due else None
    except ValueError:
        raise UserError(
            f"--due {due!r} is no time; write 2026-12-01T17:00 or 2026-12-01."
        ) from None
    made = assignment.assign(classes.open_class(folder), name, slugs, at)
    when = f", due {_time(made.due)}" if made.due else ""
    print(f"Assigned {made.name}: {', '.join(made.exercises)}{when}.")
    print("When something is handed in: labs collect, then labs grade")


def collect(folder: Path | None, paths: list[Path]) -> None:
    """Take copies of what was handed in."""
    from labs.kit.grading import collect as collecting

    classroom = classes.open_class(folder)
    done = collecting.collect(classroom, paths)
    for remark in done.remarks:
        print(remark)
    for one in done.new:
        if not one.readable:
            print(f"{one.learner}, {one.exercise}: unreadable, {one.note}")
        elif one.note:
            print(f"{one.learner}, {one.exercise}: {one.note}")
    learners = len({one.learner for one in done.new})
    known = f" {done.known} were collected before." if done.known else ""
    new = _count(len(done.new), "new submission")
    print(f"Collected {new} of {_count(learners, 'learner')}.{known}")
    if done.new:
        print("Next: labs grade")


def grade(
    folder: Path | None,
    assignment: str = "",
    learner: str = "",
    again: bool = False,
    trust: bool = False,
    workers: int = 0,
    cluster: str = "",
) -> None:
    """Grade what is new, with a bar on a terminal, and sum up."""
    from tqdm import tqdm

    from labs.kit.grading import run as running

    classroom = classes.open_class(folder)
    wanted = _wanted(classroom, assignment, learner)
    how = running.How(again, trust, workers, cluster)
    began, latest = time.monotonic(), running.Run()
    with tqdm(bar_format=BAR, disable=None, file=sys.stderr, leave=False) as bar:

        def step(run: running.Run) -> None:
            nonlocal latest
            latest, bar.total = run, run.todo
            bar.update(run.done - bar.n)

        try:
            running.grade(classroom, how, wanted, step)
        except KeyboardInterrupt:
            bar.close()
            left = latest.todo - latest.done
            print(f"{latest.done} graded, {left} left. To go on, run the same command again.")
            raise
    _sum_up(latest, time.monotonic() - began)


def _wanted(classroom: Classroom, assignment: str, learner: str):
    """Whether a submission is asked for; raises UserError if nobody is called so."""
    folders = classroom.submissions.glob("*/")
    known = sorted({*classroom.learners, *(path.name for path in folders)})
    if learner and learner not in known:
        raise UserError(f"{classroom.name} has no learner {learner!r}{nearest(learner, known)}")
    slugs = set(classroom.assignment(assignment).exercises if assignment else classroom.exercises)
    return lambda one: one.exercise in slugs and learner in ("", one.learner)


def _sum_up(run, seconds: float) -> None:
    for line in run.told[:TOLD]:
        print(line)
    if len(run.told) > TOLD:
        print(f"... and {len(run.told) - TOLD} more: labs gradebook --export csv")
    before = f" {run.before} had a grade already." if run.before else ""
    print(f"Graded {_count(run.done, 'submission')} in {seconds:.0f} s.{before}")
    for outcome in reversed(OUTCOMES):
        if count := run.outcomes[outcome]:
            print(f"  {outcome:16}{count:5}")
    if run.done:
        print(f"Isolation: {run.isolation}")
        waits = run.outcomes["needs a person"]
        print("Next: " + ("labs read, then " if waits else "") + "labs feedback, labs gradebook")
    elif not run.before and not run.told:
        print("Nothing was handed in yet: labs collect")


def feedback(folder: Path | None) -> None:
    """Write what learners read."""
    from labs.kit.grading import feedback as writing

    classroom = classes.open_class(folder)
    written = writing.write_all(classroom)
    if not written:
        print("Nothing is graded yet: labs grade")
        return
    print(f"{_count(len(written), 'file')} in {classroom.feedback}, a folder for each learner.")


def read(folder: Path | None, port: int, no_browser: bool) -> None:
    """Open the queue of texts that wait for a person."""
    from labs.kit.grading import reading

    reading.open_queue(classes.open_class(folder), port, not no_browser)


def gradebook(
    folder: Path | None,
    assignment: str = "",
    layout: str = "",
    each: bool = False,
    provisional: bool = False,
) -> None:
    """Print the gradebook, or write it for Moodle, Canvas or a spreadsheet."""
    from labs.kit.grading import exports
    from labs.kit.grading import gradebook as book

    classroom = classes.open_class(folder)
    slugs = set(classroom.assignment(assignment).exercises if assignment else classroom.exercises)
    rows = [row for row in book.standing(classroom) if row.exercise in slugs]
    if not rows:
        raise UserError(f"{classroom.name} has no learner or no assignment yet: labs assign SLUG")
    if not layout:
        print(book.table(rows))
        return
    path, waiting = exports.export(classroom, rows, layout, each, provisional)
    print(path)
    if waiting and not provisional:
        print(
            f"{_count(waiting, 'submission')} left out, so their cells are empty: a person has to "
            "read (labs read), or the file could not be read. For points so far: --provisional"
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _time(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")
