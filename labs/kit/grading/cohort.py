"""`labs class show`: how a class fares, who is stuck where, and what nearly everybody misses."""

import datetime
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from labs.kit import manifest
from labs.kit.grading import gradebook, page, record, sittings
from labs.kit.grading.classroom import Classroom
from labs.kit.grading.gradebook import NOTHING, UNGRADED, Row
from labs.kit.grading.record import Grade, Handed

TRIES = 3  # hand-ins without full points; two are a second thought
LINES = 12  # of learners who are stuck, in a terminal
RESULTS = ("all points", "half or more", "less than half", "handed in, not graded", NOTHING)


@dataclass(frozen=True)
class Missed:
    """A criterion, and how many of those who were judged by it miss points there."""

    title: str
    public: bool
    missed: int
    judged: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.missed / self.judged if self.judged else 0.0


@dataclass(frozen=True)
class Progress:
    """How a class fares with one exercise; `results` counts learners by RESULTS.

    `minutes` is the middle of what is known of `timed` learners, or None.
    """

    slug: str
    title: str
    planned: int
    results: dict[str, int]
    missed: tuple[Missed, ...]
    minutes: float | None = None
    timed: int = 0

    @property
    def worst(self) -> Missed | None:
        """The criterion that most miss, if anybody misses one."""
        found = max(self.missed, key=lambda one: (one.missed, one.share), default=None)
        return found if found and found.missed else None


@dataclass(frozen=True)
class Stuck:
    """A learner who may need a hand with an exercise, and why."""

    row: Row
    why: str
    tries: int


@dataclass(frozen=True)
class Cohort:
    """All that the view of a class shows."""

    name: str
    rows: list[Row]
    exercises: list[Progress]
    stuck: list[Stuck]
    waiting: int
    at: datetime.datetime = field(default_factory=lambda: datetime.datetime.now().astimezone())

    @property
    def learners(self) -> int:
        """How many there are."""
        return len({row.learner.id for row in self.rows})


def cohort(classroom: Classroom) -> Cohort:
    """How the class fares, by its record."""
    rows = gradebook.standing(classroom)
    with record.open_record(classroom) as opened:
        grades, handed = opened.grades(), opened.handed()
    known = {one.slug: one for one in manifest.read().exercises}
    times = sittings.minutes(handed)
    exercises = [
        Progress(
            slug,
            known[slug].title if slug in known else slug,
            known[slug].minutes if slug in known else 0,
            _results(row for row in rows if row.exercise == slug),
            _missed(grade for grade in grades if grade.exercise == slug),
            statistics.median(times[slug]) if slug in times else None,
            len(times.get(slug, ())),
        )
        for slug in classroom.exercises
    ]
    waiting = sum(mark.earned is None for grade in grades for mark in grade.marks)
    return Cohort(classroom.name, rows, exercises, stuck(rows, grades, handed), waiting)


def _results(rows: Iterable[Row]) -> dict[str, int]:
    counts = dict.fromkeys(RESULTS, 0)
    for row in rows:
        counts[result(row)] += 1
    return counts


def result(row: Row) -> str:
    """One of RESULTS."""
    if row.outcome == NOTHING:
        return NOTHING
    if row.earned is None or row.outcome == "unreadable":
        return RESULTS[3]
    if row.earned == row.possible:
        return RESULTS[0]
    return RESULTS[1] if 2 * row.earned >= row.possible else RESULTS[2]


def _missed(grades: Iterable[Grade]) -> tuple[Missed, ...]:
    """Each criterion in its order; files that could not be read say nothing about any."""
    counts: dict[str, list[int]] = {}
    shown = {}
    for grade in grades:
        for mark in grade.marks if grade.outcome != "unreadable" else ():
            if mark.earned is not None:
                shown[mark.criterion] = mark
                missed, judged = counts.get(mark.criterion, [0, 0])
                counts[mark.criterion] = [missed + (mark.earned < mark.points), judged + 1]
    return tuple(Missed(shown[key].title, shown[key].public, *both) for key, both in counts.items())


def stuck(rows: list[Row], grades: list[Grade], handed: list[Handed]) -> list[Stuck]:
    """Those who may need a hand, the ones who tried most often first."""
    of = {(grade.learner, grade.exercise): grade for grade in grades}
    files = {(one.learner, one.exercise, one.submission) for one in handed}
    tries = Counter((learner, slug) for learner, slug, _ in files)
    found = []
    for row in rows:
        key = row.learner.id, row.exercise
        if why := _why(row, of.get(key), tries[key]):
            found.append(Stuck(row, why, tries[key]))
    return sorted(found, key=lambda one: (-one.tries, one.row.earned or 0))


def _why(row: Row, grade: Grade | None, tries: int) -> str:
    """Why the learner may be stuck; empty if not."""
    if grade is None or row.outcome in (NOTHING, UNGRADED):
        return ""
    if row.outcome in gradebook.GRAVE:
        return row.outcome
    missing = [mark.title for mark in grade.marks if mark.earned is not None and not mark.earned]
    waits = sum(mark.points for mark in grade.marks if mark.earned is None)
    is_low = 2 * (row.earned + waits) < row.possible
    is_trying = tries >= TRIES and row.earned + waits < row.possible
    return (missing[0] if missing else row.outcome) if is_low or is_trying else ""


def show(classroom: Classroom) -> None:
    """Print the view in short, and write it in full as a page."""
    from labs.kit.grading import cohort_page

    found = cohort(classroom)
    print(text(found))
    path = page.write(classroom.exports / "cohort.html", cohort_page.as_html(found))
    print(f"\nAll of it, with plots: {path}")


def text(found: Cohort) -> str:
    """The view in short, for a terminal."""
    lines = [summary(found), ""]
    head = ["exercise", "all points", "half", "less", "not handed in", "minutes"]
    table = [head] + [_line(one) for one in found.exercises]
    widths = [max(len(row[place]) for row in table) for place in range(len(head))]
    for row in table:
        cells = map(str.rjust, row[1:], widths[1:])
        lines.append("  ".join([row[0].ljust(widths[0]), *cells]))
    worst = [(one.slug, one.worst) for one in found.exercises if one.worst]
    lines += ["", "Most missed:"] if worst else []
    lines += [f"  {slug}: {one.title} ({one.missed} of {one.judged})" for slug, one in worst]
    lines += ["", "May need a hand:"] if found.stuck else []
    lines += [f"  {_stuck(one)}" for one in found.stuck[:LINES]]
    if len(found.stuck) > LINES:
        lines.append(f"  and {len(found.stuck) - LINES} more")
    return "\n".join(lines)


def summary(found: Cohort) -> str:
    """The class in one line."""
    handed = sum(row.outcome != NOTHING for row in found.rows)
    people = f"{found.learners} learner{'' if found.learners == 1 else 's'}"
    told = f"{found.name}: {people}, {handed} of {len(found.rows)} exercises handed in"
    if not found.waiting:
        return f"{told}."
    wait = "1 answer waits" if found.waiting == 1 else f"{found.waiting} answers wait"
    return f"{told}, {wait} for a person."


def _line(one: Progress) -> list[str]:
    counts = [str(one.results[name]) for name in (*RESULTS[:3], NOTHING)]
    return [one.slug, *counts, "-" if one.minutes is None else f"{one.minutes:.0f}"]


def _stuck(one: Stuck) -> str:
    tries = f", {one.tries} tries" if one.tries > 1 else ""
    return f"{one.row.learner.called}: {one.row.exercise}, {one.row.short}{tries}: {one.why}"
