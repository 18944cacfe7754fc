"""What goes wrong in a company year, and what only looks as if it did.

`STORY` is the year that the lessons tell; `draw(seed)` is another year with the same
kinds of incident at other weeks, sizes, models, regions and columns, within `RANGES`.
The unit of an incident's `size` depends on its kind:

| kind | size | where |
|---|---|---|
| null_spike | share of the column that is null | column |
| label_delay | weeks after which labels arrive | |
| segment_shift | relative change of what the segment sells for | fuel |
| heat | K above the usual temperature of the hall | |
| outage | share of the region's rows that still arrives | region |
| pii_leak | share of rows whose text holds a phone number or an e-mail address | column |
| unit_change | factor between the new unit and the documented one | column |
| rename | nothing (0); the new name is in `RENAMED` | column |
| policy_change | nothing (0) | column that the new rule looks at |
| usage_drop | share of the caller's requests that stays away | caller |
| bad_release | nothing (0) | |
| slow_release | factor on latency | |
| christmas, campaign | factor on volume | |
| growth | relative growth of volume a week | |
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

MODELS = ("maintenance", "price", "warranty", "access")
WEEKS = 52  # of a company year
RESPONSES = (
    "fix upstream",
    "wait for labels",
    "retrain",
    "roll back",
    "leave alone",
    "adapt schema",
    "stop and redact",
    "ask the callers",
    "none",
)
RENAMED = {"mileage_km": "odometer_km", "torque_nm": "spindle_torque", "power_kw": "engine_power"}


@dataclass(frozen=True)
class Incident:
    """One thing that happens to one model from `first_week` to `last_week` inclusive.

    `seen_by` states the signal and the effect size at which it counts as visible.
    `cost_per_week` is in kr, lost each week from the first visible one until the
    incident is answered. A decoy and harmless drift cost nothing.
    """

    id: str
    model: str
    kind: str
    first_week: int
    last_week: int
    what: str
    seen_by: str
    response: str
    decoy: bool = False
    size: float = 0.0
    where: str = ""
    cost_per_week: int = 0

    def active(self, week: int) -> bool:
        """Whether it is going on in `week`."""
        return self.first_week <= week <= self.last_week


@dataclass(frozen=True)
class Kind:
    """What all incidents of a kind share; `effect` is where its signal counts as visible."""

    what: str
    seen_by: str
    response: str
    effect: float = 0.0
    cost_per_week: int = 0
    decoy: bool = False


KINDS = {
    "null_spike": Kind(
        "{size:.0%} of {where} arrive empty.",
        "At least {effect:.0%} of the column's values are null in a week.",
        "fix upstream",
        0.10,
        90_000,
    ),
    "label_delay": Kind(
        "Labels arrive after {size:.0f} weeks.",
        "At least {effect:.0%} of the labels that are due in a week have not arrived.",
        "wait for labels",
        0.50,
        15_000,
    ),
    "segment_shift": Kind(
        "Cars of fuel {where} sell for {size:+.0%}; the inputs stay as they were.",
        "Among a week's new labels, the segment's median ratio of price to prediction is at "
        "least {effect:.0%} below that of all other rows.",
        "retrain",
        0.10,
        140_000,
    ),
    "heat": Kind(
        "The hall is up to {size:.1f} K warmer, and so is the cut; failures stay as rare.",
        "A week's mean air temperature is at least {effect:.0f} K above the reference.",
        "leave alone",
        2.0,
    ),
    "outage": Kind(
        "The portal of region {where} lets {size:.0%} of its rows through.",
        "The region's rows, as a ratio to all other rows, are at least {effect:.0%} below "
        "the reference in a week.",
        "fix upstream",
        0.50,
        60_000,
    ),
    "pii_leak": Kind(
        "Phone numbers and e-mail addresses appear in {size:.1%} of the rows of {where}.",
        "At least {effect:.0%} of a week's texts hold a phone number or an e-mail address.",
        "stop and redact",
        0.02,
        120_000,
    ),
    "unit_change": Kind(
        "{where} arrives in another unit, {size:.4g} times the documented one.",
        "A week's median of the column is at least {effect:.0%} away from the reference.",
        "fix upstream",
        0.15,
        200_000,
    ),
    "rename": Kind(
        "{where} arrives under another name.",
        "At least {effect:.0f} documented column is missing from a week's batch.",
        "adapt schema",
        1.0,
        70_000,
    ),
    "policy_change": Kind(
        "A new rule of the access policy looks at {where}, which the model was not told.",
        "Over the four newest labelled weeks, reviewers deny a larger share than in the "
        "reference, by at least {effect:.0%} of all, of the requests for confidential and "
        "restricted data that the model is sure to approve (0.8 or more).",
        "retrain",
        0.04,
        50_000,
    ),
    "usage_drop": Kind(
        "After a release of its own, {where} sends {size:.0%} fewer requests.",
        "The caller's requests, as a ratio to all others', are at least {effect:.0%} below "
        "the reference in a week.",
        "ask the callers",
        0.40,
        80_000,
    ),
    "bad_release": Kind(
        "A challenger that is worse than the champion is promoted.",
        "The AUC over the two newest labelled weeks is at least {effect:.2f} below the reference.",
        "roll back",
        0.05,
        110_000,
    ),
    "slow_release": Kind(
        "A new version answers {size:.1f} times as slowly.",
        "A week's median of the daily p95 latencies is at least {effect:.1f} times the reference.",
        "roll back",
        1.8,
        40_000,
    ),
    "christmas": Kind(
        "Everybody is on holiday: volume is {size:.2f} times the usual one everywhere.",
        "Volume falls in all segments alike, in the weeks in which it does every year.",
        "none",
        decoy=True,
    ),
    "campaign": Kind(
        "A planned campaign brings {size:.2f} times the usual volume.",
        "Volume rises in all segments alike, in a week that was announced.",
        "none",
        decoy=True,
    ),
    "growth": Kind(
        "Volume grows by {size:.1%} a week all year.",
        "Volume rises slowly; no week stands out from the weeks around it.",
        "none",
        decoy=True,
    ),
}


@dataclass(frozen=True)
class Range:
    """What a year may draw for one kind; `weeks` of None lasts until the year's end.

    `places` are the choices of (model, where); other bounds are inclusive.
    """

    first: tuple[int, int]
    weeks: tuple[int, int] | None
    size: tuple[float, float]
    places: tuple[tuple[str, str], ...]


RANGES = {
    "null_spike": Range(
        (3, 26),
        (1, 3),
        (0.20, 0.45),
        (("price", "mileage_km"), ("price", "condition"), ("warranty", "labour_hours")),
    ),
    "label_delay": Range((6, 24), None, (5, 10), (("warranty", ""), ("maintenance", ""))),
    "bad_release": Range((5, 18), (3, 5), (0, 0), (("maintenance", ""), ("warranty", ""))),
    "segment_shift": Range(
        (12, 30),
        None,
        (-0.25, -0.15),
        (("price", "electric"), ("price", "diesel"), ("price", "hybrid")),
    ),
    "heat": Range((22, 26), (8, 12), (3.5, 5.0), (("maintenance", ""),)),
    "outage": Range(
        (4, 48),
        (1, 2),
        (0.15, 0.35),
        (("warranty", "south"), ("warranty", "north"), ("price", "south"), ("price", "north")),
    ),
    "pii_leak": Range((20, 46), None, (0.05, 0.10), (("warranty", "note"), ("access", "purpose"))),
    "unit_change": Range(
        (28, 46), None, (0, 0), (("maintenance", "torque_nm"), ("price", "mileage_km"))
    ),
    "rename": Range(
        (36, 49),
        None,
        (0, 0),
        (("warranty", "mileage_km"), ("maintenance", "torque_nm"), ("price", "power_kw")),
    ),
    "policy_change": Range(
        (18, 36),
        None,
        (0, 0),
        (
            ("access", "retention_days"),
            ("access", "cross_border"),
            ("access", "shared_with_supplier"),
        ),
    ),
    "usage_drop": Range(
        (6, 44),
        None,
        (0.60, 0.80),
        (("price", "dealer-app"), ("warranty", "dealer-app"), ("price", "website")),
    ),
    "slow_release": Range(
        (4, 46), (2, 4), (2.5, 4.0), (("access", ""), ("price", ""), ("warranty", ""))
    ),
    "campaign": Range((8, 36), (1, 2), (1.38, 1.55), (("warranty", ""), ("price", ""))),
    "growth": Range((1, 1), None, (0.005, 0.008), tuple((model, "") for model in MODELS)),
}
FACTORS = {"torque_nm": 0.7376, "mileage_km": 0.6214}  # lbf·ft in a N·m, miles in a km


def incident(
    kind: str, model: str, first: int, last: int, size: float = 0.0, where: str = ""
) -> Incident:
    """One incident with the sentences, the response and the cost of its kind."""
    shared = KINDS[kind]
    return Incident(
        id=f"{model}-{kind.replace('_', '-')}",
        model=model,
        kind=kind,
        first_week=first,
        last_week=last,
        what=shared.what.format(size=size, where=where),
        seen_by=shared.seen_by.format(effect=shared.effect),
        response=shared.response,
        decoy=shared.decoy,
        size=size,
        where=where,
        cost_per_week=shared.cost_per_week,
    )


def in_order(incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """By first week, then by id."""
    return tuple(sorted(incidents, key=lambda one: (one.first_week, one.id)))


STORY = in_order(
    [
        incident("null_spike", "price", 9, 9, 0.30, "mileage_km"),
        incident("label_delay", "warranty", 12, WEEKS, 9),
        incident("bad_release", "maintenance", 14, 17),
        incident("segment_shift", "price", 20, WEEKS, -0.18, "electric"),
        incident("heat", "maintenance", 24, 35, 4.0),
        incident("usage_drop", "price", 27, WEEKS, 0.70, "dealer-app"),
        incident("outage", "warranty", 30, 30, 0.25, "south"),
        incident("policy_change", "access", 30, WEEKS, where="retention_days"),
        incident("pii_leak", "warranty", 33, WEEKS, 0.07, "note"),
        incident("unit_change", "maintenance", 38, WEEKS, FACTORS["torque_nm"], "torque_nm"),
        incident("slow_release", "access", 41, 43, 3.0),
        incident("rename", "warranty", 44, WEEKS, where="mileage_km"),
        incident("growth", "access", 1, WEEKS, 0.006),
        incident("campaign", "warranty", 16, 16, 1.39),
        *(incident("christmas", model, 51, WEEKS, 0.57) for model in MODELS),
    ]
)


def draw(seed: int) -> tuple[Incident, ...]:
    """Another year's incidents: each kind once, drawn from `RANGES`; Christmas stays put.

    Labels are late for one of two models and the bad release hits the other, so that it
    can be seen. A column does not change both its unit and its name.
    """
    rng = np.random.default_rng([seed, 0])
    taken: dict[str, tuple[str, str]] = {}
    year = []
    for kind, bounds in RANGES.items():
        places = [place for place in bounds.places if not _clashes(kind, place, taken)]
        taken[kind] = places[rng.integers(len(places))]
        year.append(_drawn(rng, kind, *taken[kind]))
    holiday = round(float(rng.uniform(0.52, 0.62)), 2)
    year += [incident("christmas", model, 51, WEEKS, holiday) for model in MODELS]
    return in_order(year)


def _clashes(kind: str, place: tuple[str, str], taken: dict[str, tuple[str, str]]) -> bool:
    """Whether an incident at `place` would hide one that is already drawn."""
    if kind == "bad_release":
        return place[0] == taken["label_delay"][0]
    return kind == "rename" and place == taken["unit_change"]


def _drawn(rng: np.random.Generator, kind: str, model: str, where: str) -> Incident:
    """An incident of `kind` at a place, with weeks and size within its range."""
    bounds = RANGES[kind]
    first = int(rng.integers(bounds.first[0], bounds.first[1], endpoint=True))
    last = WEEKS
    if bounds.weeks:
        last = first + int(rng.integers(*bounds.weeks, endpoint=True)) - 1
    size = round(float(rng.uniform(*bounds.size)), 4)
    if kind == "label_delay":
        size = float(round(size))
    if kind == "unit_change":
        size = FACTORS[where]
    return incident(kind, model, first, last, size, where)
