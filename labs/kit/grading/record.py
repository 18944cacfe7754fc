"""The record of a class: what was handed in, every grade, and every point that a person gave.

Rows are only ever added; the database itself refuses to change or remove one.
"""

import datetime
import hashlib
import os
from typing import Any

import sqlalchemy as sa

from labs.kit.errors import UserError
from labs.kit.grading import tables
from labs.kit.grading.classroom import Classroom
from labs.kit.grading.entries import Grade, Handed, Reading
from labs.kit.grading.verdict import Verdict


def open_record(classroom: Classroom) -> "Record":
    """The record of `classroom`, made if it is not there; a context manager.

    Raises UserError if the database cannot be reached.
    """
    named = os.path.expandvars(classroom.record)
    url = named or f"sqlite:///{(classroom.folder / 'grades.db').as_posix()}"
    return Record(tables.connect(url))


class Record:
    """Adds rows and reads them; safe beside other processes that do the same."""

    def __init__(self, engine: sa.Engine):
        self.engine = engine

    def __enter__(self) -> "Record":
        return self

    def __exit__(self, *error) -> None:
        self.engine.dispose()

    def hand_in(self, **facts: Any) -> int:
        """Add one exercise of a collected file: the fields of Handed but `id` and `at`."""
        return self._insert(tables.submissions, at=_now(), **facts)

    def handed(self) -> list[Handed]:
        """All that was handed in, the oldest first."""
        return [Handed(**row) for row in self._rows(tables.submissions)]

    def newest(self) -> dict[tuple[str, str], Handed]:
        """By learner and exercise what counts: the last that is readable, or else the last."""
        found: dict[tuple[str, str], Handed] = {}
        for one in self.handed():
            before = found.get((one.learner, one.exercise))
            if before is None or one.readable or not before.readable:
                found[one.learner, one.exercise] = one
        return found

    def add(
        self,
        *,
        learner: str,
        exercise: str,
        submission: str,
        verdict: Verdict,
        assignment: str = "",
        checks: str = "",
        environment: str = "",
        limits: dict[str, float] | None = None,
        seed: str = "",
        parameters: dict[str, Any] | None = None,
    ) -> int:
        """Add a grade in a transaction of its own; its id. `seed` is a hash."""
        return self._insert(
            tables.grades,
            at=_now(),
            learner=learner,
            assignment=assignment,
            exercise=exercise,
            submission=submission,
            checks=checks,
            environment=environment,
            tier=verdict.tier,
            limits=limits or {},
            seed=seed,
            parameters=parameters or {},
            outcome=verdict.outcome,
            earned=verdict.earned,
            possible=verdict.possible,
            seconds=verdict.seconds,
            verdict=verdict.as_data(),
        )

    def grades(self, latest: bool = True) -> list[Grade]:
        """Grades by learner and exercise; with `latest` only the one that counts of each.

        That is the newest grade of the newest readable submission; where that one has
        not been graded yet there is none.
        """
        readings = self._readings()
        found = [_grade(row, readings) for row in self._rows(tables.grades)]
        if not latest:
            return found
        newest, last = self.newest(), {}
        for one in found:
            counting = newest.get((one.learner, one.exercise))
            if counting is None or counting.submission == one.submission:
                last[one.learner, one.exercise] = one
        return [last[key] for key in sorted(last)]

    def read(self, grade_id: int, criterion: str, points: int, comment: str, reader: str) -> int:
        """Add the points that `reader` gives for one criterion of a grade; the reading's id.

        They count for every grade of the same learner, exercise and criterion that has the
        same text, so grading again asks nobody to read again. Raises UserError if there is
        no such criterion, or it has fewer points.
        """
        grade = self._graded(grade_id)
        mark = next((one for one in grade.verdict.marks if one.criterion == criterion), None)
        if mark is None:
            raise UserError(f"Grade {grade_id} has no criterion {criterion!r}; see labs gradebook")
        if type(points) is not int or not 0 <= points <= mark.points:
            raise UserError(f"{mark.title}: {points!r} points; give 0 to {mark.points}.")
        return self._insert(
            tables.readings,
            at=_now(),
            grade=grade_id,
            learner=grade.learner,
            exercise=grade.exercise,
            criterion=criterion,
            about=_about(grade, criterion),
            points=points,
            comment=comment,
            reader=reader,
        )

    def _graded(self, grade_id: int) -> Grade:
        rows = self._rows(tables.grades, tables.grades.c.id == grade_id)
        if not rows:
            raise UserError(f"There is no grade {grade_id} on record; see labs gradebook")
        return _grade(rows[0], {})

    def _readings(self) -> dict[tuple, list[Reading]]:
        found: dict[tuple, list[Reading]] = {}
        for row in self._rows(tables.readings):
            key = (row["learner"], row["exercise"], row["criterion"], row["about"])
            shown = {name: row[name] for name in Reading.__dataclass_fields__}
            found.setdefault(key, []).append(Reading(**shown))
        return found

    def _insert(self, table: sa.Table, **values: Any) -> int:
        with tables.told(self.engine), self.engine.begin() as connection:
            return connection.execute(table.insert().values(**values)).inserted_primary_key[0]

    def _rows(self, table: sa.Table, *where: Any) -> list[dict[str, Any]]:
        with tables.told(self.engine), self.engine.connect() as connection:
            rows = connection.execute(sa.select(table).where(*where).order_by(table.c.id))
            return [dict(row) for row in rows.mappings()]


def _grade(row: dict[str, Any], readings: dict[tuple, list[Reading]]) -> Grade:
    kept = {name: row[name] for name in Grade.__dataclass_fields__ if name in row}
    grade = Grade(**{**kept, "verdict": Verdict.from_data(row["verdict"])})
    for mark in grade.verdict.marks:
        key = (grade.learner, grade.exercise, mark.criterion, _about(grade, mark.criterion))
        fitting = [one for one in readings.get(key, ()) if one.points <= mark.points]
        grade.readings.extend(fitting)
    return grade


def _about(grade: Grade, criterion: str) -> str:
    """What a person has read: the text, or where there is none the whole submission."""
    text = grade.verdict.texts.get(criterion)
    return grade.submission if text is None else sha256(text)


def sha256(*parts: str | bytes) -> str:
    """The hash of texts and bytes, each told from the next."""
    each = [one.encode("utf-8", "replace") if isinstance(one, str) else one for one in parts]
    if len(each) == 1:
        return hashlib.sha256(each[0]).hexdigest()
    return hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in each)).hexdigest()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
