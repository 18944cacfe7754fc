"""What goes wrong in the fleet: which model, when, how it shows, and from which week on.

A model has at most one incident or one decoy. Those with fewer than `SOUND` requests a
day have none: a week of their figures is mostly chance, which is a trap of its own.
Weeks 1 to 7 are quiet in every model, and are what later weeks are compared with.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labs.company.incidents import Incident

DAYS, WEEKS = 365, 52  # day 365 stands alone in week 53
QUIET = 7  # weeks
SOUND = 300  # requests a day
AFFECTED = 0.20  # of the sound models have an incident; about 12 % of all
DECOYS = 0.10  # of the sound models have a decoy; about 6 % of all

MEASURES = (
    *("requests", "records", "p50_ms", "p95_ms", "p99_ms", "errors"),
    *("null_rate", "drift", "performance"),
)
NEUTRAL = {"requests": 1.0, "p95_ms": 1.0, "errors": 0.0, "null_rate": 0.0}
NEUTRAL |= {"drift": 0.0, "performance": 0.0}


@dataclass(frozen=True)
class Kind:
    """One kind of trouble: its sizes, its length in weeks, and the signal that shows it.

    `signal(weeks, quiet)` takes the year's and the quiet weeks' values of `measure`;
    the incident is visible once it reaches `effect`. `loss` is the share of the model's
    weekly business value that is lost; `does` says which measures a size moves, how far.
    """

    measure: str
    size: tuple[float, float]
    length: tuple[int, int] | None  # None: it lasts to the end of the year
    signal: Callable[[np.ndarray, float], np.ndarray]
    effect: float
    does: dict[str, Callable[[float], float]]
    loss: float
    what: str
    seen_by: str
    response: str


def _rise(weeks: np.ndarray, quiet: float) -> np.ndarray:
    return weeks - quiet


def _fall(weeks: np.ndarray, quiet: float) -> np.ndarray:
    return quiet - weeks


def _ratio(weeks: np.ndarray, quiet: float) -> np.ndarray:
    return weeks / quiet


def _share_lost(weeks: np.ndarray, quiet: float) -> np.ndarray:
    return 1 - weeks / quiet


INCIDENTS = {
    "null_spike": Kind(
        *("null_rate", (0.12, 0.40), (2, 8), _rise, 0.08, {"null_rate": lambda s: s}, 0.3),
        "A column of the inputs arrives with {size:.0%} more values missing.",
        "null rate of the week at least 0.08 above the median of weeks 1-7",
        "fix upstream",
    ),
    "unit_change": Kind(
        *("drift", (0.8, 3.0), None, _rise, 0.5),
        *({"drift": lambda s: s, "performance": lambda s: -0.05 * s}, 0.8),
        "A unit changes upstream; the drift score rises by {size:.1f}.",
        "median drift score of the week at least 0.5 above the median of weeks 1-7",
        "fix upstream",
    ),
    "heat": Kind(
        *("drift", (0.3, 0.5), (6, 12), _rise, 0.2, {"drift": lambda s: s}, 0.0),
        "A warm season moves the inputs by {size:.2f}; the predictions stay as good.",
        "median drift score of the week at least 0.2 above the median of weeks 1-7",
        "leave alone",
    ),
    "outage": Kind(
        *("errors", (0.1, 0.4), (1, 3), _rise, 0.05),
        *({"errors": lambda s: s, "requests": lambda s: 1 - s}, 0.6),
        "A service that feeds the model is down; {size:.0%} of the requests fail.",
        "errors a request of the week at least 0.05 above the median of weeks 1-7",
        "fix upstream",
    ),
    "usage_drop": Kind(
        *("requests", (0.60, 0.80), None, _share_lost, 0.5, {"requests": lambda s: 1 - s}, 0.5),
        "A caller turns away after a release of its own; requests fall by {size:.0%}.",
        "requests of the week at most half the median of weeks 1-7",
        "ask the callers",
    ),
    "bad_release": Kind(
        *("performance", (0.08, 0.20), None, _fall, 0.05, {"performance": lambda s: -s}, 0.5),
        "A worse model is promoted; its performance falls by {size:.2f}.",
        "performance of the newest labelled week at least 0.05 below the median of weeks 1-7",
        "roll back",
    ),
    "slow_release": Kind(
        *("p95_ms", (1.8, 3.5), None, _ratio, 1.4, {"p95_ms": lambda s: s}, 0.15),
        "A new release answers {size:.1f} times as slowly.",
        "median 95th percentile of latency at least 1.4 times that of weeks 1-7",
        "roll back",
    ),
}
DECOY_SIZES = {"campaign": (1.5, 2.5), "growth": (1.5, 2.2)}
DECOY_TEXT = {
    "campaign": "A campaign brings {size:.1f} times the requests for a while.",
    "growth": "Requests grow week by week, to {size:.1f} times as many in week 52.",
}


def draw(rng: np.random.Generator, model: dict) -> Incident | None:
    """The incident or decoy of `model` (a row of the catalogue), or None."""
    chance, which, amount, when, span = rng.random(5)
    if model["usual_requests"] < SOUND or chance >= AFFECTED + DECOYS:
        return None
    if chance >= AFFECTED:
        return _decoy(model, which, amount, when)
    kinds = [kind for kind in INCIDENTS if kind != "bad_release" or model["has_labels"]]
    name = kinds[int(which * len(kinds))]
    kind = INCIDENTS[name]
    size = round(_between(kind.size, amount), 2)
    first = 8 + int(when * 31)  # weeks 8-38: labels that come late still come this year
    length = int(_between(kind.length, span)) if kind.length else WEEKS
    return Incident(
        **_identity(model, name, first, min(first + length - 1, WEEKS), size),
        what=kind.what.format(size=size),
        seen_by=kind.seen_by,
        response=kind.response,
        cost_per_week=int(round(kind.loss * model["value_kr"] / WEEKS, -2)),
    )


def _decoy(model: dict, which: float, amount: float, when: float) -> Incident:
    name = "campaign" if which < 0.5 else "growth"
    size = round(_between(DECOY_SIZES[name], amount), 2)
    first = 8 + int(when * 31)
    last = first + 1 if name == "campaign" else WEEKS
    return Incident(
        **_identity(model, name, first, last, size),
        what=DECOY_TEXT[name].format(size=size),
        seen_by="",
        response="none",
        decoy=True,
    )


def _identity(model: dict, kind: str, first: int, last: int, size: float) -> dict:
    found = {"id": f"{model['model']}:{kind}", "model": model["model"], "kind": kind}
    return found | {"first_week": first, "last_week": last, "size": size}


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def effects(incident: Incident | None) -> dict[str, float | np.ndarray]:
    """What each measure is multiplied by (requests, latency) or raised by (others), by day."""
    if incident is None:
        return NEUTRAL
    week = np.arange(DAYS) // 7 + 1
    inside = (week >= incident.first_week) & (week <= incident.last_week)
    if incident.kind == "campaign":
        return NEUTRAL | {"requests": np.where(inside, incident.size, 1.0)}
    if incident.kind == "growth":
        grown = np.clip((week - incident.first_week) / (WEEKS - incident.first_week), 0, 1)
        return NEUTRAL | {"requests": incident.size**grown}
    moved = INCIDENTS[incident.kind].does
    return NEUTRAL | {
        name: np.where(inside, move(incident.size), NEUTRAL[name]) for name, move in moved.items()
    }


def visible(incident: Incident, days: dict[str, np.ndarray], label_delay: int) -> int | None:
    """The first week of the incident in which its signal reaches its effect; None if never."""
    reached = signal(incident, days, label_delay) >= INCIDENTS[incident.kind].effect
    weeks = np.flatnonzero(reached[incident.first_week - 1 :])
    return int(weeks[0]) + incident.first_week if len(weeks) else None


def signal(incident: Incident, days: dict[str, np.ndarray], label_delay: int) -> np.ndarray:
    """The signal of weeks 1 to 52, each from what is known at the end of that week.

    `days` holds 365 values of each measure. Performance is known once the week's last
    label has come, `label_delay` days after its last prediction.
    """
    kind = INCIDENTS[incident.kind]
    weeks = by_week(kind.measure, days)
    values = kind.signal(weeks, np.nanmedian(weeks[:QUIET]))
    late = -(-label_delay // 7) if kind.measure == "performance" else 0
    return np.concatenate([np.full(late, np.nan), values])[:WEEKS]


def by_week(measure: str, days: dict[str, np.ndarray]) -> np.ndarray:
    """`measure` in weeks 1 to 52: requests added up, errors a request, medians of the others."""
    weekly = {
        name: np.asarray(days[name], dtype=float)[: WEEKS * 7].reshape(WEEKS, 7)
        for name in {measure, "requests"}
    }
    if measure == "requests":
        return weekly["requests"].sum(axis=1)
    if measure == "errors":
        return weekly["errors"].sum(axis=1) / weekly["requests"].sum(axis=1)
    known = ~np.isnan(weekly[measure]).all(axis=1)
    found = np.full(WEEKS, np.nan)
    found[known] = np.nanmedian(weekly[measure][known], axis=1)
    return found
