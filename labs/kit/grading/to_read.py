"""The texts of a class that wait for a person, in an order of each reader's own."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from labs.kit import manifest, material
from labs.kit.errors import UserError
from labs.kit.exercise.criteria import Criterion, load
from labs.kit.exercise.stub import is_answer, prose_name
from labs.kit.grading import record, submission
from labs.kit.grading.classroom import Classroom
from labs.kit.grading.record import Grade, Reading
from labs.kit.grading.verdict import Mark

Key = tuple[str, str, str]  # exercise, criterion, learner


@dataclass(frozen=True)
class Text:
    """A text that a person reads, what was asked, and by what rubric; `readings` so far.

    Of a check that broke there is no text, and `why` says what happened to it.
    """

    key: Key
    grade: int
    mark: Mark
    text: str
    readings: tuple[Reading, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether nobody has given points."""
        return not self.readings

    @property
    def broken(self) -> bool:
        """Whether it waits because the check itself broke."""
        return self.mark.outcome == "broken"


class Queue:
    """The texts one by one: onward, back, and points for the one that is shown.

    Every reader goes through the learners in an order of their own, so that two who read at
    the same time seldom meet, and no learner is always the last. What others have read
    meanwhile is left out; nothing is kept here that is not on record at once.
    """

    def __init__(self, classroom: Classroom, reader: str):
        self.classroom, self.reader = classroom, reader
        self.record = record.open_record(classroom)
        self.seen: list[Key] = []
        self.shown: Text | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the record anew."""
        found = [text for grade in self.record.grades() for text in _texts(grade)]
        self.texts = {one.key: one for one in sorted(found, key=self._place)}

    @property
    def left(self) -> list[Key]:
        """Those that nobody has read, in order."""
        return [key for key, one in self.texts.items() if one.waits]

    def onward(self) -> Text | None:
        """The next text without points: those not seen here before those that were skipped."""
        self.refresh()
        at = self.seen.index(self._key) + 1 if self._key else len(self.seen)
        fresh = [key for key in self.left if key not in self.seen]
        turns = [*self.seen[at:], *fresh, *self.seen[:at]]
        waiting = [key for key in turns if key in self.left and key != self._key]
        return self._show(waiting[0] if waiting else None)

    def back(self) -> Text | None:
        """The text before the one that is shown, or that one if there is none."""
        self.refresh()
        at = self.seen.index(self._key) if self._key else len(self.seen)
        return self._show(self.seen[at - 1] if at else self._key)

    def give(self, points: int, comment: str) -> str:
        """Put points for the shown text on record; what became of it, as a sentence.

        If somebody else has read the text since it was shown, nothing is written at first.
        """
        before = self.shown
        self.refresh()
        self.shown = self.texts.get(before.key, before)
        others = self.shown.readings[len(before.readings) :]
        said = f"{points} of {before.mark.points} points"
        if others and others[-1].reader != self.reader:
            last = others[-1]
            return (
                f"Not saved: {last.reader} gave {last.points} points meanwhile. "
                "Give yours once more to put them after those; the last ones count."
            )
        last = self.shown.readings[-1] if self.shown.readings else None
        if not last or (last.points, last.comment, last.reader) != (points, comment, self.reader):
            self.record.read(self.shown.grade, before.mark.criterion, points, comment, self.reader)
            self.refresh()
            self.shown = self.texts.get(before.key, before)
        return f"Saved: {said}."

    @property
    def _key(self) -> Key | None:
        return self.shown.key if self.shown else None

    def _show(self, key: Key | None) -> Text | None:
        if key and key not in self.seen:
            self.seen.append(key)
        self.shown = self.texts.get(key) if key else None
        return self.shown

    def _place(self, one: Text) -> tuple:
        slug, criterion, learner = one.key
        order = (*self.classroom.exercises, slug)
        drawn = hashlib.sha256(f"{self.reader}\n{learner}".encode()).hexdigest()
        return one.broken, order.index(slug), slug, criterion, drawn


def _texts(grade: Grade) -> list[Text]:
    """What a person has read or is to read of one grade."""
    found = []
    for mark in grade.verdict.marks:
        readings = tuple(one for one in grade.readings if one.criterion == mark.criterion)
        if mark.earned is None or readings:
            key = (grade.exercise, mark.criterion, grade.learner)
            text = grade.verdict.texts.get(mark.criterion, "")
            found.append(Text(key, grade.id, mark, text, readings))
    return found


def rubric(slug: str, criterion: str) -> tuple[str, ...]:
    """What points are given for, best first; empty if the exercise does not say."""
    found = _criteria(slug).get(criterion)
    return found.rubric if found else ()


def asked(slug: str, criterion: str) -> str:
    """What the learner was asked for, in the exercise's words; empty if it cannot be found."""
    found = _criteria(slug).get(criterion)
    before = ""
    for cell in submission.stub_of(slug).cells if found else ():
        if (
            is_answer(cell)
            and cell.cell_type == "markdown"
            and prose_name(cell) in found.parameters
        ):
            return before
        before = cell.source if cell.cell_type == "markdown" else before
    return ""


def _criteria(slug: str) -> dict[str, Criterion]:
    try:
        path = material.root() / manifest.read().exercise(slug).folder / "checks.py"
        return _loaded(path, path.stat().st_mtime_ns)
    except (UserError, OSError):
        return {}


@lru_cache(maxsize=50)
def _loaded(path: Path, changed: int) -> dict[str, Criterion]:
    return {one.id: one for one in load(path)}
