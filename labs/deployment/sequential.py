"""When to stop a canary: a rule that may be looked at after every single outcome.

A test that is made for one look, and asked a thousand times, raises a false alarm in far
more than 5 % of the canaries. This rule is a bet instead. Before each outcome is known, a
gambler stakes money that the challenger does worse; if it does not, the bets are fair or
worse, and the chance that the money ever grows 1/alpha-fold is at most alpha, however often
one looks (Ville 1939). A second gambler bets that the challenger is not worse by `margin`.

The payoff of an outcome is Z = error / share for the challenger and -error / (1 - share)
for the champion. Its mean is the difference of the two error rates, whatever the rates are
at that hour, because the route draws who answers (Horvitz and Thompson 1952). The bets are
those of Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by
betting", Journal of the Royal Statistical Society B 86, mixed over a grid of stakes. Other
always-valid bounds for the same payoffs are in Howard, Ramdas, McAuliffe and Sekhon (2021),
"Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49;
this one needs no bound on the variance and is exact for rare errors.

Assumed: who answers a key is drawn with a known chance, independently of all before; an
outcome becomes known as soon in one arm as in the other. Not assumed: that error rates
are constant, that keys are alike, that outcomes of different keys are independent.
Outcomes of one key are tied together by its route, so a key counts once (see `Evidence`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# What part of the largest stake is bet. Small ones find small differences, large ones a
# crash at once; the average of fair games is fair, so no choice has to be made. Who bets on
# worse bets in proportion to the share: at 5 % nearly all errors are the champion's, and a
# stake that is right at 50 % would lose to them, before the larger steps, all it could win.
MOST = 0.9
FRACTIONS = np.geomspace(0.001, MOST, 20)  # on not worse
TIMES_SHARE = np.geomspace(0.01, 90, 20)  # on worse; MOST at a share of 1 % is the largest
CONTINUE, WORSE, NOT_WORSE = "continue", "stop: worse", "finish: not worse"


class Outcome(NamedTuple):
    """What came of one request: its key, who was to answer, at which share, and whether it failed.

    `error` may be a crash, or an answer that turned out wrong.
    """

    key: str
    challenged: bool
    share: float
    error: bool


@dataclass(frozen=True)
class Decision:
    """What the rule says after `keys` outcomes that counted; the evidence for either side.

    `worse` and `not_worse` say how many times the gamblers multiplied their money at best.
    """

    verdict: str
    keys: int
    worse: float
    not_worse: float

    def __str__(self) -> str:
        return (
            f"{self.verdict} after {self.keys} keys (evidence that it is worse {self.worse:.3g}, "
            f"that it is not worse by the margin {self.not_worse:.3g})"
        )


@dataclass(frozen=True)
class StoppingRule:
    """Stop if the challenger fails more often; finish if not by `margin` more often.

    `alpha` is the largest chance of stopping a challenger that is not worse, and also of
    finishing one whose error rate is `margin` or more above the champion's.
    """

    margin: float = 0.01
    alpha: float = 0.05

    def __post_init__(self):
        if not 0 < self.margin < 1 or not 0 < self.alpha < 1:
            raise ValueError(f"{self}: margin and alpha lie between 0 and 1")

    def decide(self, errors, challenged, share) -> Decision:
        """The decision that was reached first; later outcomes do not change it.

        Three arrays, one entry an outcome: whether it failed, who answered, and the chance
        that it was the challenger.
        """
        worse = evidence(errors, challenged, share, above=0.0)
        not_worse = evidence(errors, challenged, share, below=self.margin)
        limit = -np.log(self.alpha)
        stops, finishes = _first(worse, limit), _first(not_worse, limit)
        verdict = CONTINUE
        if min(stops, finishes) < len(worse):
            verdict = WORSE if stops <= finishes else NOT_WORSE
        keys = min(stops + 1, finishes + 1, len(worse))
        best = [float(np.exp(max(path[:keys], default=0.0))) for path in (worse, not_worse)]
        return Decision(verdict, keys, *best)


def evidence(errors, challenged, share, *, above=None, below=None) -> np.ndarray:
    """The log of the gambler's money after each outcome, along the last axis; 0 at the start.

    With `above` it grows if the challenger's error rate exceeds the champion's by more than
    that, with `below` if by less. An outcome whose `share` is 0 or 1 compares nothing.
    """
    payoff, least, most = _payoffs(errors, challenged, share)
    if above is not None:
        gain, risk = payoff - above, above - least
    else:
        gain, risk = below - payoff, most - below
    part = np.where(np.isfinite(risk), gain / risk, 0.0)  # -1 is the largest loss
    stakes = FRACTIONS if above is None else stakes_on_worse(share)
    money = np.full(part.shape, -np.inf)
    for stake in stakes:
        money = np.logaddexp(money, np.log1p(stake * part).cumsum(axis=-1))
    return money - np.log(len(stakes))


def stakes_on_worse(share) -> list[np.ndarray]:
    """What parts of the largest stake are bet on worse, where the challenger has this share."""
    return [np.minimum(times * np.asarray(share, dtype=float), MOST) for times in TIMES_SHARE]


def _payoffs(errors, challenged, share) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The payoff of each outcome, and the least and the greatest that it could have been."""
    share = np.asarray(share, dtype=float)
    share = np.where((share > 0) & (share < 1), share, np.nan)
    least, most = -1 / (1 - share), 1 / share
    payoff = np.where(challenged, most, least) * np.asarray(errors, dtype=float)
    return payoff, least, most


def interval(errors, challenged, share, alpha: float = 0.05) -> tuple[float, float]:
    """An interval for the difference of the error rates, right at every look with 1 - alpha.

    The differences that neither gambler can rule out, in steps of a thousandth. Error rates
    may change over time, as long as their difference does not.
    """
    rows = np.column_stack([errors, challenged, share]).astype(float)
    kinds, counts = np.unique(rows, axis=0, return_counts=True)  # money does not mind the order
    payoff, least, most = (
        np.nan_to_num(x) for x in _payoffs(kinds[:, 0], kinds[:, 1] > 0, kinds[:, 2])
    )
    tried = np.arange(-1000, 1001) / 1000
    stakes = stakes_on_worse(kinds[:, 2])
    low = _money(payoff - tried[:, None], tried[:, None] - least, counts, stakes)
    high = _money(tried[:, None] - payoff, most - tried[:, None], counts, FRACTIONS)
    left = tried[np.maximum(low, high) < -np.log(alpha / 2)]
    return (float(left.min()), float(left.max())) if len(left) else (-1.0, 1.0)


def _money(gain: np.ndarray, risk: np.ndarray, counts: np.ndarray, stakes) -> np.ndarray:
    part = np.divide(gain, risk, out=np.zeros_like(gain), where=risk > 0)
    bets = [(counts * np.log1p(stake * part)).sum(axis=-1) for stake in stakes]
    return np.logaddexp.reduce(bets) - np.log(len(stakes))


def _first(path: np.ndarray, limit: float) -> int:
    """The place of the first value of at least `limit`; the length if there is none."""
    over = np.flatnonzero(path >= limit)
    return int(over[0]) if len(over) else len(path)


class Evidence:
    """The outcomes of a canary that count, in the order in which they became known.

    A key counts when its route is open: at its first outcome, and again when a larger share
    may have taken it from the champion. In between, who answers it is certain, and nothing
    can be learnt from comparing. Keys lie evenly from 0 to 1, and one that the champion
    answered at share s lies above s; so it falls to the challenger at a larger share S with
    chance (S - s) / (1 - s).
    """

    def __init__(self):
        self._above: dict[str, float] = {}  # where a key is known to lie; 1: the challenger's
        self._counted: list[tuple[bool, bool, float]] = []

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count what can be counted of these outcomes."""
        for key, challenged, share, error in outcomes:
            known = self._above.get(key, 0.0)
            if share <= known or known == 1:
                continue
            self._counted.append((error, challenged, (share - known) / (1 - known)))
            self._above[key] = 1.0 if challenged else share

    def __len__(self) -> int:
        return len(self._counted)

    def decide(self, rule: StoppingRule) -> Decision:
        """What `rule` says of all outcomes so far."""
        return rule.decide(*self.arrays())

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whether each failed, whether the challenger answered, and the chance of that."""
        table = np.array(self._counted, dtype=float).reshape(-1, 3)
        return table[:, 0] > 0, table[:, 1] > 0, table[:, 2]

    def counts(self) -> dict[str, int]:
        """Keys and errors of each arm, for the record."""
        errors, challenged, _ = self.arrays()
        return {
            "champion_keys": int((~challenged).sum()),
            "champion_errors": int((errors & ~challenged).sum()),
            "challenger_keys": int(challenged.sum()),
            "challenger_errors": int((errors & challenged).sum()),
        }
