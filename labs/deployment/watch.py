"""Watch a canary: collect what came of its requests until its rule decides."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from labs.deployment import traffic
from labs.deployment.events import EventLog
from labs.deployment.routing import CHALLENGER
from labs.deployment.sequential import NOT_WORSE, WORSE, Evidence, Outcome, StoppingRule

Outcomes = Callable[[float], Iterable[Outcome]]  # of the share; what became known since


class Stopped(Exception):
    """Why a canary ends before its time."""


@dataclass(frozen=True)
class Pace:
    """How long a step of a canary lasts.

    Until the challenger has `enough` new keys, or no key is new in `patience` looks,
    `pause` seconds apart. A canary still undecided after `most` keys is stopped.
    """

    enough: int = 20
    most: int = 100_000
    pause: float = 0.5
    patience: int = 120


class Watch:
    """The evidence of one canary, over all its steps."""

    def __init__(self, outcomes: Outcomes, rule: StoppingRule, pace: Pace):
        self.outcomes, self.rule, self.pace = outcomes, rule, pace
        self.evidence = Evidence()
        self.decision = self.evidence.decide(rule)

    def step(self, share: float, last: bool, between: Callable[[], None]) -> None:
        """Look until the step may end; the `last` one only when the challenger is not worse.

        `between` is called before each look. Raises Stopped if the challenger is worse, or
        nothing can be known.
        """
        begun, idle = self._challenger_keys(), 0
        while True:
            between()
            known = len(self.evidence)
            self._look(share)
            new = self._challenger_keys() - begun
            fit = self.decision.verdict == NOT_WORSE or not last
            if fit and new >= self.pace.enough:
                return
            idle = 0 if len(self.evidence) > known else idle + 1
            if idle > self.pace.patience:
                if fit and new:
                    return
                raise Stopped(f"undecided: no new key in {idle} looks at share {share:.0%}")
            time.sleep(self.pace.pause)

    def _look(self, share: float) -> None:
        self.evidence.add(self.outcomes(share))
        self.decision = self.evidence.decide(self.rule)
        if self.decision.verdict == WORSE:
            raise Stopped(str(self.decision))
        if self.decision.verdict != NOT_WORSE and len(self.evidence) >= self.pace.most:
            raise Stopped(f"undecided after {len(self.evidence)} keys")

    def _challenger_keys(self) -> int:
        return self.evidence.counts()["challenger_keys"]


def served(
    name: str,
    challenger: int | str,
    *,
    log: EventLog,
    wrong: Callable[[Any], bool] = lambda record: False,
) -> Outcomes:
    """The outcomes of the requests that servers answer from now on.

    A record of the traffic is an error if the version failed, or if `wrong` says so of it.
    """
    path = log.path.with_name("traffic.db")
    seen = traffic.last(path)

    def outcomes(share: float) -> Iterator[Outcome]:
        nonlocal seen
        for record in traffic.read(path, name, after=seen).itertuples():
            seen = record.number
            challenged = record.role == CHALLENGER
            if record.share is None or (challenged and record.version != str(challenger)):
                continue  # of an earlier roll-out
            error = record.error is not None or bool(wrong(record))
            yield Outcome(record.key, challenged, record.share, error)

    return outcomes
