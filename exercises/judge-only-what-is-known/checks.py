"""What the answers of "Judge only what is known" are judged by."""

from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from labs.company import Company
from labs.kit.exercise import criterion

JUDGED = "say which predictions can be judged today"
MEASURED = "measure a model over those predictions only"
REPORTED = "choose the figure that may be reported, and say why"


@criterion("An outcome of this very week is known at its end", points=1, objective=JUDGED)
def keeps_what_arrives_this_week(known_today, rng):
    """One outcome that arrives in the week `today`."""
    predictions, today = _claims(rng, 3), int(rng.integers(5, 30))
    name = int(predictions["id"].iloc[1])
    came = _ids(known_today(predictions, _outcomes([name], [today], [True]), today))
    why = f"the outcome of claim {name} arrived in week {today}, so it is known at that week's end"
    assert came == [name], f"{_named(came)}; {why}"


@criterion("An outcome of next week is not known yet", points=1, objective=JUDGED)
def leaves_out_what_comes_later(known_today, rng):
    """Two outcomes, of which one comes a week too late."""
    predictions, today = _claims(rng, 3), int(rng.integers(5, 30))
    early, late = int(predictions["id"].iloc[0]), int(predictions["id"].iloc[2])
    outcomes = _outcomes([early, late], [today - 1, today + 1], [True, True])
    came = _ids(known_today(predictions, outcomes, today))
    why = f"the outcome of claim {late} comes in week {today + 1}: nobody knows it in week {today}"
    assert came == [early], f"{_named(came)}; {why}"


@criterion("A claim that nobody settled is not judged", points=1, objective=JUDGED)
def leaves_out_what_never_comes(known_today, rng):
    """Four claims, one outcome."""
    predictions, today = _claims(rng, 4), int(rng.integers(5, 30))
    name = int(predictions["id"].iloc[2])
    came = _ids(known_today(predictions, _outcomes([name], [today - 2], [False]), today))
    why = f"only {name} has an outcome, and unknown is not the same as justified"
    assert came == [name], f"{_named(came)}; {why}"


@criterion("Each outcome stands by its own prediction", points=2, objective=JUDGED, public=False)
def joins_by_id(known_today, rng):
    """Many claims, outcomes in any order, some of claims that are not asked about."""
    predictions, today = _claims(rng, 80), 12
    settled = rng.permutation(np.append(predictions["id"].to_numpy()[:60], [7, 8, 9]))
    outcomes = _outcomes(settled, rng.integers(5, 20, 63), rng.random(63) < 0.3)
    came = known_today(predictions.iloc[rng.permutation(80)], outcomes, today)
    rows = outcomes[outcomes["known_week"] <= today].merge(predictions, on="id").sort_values("id")
    why = "one row for each prediction whose outcome is known, in order of `id`, and no other row"
    assert _ids(came) == list(rows["id"]), why
    for name in ("week", "prediction", "unjustified"):
        why = f"`{name}` belongs to another claim: join the tables by `id`, not by position"
        assert [float(each) for each in _column(came, name)] == list(rows[name].astype(float)), why


@criterion("On the first day nothing can be judged", points=1, objective=JUDGED, public=False)
def is_empty_at_first(known_today, rng):
    """Outcomes that all come later."""
    predictions = _claims(rng, 5)
    outcomes = _outcomes(predictions["id"], [9, 10, 11, 12, 13], [True, False, False, True, False])
    came = known_today(predictions, outcomes, int(rng.integers(1, 9)))
    assert _ids(came) == [], "no outcome has arrived yet, so the table has no row"


@criterion("The report has a row for every week", points=1, objective=JUDGED)
def reports_every_week(today, report):
    """The column `week`."""
    weeks = [int(each) for each in _column(report, "week")]
    why = "the newest weeks belong in the report too: that nothing is known of them is the news"
    assert weeks == list(range(1, today + 1)), why


@criterion("The report counts what was asked and what can be judged", points=2, objective=JUDGED)
def counts_asked_and_judged(seed, today, report):
    """The columns `asked` and `judged`."""
    for name, what in (
        ("asked", "predictions"),
        ("judged", "predictions that can be judged today"),
    ):
        came, expected = list(_column(report, name)), _expected(seed, today)[name]
        assert len(came) == today, f"`{name}` has a number for each week from 1 to {today}"
        for week, count in expected.items():
            why = f"for claims of week {week} there are {count:.0f} {what}, not {came[week - 1]}"
            assert came[week - 1] == count, why


@criterion("The bias compares like with like", points=2, objective=MEASURED, public=False)
def compares_like_with_like(seed, today, report):
    """The column `bias`."""
    came, expected = _column(report, "bias").to_numpy(float), _bias(seed, today)
    assert len(came) == today, "one bias for each week from 1 to today"
    why = "where nothing can be judged there is no bias, not even 0: write NaN"
    assert list(np.isnan(came)) == list(expected.isna()), why
    why = "mean risk minus share unjustified, both over the claims of the week that can be judged"
    assert np.nanmax(np.abs(came - expected.to_numpy()), initial=0.0) < 1e-6, why


@criterion("The AUC uses nothing but what is known", points=2, objective=MEASURED)
def measures_what_is_known(seed, today, auc):
    """The AUC over the predictions that can be judged."""
    why = "it takes the risks of all predictions that can be judged today at once, and no others"
    assert abs(auc - _auc(seed, today)) < 1e-6, why


WRONG = {
    "a": "most claims of the newest weeks have no outcome yet; to count them as justified calls "
    "the model wrong for every risk that it gave them",
    "b": "outcomes take weeks, so of the newest claims next to none can be judged",
    "d": "many of these outcomes arrived after today: nobody can compute this figure on the day, "
    "so it says more than is known, and no other week's report can be compared with it",
}
NO_REASON = {
    1: "a small standard error helps only if the figure measures the right thing; rows that are "
    "made up or from the future make it small too",
    2: "that the newest claims matter most is true, and makes none of them known",
    3: "that is a guess about exactly what is unknown, and the colleague's two figures show what "
    "it leads to",
}


@criterion("A figure that may be reported", points=1, objective=REPORTED)
def reports_what_could_be_known(choice):
    """The letter of the choice."""
    assert choice in ("a", "b", "c", "d"), "`choice` is one of the four letters, in quotes"
    assert choice not in WRONG, WRONG[choice]


@criterion("The reason for it", points=1, objective=REPORTED, public=False)
def gives_the_reason(reason):
    """The number of the reason."""
    assert reason in (1, 2, 3, 4), "`reason` is one of the four numbers"
    assert reason not in NO_REASON, NO_REASON[reason]


def _claims(rng, n: int) -> pd.DataFrame:
    """`n` predictions, in order of id."""
    ids = np.sort(rng.choice(np.arange(100, 1000), n, replace=False))
    weeks = np.sort(rng.integers(1, 5, n))
    return pd.DataFrame({"id": ids, "week": weeks, "prediction": rng.random(n).round(3)})


def _outcomes(ids, weeks, unjustified) -> pd.DataFrame:
    return pd.DataFrame({"id": ids, "known_week": weeks, "unjustified": unjustified})


@lru_cache(maxsize=2)
def _year(seed: int, today: int):
    return Company(seed).weeks("warranty", range(1, today + 1))


@lru_cache(maxsize=2)
def _known(seed: int, today: int) -> pd.DataFrame:
    """Predictions and outcomes of the claims that can be judged today."""
    year = _year(seed, today)
    arrived = year.labels[year.labels["known_week"] <= today]
    return year.predictions.merge(arrived[["id", "unjustified"]], on="id")


@lru_cache(maxsize=2)
def _auc(seed: int, today: int) -> float:
    """The AUC over what can be judged today."""
    known = _known(seed, today)
    return roc_auc_score(known["unjustified"].astype(bool), known["prediction"])


@lru_cache(maxsize=2)
def _expected(seed: int, today: int) -> pd.DataFrame:
    """The counts that `report` should have, by week."""
    counts = {"asked": _year(seed, today).predictions, "judged": _known(seed, today)}
    table = {name: rows.groupby("week").size() for name, rows in counts.items()}
    return pd.DataFrame(table, index=pd.RangeIndex(1, today + 1)).fillna(0)


def _bias(seed: int, today: int) -> pd.Series:
    """The column `bias` that `report` should have, by week."""
    known = _known(seed, today)
    gap = known["prediction"] - known["unjustified"].astype(float)
    return gap.groupby(known["week"]).mean().reindex(pd.RangeIndex(1, today + 1))


def _ids(table) -> list[int]:
    """The column `id` of the learner's table."""
    return [int(each) for each in _column(table, "id")]


def _named(ids: list[int]) -> str:
    return f"the claims that came back are {ids}" if ids else "no claim came back"


def _column(table, name: str):
    """A column of the learner's table."""
    assert name in table.columns, f"the table has no column `{name}`"
    return table[name]
