"""What happens to a week's rows on their way to the model: the faults of pipes and portals.

Each fault changes what its incident says and nothing else: the other rows, columns and
labels of the week are those of the same week without it.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from labs.company.incidents import RENAMED, Incident

StringArray = pd.api.extensions.ExtensionArray

# Numbers that Sweden's numbering authority keeps free for fiction, and a domain that the
# internet's keeps free for examples: no one answers there.
PHONES = range(605, 700)
GIVEN_NAMES = ("maja", "elias", "astrid", "omar", "ingrid", "leon", "saga", "amir", "tove", "nils")
SURNAMES = ("lind", "berg", "holm", "strand", "dahl", "ek", "falk", "sjo", "aas", "moe")
PHONE_OR_MAIL = r"070-?17406\d\d|\+46 ?70 ?17406\d\d|[\w.]+@[\w.]+\.\w+"


def arriving(rng: np.random.Generator, inputs: dict, incidents: Iterable[Incident]) -> np.ndarray:
    """Which rows arrive at all: an outage keeps back most of its region's."""
    kept = np.ones(len(inputs["id"]), bool)
    for one in incidents:
        if one.kind == "outage":
            luck = rng.random(len(kept))
            kept &= (luck < one.size) | ~np.asarray(inputs["region"] == one.where)
    return kept


def delivered(rng: np.random.Generator, inputs: dict, incidents: Iterable[Incident]) -> dict:
    """`inputs` as they arrive: nulls, another unit, leaked addresses, another name."""
    for one in incidents:
        if one.kind == "null_spike":
            lost = rng.random(len(inputs["id"])) < one.size
            inputs[one.where] = np.where(lost, np.nan, inputs[one.where])
        elif one.kind == "unit_change":
            inputs[one.where] = (inputs[one.where] * one.size).round(1)
        elif one.kind == "pii_leak":
            inputs[one.where] = leaking(rng, inputs[one.where], one.size)
    names = {one.where: RENAMED[one.where] for one in incidents if one.kind == "rename"}
    return {names.get(column, column): values for column, values in inputs.items()}


def leaking(rng: np.random.Generator, texts: StringArray, share: float) -> StringArray:
    """`texts` with a phone number or an e-mail address at the end of about `share` of them."""
    rows = np.flatnonzero(rng.random(len(texts)) < share)
    chosen = rng.integers([3, len(PHONES), len(GIVEN_NAMES), len(SURNAMES)], size=(len(rows), 4))
    leaks = texts.copy()
    old = pd.Series(texts).fillna("").to_numpy(object)[rows]
    leaks[rows] = [f"{text} {_contact(*c)}".strip() for text, c in zip(old, chosen, strict=True)]
    return leaks


def _contact(kind: int, phone: int, given: int, surname: int) -> str:
    """A phone number or an e-mail address of a customer who does not exist."""
    if kind == 0:
        return f"Call 070-1740{PHONES[phone]}."
    if kind == 1:
        return f"Phone +46 70 1740{PHONES[phone]}"
    return f"Mail {GIVEN_NAMES[given]}.{SURNAMES[surname]}@example.com."
