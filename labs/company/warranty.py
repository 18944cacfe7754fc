"""Warranty claims from the dealers' portals in four regions, and which were unjustified.

The columns, their units and ranges are those of `labs.company.columns`. About 14 % of
claims turn out to be unjustified; this is known three weeks later, and never for about
15 % of them, cheap ones above all. The champion's AUC is 0.80 over a year and
between 0.73 and 0.86 in a single week: what decides a claim is only partly in its columns.
"""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd

from labs.company.incidents import Incident
from labs.company.price import LINE, LINE_SHARES, REGION, REGIONS
from labs.company.tables import Table, chance, drawn, filled, looked_up, texts, with_nulls

ROWS = 1800  # in an ordinary week
DELAY = 3  # weeks until a claim is settled
LABEL = "unjustified"

PARTS = {"engine": 0.16, "gearbox": 0.09, "battery": 0.14, "electronics": 0.24}
PARTS |= {"brakes": 0.13, "body": 0.11, "infotainment": 0.13}  # shares of all claims
SUSPECT = {"engine": -0.5, "gearbox": -0.2, "battery": 0.3, "electronics": -0.1}
SUSPECT |= {"brakes": 1.0, "body": 0.8, "infotainment": -0.4}  # logit of a part
DEALERS = np.array([32, 28, 12, 8])  # in each region
NO_NOTE = 0.20  # share of claims without a note

PART = pd.CategoricalDtype(list(PARTS))
_SEEN = ["Warning light on", "Noise when cold", "Leak found", "Does not start", "Vibration"]
_WHERE = ["at idle", "on the motorway", "after washing", "in the morning", "under load", "uphill"]
_DONE = ["part replaced", "cleaned and tested", "software updated", "sent to the plant"]
_NUMBER = ["", ", part 4F0-118-220", ", order 2025-004417", ", bulletin 26-114"]  # no one's phone
NOTES = [f"{a} {b}, {c}{d}." for a, b, c, d in product(_SEEN, _WHERE, _DONE, _NUMBER)]


def week(
    rng: np.random.Generator, n: int, number: int, incidents: Iterable[Incident]
) -> tuple[dict, dict]:
    """`n` claims: what the dealer sent, and `unjustified`, with `labelled` where it is known."""
    claims = _claims(rng, n)
    habit = np.sin(1.7 * claims["dealer"])  # each dealer's own, and not known to any model
    logit = _logit(claims) + 0.5 * habit + rng.normal(0.0, 0.5, n)
    labels = {LABEL: rng.random(n) < chance(logit)}
    labels["labelled"] = rng.random(n) >= np.where(claims["parts_cost_kr"] < 2_000.0, 0.22, 0.10)
    claims["mileage_km"] = with_nulls(rng, claims["mileage_km"], 0.03)
    claims["labour_hours"] = with_nulls(rng, claims["labour_hours"], 0.01)
    return claims, labels


def champion(inputs: Table) -> np.ndarray:
    """Probability that a claim is unjustified; nulls count as a usual claim's values."""
    months = filled(inputs, "months_in_service", 22.0)
    logit = -4.0 + 0.9 * looked_up(inputs, "part_group", SUSPECT)
    logit += 1.0 * (filled(inputs, "mileage_km", 1_300.0 * months) > 90_000.0)
    logit += 0.034 * months + 0.75 * filled(inputs, "previous_claims", 0.6)
    logit += 1.1 * filled(inputs, "repeat_repair", 0.1)
    return chance(logit + 0.28 * (filled(inputs, "labour_hours", 2.5) - 2.5)).round(6)


def challenger(inputs: Table) -> np.ndarray:
    """A worse model's probability: it leans on the cost of parts, which says little."""
    logit = -3.2 + 0.25 * np.log(filled(inputs, "parts_cost_kr", 3_000.0) / 3_000.0)
    logit += 0.45 * looked_up(inputs, "part_group", SUSPECT)
    return chance(logit + 0.03 * filled(inputs, "months_in_service", 22.0)).round(6)


def _claims(rng: np.random.Generator, n: int) -> dict:
    """What a dealer knows of `n` claims, before anything is missing."""
    region = drawn(rng, REGIONS, tuple(REGION.values()), n)
    months = rng.gamma(2.4, 9.5, n).clip(0.0, 60.0).round()
    cost = rng.lognormal(8.0, 0.9, n).clip(50.0, 150_000.0).round()
    none = rng.random(n) < NO_NOTE
    return {
        "region": region,
        "dealer": 100 * (1 + region.codes.astype(np.int64))
        + (rng.random(n) * DEALERS[region.codes]).astype(np.int64),
        "line": drawn(rng, LINE, LINE_SHARES, n),
        "part_group": drawn(rng, PART, tuple(PARTS.values()), n),
        "months_in_service": months,
        "mileage_km": (rng.lognormal(7.15, 0.45, n) * (months + 0.5)).clip(0, 300_000).round(-1),
        "labour_hours": (rng.gamma(2.0, 1.1, n) + cost / 20_000.0).clip(0.2, 24.0).round(1),
        "parts_cost_kr": cost,
        "repeat_repair": rng.random(n) < 0.10,
        "previous_claims": rng.poisson(0.6, n),
        "note": texts(NOTES, np.where(none, -1, rng.integers(len(NOTES), size=n))),
    }


def _logit(claims: dict) -> np.ndarray:
    """How doubtful a claim is, apart from what its columns do not say."""
    logit = -4.05 + np.array(list(SUSPECT.values()))[claims["part_group"].codes]
    logit += 1.2 * (claims["mileage_km"] > 90_000.0) + 0.035 * claims["months_in_service"]
    logit += 0.85 * claims["previous_claims"] + 1.3 * claims["repeat_repair"]
    return logit + 0.32 * (claims["labour_hours"] - 2.5)
