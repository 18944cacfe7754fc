"""Requests for access to data, the written policy, and the reviewers who decide.

The columns, their units and ranges are those of `labs.company.columns`. A request should
be approved if the policy allows it *and* its purpose is genuine. The policy cannot see
whether it is; the purpose's text and the requester's history tell, not always. Reviewers
decide, and err in 4 to 8 % of requests, more in some departments than in others. So the
champion's AUC over a year is 0.90 to 0.91 against reviewers and above 0.97 against the
truth. After the policy's new rule it is 0.88 against reviewers.
"""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd

from labs.company.incidents import Incident
from labs.company.tables import Table, chance, drawn, filled, looked_up, texts, with_nulls

ROWS = 800  # in an ordinary week
DELAY = 1  # decisions are made within 2 to 7 days
LABEL = "approved"

DEPARTMENTS = {"sales": 0.26, "aftersales": 0.22, "production": 0.20}
DEPARTMENTS |= {"research": 0.14, "finance": 0.10, "it": 0.08}  # shares of all requests
NOISE = {"sales": 0.04, "aftersales": 0.05, "production": 0.08}
NOISE |= {"research": 0.04, "finance": 0.04, "it": 0.06}  # share of a reviewer's errors
SENSITIVITY = {"internal": 0.50, "confidential": 0.35, "restricted": 0.15}
NOT_GENUINE = 0.15  # share of requests whose stated purpose is not the real one
TRAINED_WITHIN = 365.0  # days; rule 2
CONTRACTOR_DAYS = 90.0  # rule 3
RETENTION_DAYS = 365.0  # the new rule, where it looks at retention_days

DEPARTMENT = pd.CategoricalDtype(list(DEPARTMENTS))
SENSITIVE = pd.CategoricalDtype(list(SENSITIVITY))
_TASK = ["Monthly report", "Root-cause analysis", "Model training", "Audit sample", "Forecast"]
_OF = ["of warranty cost", "of delivery times", "of used-car prices", "of scrap", "of returns"]
_FOR = ["project Aspen", "project Birch", "the quality board", "the finance close", "ticket 4417"]
PRECISE = [f"{a} {b} for {c}" for a, b, c in product(_TASK, _OF, _FOR)]
VAGUE = ["Need the data", "Analysis", "As agreed", "Various reports", "For my work", "Please give"]
VAGUE += ["To have a look", "General interest", "Same as last time", "Asked by my manager"]


def policy(inputs: pd.DataFrame) -> np.ndarray:
    """What the written policy allows, before any new rule: True to approve.

    1. Restricted data of another department need the owner's signature.
    2. Confidential and restricted data need a training of the last 365 days.
    3. A contractor gets confidential and restricted data for at most 90 days.
    """
    restricted, sensitive = _sensitivity(inputs)
    unsigned = restricted & _foreign(inputs) & ~np.asarray(inputs["owner_signed"], bool)
    untrained = sensitive & (filled(inputs, "training_age_days", np.inf) > TRAINED_WITHIN)
    contractor = np.asarray(inputs["contractor"], bool)
    too_long = sensitive & contractor & (np.asarray(inputs["access_days"]) > CONTRACTOR_DAYS)
    return ~(unsigned | untrained | too_long)


def new_rule(inputs: pd.DataFrame, column: str) -> np.ndarray:
    """What the policy change allows besides: True to approve.

    Confidential and restricted data may not be kept for more than 365 days, leave the
    European Union or be shared with a supplier: whichever of these `column` holds.
    """
    limit = RETENTION_DAYS if column == "retention_days" else 0.0
    return ~(_sensitivity(inputs)[1] & (np.asarray(inputs[column], float) > limit))


def week(
    rng: np.random.Generator, n: int, number: int, incidents: Iterable[Incident]
) -> tuple[dict, dict]:
    """`n` requests, and for each `should_approve`, `approved` and `days_to_decide`."""
    requests, genuine = _requests(rng, n)
    allowed = policy(requests) & genuine
    for one in incidents:
        if one.kind == "policy_change":
            allowed &= new_rule(requests, one.where)
    errs = rng.random(n) < np.array(list(NOISE.values()))[requests["department"].codes]
    labels = {LABEL: allowed ^ errs, "should_approve": allowed}
    labels["days_to_decide"] = rng.integers(2, 7, size=n, endpoint=True)
    return requests, labels


def champion(inputs: Table) -> np.ndarray:
    """Probability that a request should be approved, as learnt from old decisions.

    It follows the policy only roughly, and no rule that came later.
    """
    restricted, sensitive = _sensitivity(inputs)
    untrained = chance((filled(inputs, "training_age_days", 500.0) - TRAINED_WITHIN) / 40.0)
    too_long = chance((filled(inputs, "access_days", 30.0) - CONTRACTOR_DAYS) / 20.0)
    logit = 3.6 - 3.2 * restricted * _foreign(inputs) * (1.0 - filled(inputs, "owner_signed", 0))
    logit -= 4.6 * sensitive * untrained
    logit -= 4.6 * sensitive * too_long * filled(inputs, "contractor", 0)
    logit -= 2.6 * vague(inputs) + 0.9 * filled(inputs, "previous_denials", 0.4)
    return chance(logit - 0.25 * (filled(inputs, "requests_last_month", 1.5) - 1.5)).round(6)


def vague(inputs: Table) -> np.ndarray:
    """1.0 where the purpose names nothing that the data are for, else 0.0."""
    precise = pd.Series(inputs["purpose"]).str.contains(" for ", regex=False)
    return 1.0 - precise.fillna(False).to_numpy(float)


def _requests(rng: np.random.Generator, n: int) -> tuple[dict, np.ndarray]:
    """What is known of `n` requests, and whether each one's purpose is genuine."""
    genuine = rng.random(n) >= NOT_GENUINE
    department = drawn(rng, DEPARTMENT, tuple(DEPARTMENTS.values()), n)
    owner = drawn(rng, DEPARTMENT, tuple(DEPARTMENTS.values()), n)
    own = rng.random(n) < np.where(genuine, 0.55, 0.40)
    unclear = rng.random(n) < np.where(genuine, 0.08, 0.80)
    text = np.where(unclear, len(PRECISE) + rng.integers(len(VAGUE), size=n), 0)
    text += ~unclear * rng.integers(len(PRECISE), size=n)
    requests = {
        "department": department,
        "owner_department": pd.Categorical.from_codes(
            np.where(own, department.codes, owner.codes), dtype=DEPARTMENT
        ),
        "sensitivity": drawn(rng, SENSITIVE, tuple(SENSITIVITY.values()), n),
        "owner_signed": rng.random(n) < 0.70,
        "contractor": rng.random(n) < 0.26,
        "access_days": rng.lognormal(4.1, 0.8, n).clip(1.0, 730.0).round(),
        "training_age_days": with_nulls(rng, rng.gamma(1.5, 125.0, n).clip(0, 1500).round(), 0.04),
        "previous_denials": rng.poisson(np.where(genuine, 0.25, 1.8)),
        "requests_last_month": rng.poisson(np.where(genuine, 1.5, 3.5)),
        "retention_days": rng.lognormal(4.83, 0.8, n).clip(7.0, 3650.0).round(),
        "cross_border": rng.random(n) < 0.09,
        "shared_with_supplier": rng.random(n) < 0.09,
        "purpose": texts([*PRECISE, *VAGUE], text),
    }
    return requests, genuine


def _sensitivity(inputs: Table) -> tuple[np.ndarray, np.ndarray]:
    """Whether the data are restricted, and whether they are confidential or restricted."""
    level = looked_up(inputs, "sensitivity", {"internal": 0, "confidential": 1, "restricted": 2})
    return level == 2, level >= 1


def _foreign(inputs: Table) -> np.ndarray:
    """Whether the data belong to another department than the requester's."""
    number = {name: float(place) for place, name in enumerate(DEPARTMENTS)}
    own, other = (looked_up(inputs, name, number) for name in ("department", "owner_department"))
    return own != other
