"""The gradebook as CSV: in Moodle's columns, in those of Canvas, and with all that is known."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from labs.kit import manifest
from labs.kit.grading.classroom import Classroom
from labs.kit.grading.gradebook import NOTHING, Row, by_learner

LAYOUTS = ("csv", "moodle", "canvas")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a text that begins so


def export(
    classroom: Classroom,
    rows: list[Row],
    layout: str,
    each: bool = False,
    provisional: bool = False,
) -> tuple[Path, int]:
    """Write `rows` into `exports/` in one of LAYOUTS; the file, and how many points
    are left out.

    A column is an assignment, or with `each` an exercise. A cell is empty where nothing was
    graded; and where a person has to read yet, or no file could be read, unless
    `provisional` points are wanted.
    """
    columns = _columns(rows, each)
    write = {"csv": _plain, "moodle": _moodle, "canvas": _canvas}[layout]
    lines = write(rows, columns, provisional)
    classroom.exports.mkdir(exist_ok=True)
    path = classroom.exports / f"{layout}.csv"
    with path.open("w", encoding="utf-8-sig" if layout == "csv" else "utf-8", newline="") as file:
        csv.writer(file).writerows([map(_safe, line) for line in lines])
    return path, sum(row.earned is not None and row.final is None for row in rows)


def _columns(rows: list[Row], each: bool) -> dict[str, set[str]]:
    """The columns by name, each with the exercises that it sums."""
    titles = {one.slug: one.title for one in manifest.read().exercises}
    shared = [title for title, count in Counter(titles.values()).items() if count > 1]
    found: dict[str, set[str]] = {}
    for row in rows:
        title = titles.get(row.exercise, row.exercise)
        alone = row.exercise if title in shared else title
        found.setdefault(alone if each else row.assignment, set()).add(row.exercise)
    return found


def _sum(rows: list[Row], slugs: set[str], provisional: bool) -> str:
    """The points in one cell; nothing is 0 only where something else was graded."""
    theirs = [row for row in rows if row.exercise in slugs]
    given = [row.earned if provisional else row.final for row in theirs]
    if all(row.earned is None for row in theirs):
        return ""
    unknown = [row for row, points in zip(theirs, given, strict=True) if points is None]
    if not provisional and any(row.outcome != NOTHING for row in unknown):
        return ""
    return str(sum(points or 0 for points in given))


def _moodle(rows: list[Row], columns: dict[str, set[str]], provisional: bool) -> Iterator[list]:
    """The columns of Moodle's own export, which its import maps back by number or address."""
    yield [
        *("First name", "Last name", "ID number", "Institution", "Department", "Email address"),
        *(f"{name} (Real)" for name in columns),
    ]
    for learner, theirs in by_learner(rows):
        first, _, last = learner.called.rpartition(" ")
        points = [_sum(theirs, slugs, provisional) for slugs in columns.values()]
        yield [first or last, last if first else "", learner.lms_id, "", "", learner.email, *points]


def _canvas(rows: list[Row], columns: dict[str, set[str]], provisional: bool) -> Iterator[list]:
    """The columns of Canvas's own export; the second line says what could be had."""
    yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *columns]
    one = next(by_learner(rows), (None, []))[1]
    possible = [sum(r.possible for r in one if r.exercise in slugs) for slugs in columns.values()]
    yield ["    Points Possible", "", "", "", "", *possible]
    for learner, theirs in by_learner(rows):
        first, _, last = learner.called.rpartition(" ")
        login = learner.email or learner.id
        points = [_sum(theirs, slugs, provisional) for slugs in columns.values()]
        name = f"{last}, {first}" if first else last
        yield [name, learner.lms_id, "", login, "", *points]


def _plain(rows: list[Row], columns: dict[str, set[str]], provisional: bool) -> Iterator[list]:
    """All that is known, a line for each learner and exercise."""
    yield [
        *("learner", "name", "email", "lms_id", "assignment", "exercise", "handed_in", "late"),
        *("outcome", "points", "possible", "waits_for_a_person", "grade"),
    ]
    for row in rows:
        who, points = row.learner, row.earned if provisional else row.final
        handed = row.handed.isoformat(timespec="seconds") if row.handed else ""
        yield [
            *(who.id, who.name, who.email, who.lms_id, row.assignment, row.exercise),
            *(handed, _yes(row.late), row.outcome, "" if points is None else points),
            *(row.possible, _yes(row.waits), "" if row.grade is None else row.grade),
        ]


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def _safe(value: object) -> object:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
