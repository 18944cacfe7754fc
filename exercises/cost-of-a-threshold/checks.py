"""What the answers of "Find the threshold that costs least" are judged by."""

from functools import lru_cache

import numpy as np
import pandas as pd

from labs.company import Company
from labs.kit.exercise import criterion

PRICE = "price a threshold by what each outcome costs"
CHOOSE = "find the cheapest threshold for given operations and prices"
MEASURE = "measure what it saves in weeks on which it was not chosen"

KR = {"missed": 80_000, "false_alarms": 8_000, "caught": 4_000}  # as in the notebook
TODAY = 0.1
THRESHOLDS = [step / 100 for step in range(1, 100)]
FINE = np.array([False, False, False, False])  # no operation failed
ONE = np.array([True, False, False, False])  # the first one failed
LOW, HIGH = np.array([0.2, 0.1, 0.3, 0.2]), np.array([0.8, 0.1, 0.3, 0.2])  # risks


@criterion("A missed failure has its price", points=1, objective=PRICE)
def prices_a_missed_failure(cost, rng):
    """A failure without an alarm, among four operations."""
    kr = int(rng.integers(20, 60))
    why = f"one of four operations failed without an alarm, so the mean is {kr} / 4 = {kr / 4}"
    assert round(cost(LOW, ONE, 0.5, kr, 7, 3), 6) == kr / 4, why


@criterion("A false alarm has its price", points=1, objective=PRICE)
def prices_a_false_alarm(cost, rng):
    """An alarm without a failure, among four operations."""
    kr = int(rng.integers(20, 60))
    why = f"one of four operations had an alarm for nothing, so the mean is {kr} / 4 = {kr / 4}"
    assert round(cost(HIGH, FINE, 0.5, 7, kr, 3), 6) == kr / 4, why


@criterion("A caught failure is not free", points=1, objective=PRICE)
def prices_a_caught_failure(cost, rng):
    """An alarm and a failure, in one of four operations."""
    kr = int(rng.integers(20, 60))
    why = f"one of four operations failed with an alarm, so the mean is {kr} / 4 = {kr / 4}"
    assert round(cost(HIGH, ONE, 0.5, 7, 3, kr), 6) == kr / 4, why


@criterion("The threshold itself is an alarm", points=1, objective=PRICE, public=False)
def alarms_at_the_threshold(cost, rng):
    """A risk that equals the threshold."""
    risk = int(rng.integers(30, 70)) / 100
    why = "there is an alarm where the risk is at least the threshold, so also where it equals it"
    assert round(cost(np.array([risk]), np.array([False]), risk, 7, 5, 3), 6) == 5, why


@criterion("It is a mean over all operations", points=1, objective=PRICE, public=False)
def averages_over_all_operations(cost, rng):
    """The same operations twice, and with as many that cost nothing."""
    risk, failed = _operations(rng)
    once = cost(risk, failed, 0.3, 9, 4, 2)
    twice = cost(np.tile(risk, 2), np.tile(failed, 2), 0.3, 9, 4, 2)
    assert abs(twice - once) < 1e-6, "the same operations twice cost as much on average as once"
    calm = np.zeros(len(risk))
    half = cost(np.append(risk, calm), np.append(failed, calm > 1), 0.3, 9, 4, 2)
    why = "as many operations again, without alarm or failure, halve the mean: they count too"
    assert abs(half - once / 2) < 1e-6, why


@criterion("It holds for any operations and prices", points=2, objective=PRICE, public=False)
def prices_any_operations(cost, rng):
    """Drawn operations, thresholds and prices."""
    for _ in range(3):
        risk, failed = _operations(rng)
        threshold = int(rng.integers(5, 95)) / 100
        kr = dict(zip(KR, (rng.permutation([40, 11, 6]) * 1000).tolist(), strict=True))
        came = cost(risk, failed, threshold, *kr.values())
        why = "other operations and prices than the notebook's: use only what is passed in"
        assert abs(came - _mean(_counts(risk, failed, threshold), kr, len(risk))) < 1e-6, why


@criterion("The table has a row for each threshold", points=1, objective=CHOOSE)
def lists_every_threshold(prices):
    """The column `threshold`, in order."""
    listed = [round(float(each), 6) for each in _column(prices, "threshold")]
    assert listed == THRESHOLDS, "one row for each of `thresholds`, from 0.01 to 0.99, in order"


@criterion("The table counts each outcome", points=1, objective=CHOOSE)
def counts_the_outcomes(seed, prices):
    """The columns of numbers."""
    for outcome in KR:
        came, expected = list(_column(prices, outcome)), _expected(seed, later=False)[outcome]
        assert len(came) == len(expected), f"`{outcome}` has a number for each threshold"
        for row, count in enumerate(expected):
            why = f"at {THRESHOLDS[row]} `{outcome}` says {came[row]}; of `first` {count} end so"
            assert came[row] == count, why


@criterion("The table has the mean cost", points=2, objective=CHOOSE, public=False)
def prices_each_row(seed, prices):
    """The column `kr`."""
    expected, came = _expected(seed, later=False), list(_column(prices, "kr"))
    why = "`kr` is the mean cost of an operation of `first`, at the three prices of the notebook"
    assert len(came) == len(expected), why
    assert max(abs(a - b) for a, b in zip(came, expected["kr"], strict=True)) < 0.01, why


@criterion("No threshold is cheaper than the chosen one", points=2, objective=CHOOSE)
def chooses_the_cheapest(seed, cheapest):
    """`cheapest` is a threshold with the lowest cost."""
    kr = _expected(seed, later=False).set_index("threshold")["kr"]
    chosen = round(float(cheapest), 6)
    assert chosen in THRESHOLDS, "`cheapest` is one of `thresholds`: a risk, not a cost or a row"
    why = "another threshold has a lower mean cost in the first six weeks: look for the smallest kr"
    assert kr[chosen] < kr.min() + 1e-6, why


@criterion("The saving is measured in later weeks", points=2, objective=MEASURE)
def measures_in_later_weeks(seed, cheapest, saved):
    """`saved`, for the threshold that was chosen, right or wrong."""
    now, then = (_saving(seed, cheapest, later) for later in (False, True))
    is_right = abs(saved - then) < 0.01
    flattered = "that is the saving in the weeks on which the threshold was chosen: use `later`"
    assert is_right or abs(saved - now) > 0.01, flattered
    turned = "the sign is turned round: a positive number says that `cheapest` costs less"
    assert is_right or abs(saved + then) > 0.01, turned
    why = "it is the mean cost of an operation of `later` at TODAY, minus that at `cheapest`"
    assert is_right, why


def _operations(rng) -> tuple[np.ndarray, np.ndarray]:
    """Risks in whole hundredths, so that some equal a threshold, and failures that follow them."""
    risk = rng.integers(0, 101, 300) / 100
    return risk, rng.random(300) < risk / 2


def _counts(risk, failed, threshold) -> dict[str, int]:
    """How many operations end in each of the outcomes that cost something."""
    alarm = risk >= threshold
    ends = failed & ~alarm, ~failed & alarm, failed & alarm
    return {name: int(end.sum()) for name, end in zip(KR, ends, strict=True)}


def _mean(counts: dict[str, int], kr: dict[str, float], operations: int) -> float:
    """Mean cost of an operation, in kr."""
    return sum(counts[name] * kr[name] for name in KR) / operations


@lru_cache(maxsize=4)
def _weeks(seed: int, later: bool) -> tuple[np.ndarray, np.ndarray]:
    """Risk and failure of the operations of the first six weeks, or of the six after them."""
    year = Company(seed).weeks("maintenance", range(7, 13) if later else range(1, 7))
    both = year.predictions.merge(year.labels[["id", "failure"]], on="id")
    return both["prediction"].to_numpy(), both["failure"].to_numpy(bool)


@lru_cache(maxsize=4)
def _expected(seed: int, later: bool) -> pd.DataFrame:
    """The table that `prices` should be."""
    risk, failed = _weeks(seed, later)
    counts = pd.DataFrame([_counts(risk, failed, each) for each in THRESHOLDS])
    return counts.assign(threshold=THRESHOLDS, kr=_mean(counts, KR, len(risk)))


def _saving(seed: int, cheapest: float, later: bool) -> float:
    """How much less an operation costs at `cheapest` than at today's threshold, in kr."""
    risk, failed = _weeks(seed, later)
    kr = [_mean(_counts(risk, failed, each), KR, len(risk)) for each in (TODAY, float(cheapest))]
    return kr[0] - kr[1]


def _column(table, name: str):
    """A column of the learner's table."""
    assert name in table.columns, f"the table has no column `{name}`"
    return table[name]
