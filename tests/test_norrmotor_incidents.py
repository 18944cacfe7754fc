"""Norrmotor's incidents: the year of the lessons, and years drawn for a graded drill."""

from dataclasses import asdict

import pytest

from labs.company import incidents
from labs.company.incidents import KINDS, MODELS, RANGES, RESPONSES, STORY, WEEKS, draw

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
