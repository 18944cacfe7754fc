"""Used cars that Norrmotor's dealers take in, and what they sell for six weeks later.

The columns, their units and ranges are those of `labs.company.columns`. The champion
prices a car by a published formula. Its mean absolute percentage error is between 7 and
9 % in an ordinary week; no formula could do better than 7.4 %, because what two equal
cars fetch differs by that much. When the subsidy for electric cars ends, the error over
all cars rises from 7.9 to 9.4 %.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from labs.company.incidents import Incident
from labs.company.tables import Table, drawn, drawn_by, filled, looked_up, with_nulls

ROWS = 1200  # in an ordinary week
DELAY = 6  # weeks until a car is sold
LABEL = "price_kr"

NEW = {"alm": 249_000.0, "bok": 319_000.0, "ek": 419_000.0, "gran": 549_000.0}  # kr, by line
POWER = {"alm": 72.0, "bok": 96.0, "ek": 126.0, "gran": 162.0}  # kW, typical of a line
REGION = {"west": 0.40, "east": 0.35, "north": 0.15, "south": 0.10}  # shares of all rows
FUELS = ("petrol", "diesel", "hybrid", "electric")
FUEL_OF_LINE = np.array(
    [
        [0.49, 0.18, 0.26, 0.07],
        [0.36, 0.26, 0.28, 0.10],
        [0.24, 0.35, 0.28, 0.13],
        [0.19, 0.40, 0.28, 0.13],
    ]
)
LINE_SHARES = (0.34, 0.30, 0.22, 0.14)
A_YEAR_KM = 14_500.0
NO_TWO_ALIKE = 0.093  # sd of the logarithm of what equal cars fetch

LINE = pd.CategoricalDtype(list(NEW))
FUEL = pd.CategoricalDtype(list(FUELS))
REGIONS = pd.CategoricalDtype(list(REGION))
GEARBOX = pd.CategoricalDtype(["manual", "automatic"])


def week(
    rng: np.random.Generator, n: int, number: int, incidents: Iterable[Incident]
) -> tuple[dict, dict]:
    """`n` cars of week `number`: what was known when they came in, and `price_kr`.

    A segment shift changes what the cars of one fuel sell for and nothing else.
    """
    cars = _cars(rng, n)
    log = _worth(cars) + 0.02 * np.cos(2 * np.pi * (number - 18) / 52)
    log += rng.normal(0.0, NO_TWO_ALIKE, n)
    for one in incidents:
        if one.kind == "segment_shift":
            log += np.log1p(one.size) * (cars["fuel"] == one.where)
    price = np.maximum(np.exp(log), 5_000.0).round(-2)
    cars["mileage_km"] = with_nulls(rng, cars["mileage_km"], 0.02)
    cars["condition"] = with_nulls(rng, cars["condition"], 0.06)
    return cars, {LABEL: price}


def champion(inputs: Table) -> np.ndarray:
    """What the cars should sell for, in kr; nulls count as a usual car's values."""
    age = filled(inputs, "age_years", 4.5)
    km = filled(inputs, "mileage_km", A_YEAR_KM * age)
    power = filled(inputs, "power_kw", looked_up(inputs, "line", POWER))
    log = np.log(looked_up(inputs, "line", NEW)) - 0.110 * age - 2.3e-6 * km
    log += looked_up(
        inputs, "fuel", {"petrol": 0.0, "diesel": -0.02, "hybrid": 0.05, "electric": 0}
    )
    log += 0.055 * (filled(inputs, "condition", 3.7) - 3.5)
    log += 0.0011 * (power - looked_up(inputs, "line", POWER))
    log += looked_up(inputs, "gearbox", {"manual": 0.0, "automatic": 0.03})
    return np.exp(log).round(-2)


def challenger(inputs: Table) -> np.ndarray:
    """A worse formula, in kr: it was fitted without mileage and condition."""
    age = filled(inputs, "age_years", 4.5)
    return (looked_up(inputs, "line", NEW) * np.exp(-0.145 * age)).round(-2)


def _cars(rng: np.random.Generator, n: int) -> dict:
    """What is known of `n` cars, before anything is missing."""
    line = drawn(rng, LINE, LINE_SHARES, n)
    fuel = drawn_by(rng, FUEL, FUEL_OF_LINE, line.codes)
    electric = np.asarray(fuel == "electric")
    age = (0.5 + rng.gamma(2.2, 1.9, n) * np.where(electric, 0.6, 1.0)).clip(0.5, 18.0).round(1)
    yearly = A_YEAR_KM * np.where(fuel == "diesel", 1.25, 1.0) * rng.lognormal(-0.045, 0.30, n)
    power = np.array(list(POWER.values()))[line.codes] * np.where(electric, 1.4, 1.0)
    automatic = electric | (rng.random(n) < 0.75 - 0.03 * age)
    return {
        "region": drawn(rng, REGIONS, tuple(REGION.values()), n),
        "line": line,
        "fuel": fuel,
        "age_years": age,
        "mileage_km": (age * yearly).clip(100.0, 400_000.0).round(-1),
        "power_kw": (power * rng.lognormal(0.0, 0.12, n)).clip(40.0, 400.0).round(),
        "gearbox": pd.Categorical.from_codes(automatic.astype(np.int8), dtype=GEARBOX),
        "owners": 1 + rng.poisson(0.18 * age).clip(0, 7),
        "condition": rng.normal(4.2 - 0.09 * age, 0.6).clip(1.0, 5.0).round(),
    }


def _worth(cars: dict) -> np.ndarray:
    """Logarithm of what a car fetches on average, in kr, in the middle of the seasons."""
    age, line = cars["age_years"], cars["line"].codes
    electric = np.asarray(cars["fuel"] == "electric")
    log = np.log(np.array(list(NEW.values())))[line] - 0.108 * age
    log -= 2.3e-6 * cars["mileage_km"] + 0.020 * (cars["owners"] - 1)
    log += np.array([0.0, -0.02, 0.05, 0.06])[cars["fuel"].codes] - 0.02 * age * electric
    log += 0.050 * (cars["condition"] - 3.5) + 0.03 * cars["gearbox"].codes
    return log + 0.0012 * (cars["power_kw"] - np.array(list(POWER.values()))[line])
