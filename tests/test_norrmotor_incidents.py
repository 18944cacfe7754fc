"""Norrmotor's incidents: the year of the lessons, and years drawn for a graded drill."""

from dataclasses import asdict
from functools import cache

import numpy as np
import pandas as pd
import pytest

from labs.company import Company, incidents
from labs.company.calendar import REFERENCE
from labs.company.delivery import PHONE_OR_MAIL
from labs.company.incidents import KINDS, MODELS, RANGES, RESPONSES, STORY, WEEKS, draw
from labs.company.signals import signal, visible

DRAWN = [draw(seed) for seed in range(200)]


def test_the_story_has_the_incidents_that_the_lessons_tell():
    told = {one.id: (one.first_week, one.last_week, one.size) for one in STORY}
    assert told["price-null-spike"] == (9, 9, 0.30)
    assert told["warranty-label-delay"] == (12, 52, 9)
    assert told["price-segment-shift"] == (20, 52, -0.18)
    assert told["maintenance-heat"][:2] == (24, 35)
    assert told["warranty-outage"] == (30, 30, 0.25)
    assert told["access-policy-change"][:2] == (30, 52)
    assert told["warranty-pii-leak"] == (33, 52, 0.07)
    assert told["maintenance-unit-change"] == (38, 52, 0.7376)
    assert told["warranty-rename"][:2] == (44, 52)


@pytest.mark.parametrize("year", [STORY, *DRAWN[:20]])
def test_a_year_has_every_kind_once_and_christmas_for_every_model(year):
    kinds = [one.kind for one in year if one.kind != "christmas"]
    assert sorted(kinds) == sorted(set(KINDS) - {"christmas"})
    assert sorted(one.model for one in year if one.kind == "christmas") == sorted(MODELS)
    assert len({one.id for one in year}) == len(year)


@pytest.mark.parametrize("year", [STORY, *DRAWN[:20]])
def test_every_incident_says_what_happens_and_what_to_do(year):
    for one in year:
        assert one.response in RESPONSES
        assert 1 <= one.first_week <= one.last_week <= WEEKS
        assert one.what.endswith(".") and one.seen_by.endswith(".")
        assert (one.cost_per_week == 0) == (one.decoy or one.response == "leave alone")


def test_drawn_years_stay_within_the_stated_ranges_and_reach_their_ends():
    for kind, bounds in RANGES.items():
        ones = [one for year in DRAWN for one in year if one.kind == kind]
        assert {one.first_week for one in ones} <= set(range(bounds.first[0], bounds.first[1] + 1))
        assert {(one.model, one.where) for one in ones} == set(bounds.places)
        if kind != "unit_change":
            assert all(bounds.size[0] <= one.size <= bounds.size[1] for one in ones)
        lasting = {one.last_week - one.first_week + 1 for one in ones}
        if bounds.weeks:
            assert lasting == set(range(bounds.weeks[0], bounds.weeks[1] + 1))
        else:
            assert {one.last_week for one in ones} == {WEEKS}


def test_a_drawn_year_is_fixed_by_its_seed_and_differs_from_the_others():
    assert draw(7) == draw(7)
    assert len({tuple(tuple(asdict(one).items()) for one in year) for year in DRAWN}) == len(DRAWN)


def test_no_drawn_incident_hides_another():
    for year in DRAWN:
        at = {one.kind: one for one in year}
        assert at["label_delay"].model != at["bad_release"].model
        changed, renamed = at["unit_change"], at["rename"]
        assert (changed.model, changed.where) != (renamed.model, renamed.where)


def test_a_kind_states_the_effect_that_its_sentence_names():
    assert "10%" in incidents.incident("null_spike", "price", 1, 1).seen_by
    assert "4%" in incidents.incident("policy_change", "access", 1, 1).seen_by


YEARS = [Company(), *(Company(seed, scenario="drawn") for seed in (1, 2, 3))]
SEEN = [(company, one) for company in YEARS for one in company.incidents if not one.decoy]
DECOYS = [(company, one) for company in YEARS for one in company.incidents if one.decoy]


def named(value) -> str:
    if isinstance(value, Company):
        return f"{value.scenario}-{value.seed}"
    return value.id


@cache
def key_of(company: Company) -> pd.DataFrame:
    return company.answer_key().set_index("id")


@pytest.mark.parametrize(("company", "one"), SEEN, ids=named)
def test_an_incident_is_visible_as_the_key_says_and_not_before_it_began(company, one):
    effect = KINDS[one.kind].effect
    week = visible(company, one)
    assert one.first_week <= week <= one.first_week + 16
    *before, now = (signal(company, one, each) for each in range(1, week + 1))
    assert max(before, default=0) < effect <= now
    assert key_of(company).loc[one.id, "visible_week"] == week


def test_the_story_becomes_visible_week_by_week():
    seen = key_of(Company())["visible_week"].dropna().to_dict()
    assert seen == {
        "price-null-spike": 9,
        "warranty-label-delay": 15,  # when the labels of week 12 are due
        "maintenance-bad-release": 15,
        "price-segment-shift": 26,  # when the cars of week 20 are sold
        "maintenance-heat": 25,
        "price-usage-drop": 27,
        "access-policy-change": 33,
        "warranty-outage": 30,
        "warranty-pii-leak": 33,
        "maintenance-unit-change": 38,
        "access-slow-release": 41,
        "warranty-rename": 44,
    }


def rows_by_week(company: Company, model: str, weeks) -> pd.Series:
    return pd.Series({week: len(company.batch(model, week)) for week in weeks})


def alarms_naively(company: Company, model: str, week: int, usual_weeks) -> bool:
    """Whether `week` has rows further than 3 sd from the mean of `usual_weeks`."""
    usual = rows_by_week(company, model, usual_weeks)
    return abs(len(company.batch(model, week)) - usual.mean()) > 3 * usual.std()


@pytest.mark.parametrize(("company", "one"), DECOYS, ids=named)
def test_a_decoy_alarms_whoever_counts_rows_against_three_sigmas(company, one):
    """Growth against the reference, late in the year; the others against the weeks before."""
    week = 50 if one.kind == "growth" else one.first_week
    usual_weeks = REFERENCE if one.kind == "growth" else range(week - 12, week)
    assert alarms_naively(company, one.model, week, usual_weeks)


@pytest.mark.parametrize(("company", "one"), DECOYS, ids=named)
def test_a_decoy_moves_no_signal(company, one):
    alone = Company(company.seed, scenario=(one,))
    others = [other for other in company.incidents if other.model == one.model and not other.decoy]
    for other in others:
        for week in range(one.first_week, one.last_week + 1)[-8:]:
            assert signal(alone, other, week) < KINDS[other.kind].effect, (other.kind, week)


def test_a_decoy_has_no_signal_to_compute():
    decoy = next(one for one in STORY if one.decoy)
    assert visible(Company(), decoy) is None
    with pytest.raises(ValueError, match="is a decoy; it has no signal"):
        signal(Company(), decoy, 1)


@pytest.mark.parametrize("company", YEARS, ids=named)
def test_the_outage_moves_the_total_less_than_a_busy_week_does(company):
    one = next(one for one in company.incidents if one.kind == "outage")
    without = Company(company.seed, company.start, scenario=())
    week = one.first_week
    before = len(without.batch(one.model, week))
    lost = 1 - len(Company(company.seed, scenario=(one,)).batch(one.model, week)) / before
    usual = rows_by_week(without, one.model, range(1, WEEKS + 1))
    busiest = usual.max() / usual.mean() - 1
    assert 0 < lost < busiest


def changed_columns(model: str, week: int, one: incidents.Incident) -> set[str]:
    """Inputs that differ between a year with this incident alone and a quiet one."""
    with_it = Company(scenario=(one,)).batch(model, week)
    without = Company(scenario=()).batch(model, week)
    assert list(with_it["id"]) == list(without["id"])
    both = set(with_it) & set(without)
    return {name for name in both if not with_it[name].equals(without[name])} | (
        set(with_it) ^ set(without)
    )


@pytest.mark.parametrize("one", [one for one in STORY if not one.decoy], ids=named)
def test_an_incident_changes_only_what_it_says(one):
    expected = {
        "null_spike": {one.where},
        "heat": {"air_temperature_k", "process_temperature_k"},
        "unit_change": {one.where},
        "pii_leak": {one.where},
        "rename": {one.where, incidents.RENAMED.get(one.where)},
    }
    if one.kind != "outage":
        week = one.first_week
        assert changed_columns(one.model, week, one) == expected.get(one.kind, set())


def test_an_outage_loses_rows_of_its_region_and_keeps_the_rest():
    one = next(one for one in STORY if one.kind == "outage")
    without, with_it = (
        Company(scenario=each).batch(one.model, 30).set_index("id") for each in ((), (one,))
    )
    lost = without.drop(index=with_it.index)
    assert set(lost["region"]) == {"south"}
    assert len(lost) / (without["region"] == "south").sum() == pytest.approx(0.75, abs=0.1)
    pd.testing.assert_frame_equal(with_it, without.loc[with_it.index])
    assert without["region"].value_counts(normalize=True)["south"] == pytest.approx(0.10, abs=0.02)


def test_the_leak_is_of_the_stated_size_and_reaches_no_real_person():
    notes = pd.concat([Company().batch("warranty", week)["note"] for week in range(33, 53)])
    leaking = notes[notes.str.contains(PHONE_OR_MAIL, regex=True).fillna(False)]
    assert 0.06 < len(leaking) / len(notes) < 0.08
    phones = leaking.str.extract(r"((?:070-|\+46 70 )\d+)")[0].dropna()
    assert set(phones.str[-5:].astype(int)) <= set(range(40605, 40700))
    mails = leaking.str.extract(r"@(\S+)")[0].dropna()
    assert set(mails) == {"example.com."}
    assert len(phones) and len(mails) and len(phones) + len(mails) == len(leaking)


def test_ordinary_notes_hold_numbers_that_are_nobodys():
    notes = Company().batch("warranty", 20)["note"].dropna()
    assert notes.str.contains(r"\d{3}-\d{3}", regex=True).any()
    assert not notes.str.contains(PHONE_OR_MAIL, regex=True).any()


def test_incidents_have_the_sizes_of_the_story():
    story = Company()
    assert story.batch("price", 8)["mileage_km"].isna().mean() < 0.04
    assert story.batch("price", 9)["mileage_km"].isna().mean() == pytest.approx(0.30, abs=0.04)
    labels = story.year("warranty").labels.groupby("week")["known_week"].first()
    assert (labels - labels.index).loc[:11].eq(3).all()
    assert (labels - labels.index).loc[12:].eq(9).all()
    callers = story.usage("price").pivot_table(
        index="week", columns="caller", values="requests", aggfunc="sum"
    )
    fallen = callers.loc[27:50, "dealer-app"].mean() / callers.loc[:26, "dealer-app"].mean()
    assert fallen == pytest.approx(0.30, abs=0.02)
    assert callers.loc[27:50, "website"].mean() > 0.9 * callers.loc[:26, "website"].mean()
    p95 = story.usage("access").groupby("week")["p95_ms"].median()
    assert p95.loc[41:43].mean() / p95.loc[:40].mean() == pytest.approx(3.0, abs=0.15)


def test_a_year_may_be_told_by_its_teacher():
    own = (incidents.incident("null_spike", "price", 5, 6, 0.5, "condition"),)
    nulls = [
        Company(scenario=own).batch("price", week)["condition"].isna().mean() for week in (4, 5)
    ]
    assert nulls == pytest.approx([0.06, 0.53], abs=0.04)
    assert list(Company(scenario=own).answer_key()["visible_week"]) == [5]


def test_the_answer_key_says_everything_about_an_incident():
    key = Company().answer_key()
    assert list(key) == [*asdict(STORY[0]), "visible_week"]
    assert key["visible_week"].isna().equals(key["decoy"])
    assert np.array_equal(key["id"], [one.id for one in STORY])
