"""Gates: what a candidate has to pass before it becomes the champion.

A gate is any callable that takes a `Candidate` and returns a `Verdict`. The ones here
cover what every model needs; data contracts, fairness or compliance come as further
callables from whoever knows them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from mlflow.pyfunc import PyFuncModel
from mlflow.types import ColSpec, Schema

Metric = Callable[[Any, Any], float]  # of the truth and the predictions; higher is better
RESAMPLES = 1000  # bootstrap; the interval's ends then move by about 1 % of its width
WARM_UP = 3  # first calls pay for lazy imports, which no later caller meets


@dataclass(frozen=True)
class Candidate:
    """A version that asks to become champion, and the champion it would replace, if any."""

    name: str
    version: str
    model: PyFuncModel
    champion_version: str | None = None
    champion: PyFuncModel | None = None


@dataclass(frozen=True)
class Verdict:
    """What one gate found; `numbers` are what it measured, for the record."""

    gate: str
    passed: bool
    because: str
    numbers: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'}  {self.gate}: {self.because}"


Gate = Callable[[Candidate], Verdict]


def better_than_champion(
    data: pd.DataFrame,
    target: Sequence,
    metric: Metric,
    margin: float = 0.0,
    confidence: float = 0.95,
    seed: int = 0,
) -> Gate:
    """The candidate's `metric` beats the champion's by more than `margin`, beyond chance.

    Both predict the same held-back rows; rows are resampled in pairs, and the lower end
    of the percentile interval of the difference must lie above `margin` (Efron and
    Tibshirani 1993, chapter 13). A negative margin accepts "not much worse". Assumes
    that rows are independent. Without a champion it passes, and says so.
    """
    truth = _truth(target, data)

    def is_better(candidate: Candidate) -> Verdict:
        name = "better than the champion"
        if candidate.champion is None:
            return Verdict(name, True, "there is no champion yet")
        ours, theirs = _predict(candidate.model, data), _predict(candidate.champion, data)
        gains = _resampled_gains(metric, truth, ours, theirs, seed)
        low, high = np.quantile(gains, [(1 - confidence) / 2, (1 + confidence) / 2])
        gain = metric(truth, ours) - metric(truth, theirs)
        said = f"gain {gain:+.3f}, {confidence:.0%} interval {low:+.3f} to {high:+.3f}"
        numbers = {"gain": float(gain), "low": float(low), "high": float(high)}
        return Verdict(name, bool(low > margin), f"{said}, margin {margin:+.3f}", numbers)

    return is_better


def _resampled_gains(metric: Metric, truth, ours, theirs, seed: int) -> np.ndarray:
    """The metric's gain on each resample; one on which it is undefined is left out."""
    rng = np.random.default_rng(seed)
    gains = []
    for _ in range(RESAMPLES):
        rows = rng.integers(0, len(truth), len(truth))
        true = truth[rows]
        try:
            gain = metric(true, ours[rows]) - metric(true, theirs[rows])
        except ValueError:  # a class is missing from the resample
            continue
        if np.isfinite(gain):
            gains.append(gain)
    if len(gains) < RESAMPLES / 2:
        raise ValueError(
            f"the metric is defined on {len(gains)} of {RESAMPLES} resamples of "
            f"{len(truth)} rows; hold back more rows"
        )
    return np.array(gains)


def fast_enough(
    data: pd.DataFrame, milliseconds: float, quantile: float = 0.95, calls: int = 50
) -> Gate:
    """`quantile` of one-row predictions take at most `milliseconds`, on this machine, alone."""

    def is_fast(candidate: Candidate) -> Verdict:
        rows = [data.iloc[[i % len(data)]] for i in range(calls + WARM_UP)]
        seconds = []
        for row in rows:
            begun = time.perf_counter()
            candidate.model.predict(row)
            seconds.append(time.perf_counter() - begun)
        measured = 1000 * float(np.quantile(seconds[WARM_UP:], quantile))
        said = f"{measured:.1f} ms at the {quantile:.0%} quantile, budget {milliseconds:g} ms"
        return Verdict("fast enough", measured <= milliseconds, said, {"ms": measured})

    return is_fast


def same_schema() -> Gate:
    """Whoever calls the champion today can call the candidate without a change.

    The candidate may need fewer columns, not more, and each of the same type; what it
    gives back has the champion's shape.
    """

    def has_same_schema(candidate: Candidate) -> Verdict:
        name = "same schema"
        if candidate.champion is None:
            return Verdict(name, True, "there is no champion, so nobody calls it")
        problems = _schema_problems(candidate.champion, candidate.model)
        return Verdict(name, not problems, "; ".join(problems) or "callers need no change")

    return has_same_schema


def _schema_problems(before: PyFuncModel, after: PyFuncModel) -> list[str]:
    signatures = before.metadata.signature, after.metadata.signature
    if None in signatures:
        return ["a model without a signature cannot be compared; log it with one"]
    problems = _input_problems(*(signature.inputs for signature in signatures))
    old, new = (signature.outputs for signature in signatures)
    if old != new:
        problems.append(f"the answer is {old} now and would be {new}")
    return problems


def _input_problems(before: Schema, after: Schema) -> list[str]:
    if not (before.has_input_names() and after.has_input_names()):  # arrays: no columns to compare
        return [] if before == after else [f"the input is {before} now and would be {after}"]
    old, new = before.input_dict(), after.input_dict()
    problems = []
    for name, column in new.items():
        if name not in old and column.required:
            problems.append(f"callers do not send {name}")
        elif name in old and column.type != old[name].type:
            problems.append(f"{name} is {_type(old[name])} now and would be {_type(column)}")
        elif name in old and column.required and not old[name].required:
            problems.append(f"callers may leave out {name}, which would be required")
    return problems


def _type(column: ColSpec) -> str:
    return getattr(column.type, "name", str(column.type))


def slices_not_worse(
    data: pd.DataFrame,
    target: Sequence,
    by: str | pd.Series,
    metric: Metric,
    tolerance: float,
    at_least: int = 30,
) -> Gate:
    """In no slice is the candidate's `metric` more than `tolerance` below the champion's.

    `by` is a column of `data`, or a series as long as it; rows without a value are a
    slice too. Slices with fewer than `at_least` rows, or on which the metric is undefined,
    cannot be judged, and are named; if that is all of them, the candidate fails. This is a
    point comparison: with many small slices, chance alone will fail one, so choose
    `tolerance` for that.
    """
    truth = _truth(target, data)
    groups = data[by] if isinstance(by, str) else by
    slices = {str(value): rows for value, rows in _slices(groups, len(data))}

    def no_slice_is_worse(candidate: Candidate) -> Verdict:
        name = f"no slice worse, by {groups.name}"
        if candidate.champion is None:
            return Verdict(name, True, "there is no champion yet")
        ours, theirs = _predict(candidate.model, data), _predict(candidate.champion, data)
        losses = {
            value: _loss(metric, truth[rows], theirs[rows], ours[rows])
            for value, rows in slices.items()
            if len(rows) >= at_least
        }
        losses = {value: loss for value, loss in losses.items() if np.isfinite(loss)}
        worse = {value: loss for value, loss in losses.items() if loss > tolerance}
        said = ", ".join(f"{value} lost {loss:.3f}" for value, loss in worse.items())
        said = said or f"none of {len(losses)} lost more than {tolerance:g}"
        if unjudged := [value for value in slices if value not in losses]:
            said += f"; cannot be judged: {', '.join(unjudged)}"
        passed = bool(losses) and not worse
        return Verdict(name, passed, said, {f"loss of {v}": float(x) for v, x in losses.items()})

    return no_slice_is_worse


def _slices(groups: pd.Series, rows: int) -> Iterator[tuple[Any, np.ndarray]]:
    """Each value with the positions of its rows."""
    if len(groups) != rows:
        raise ValueError(f"by has {len(groups)} values and data {rows} rows")
    yield from (
        groups.reset_index(drop=True).groupby(groups.to_numpy(), dropna=False).indices.items()
    )


def _loss(metric: Metric, truth: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    try:
        return metric(truth, before) - metric(truth, after)
    except ValueError:  # a class is missing from the slice
        return np.nan


def _truth(target: Sequence, data: pd.DataFrame) -> np.ndarray:
    if len(target) != len(data):
        raise ValueError(f"target has {len(target)} values and data {len(data)} rows")
    return np.asarray(target)


def _predict(model: PyFuncModel, data: pd.DataFrame) -> np.ndarray:
    """Predictions as a 1-D array; of class probabilities, those of the last class."""
    answers = np.asarray(model.predict(data))
    return answers[:, -1] if answers.ndim == 2 else answers
