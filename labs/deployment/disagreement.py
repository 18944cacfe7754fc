"""How often a shadow would have answered otherwise than the champion, and for whom."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from labs.deployment import traffic
from labs.deployment.events import EventLog

Same = Callable[[Any, Any], bool]  # of one row's answer by the champion and by the shadow


def disagreement(
    name: str,
    challenger: int | str,
    *,
    log: EventLog,
    by: Callable[[str], str] | None = None,
    same: Same = operator.eq,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """What share of the answers differ between champion and shadow: of all, and of each slice.

    `by` tells the slice of a key; `same` whether two answers are the same, which for
    numbers should allow a tolerance. Rows of the table: "all", then the slices; columns:
    keys, errors (keys on which the shadow failed), disagree, low and high. Failing is
    disagreeing. Each key weighs the same, because its requests are alike; the interval is
    Wilson's (1927), which is wider than needed if keys disagree in part. The traffic is
    that beside the event log.
    """
    records = traffic.read(log.path.with_name("traffic.db"), name)
    records = records[(records["shadow_version"] == str(challenger)) & records["error"].isna()]
    of_key = pd.DataFrame(
        {
            "key": records["key"],
            "disagree": [_differ(row, same) for row in records.itertuples()],
            "errors": records["shadow_error"].notna(),
        }
    )
    of_key = of_key.groupby("key").agg({"disagree": "mean", "errors": "max"})
    parts = {"all": of_key}
    if by is not None:
        parts |= dict(iter(of_key.groupby([str(by(key)) for key in of_key.index])))
    return pd.DataFrame({part: _summary(keys, confidence) for part, keys in parts.items()}).T


def _differ(row: Any, same: Same) -> float:
    """The share of a request's rows that the shadow answered otherwise."""
    ours, theirs = row.prediction, row.shadow_prediction
    if ours is None or theirs is None or len(ours) != len(theirs):
        return 1.0
    return float(np.mean([not same(a, b) for a, b in zip(ours, theirs, strict=True)]))


def _summary(keys: pd.DataFrame, confidence: float) -> pd.Series:
    share = keys["disagree"].mean() if len(keys) else np.nan
    low, high = wilson(share, len(keys), confidence)
    counts = {"keys": len(keys), "errors": int(keys["errors"].sum())}
    return pd.Series(counts | {"disagree": share, "low": low, "high": high}, dtype=object)


def wilson(share: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share seen in `n` independent draws; all of 0 to 1 if n is 0."""
    if n == 0:
        return 0.0, 1.0
    z = stats.norm.ppf((1 + confidence) / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float(max(0.0, min(share, middle - half))), float(min(1.0, max(share, middle + half)))
