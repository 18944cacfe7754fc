"""Let a challenger meet the traffic: as a shadow, in growing shares, or all at once.

Routes and traffic are those beside the event log, and the servers of that registry follow
them. Each step is one record in the log. A roll-out begins only where the champion answers
alone, so that two cannot run for one model, and whatever goes wrong ends there too.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from labs.deployment.events import EventLog
from labs.deployment.gates import Gate, Verdict
from labs.deployment.promotion import champion_of, judged, promote, require
from labs.deployment.routing import Changed, Route, Routes
from labs.deployment.sequential import StoppingRule
from labs.deployment.watch import Outcomes, Pace, Stopped, Watch, served

STEPS = (0.01, 0.05, 0.25, 0.5, 1.0)
LEASE = 60.0  # seconds that a canary outlives whoever watches it
SETTLE = 2.0  # seconds in which every server has followed a moved alias
POLL = 0.1  # seconds between two questions whether a version is ready


@dataclass(frozen=True)
class Rollout:
    """What came of a roll-out: whether the challenger is champion now, why, and the steps."""

    name: str
    challenger: str
    finished: bool
    because: str
    steps: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    def __str__(self) -> str:
        outcome = "is champion" if self.finished else "does not become champion"
        lines = [f"{self.name}: version {self.challenger} {outcome}: {self.because}"]
        return "\n".join([*lines, *(f"  {line}" for line in [*self.steps, *self.verdicts])])


def shadow(
    name: str, challenger: int | str, *, log: EventLog, why: str, actor: str = "", at=None
) -> None:
    """Show the traffic to `challenger` from now on; it answers nobody. `stop` ends it.

    Raises ValueError if there is no such version or no champion, Changed if another
    roll-out is under way.
    """
    turn = _Turn(name, str(challenger), log, why, actor, lambda: at)
    turn.route_to(Route("shadow", turn.challenger), share=0.0)


def stop(name: str, *, log: EventLog, why: str, actor: str = "", at=None) -> Route:
    """Let the champion answer everything again, and return the route that was."""
    before = Routes.beside(log.path.parent).put(name, Route())
    if before.strategy != "single":
        now = champion_of(name)
        words = {"actor": actor, "before": before.challenger, "after": now, "at": at}
        log.append(before.strategy, name, why=why, **words, stopped=True)
    return before


def blue_green(
    name: str,
    challenger: int | str,
    gates: Sequence[Gate] = (),
    *,
    log: EventLog,
    why: str,
    ready: Callable[[], bool] = lambda: True,
    patience: float = 60.0,
    actor: str = "",
    at: datetime | None = None,
) -> Rollout:
    """Load `challenger` beside the champion, and move all traffic to it at once.

    `ready` says whether the servers have loaded it and it passes a smoke test; it is asked
    for `patience` seconds. Then the gates are asked. The old champion stays loaded until
    `stop`, so that `promotion.rollback` takes effect at once. Raises as `shadow`.
    """
    turn = _Turn(name, str(challenger), log, why, actor, lambda: at)
    turn.route_to(Route("blue_green", turn.challenger), share=0.0)
    try:
        if not _soon(ready, patience):
            return turn.back(f"not ready after {patience:g} s")
        promotion = turn.promote(gates)
    except BaseException as error:
        turn.back(f"the roll-out broke: {type(error).__name__}: {error}")
        raise
    if not promotion.passed:
        return turn.back("a gate refused", promotion.verdicts)
    with suppress(Stopped):  # whoever changed the route wants no standby
        turn.route_to(Route("blue_green", turn.champion), share=1.0)
    because = f"all traffic moved at once; version {turn.champion} stays loaded"
    return Rollout(name, turn.challenger, True, because, (), promotion.verdicts)


def canary(
    name: str,
    challenger: int | str,
    gates: Sequence[Gate] = (),
    *,
    log: EventLog,
    why: str,
    outcomes: Outcomes | None = None,
    rule: StoppingRule | None = None,
    steps: Sequence[float] = STEPS,
    pace: Pace | None = None,
    actor: str = "",
    clock: Callable[[], datetime | None] = lambda: None,
) -> Rollout:
    """Let `challenger` answer a growing share of the keys, and make it champion if it is fit.

    The gates are asked before anybody meets it, and again when it has finished. After each
    look at `outcomes` the `rule` may stop it; `pace` says how long a step lasts, and the
    last one below 1 lasts until the rule has decided. `outcomes` defaults to the crashes
    that servers record. `clock` dates the records.

    If it is worse, the champion changes, nothing can be known, or this call is interrupted,
    the champion answers everything again. If this process is killed, it does after LEASE
    seconds. Raises as `shadow`.
    """
    _require_steps(steps)
    turn = _Turn(name, str(challenger), log, why, actor, clock)
    verdicts = judged(name, turn.challenger, turn.champion, gates)
    if not all(verdict.passed for verdict in verdicts):
        turn.record("refuse", verdicts=[str(verdict) for verdict in verdicts])
        return Rollout(name, turn.challenger, False, "a gate refused", (), verdicts)
    outcomes = outcomes or served(name, turn.challenger, log=log)
    watch = Watch(outcomes, rule or StoppingRule(), pace or Pace())
    try:
        for share in steps:
            route = Route("canary", turn.challenger, share, salt=f"{name}/{turn.challenger}")
            turn.route_to(route, LEASE, share=share, **watch.evidence.counts())
            if share < 1:
                watch.step(share, last=share == max(steps[:-1]), between=turn.go_on)
                turn.told(f"{share:.0%} of the keys", watch)
        promotion = turn.promote(gates)
    except Changed:
        raise  # another roll-out is under way, and goes on
    except Stopped as stopped:
        turn.told(f"{turn.route.share:.0%} of the keys", watch)
        return turn.back(str(stopped), **watch.evidence.counts())
    except BaseException as error:
        turn.back(f"the watch broke: {type(error).__name__}: {error}")
        raise
    if not promotion.passed:
        return turn.back("a gate refused", promotion.verdicts)
    with suppress(Stopped):
        turn.extend(SETTLE)  # servers that have not seen the alias yet go on with the route
    because, steps = str(watch.decision), tuple(turn.steps)
    return Rollout(name, turn.challenger, True, because, steps, promotion.verdicts)


class _Turn:
    """One roll-out under way: its route, the records of it, and the way back."""

    def __init__(self, name: str, challenger: str, log: EventLog, why: str, actor: str, clock):
        require(name, challenger)
        self.name, self.challenger, self.log = name, challenger, log
        self.why, self.actor, self.clock = why, actor, clock
        self.routes = Routes.beside(log.path.parent)
        self.route, self.champion = Route(), champion_of(name)
        self.steps: list[str] = []
        if self.champion in (None, challenger):
            raise ValueError(
                f"{name}: the champion is {self.champion}; version {challenger} needs another "
                "one to be compared with"
            )

    def route_to(self, route: Route, lease: float | None = None, **details) -> None:
        """Divide the traffic so, and record it; Stopped if somebody else changed the route."""
        until = None if lease is None else time.time() + lease
        try:
            self.routes.put(self.name, replace(route, until=until), instead_of=self.route)
        except Changed as changed:
            if self.route == Route():
                raise
            raise Stopped(f"somebody else changed the route: {changed}") from None
        self.route = replace(route, until=until)
        self.record(route.strategy, **details)

    def go_on(self) -> None:
        """Extend the lease in time. Raises Stopped if the champion or the route is another."""
        if champion_of(self.name) != self.champion:
            raise Stopped(f"version {self.champion} is no longer the champion")
        if self.routes.of(self.name) != self.route.now:
            raise Stopped("somebody else changed the route")
        if self.route.until - time.time() < LEASE / 2:
            self.extend(LEASE)

    def extend(self, seconds: float) -> None:
        """Let the route end that much later than now."""
        longer = replace(self.route, until=time.time() + seconds)
        try:
            self.routes.put(self.name, longer, instead_of=self.route)
        except Changed as changed:
            raise Stopped(f"somebody else changed the route: {changed}") from None
        self.route = longer

    def back(self, because: str, verdicts: tuple[Verdict, ...] = (), **details) -> Rollout:
        """Give everything back to the champion, unless somebody else has taken the route."""
        action = self.route.strategy
        try:
            self.routes.put(self.name, Route(), instead_of=self.route)
        except Changed as changed:
            because = f"{because} ({changed})"
        self.record(action, why=because, stopped=True, **details)
        steps = tuple(self.steps)
        return Rollout(self.name, self.challenger, False, because, steps, verdicts)

    def promote(self, gates: Sequence[Gate]):
        """Make the challenger champion, if it passes."""
        words = {"why": self.why, "actor": self.actor, "at": self.clock()}
        return promote(self.name, self.challenger, gates, log=self.log, **words)

    def told(self, step: str, watch: Watch) -> None:
        """Keep what a step showed, for the report."""
        n = watch.evidence.counts()
        self.steps.append(
            f"{step}: errors {n['challenger_errors']} of {n['challenger_keys']} keys, "
            f"champion {n['champion_errors']} of {n['champion_keys']}"
        )

    def record(self, action: str, why: str | None = None, **details) -> None:
        """One record in the log."""
        words = {"actor": self.actor, "before": self.champion, "after": self.challenger}
        self.log.append(action, self.name, why=why or self.why, at=self.clock(), **words, **details)


def _soon(ready: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _require_steps(steps: Sequence[float]) -> None:
    if list(steps) != sorted(set(steps)) or len(steps) < 2 or steps[0] <= 0 or steps[-1] != 1:
        raise ValueError(f"steps are {steps}; they rise from above 0 to 1, in two or more")
