"""Collecting: copies of what was handed in, each known by its hash, and a line on record."""

import datetime
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from labs.kit import workspace
from labs.kit.errors import UserError
from labs.kit.grading import record
from labs.kit.grading.classroom import Classroom, learner_id
from labs.kit.grading.incoming import ENDINGS, Incoming, incoming
from labs.kit.grading.raw import Unreadable
from labs.kit.grading.submission import Answers, from_bytes
from labs.kit.grading.whose import Roster

NAME = 80  # characters of a file's name that are kept


@dataclass
class Collected:
    """What one `labs collect` did: rows added, files known already, and what it left alone."""

    new: list[record.Handed] = field(default_factory=list)
    known: int = 0
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    """An incoming file, read: its answers without their cells, or why there are none.

    `copy` is where its content waits meanwhile; a class's files need not fit into memory.
    """

    place: PurePosixPath
    handed: datetime.datetime
    submission: str
    copy: Path | None
    answers: tuple[Answers, ...] = ()
    why: str = ""


def collect(classroom: Classroom, paths: Iterable[Path] = ()) -> Collected:
    """Take copies of the submissions in `paths`, or in the class's inbox.

    What is known already is taken once. A file that cannot be read is on record too, as
    such. Raises UserError if nothing is assigned, or one of `paths` is not there.
    """
    if not classroom.assignments:
        raise UserError(f"{classroom.name} has no assignment yet: labs assign SLUG --due DATE")
    chosen = list(paths) or [classroom.inbox]
    classroom.submissions.mkdir(exist_ok=True)
    with workspace.Locked(classroom.folder / ".lock"), record.open_record(classroom) as opened:
        beside = classroom.submissions / ".incoming"
        shutil.rmtree(beside, ignore_errors=True)  # of a run that was killed
        beside.mkdir()
        try:
            found = (_read(came, beside) for came in incoming(chosen))
            files = sorted(found, key=lambda one: one.handed)
            return _Collecting(classroom, opened).all(files)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _read(came: Incoming, beside: Path) -> _File:
    now = datetime.datetime.now(datetime.UTC)
    if came.content is None:
        name = record.sha256(came.place.as_posix(), came.why)
        return _File(came.place, min(came.handed, now), name, None, why=came.why)
    submission = record.sha256(came.content)
    copy = beside / submission
    copy.write_bytes(came.content)
    try:
        answers = [replace(one, cells=()) for one in from_bytes(came.content, came.place.name)]
    except Unreadable as error:
        return _File(came.place, min(came.handed, now), submission, copy, why=str(error))
    said = next((one.handed for one in answers if one.handed), came.handed)
    return _File(came.place, min(said, now), submission, copy, tuple(answers))


class _Collecting:
    """One run: knows what was handed in before it."""

    def __init__(self, classroom: Classroom, opened: record.Record):
        self.classroom, self.opened = classroom, opened
        self.roster = Roster(classroom)
        self.done = Collected()
        before = opened.handed()
        self.known = {(one.learner, one.exercise, one.submission) for one in before}
        self.last = {(one.learner, one.exercise): (one.submission, one.handed) for one in before}
        self.mark = before[-1].id if before else 0

    def all(self, files: list[_File]) -> Collected:
        """Take each of `files`, the oldest first."""
        for file in files:
            self._one(file)
        rows = self.opened.handed()
        self.done.new = [one for one in rows if one.id > self.mark]
        return self.done

    def _one(self, file: _File) -> None:
        place = file.place
        if file.why and place.suffix.casefold() not in ENDINGS:
            self.done.remarks.append(f"{place}: left alone, {file.why}")
            return
        said = next((one.learner for one in file.answers if one.learner), "")
        learner = self.roster.whose(place, said, self.classroom.exercises)
        if not learner:
            self.done.remarks.append(
                f"{place}: whose is it? Put it into a folder that is named like the learner"
            )
            return
        if self.roster.known and learner not in self.classroom.learners:
            self.done.remarks.append(f"{place}: {learner} is not on the roster in class.toml")
        if said and learner not in (learner_id(said), self.roster.find(said)):
            self.done.remarks.append(f"{place}: taken as {learner}'s; it says it is {said!r}'s")
        self._rows(file, learner)

    def _rows(self, file: _File, learner: str) -> None:
        """Put the copy beside the others, and a row for each exercise on record."""
        path = self._copy(learner, file) if file.copy else ""
        for exercise, note in self._exercises(file):
            if not self._is_new(exercise, file, learner):
                continue
            assignment = self.classroom.assignment_of(exercise)
            self.opened.hand_in(
                learner=learner,
                assignment=assignment.name if assignment else "",
                exercise=exercise,
                submission=file.submission,
                path=path,
                handed=file.handed,
                readable=not file.why,
                note=note,
            )
            self.known.add((learner, exercise, file.submission))
            self.last[learner, exercise] = file.submission, file.handed

    def _exercises(self, file: _File) -> Iterator[tuple[str, str]]:
        """The exercises that a file is about, each with what is to be noted.

        One that cannot be read is about those in its name, or else the last assignment's.
        """
        assigned = self.classroom.exercises
        if file.why:
            name = file.place.name.casefold()
            named = [slug for slug in assigned if slug in name]
            chosen = named or self.classroom.assignments[-1].exercises
            yield from ((slug, file.why) for slug in chosen)
            return
        for one in file.answers:
            if one.exercise in assigned:
                yield one.exercise, "; ".join(one.notes)
            else:
                self.done.remarks.append(
                    f"{file.place}: {one.exercise} is not assigned; see labs assign"
                )

    def _is_new(self, exercise: str, file: _File, learner: str) -> bool:
        """Whether it was not collected yet, or an earlier one was handed in once more."""
        last, at = self.last.get((learner, exercise), (file.submission, file.handed))
        again = last != file.submission and file.handed > at
        if (learner, exercise, file.submission) in self.known and not again:
            self.done.known += 1
            return False
        return True

    def _copy(self, learner: str, file: _File) -> str:
        """Keep a copy that nobody changes, and mend a damaged one; its path in the class."""
        folder = self.classroom.submissions / learner
        folder.mkdir(exist_ok=True)
        target = folder / f"{file.submission[:12]}-{_file_name(file.place.name)}"
        if not target.is_file() or record.sha256(target.read_bytes()) != file.submission:
            part = target.with_name(f".{target.name}.part")
            shutil.copyfile(file.copy, part)
            os.replace(part, target)
            target.chmod(0o444)
        return target.relative_to(self.classroom.folder).as_posix()


def _file_name(name: str) -> str:
    """A name that every system takes."""
    plain = re.sub(r"[^\w.()-]+", "_", name, flags=re.UNICODE).strip("._") or "submission"
    return plain[-NAME:]
