"""How long exercises took, by the times at which learners handed them in."""

import datetime
from collections.abc import Iterable
from itertools import pairwise

from labs.kit.grading.record import Handed

SITTING = 120  # minutes; when two hand-ins lie further apart, something else lay between them


def minutes(handed: Iterable[Handed]) -> dict[str, list[float]]:
    """By exercise, the minutes that learners took, where that is known.

    It is known of two hand-ins of a learner in one sitting: the time between them went into
    the second one. An exercise that was handed in several times has the sum.
    """
    found: dict[tuple[str, str], float] = {}
    times: dict[str, dict[datetime.datetime, set[str]]] = {}
    for one in handed:
        times.setdefault(one.learner, {}).setdefault(one.handed, set()).add(one.exercise)
    for learner, at in times.items():
        ordered = sorted(at)
        for before, after in pairwise(ordered):
            took = (after - before).total_seconds() / 60
            if took <= SITTING and len(at[after]) == 1:
                key = (learner, *at[after])
                found[key] = found.get(key, 0.0) + took
    by_exercise: dict[str, list[float]] = {}
    for (_, slug), took in found.items():
        by_exercise.setdefault(slug, []).append(took)
    return by_exercise
