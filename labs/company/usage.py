"""What the models' servers did each day: requests by caller, errors, latency, version.

These are questions that systems ask while someone waits. They are many more than the
rows of the weekly batches, which are not among them.
"""

from collections.abc import Iterable
from itertools import product

import numpy as np

from labs.company.calendar import planned, season
from labs.company.incidents import Incident

CALLERS = {  # requests on an ordinary weekday
    "maintenance": {"line-control": 21_000, "shift-planner": 1_300},
    "price": {"dealer-app": 5_200, "website": 3_400, "leasing-desk": 900},
    "warranty": {"dealer-app": 2_600, "workshop-desk": 1_100, "back-office": 420},
    "access": {"request-portal": 520, "hr-system": 140},
}
MEDIAN_MS = {"maintenance": 9.0, "price": 24.0, "warranty": 38.0, "access": 55.0}
TAIL = 2.6  # p95 as a multiple of the median
ERRORS = 0.002  # share of requests
WEEKDAY = np.array([1.05, 1.04, 1.0, 1.0, 0.95, 0.45, 0.30])
RELEASES = {"maintenance": (4, 37), "price": (13, 47), "warranty": (2, 25), "access": (9, 27)}


def version(model: str, week: int, incidents: Iterable[Incident]) -> int:
    """The version that answers in `week`.

    A sound release comes twice a year. A bad or slow one is a version of its own while
    it lasts; then the one before it is back.
    """
    bad = [one for one in incidents if one.kind in ("bad_release", "slow_release")]
    bad = {one.first_week: one for one in bad if one.model == model}
    latest = current = 1
    for when in sorted({*RELEASES[model], *bad}):
        if when > week:
            break
        latest += 1
        if when not in bad or bad[when].active(week):
            current = latest
    return current


def usage(rng: np.random.Generator, model: str, week: int, incidents: tuple[Incident, ...]) -> dict:
    """Seven days of each caller, in order of day and caller; `incidents` are the week's."""
    callers = CALLERS[model]
    day, who = np.array(list(product(range(7), range(len(callers))))).T
    usual = np.array(list(callers.values()), float)[who] * WEEKDAY[day]
    usual *= season(week) * planned(week, incidents) * rng.lognormal(0.0, 0.05, len(day))
    slower = np.ones(7)
    for one in incidents:
        if one.kind == "usage_drop":
            usual[who == list(callers).index(one.where)] *= 1.0 - one.size
        elif one.kind == "slow_release":
            slower *= one.size
    requests = rng.poisson(usual)
    median = MEDIAN_MS[model] * slower[day] * rng.lognormal(0.0, 0.04, len(day))
    return {
        "day": day,
        "caller": np.array(list(callers))[who],
        "requests": requests,
        "errors": rng.binomial(requests, ERRORS * slower[day]),
        "p50_ms": median.round(1),
        "p95_ms": (median * TAIL * rng.lognormal(0.0, 0.05, len(day))).round(1),
    }
