"""When to retrain: on schedule, on drift, on new data.

A trigger is any callable that takes the present moment and returns a `Reason` or None.
What it needs to know enters as a callable, so it works on any log, table or clock.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from labs.deployment.events import EventLog


@dataclass(frozen=True)
class Reason:
    """Why to retrain; `numbers` are what was measured, for the record."""

    trigger: str
    because: str
    numbers: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.trigger}: {self.because}"


Trigger = Callable[[datetime], Reason | None]


def on_schedule(every: timedelta, last: Callable[[], datetime | None]) -> Trigger:
    """Due once `every` has passed since `last()`, or at once if that is None."""
    if every <= timedelta(0):
        raise ValueError(f"every is {every}; a schedule needs a time that passes")

    def trigger(now: datetime) -> Reason | None:
        before = last()
        if before is None:
            return Reason("schedule", "it was never trained on this schedule")
        if now - before < every:
            return None
        passed = (now - before) / timedelta(days=1)
        said = f"{passed:.1f} days since the last training, {every / timedelta(days=1):g} allowed"
        return Reason("schedule", said, {"days": passed})

    return trigger


def on_drift(measure: Callable[[], float], threshold: float) -> Trigger:
    """Due if `measure()` is above `threshold`. Raises ValueError if it measures nothing."""

    def trigger(now: datetime) -> Reason | None:
        drift = float(measure())
        if math.isnan(drift):
            raise ValueError("drift is nan: nothing was measured, so nobody can say there is none")
        if drift <= threshold:
            return None
        said = f"{drift:.3g} is above the threshold of {threshold:g}"
        return Reason("drift", said, {"drift": drift})

    return trigger


def on_new_data(arrived: Callable[[], int], rows: int) -> Trigger:
    """Due if at least `rows` rows `arrived()` since the last training."""

    def trigger(now: datetime) -> Reason | None:
        new = arrived()
        if new < rows:
            return None
        said = f"{new:,} new rows, {rows:,} are enough"
        return Reason("new data", said, {"rows": new})

    return trigger


def first(*triggers: Trigger) -> Trigger:
    """Due if one of `triggers` is; the first one gives the reason, and later ones are not asked."""

    def trigger(now: datetime) -> Reason | None:
        return next((reason for one in triggers if (reason := one(now))), None)

    return trigger


def last_retrained(log: EventLog, model: str) -> Callable[[], datetime | None]:
    """When the log last has `model` retrained, for `on_schedule`."""

    def last() -> datetime | None:
        moments = log.table(model, "retrain")["at"]
        return None if moments.empty else moments.max().to_pydatetime()

    return last


def retrain_if(
    trigger: Trigger,
    retrain: Callable[[Reason], object],
    now: datetime,
    *,
    model: str,
    log: EventLog,
    actor: str = "trigger",
) -> Reason | None:
    """Ask `trigger`; if due, record it in the log and call `retrain` with the reason.

    The record comes first, so that a training that fails is not tried again at once.
    """
    reason = trigger(now)
    if reason:
        log.append("retrain", model, why=str(reason), actor=actor, at=now, **reason.numbers)
        retrain(reason)
    return reason
