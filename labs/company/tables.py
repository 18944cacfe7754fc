"""Small parts that the four models' tables are made of and their champions read with."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

Table = Mapping[str, object]  # a DataFrame, or a dict of arrays of one length


def drawn(
    rng: np.random.Generator, dtype: pd.CategoricalDtype, shares: Sequence[float], n: int
) -> pd.Categorical:
    """`n` of the categories of `dtype`, in these shares (they sum to 1)."""
    codes = np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), side="right")
    return pd.Categorical.from_codes(codes, dtype=dtype)


def drawn_by(
    rng: np.random.Generator, dtype: pd.CategoricalDtype, shares: np.ndarray, row: np.ndarray
) -> pd.Categorical:
    """One category for each element of `row`, in the shares of that row of `shares`."""
    limits = np.cumsum(shares, axis=1)[row, :-1]
    codes = (rng.random(len(row))[:, None] >= limits).sum(axis=1)
    return pd.Categorical.from_codes(codes, dtype=dtype)


def with_nulls(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    """`values` with about `share` of them replaced by NaN."""
    return np.where(rng.random(len(values)) < share, np.nan, values)


def texts(words: Sequence[str], codes: np.ndarray) -> pd.api.extensions.ExtensionArray:
    """The words at `codes`, as pandas strings; -1 is a missing text."""
    return pd.array(list(words), dtype="str").take(codes, allow_fill=True)


def filled(table: Table, column: str, default: float | np.ndarray) -> np.ndarray:
    """A column as numbers, with `default` where it is null or if it is not there at all."""
    if column not in table:
        return np.broadcast_to(np.asarray(default, float), (rows(table),))
    values = np.asarray(table[column], float)
    return np.where(np.isnan(values), default, values)


def looked_up(table: Table, column: str, values: Mapping[str, float]) -> np.ndarray:
    """`values` of each row's category; of an unknown or missing one their mean."""
    unknown = sum(values.values()) / len(values)
    if column not in table:
        return np.full(rows(table), unknown)
    found = getattr(table[column], "array", table[column])
    if not isinstance(found, pd.Categorical):
        found = pd.Categorical(found, categories=list(values))
    numbers = [values.get(word, unknown) for word in found.categories]
    return np.array([*numbers, unknown])[found.codes]


def rows(table: Table) -> int:
    """How many rows a table has."""
    return len(next(iter(table.values()))) if isinstance(table, dict) else len(table)


def chance(logit: np.ndarray) -> np.ndarray:
    """The probability that belongs to a logit."""
    return 1.0 / (1.0 + np.exp(-logit))
