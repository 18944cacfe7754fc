"""What the record holds: what was handed in, grades, and the points that a person gave."""

import datetime
from dataclasses import dataclass, field, replace
from typing import Any

from labs.kit.grading.verdict import Mark, Verdict


@dataclass(frozen=True)
class Reading:
    """Points that the person `reader` gave for one criterion, at a time in UTC."""

    criterion: str
    points: int
    comment: str
    reader: str
    at: datetime.datetime


@dataclass(frozen=True)
class Handed:
    """One exercise in one file that was collected.

    `path` is that of the copy, from the class's folder; `handed` the time that the file
    itself says. One that is not `readable` says why in `note`.
    """

    id: int
    at: datetime.datetime
    learner: str
    assignment: str
    exercise: str
    submission: str
    path: str
    handed: datetime.datetime
    readable: bool = True
    note: str = ""


@dataclass(frozen=True)
class Grade:
    """One verdict on record, with the readings that count for it, the newest last.

    `submission`, `checks` and `environment` are SHA-256, and so is `seed`: that of the
    number, not the number. `outcome` is the verdict's; once a person has given all points
    that it waited for, "needs a person" has become "graded".
    """

    id: int
    at: datetime.datetime
    learner: str
    assignment: str
    exercise: str
    submission: str
    verdict: Verdict
    checks: str = ""
    environment: str = ""
    tier: str = ""
    limits: dict[str, float] = field(default_factory=dict)
    seed: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The criteria, those that a person has read with their points."""
        given = {one.criterion: one.points for one in self.readings}
        return tuple(
            replace(mark, earned=given.get(mark.criterion, mark.earned))
            for mark in self.verdict.marks
        )

    @property
    def earned(self) -> int:
        """Points given so far, those of a person among them."""
        return sum(mark.earned or 0 for mark in self.marks)

    @property
    def possible(self) -> int:
        """Points of all criteria."""
        return self.verdict.possible

    @property
    def waits(self) -> bool:
        """Whether a person has to give points yet."""
        return any(mark.earned is None for mark in self.marks)

    @property
    def outcome(self) -> str:
        """How it went: one of `verdict.OUTCOMES`."""
        read = self.verdict.outcome == "needs a person" and not self.waits
        return "graded" if read else self.verdict.outcome
