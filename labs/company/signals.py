"""When an incident can be seen: one stated signal for each kind, and its effect size.

A signal is a number that anyone could compute at the end of a week from what had arrived
by then and from the reference. An incident is visible from the first of its weeks in
which its signal reaches the `effect` of its kind. Harmless drift has a signal, too;
decoys have none.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from labs.company import columns
from labs.company.calendar import FIRST_WEEK, REFERENCE
from labs.company.company import MODULES, Company
from labs.company.delivery import PHONE_OR_MAIL
from labs.company.incidents import KINDS, WEEKS, Incident

SURE = 0.8  # from this score on, the model is sure that a request should be approved


def visible(company: Company, one: Incident) -> int | None:
    """The first week of `one` in which its signal reaches its effect; None if there is none."""
    effect = KINDS[one.kind].effect
    weeks = range(one.first_week, WEEKS + 1) if effect else ()
    return next((week for week in weeks if signal(company, one, week) >= effect), None)


def signal(company: Company, one: Incident, week: int) -> float:
    """The signal of the kind of `one` at the end of `week`; 0 while nothing can be computed.

    Raises ValueError for a decoy, which has no signal.
    """
    if one.kind not in SIGNALS:
        raise ValueError(f"{one.kind} is a decoy; it has no signal")
    return float(np.nan_to_num(SIGNALS[one.kind](company, one, week)))


def auc(truth: np.ndarray, score: np.ndarray) -> float:
    """Probability that a true row scores above a false one; NaN if either is missing."""
    truth = np.asarray(truth, bool)
    true, false = int(truth.sum()), int((~truth).sum())
    if not true or not false:
        return float("nan")
    ranks = rankdata(score)[truth].sum()
    return float((ranks - true * (true + 1) / 2) / (true * false))


def labelled(company: Company, model: str, weeks: Iterable[int], known_by: int) -> pd.DataFrame:
    """Rows of `weeks` whose label had arrived by `known_by`: inputs, prediction and label."""
    found = company.weeks(model, weeks)
    labels = found.labels[found.labels["known_week"] <= known_by]
    rows = np.searchsorted(found.inputs["id"], labels["id"])
    own = labels.drop(columns=["id", "week"]).set_axis(rows)
    return found.inputs.loc[rows].assign(prediction=found.predictions["prediction"]).join(own)


def _null_spike(company: Company, one: Incident, week: int) -> float:
    """Share of the column that is null; 0 if the column is not there."""
    batch = company.batch(one.model, week)
    return batch[one.where].isna().mean() if one.where in batch else 0.0


def _label_delay(company: Company, one: Incident, week: int) -> float:
    """Share of the labels that fell due this week, but did not arrive."""
    due = week - MODULES[one.model].DELAY
    labels = company.labels_of(one.model, due)
    return (labels["known_week"] > week).mean()


def _segment_shift(company: Company, one: Incident, week: int) -> float:
    """How far the segment's ratio of price to prediction is below that of the others."""
    newest = _newest(company, one.model, week, 1)
    known = labelled(company, one.model, newest, week)
    ratio, segment = known["price_kr"] / known["prediction"], known["fuel"] == one.where
    return 1.0 - ratio[segment].median() / ratio[~segment].median()


def _heat(company: Company, one: Incident, week: int) -> float:
    """Mean air temperature above the reference, in K."""
    mean = company.batch(one.model, week)["air_temperature_k"].mean()
    return mean - _reference(company, one.model, "air_temperature_k").mean()


def _outage(company: Company, one: Incident, week: int) -> float:
    """How far the region's rows, as a ratio to all others, are below the reference."""
    here = company.batch(one.model, week)["region"] == one.where
    usual = _reference(company, one.model, "region") == one.where
    return 1.0 - _odds(here) / _odds(usual)


def _pii_leak(company: Company, one: Incident, week: int) -> float:
    """Share of the rows whose text holds a phone number or an e-mail address."""
    texts = company.batch(one.model, week)[one.where]
    return texts.str.contains(PHONE_OR_MAIL, regex=True).fillna(False).mean()


def _unit_change(company: Company, one: Incident, week: int) -> float:
    """How far the column's median is from the reference, relative to it."""
    batch = company.batch(one.model, week)
    if one.where not in batch:
        return 0.0
    return abs(batch[one.where].median() / _reference(company, one.model, one.where).median() - 1.0)


def _rename(company: Company, one: Incident, week: int) -> float:
    """How many documented columns are missing."""
    documented = set(columns.names(columns.INPUTS[one.model]))
    return len(documented - set(company.batch(one.model, week)))


def _policy_change(company: Company, one: Incident, week: int) -> float:
    """How much more often than in the reference a sure approval was denied, as a share."""
    newest = _newest(company, one.model, week, 4)
    return _denied(company, one.model, newest, week) - _reference_denied(company, one.model)


def _bad_release(company: Company, one: Incident, week: int) -> float:
    """How far the AUC over the two newest labelled weeks is below the reference."""
    known = labelled(company, one.model, _newest(company, one.model, week, 2), week)
    now = auc(known[MODULES[one.model].LABEL], known["prediction"])
    return _reference_auc(company, one.model) - now


def _usage_drop(company: Company, one: Incident, week: int) -> float:
    """How far the caller's requests, as a ratio to all others', are below the reference."""
    usual = _reference_usage(company, one.model)
    return 1.0 - _share_of(company.usage(one.model, week), one.where) / _share_of(usual, one.where)


def _slow_release(company: Company, one: Incident, week: int) -> float:
    """Median of the daily p95 latencies as a multiple of the reference."""
    now = company.usage(one.model, week)["p95_ms"].median()
    return now / _reference_usage(company, one.model)["p95_ms"].median()


SIGNALS = {
    "null_spike": _null_spike,
    "label_delay": _label_delay,
    "segment_shift": _segment_shift,
    "heat": _heat,
    "outage": _outage,
    "pii_leak": _pii_leak,
    "unit_change": _unit_change,
    "rename": _rename,
    "policy_change": _policy_change,
    "usage_drop": _usage_drop,
    "bad_release": _bad_release,
    "slow_release": _slow_release,
}


def _newest(company: Company, model: str, week: int, count: int) -> list[int]:
    """The `count` newest weeks whose labels had arrived by the end of `week`."""
    due = range(week - MODULES[model].DELAY, FIRST_WEEK - 1, -1)
    known = (each for each in due if company.labels_known_in(model, each) <= week)
    return sorted(islice(known, count))


def _denied(company: Company, model: str, weeks: Iterable[int], known_by: int) -> float:
    """Share denied of the requests for sensitive data that the model is sure to approve."""
    known = labelled(company, model, weeks, known_by)
    sure = (known["prediction"] >= SURE) & (known["sensitivity"] != "internal")
    return 1.0 - known.loc[sure, "approved"].mean()


def _odds(inside: pd.Series) -> float:
    """Rows inside for each row outside."""
    return inside.sum() / (~inside).sum()


def _share_of(usage: pd.DataFrame, caller: str) -> float:
    """The caller's requests for each request of all others."""
    own = usage["caller"] == caller
    return usage.loc[own, "requests"].sum() / usage.loc[~own, "requests"].sum()


@lru_cache(maxsize=64)
def _reference(company: Company, model: str, column: str) -> pd.Series:
    """One column of the reference."""
    return pd.concat([company.batch(model, week)[column] for week in REFERENCE])


@lru_cache(maxsize=16)
def _reference_usage(company: Company, model: str) -> pd.DataFrame:
    """The usage of the reference."""
    return pd.concat([company.usage(model, week) for week in REFERENCE])


@lru_cache(maxsize=16)
def _reference_auc(company: Company, model: str) -> float:
    """The AUC over the reference."""
    known = labelled(company, model, REFERENCE, WEEKS)
    return auc(known[MODULES[model].LABEL], known["prediction"])


@lru_cache(maxsize=16)
def _reference_denied(company: Company, model: str) -> float:
    """Share of the sure approvals of the reference that reviewers denied."""
    return _denied(company, model, REFERENCE, WEEKS)
