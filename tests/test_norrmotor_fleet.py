"""Norrmotor's fleet: each model on its own, sound figures, and incidents that show as stated."""

import hashlib
from datetime import date

import pandas as pd
import pytest

from labs.company import fleet_incidents as troubles
from labs.company.fleet import fleet
from labs.company.fleet_names import named
from labs.company.incidents import RESPONSES, Incident

CHECKSUM = "99718412f679aaf74424393639e6421e8ea0077efae4bfb70ca843bbdb07cf67"
MODELS = 1000  # enough that each kind of incident comes in tens


@pytest.fixture(scope="module")
def large():
    return fleet(seed=1, n=MODELS)


@pytest.fixture(scope="module")
def small():
    return fleet(seed=1, n=30)


def year_of(found, model: str) -> pd.DataFrame:
    place = found.models.index[found.models["model"] == model][0]
    return found.days.iloc[place * 365 : (place + 1) * 365]


def incidents(found):
    """Each incident of the key with its model's year and label delay; decoys are left out."""
    delays = found.models.set_index("model")["label_delay_days"].fillna(0)
    for row in found.key[~found.key["decoy"]].to_dict("records"):
        week = row.pop("visible_week")
        yield Incident(**row), week, year_of(found, row["model"]), int(delays[row["model"]])


def test_a_model_is_the_same_in_a_fleet_of_any_size(small, large):
    pd.testing.assert_frame_equal(small.models, large.models.head(30))
    days = large.days.head(30 * 365)
    days = days.assign(model=days["model"].cat.set_categories(small.models["model"]))
    pd.testing.assert_frame_equal(small.days, days)
    named = large.key[large.key["model"].isin(small.models["model"])]
    pd.testing.assert_frame_equal(small.key, named)


def test_the_same_seed_gives_the_same_fleet_and_another_seed_another(small):
    again, other = fleet(seed=1, n=30), fleet(seed=2, n=30)
    pd.testing.assert_frame_equal(small.days, again.days)
    assert not small.days["requests"].equals(other.days["requests"])


def test_the_fleet_is_as_it_was_when_the_lessons_were_written():
    first = fleet(seed=1, n=20)
    totals = first.days.groupby("model", observed=True)["requests"].sum()
    assert totals.head(3).to_dict() == {
        "paint-defects-norrby-freja": 54_871,
        "residual-value-nordic-vide": 264_692,
        "torque-audit-atlantic-all": 310_690,
    }
    texts = [table.to_csv(index=False).encode() for table in (first.models, first.days, first.key)]
    assert hashlib.sha256(b"".join(texts)).hexdigest() == CHECKSUM


def test_no_two_models_have_one_name():
    assert len({named(place)[0] for place in range(10_000)}) == 10_000


def test_models_differ_by_four_orders_of_magnitude(large):
    usual = large.models["usual_requests"]
    assert usual.min() < 12
    assert usual.max() > 95_000


def test_a_fleet_starts_on_a_monday():
    with pytest.raises(ValueError, match="start 2025-01-07, n 3; a fleet starts on a Monday"):
        fleet(n=3, start=date(2025, 1, 7))
    with pytest.raises(ValueError, match="n 0"):
        fleet(n=0)


def test_figures_are_possible(large):
    days = large.days
    used = days[days["requests"] > 0]
    assert (days["errors"] <= days["requests"]).all()
    assert (used["p50_ms"] <= used["p95_ms"]).all() and (used["p95_ms"] <= used["p99_ms"]).all()
    assert used["null_rate"].between(0, 1).all() and (used["drift"] >= 0).all()
    assert days["performance"].dropna().between(0, 1).all()
    assert days.loc[days["requests"] == 0, ["p50_ms", "null_rate", "drift"]].isna().all(axis=None)


def test_weekends_and_christmas_are_quieter(large):
    of_day = large.days.groupby("date")["requests"].sum()
    weekday = of_day.index.day_of_week
    assert of_day[weekday >= 5].mean() < 0.75 * of_day[weekday < 5].mean()
    of_week = large.days.groupby("week")["requests"].sum()
    assert of_week[52] < 0.9 * of_week[2:45].median()


def test_performance_is_there_where_labels_have_come(large):
    for row in large.models.head(100).to_dict("records"):
        year = year_of(large, row["model"])
        known = year["performance"].notna().to_numpy()
        if not row["has_labels"]:
            assert not known.any()
            continue
        delay = row["label_delay_days"]
        assert not known[365 - delay :].any()
        used = (year["requests"] > 0).to_numpy()[: 365 - delay]
        assert (known[: 365 - delay] == used).all()


def test_on_small_models_a_fixed_limit_of_drift_is_crossed_by_chance(large):
    small = large.models.query("usual_requests < 30 and deployment == 'online'")["model"]
    assert (large.days[large.days["model"].isin(small)]["drift"] > 0.25).mean() > 0.5


def test_the_stated_share_of_models_has_an_incident(large):
    key = large.key
    assert key["model"].is_unique
    assert (~key["decoy"]).sum() / MODELS == pytest.approx(0.12, abs=0.03)
    assert key["decoy"].sum() / MODELS == pytest.approx(0.06, abs=0.03)
    assert set(key["response"]) <= set(RESPONSES)
    assert set(key["kind"]) == {*troubles.INCIDENTS, "campaign", "growth"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_incident_is_visible_in_its_weeks_and_not_before(seed):
    found = fleet(seed, n=400)
    for incident, week, year, delay in incidents(found):
        days = {name: year[name].to_numpy() for name in troubles.MEASURES}
        reached = troubles.signal(incident, days, delay) >= troubles.INCIDENTS[incident.kind].effect
        assert not reached[: incident.first_week - 1].any(), incident
        assert reached[week - 1], incident
        assert week - incident.first_week <= (6 if incident.kind == "bad_release" else 0), incident


def test_the_signals_say_what_the_days_say(large):
    """The weekly figures, worked out again with pandas."""
    for incident, week, year, delay in incidents(large):
        quiet, seen = year[year["week"] <= 7], year[year["week"] == week]
        ratio = seen.mean(numeric_only=True) / quiet.mean(numeric_only=True)
        match incident.kind:
            case "usage_drop":
                assert ratio["requests"] < 0.6
            case "slow_release":
                assert ratio["p95_ms"] > 1.4
            case "outage":
                assert seen["errors"].sum() / seen["requests"].sum() > 0.05
            case "null_spike":
                assert seen["null_rate"].mean() - quiet["null_rate"].mean() > 0.08
            case "heat" | "unit_change":
                assert seen["drift"].mean() - quiet["drift"].mean() > 0.15
            case "bad_release":
                labelled = year[year["week"] == week - -(-delay // 7)]
                assert labelled["performance"].mean() < quiet["performance"].mean() - 0.03


def test_heat_leaves_the_performance_alone(large):
    for incident, _, year, _ in incidents(large):
        if incident.kind == "heat" and year["performance"].notna().any():
            inside = year["week"].between(incident.first_week, incident.last_week)
            by_part = year.groupby(inside)["performance"].mean()
            assert by_part[True] == pytest.approx(by_part[False], abs=0.02)


def test_a_decoy_passes_a_naive_limit_and_nothing_else_is_wrong(large):
    for row in large.key[large.key["decoy"]].to_dict("records"):
        year = year_of(large, row["model"])
        weekly = year.groupby("week")["requests"].sum()
        assert weekly.loc[row["first_week"] : row["last_week"]].max() > 1.25 * weekly[:7].median()
        usual = year.groupby(year["week"] <= 7).median(numeric_only=True)
        for measure in ("null_rate", "drift"):
            assert usual[measure][False] == pytest.approx(usual[measure][True], abs=0.05)
        assert pd.isna(row["visible_week"])
