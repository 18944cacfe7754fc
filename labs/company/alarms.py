"""The alarms that a learner raises, read from a table and checked."""

import difflib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from labs.company.incidents import KINDS, RESPONSES, WEEKS

NEEDED, OPTIONAL = ("model", "week"), ("kind", "response")


class Alarm(NamedTuple):
    """A model, a week, and perhaps a guess at what it is and at what to do ('' if not)."""

    model: str
    week: int
    kind: str
    response: str


def read(table: pd.DataFrame, models: set[str], kinds: set[str]) -> dict[str, list[Alarm]]:
    """The different alarms in `table` by model, in order of week, kind and response.

    Raises ValueError that names the column or the row, its value, and what to put there.
    """
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"alarms is a {type(table).__name__}; pass a DataFrame, one row an alarm")
    if not len(table):
        return {}
    _check_columns(table.columns)
    columns = [table[name] if name in table else [""] * len(table) for name in (*NEEDED, *OPTIONAL)]
    rows = zip(table.index, *columns, strict=True)
    found = {_alarm(label, models, {*KINDS, *kinds}, *values) for label, *values in rows}
    by_model: dict[str, list[Alarm]] = {}
    for alarm in sorted(found):
        by_model.setdefault(alarm.model, []).append(alarm)
    return by_model


def _check_columns(columns: Iterable[str]) -> None:
    """Raises ValueError for a missing column, or one that looks like a slip of the pen."""
    for name in (*NEEDED, *OPTIONAL):
        others = [str(column) for column in columns if column not in (*NEEDED, *OPTIONAL)]
        close = difflib.get_close_matches(name, others, n=1, cutoff=0.75)
        if name not in columns and close:
            raise ValueError(f"alarms has a column {close[0]!r}; rename it to {name!r}")
        if name in NEEDED and name not in columns:
            raise ValueError(f"alarms has no column {name!r}; add it: one row an alarm")


def _alarm(
    label: object, models: set[str], kinds: set[str], model: str, week: int, kind: str, answer: str
) -> Alarm:
    kind, answer = ("" if value is None or value is pd.NA else value for value in (kind, answer))
    kind, answer = ("" if value != value else value for value in (kind, answer))  # NaN
    return Alarm(
        _among(label, "model", model, models),
        _week(label, week),
        _among(label, "kind", kind, {"", *kinds}),
        _among(label, "response", answer, {"", *RESPONSES}),
    )


def _week(label: object, value: object) -> int:
    number = isinstance(value, int | float | np.integer | np.floating)
    if not number or isinstance(value, bool) or value not in range(1, WEEKS + 1):
        raise ValueError(
            f"alarms, row {label!r}: week is {value!r}; give a whole number from 1 to {WEEKS}"
        )
    return int(value)


def _among(label: object, name: str, value: object, choices: set[str]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    known = sorted(choices - {""})
    near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.6)
    many = f"one of {', '.join(known)}" if len(known) <= 20 else f"one of the {len(known)} known"
    blank = ", or leave it empty" if "" in choices else ""
    meant = f"; did you mean {near[0]!r}? Give " if near else "; give "
    raise ValueError(f"alarms, row {label!r}: {name} is {value!r}{meant}{many}{blank}")
