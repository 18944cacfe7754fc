"""How long exercises took, by the times at which learners handed them in."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from labs.kit.grading.record import Handed

SITTING = 120  # minutes; when two hand-ins lie further apart, something else lay between them
MOMENT = 2  # minutes; files that come closer together were handed in, or copied, at once


@dataclass
class _Moment:
    """When a learner handed something in, and what."""

    begin: datetime.datetime
    end: datetime.datetime
    exercises: set[str] = field(default_factory=set)


def minutes(handed: Iterable[Handed]) -> dict[str, list[float]]:
    """By exercise, the minutes that learners took, where that is known.

    It is known of two hand-ins of a learner in one sitting: the time between them went into
    the second one, if that is one exercise. One that was handed in several times has the sum.
    """
    learners: dict[str, list[Handed]] = {}
    for one in handed:
        learners.setdefault(one.learner, []).append(one)
    found: dict[str, list[float]] = {}
    for theirs in learners.values():
        for slug, took in _of(theirs).items():
            found.setdefault(slug, []).append(took)
    return found


def _of(theirs: list[Handed]) -> dict[str, float]:
    """The minutes of one learner, by exercise."""
    took: dict[str, float] = {}
    for before, after in pairwise(_moments(theirs)):
        gap = _minutes(before.end, after.begin)
        if gap <= SITTING and len(after.exercises) == 1:
            (slug,) = after.exercises
            took[slug] = took.get(slug, 0.0) + gap
    return took


def _moments(theirs: list[Handed]) -> list[_Moment]:
    found: list[_Moment] = []
    for one in sorted(theirs, key=lambda each: each.handed):
        if not found or _minutes(found[-1].end, one.handed) > MOMENT:
            found.append(_Moment(one.handed, one.handed))
        found[-1].end = one.handed
        found[-1].exercises.add(one.exercise)
    return found


def _minutes(begin: datetime.datetime, end: datetime.datetime) -> float:
    return (end - begin).total_seconds() / 60
