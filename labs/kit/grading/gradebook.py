"""The gradebook: where each learner stands with each exercise, and a table of it."""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labs.kit import manifest
from labs.kit.grading import record
from labs.kit.grading.classroom import Classroom, Learner
from labs.kit.grading.record import Grade, Handed

GRAVE = ("unreadable", "crashed", "out of memory", "timed out")  # somebody ought to look
NOTHING, UNGRADED = "not handed in", "not graded yet"


@dataclass(frozen=True)
class Row:
    """Where a learner stands with an exercise.

    `outcome` is a grade's, or NOTHING, or UNGRADED. `earned` counts what a person gave, and
    is None where there is no grade; `waits` tells whether a person has to read yet.
    """

    learner: Learner
    assignment: str
    exercise: str
    outcome: str
    earned: int | None
    possible: int
    waits: bool = False
    handed: datetime.datetime | None = None
    late: bool = False
    grade: int | None = None

    @property
    def final(self) -> int | None:
        """The points, once nobody has to read any more; none where a file could not be read."""
        return None if self.waits or self.outcome == "unreadable" else self.earned

    @property
    def short(self) -> str:
        """A few characters for a table."""
        if self.earned is None:
            return "-" if self.outcome == NOTHING else "?"
        marks = "~" * self.waits + "!" * (self.outcome in GRAVE) + "*" * self.late
        return f"{self.earned}/{self.possible}{marks}"


def standing(classroom: Classroom) -> list[Row]:
    """Every learner with every assigned exercise: the roster, and whoever handed something in."""
    with record.open_record(classroom) as opened:
        newest = opened.newest()
        grades = {(one.learner, one.exercise): one for one in opened.grades()}
    others = sorted({learner for learner, _ in [*newest, *grades]} - set(classroom.learners))
    learners = [*classroom.learners.values(), *map(Learner, others)]
    points = {one.slug: one.points for one in manifest.read().exercises}
    return [
        _row(classroom, learner, slug, newest.get(key), grades.get(key), points.get(slug, 0))
        for learner in learners
        for slug in classroom.exercises
        for key in [(learner.id, slug)]
    ]


def _row(
    classroom: Classroom,
    learner: Learner,
    slug: str,
    handed: Handed | None,
    grade: Grade | None,
    possible: int,
) -> Row:
    assignment = classroom.assignment_of(slug)
    at = handed.handed if handed else None
    late = bool(at and assignment.due and at > assignment.due)
    if grade is None:
        outcome = UNGRADED if handed else NOTHING
        return Row(learner, assignment.name, slug, outcome, None, possible, False, at, late)
    found = (grade.outcome, grade.earned, grade.possible, grade.waits)
    return Row(learner, assignment.name, slug, *found, at, late, grade.id)


def table(rows: list[Row]) -> str:
    """The gradebook for a terminal: a line a learner, a column an exercise."""
    slugs = list(dict.fromkeys(row.exercise for row in rows))
    lines = [["", *(str(number) for number in range(1, len(slugs) + 1)), "sum"]]
    for learner, theirs in by_learner(rows):
        total = sum(row.earned or 0 for row in theirs)
        possible = sum(row.possible for row in theirs)
        lines.append([learner.called, *(row.short for row in theirs), f"{total}/{possible}"])
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    text = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    ]
    columns = [f"{number}: {slug}" for number, slug in enumerate(slugs, 1)]
    return "\n".join([*columns, "", *text, "", _legend(rows)]).rstrip()


def _legend(rows: list[Row]) -> str:
    said = {
        "~ a person has to read yet": any(row.waits for row in rows),
        f"! {' or '.join(GRAVE)}": any(row.outcome in GRAVE for row in rows),
        "* handed in late": any(row.late for row in rows),
        "? not graded yet": any(row.outcome == UNGRADED for row in rows),
        "- not handed in": any(row.outcome == NOTHING for row in rows),
    }
    return ", ".join(words for words, is_there in said.items() if is_there)


def by_learner(rows: Iterable[Row]) -> Iterator[tuple[Learner, list[Row]]]:
    """Each learner with their rows, in the order of `rows`."""
    found: dict[Learner, list[Row]] = {}
    for row in rows:
        found.setdefault(row.learner, []).append(row)
    yield from found.items()
