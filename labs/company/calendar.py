"""The calendar of a company year, and how much comes in during a week of it.

Week 1 starts on the first Monday of a January; the year has 52 weeks. Weeks below 1
lie before the year and are free of incidents; `REFERENCE` are those of the autumn before.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np

from labs.company.incidents import Incident

START = date(2025, 1, 6)
REFERENCE = range(-14, -2)  # twelve weeks that end before the Christmas before the year
FIRST_WEEK = -52  # the earliest week that can be generated

BUSY = 0.06  # sd of the logarithm of a week's volume: what makes a week busy or quiet
SEASON = 0.05  # half of what separates the busiest time of the year from the quietest
BUSIEST = 18  # week in which the season is at its height
WEEKDAYS = np.cumsum([0.18, 0.18, 0.18, 0.18, 0.17, 0.07, 0.04])  # Monday to Sunday
VOLUME_KINDS = ("christmas", "campaign")


def checked(start: date) -> date:
    """`start` itself. Raises ValueError unless it is the first Monday of a January."""
    if start.weekday() or start.month != 1 or start.day > 7:
        raise ValueError(f"start is {start}; give the first Monday of a January, as {START}")
    return start


def check_week(week: int, first: int = FIRST_WEEK) -> None:
    """Raise ValueError unless `week` lies between `first` and the end of the year."""
    if not first <= week <= 52:
        raise ValueError(f"week is {week}; give one between {first} and 52")


def monday(start: date, week: int) -> date:
    """The first day of `week` in the year that begins on `start`."""
    return start + timedelta(weeks=week - 1)


def season(week: int) -> float:
    """What the time of the year does to volume: a factor between 0.95 and 1.05."""
    return 1.0 + SEASON * float(np.cos(2 * np.pi * (week - BUSIEST) / 52))


def planned(week: int, incidents: Iterable[Incident]) -> float:
    """What Christmas, a campaign and growth do to the volume of `week`: a factor."""
    factor = 1.0
    for one in incidents:
        if one.active(week) and one.kind in VOLUME_KINDS:
            factor *= one.size
        elif one.active(week) and one.kind == "growth":
            factor *= (1.0 + one.size) ** (week - one.first_week + 1)
    return factor


def volume(rng: np.random.Generator, usual: float, week: int, incidents: Iterable[Incident]) -> int:
    """Rows of `week` where `usual` is an ordinary week's: season, plans and busy-ness."""
    busy = rng.lognormal(-(BUSY**2) / 2, BUSY)
    return round(usual * season(week) * planned(week, incidents) * busy)


def days(rng: np.random.Generator, n: int) -> np.ndarray:
    """Weekdays of `n` rows in order of time, 0 = Monday."""
    return np.sort(np.searchsorted(WEEKDAYS, rng.random(n), side="right")).clip(0, 6)
