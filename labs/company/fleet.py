"""Hundreds of models at once: a catalogue, and what each of them did on each day of a year.

`models`, one row a model:

| column | meaning |
|---|---|
| model | its name |
| team, use_case | whose it is and what for |
| owner | a person, or missing: about 4 % of the models have lost theirs |
| value_kr | business value in kr a year |
| risk_tier | high (decides about people, or steers a car), limited or minimal |
| data_class | public, internal, confidential or personal |
| deployment | online, batch, streaming or embedded |
| created, last_retrained, age_days | dates, and the age on the first day of the year |
| has_labels, label_delay_days | whether the truth ever comes, and how late |
| usual_requests | a working day's, 10 to 100,000: four orders of magnitude |

`days`, one row a model and day (365 days from `start`, a Monday; day 365 is week 53):

| column | meaning |
|---|---|
| date, week | week 1 is the first |
| requests, errors | counts; errors are failed requests |
| records | rows that were scored |
| p50_ms, p95_ms, p99_ms | latency of a request |
| null_rate | share of input values that are missing |
| drift | population stability index of the inputs, over 10 bins |
| performance | area under the curve, where labels have come; missing elsewhere |

Figures of small models are noisier, as they are in life: with 20 requests a day a
drift score above 0.25 is chance. Measures are missing on days without a request.
Memory is about 85 bytes a row: 9 MB for 300 models, 310 MB for 10,000.
"""

from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta

import numpy as np
import pandas as pd

from labs.company import fleet_names as names
from labs.company.fleet_incidents import DAYS, MEASURES, draw, effects, visible
from labs.company.incidents import Incident

FLEET = 7001  # this table's number in the seed
COUNTS = ("requests", "records", "errors")
REFERENCE = 10_000  # records that a day's inputs are compared with
DRIFT_BINS = 10
PATTERNS = ("online", "batch", "streaming", "embedded")
LATENCY = {"online": 40, "batch": 20_000, "streaming": 12, "embedded": 5}  # ms, typical median
RECORDS = {"online": 1, "batch": 1000, "streaming": 1, "embedded": 20}  # a request
OTHER_DATA = ("public", *("internal",) * 5, *("confidential",) * 4)
LABEL_DELAYS = (1, 7, 14, 21, 42)  # days

# Share of the usual requests by week: Christmas, and July, when the plants stand still.
SEASON = np.ones(53)
SEASON[[0, 51, 52]], SEASON[50], SEASON[27:31] = 0.6, 0.8, 0.75
WORKDAYS = np.array([1.05, 1.02, 1.0, 1.0, 0.93])


@dataclass(frozen=True)
class Fleet:
    """A year of many models, and the key: a row an incident or decoy, with its visible week."""

    models: pd.DataFrame
    days: pd.DataFrame
    key: pd.DataFrame


def fleet(seed: int = 1, n: int = 300, start: date = date(2025, 1, 6)) -> Fleet:
    """`n` models for 365 days; about 12 % have an incident, and 6 % a decoy.

    Each model has a generator of its own: it is the same in a fleet of any size.
    Raises ValueError if `start` is no Monday or `n` is below 1.
    """
    if start.weekday() != 0 or n < 1:
        raise ValueError(f"start {start}, n {n}; a fleet starts on a Monday and has a model")
    columns = {name: np.empty(n * DAYS, np.int64 if name in COUNTS else float) for name in MEASURES}
    rows, key = [], []
    for i in range(n):
        rng = np.random.default_rng([seed, FLEET, i])
        model = _model(rng, i, start)
        incident = draw(rng, model)
        measured = _year(rng, model, effects(incident))
        for name, values in measured.items():
            columns[name][i * DAYS : (i + 1) * DAYS] = values
        rows.append(model)
        if incident is not None:
            key.append(_keyed(incident, measured, model["label_delay_days"]))
    models = pd.DataFrame(rows).astype({"label_delay_days": "Int64"})
    return Fleet(models, _days(columns, models["model"], start), _key(key))


def _keyed(incident: Incident, measured: dict[str, np.ndarray], delay: int | None) -> dict:
    week = None if incident.decoy else visible(incident, measured, delay or 0)
    return asdict(incident) | {"visible_week": week}


def _key(rows: list[dict]) -> pd.DataFrame:
    columns = [field.name for field in fields(Incident)] + ["visible_week"]
    return pd.DataFrame(rows, columns=columns).astype({"visible_week": "Int64"})


def _days(columns: dict[str, np.ndarray], model: pd.Series, start: date) -> pd.DataFrame:
    n = len(model)
    dates = np.datetime64(start, "s") + np.arange(DAYS) * np.timedelta64(1, "D")
    which = pd.Categorical.from_codes(np.repeat(np.arange(n), DAYS), model)
    index = {"model": which, "date": np.tile(dates, n)}
    weeks = {"week": np.tile((np.arange(DAYS) // 7 + 1).astype(np.int16), n)}
    return pd.DataFrame(index | weeks | columns, copy=False)


def _model(rng: np.random.Generator, place: int, start: date) -> dict:
    """A row of the catalogue."""
    u = rng.random(13)
    name, team, use = names.named(place)
    pattern = "embedded" if team == "driving" else PATTERNS[int(u[0] ** 1.5 * 3)]
    usual = round(10 ** (1 + 4 * u[1]))
    worth = names.USE_CASES[team][use] * np.exp(rng.normal(0, 0.5)) * (usual / 1000) ** 0.1
    age = 60 + int(2000 * u[2] ** 2)
    since = min(int(30 + 700 * u[3] ** 3), age)
    people = names.FIRST_NAMES, names.LAST_NAMES
    owner = " ".join(part[int(v * len(part))] for part, v in zip(people, u[4:6], strict=True))
    high, personal = use in names.HIGH_RISK, use in names.PERSONAL
    labelled = u[8] < 0.6
    return {
        "model": name,
        "team": team,
        "use_case": use,
        "owner": None if u[6] < 0.04 else owner,
        "value_kr": int(round(worth * 1e6, -4)),
        "risk_tier": "high" if high else "limited" if personal or u[7] < 0.2 else "minimal",
        "data_class": "personal" if personal else OTHER_DATA[int(u[9] * len(OTHER_DATA))],
        "deployment": pattern,
        "created": start - timedelta(days=age),
        "last_retrained": start - timedelta(days=since),
        "age_days": age,
        "has_labels": bool(labelled),
        "label_delay_days": LABEL_DELAYS[int(u[10] * 5)] if labelled else None,
        "usual_requests": usual,
    }


def _year(rng: np.random.Generator, model: dict, effect: dict) -> dict[str, np.ndarray]:
    """The measures of 365 days."""
    z = rng.standard_normal((8, DAYS))
    u = rng.random(8)
    requests = rng.poisson(_expected(model, u[0], u[1], z[0]) * effect["requests"])
    records = requests * RECORDS[model["deployment"]]
    small = 1 / np.sqrt(np.maximum(requests, 1))  # how far chance moves a figure of few requests
    p50 = LATENCY[model["deployment"]] * np.exp(3 * u[2] - 1.5 + 0.03 * z[1] + small * z[1])
    p50 = p50 * effect["p95_ms"]
    p95 = p50 * (1 + (0.5 + 2 * u[3]) * np.exp(0.05 * z[2] + small * z[2]))
    p99 = p95 * (1 + (0.3 + u[3]) * np.exp(0.10 * z[3] + 2 * small * z[3]))
    failing = np.clip(0.0005 * 20 ** u[4] + effect["errors"], 0, 1)
    missing = np.clip(0.03 * u[5] * np.exp(0.1 * z[4]) + effect["null_rate"], 0, 1)
    seen = np.maximum(records, 1)
    nulls = np.clip(missing + z[5] * np.sqrt(missing * (1 - missing) / seen), 0, 1)
    chance = rng.chisquare(DRIFT_BINS - 1, DAYS) * (1 / seen + 1 / REFERENCE)
    moved = 0.02 * (1 + np.sin(2 * np.pi * (np.arange(DAYS) / DAYS + u[6])))
    measured = {
        "requests": requests,
        "records": records,
        "p50_ms": p50.round(1),
        "p95_ms": p95.round(1),
        "p99_ms": p99.round(1),
        "errors": rng.binomial(requests, failing),
        "null_rate": nulls.round(5),
        "drift": (chance + moved + effect["drift"]).round(4),
        "performance": _performance(model, 0.72 + 0.22 * u[7] + effect["performance"], seen, z[6]),
    }
    for name in set(MEASURES) - set(COUNTS):
        measured[name][requests == 0] = np.nan
    return measured


def _expected(model: dict, weekend: float, holidays: float, z: np.ndarray) -> np.ndarray:
    """Requests that are to be expected on each day."""
    profile = np.append(WORKDAYS, [0.05 + weekend, 0.05 + weekend])
    day = np.arange(DAYS)
    season = SEASON[day // 7] ** holidays
    return model["usual_requests"] * profile[day % 7] * season * np.exp(0.08 * z)


def _performance(
    model: dict, level: float | np.ndarray, seen: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Measured on the labels that have come by the end of the year; missing without labels."""
    if not model["has_labels"]:
        return np.full(DAYS, np.nan)
    measured = np.clip(level + 0.35 * z / np.sqrt(seen), 0, 1).round(4)
    measured[DAYS - model["label_delay_days"] :] = np.nan
    return measured
