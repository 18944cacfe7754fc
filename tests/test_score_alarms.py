"""Alarms are scored by the rules that the scoring module states, whatever their order."""

from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.company.company import Company
from labs.company.fleet import fleet
from labs.company.incidents import MODELS, RESPONSES, Incident
from labs.company.scoring import HARMLESS, Prices, perfect, score

INVESTIGATION, WRONG = Prices().investigation, Prices().wrong_response
QUIET_KINDS = ("null_spike", "outage", "rename")


def key_of(*incidents: Incident, **visible: int) -> pd.DataFrame:
    """A key in which each incident is visible from its first week, or from the one given."""
    rows = [asdict(i) | {"visible_week": visible.get(i.id, i.first_week)} for i in incidents]
    return pd.DataFrame(rows)


def an_incident(name="spike", kind="null_spike", first=9, last=12, **more) -> Incident:
    usual = {"model": "price", "response": "fix upstream", "cost_per_week": 100_000}
    shared = {"id": name, "kind": kind, "first_week": first, "last_week": last}
    return Incident(**{"what": "", "seen_by": "", **usual, **shared, **more})


def alarms(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["model", "week", "kind", "response"])


SPIKE = key_of(an_incident())
CHRISTMAS = an_incident(
    "christmas", "christmas", 51, 52, decoy=True, response="none", cost_per_week=0
)


def test_an_incident_answered_in_its_visible_week_costs_its_investigation():
    best = score(alarms(("price", 9, "null_spike", "fix upstream")), SPIKE)
    assert (best.found, best.late, best.missed, best.delay) == (("spike",), (), (), 0)
    assert best.cost == best.perfect == INVESTIGATION


@pytest.mark.parametrize(("week", "weeks_lost"), [(9, 0), (10, 1), (12, 3), (13, 4)])
def test_each_week_until_the_answer_costs(week, weeks_lost):
    judged = score(alarms(("price", week, "", "fix upstream")), SPIKE)
    assert judged.delay == week - 9
    assert judged.lost == weeks_lost * 100_000


def test_without_a_response_the_answer_takes_a_week_more():
    assert score(alarms(("price", 10, "", "")), SPIKE).lost == 2 * 100_000


def test_an_incident_costs_no_longer_than_it_lasts():
    never = score(pd.DataFrame(), SPIKE)
    assert (never.missed, never.delay) == (("spike",), None)
    assert never.cost == 4 * 100_000 + INVESTIGATION


def test_within_decides_between_found_and_late():
    lasting = key_of(an_incident(last=52))
    raised = alarms(("price", 15, "", "fix upstream"))
    assert score(raised, lasting, within=4).late == ("spike",)
    assert score(raised, lasting, within=6).found == ("spike",)


def test_an_alarm_between_the_first_and_the_visible_week_counts_as_raised_then():
    labelled_late = key_of(an_incident(last=52), spike=15)
    judged = score(alarms(("price", 11, "", "fix upstream")), labelled_late)
    assert (judged.found, judged.delay, judged.lost) == (("spike",), 0, 0)


@pytest.mark.parametrize("week", [8, 14])
def test_an_alarm_outside_its_weeks_is_false(week):
    judged = score(alarms(("price", week, "", "fix upstream")), SPIKE)
    assert (judged.false_alarms, judged.missed) == (1, ("spike",))
    assert judged.cost == 4 * 100_000 + 2 * INVESTIGATION


def test_an_alarm_on_another_model_is_false():
    raised = alarms(("access", 9, "null_spike", "fix upstream"))
    assert score(raised, SPIKE, models=["price", "access"]).false_alarms == 1


def test_several_alarms_for_one_incident_are_one_find_and_no_false_alarm():
    rows = [("price", week, "", "fix upstream") for week in (9, 10, 11, 12)]
    judged = score(alarms(*rows), SPIKE)
    assert judged == score(alarms(rows[0]), SPIKE)


def test_an_alarm_that_says_neither_what_nor_what_to_do_is_investigated_each_week():
    rows = [("price", week, "", "") for week in (9, 10, 11)]
    judged = score(alarms(*rows), SPIKE)
    assert (judged.vague_alarms, judged.false_alarms) == (3, 0)
    assert judged.cost == 100_000 + 4 * INVESTIGATION
    named = score(alarms(*((*row[:2], "null_spike", "") for row in rows)), SPIKE)
    assert (named.vague_alarms, named.cost) == (0, 100_000 + INVESTIGATION)


def test_a_wrong_response_costs_once_and_answers_nothing():
    rows = [("price", week, "null_spike", "retrain") for week in (9, 10, 11)]
    judged = score(alarms(*rows), SPIKE)
    assert judged.found == ("spike",)
    assert judged.wrong_responses == (("spike", "retrain"),)
    assert judged.cost == 4 * 100_000 + INVESTIGATION + WRONG
    mended = score(alarms(*rows, ("price", 10, "", "fix upstream")), SPIKE)
    assert (mended.delay, mended.lost, mended.wrong_responses) == (
        0,
        100_000,
        judged.wrong_responses,
    )


def test_rolling_back_harmless_drift_is_wrong_and_leaving_it_alone_is_right():
    heat = key_of(an_incident("heat", "heat", 24, 35, response="leave alone", cost_per_week=0))
    assert score(alarms(("price", 24, "", "leave alone")), heat).cost == INVESTIGATION
    assert score(alarms(("price", 24, "heat", "roll back")), heat).cost == INVESTIGATION + WRONG


def test_a_decoy_that_alarms_costs_an_investigation_and_any_action_a_wrong_response():
    key = key_of(CHRISTMAS)
    looked = score(alarms(("price", 51, "outage", "")), key)
    assert (looked.decoys_alarmed, looked.false_alarms) == (("christmas",), 1)
    assert looked.cost == INVESTIGATION and looked.perfect == 0
    acted = score(alarms(("price", 51, "", "retrain"), ("price", 52, "", "retrain")), key)
    assert acted.wrong_responses == (("christmas", "retrain"),)
    assert acted.cost == 2 * INVESTIGATION + WRONG


def test_an_alarm_in_a_decoy_is_about_the_incident_that_is_there_too_unless_its_kind_fits_none():
    key = key_of(an_incident(last=52), CHRISTMAS)
    for kind in ("", "null_spike"):
        assert score(alarms(("price", 51, kind, "")), key).decoys_alarmed == ()
    for kind in ("outage", "christmas"):
        assert score(alarms(("price", 51, kind, "")), key).decoys_alarmed == ("christmas",)


OVERLAP = key_of(
    an_incident("delay", "label_delay", 12, 52, response="wait for labels", cost_per_week=10_000),
    an_incident("leak", "pii_leak", 33, 52, response="stop and redact", cost_per_week=100_000),
)


def test_the_kind_chooses_between_overlapping_incidents():
    judged = score(alarms(("price", 33, "pii_leak", "stop and redact")), OVERLAP)
    assert (judged.found, judged.missed) == (("leak",), ("delay",))


def test_one_alarm_finds_one_of_two_overlapping_incidents():
    judged = score(alarms(("price", 33, "", "")), OVERLAP)
    assert (judged.found, judged.missed) == (("leak",), ("delay",))
    both = score(alarms(("price", 33, "", ""), ("price", 34, "", "")), OVERLAP)
    assert both.missed == () and both.lost == 100_000 + 10_000 * (35 - 12)


def test_a_response_that_fits_one_of_the_overlapping_incidents_is_not_wrong():
    judged = score(alarms(("price", 40, "", "wait for labels")), OVERLAP)
    assert judged.wrong_responses == ()
    judged = score(alarms(("price", 40, "", "retrain")), OVERLAP)
    assert judged.wrong_responses == (("leak", "retrain"),)


def test_an_incident_that_never_becomes_visible_is_not_asked_for():
    unseen = SPIKE.assign(visible_week=pd.array([pd.NA], dtype="Int64"))
    for raised in (pd.DataFrame(), alarms(("price", 10, "", ""))):
        judged = score(raised, unseen)
        assert (judged.found, judged.missed, judged.false_alarms, judged.cost) == ((), (), 0, 0)


def test_kind_and_response_may_be_left_out():
    bare = pd.DataFrame({"model": ["price"], "week": [9.0]})
    assert score(bare, SPIKE) == score(alarms(("price", 9, None, np.nan)), SPIKE)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("price", 9, "", ""), ("prise", 9, "", "")], "row 1: model is 'prise'; did you mean 'pr"),
        ([("price", 0, "", "")], "row 0: week is 0; give a whole number from 1 to 52"),
        ([("price", 9.5, "", "")], "row 0: week is 9.5; give a whole number from 1 to 52"),
        ([("price", "nine", "", "")], "row 0: week is 'nine'; give a whole number"),
        ([("price", float("nan"), "", "")], "row 0: week is nan; give a whole number"),
        ([("price", 9, "null spike", "")], "row 0: kind is 'null spike'; did you mean 'null_spike"),
        ([("price", 9, "", "rollback")], "row 0: response is 'rollback'; did you mean 'roll back'"),
        ([("price", 9, "", 7)], "row 0: response is 7; give one of adapt schema.*leave it empty"),
    ],
)
def test_a_malformed_alarm_is_named_with_its_row_its_value_and_a_remedy(rows, says):
    with pytest.raises(ValueError, match=says):
        score(alarms(*rows), SPIKE)


def test_a_missing_or_misspelt_column_is_named():
    with pytest.raises(ValueError, match="no column 'week'; add it"):
        score(pd.DataFrame({"model": ["price"]}), SPIKE)
    with pytest.raises(ValueError, match="a column 'reponse'; rename it to 'response'"):
        score(pd.DataFrame({"model": ["price"], "week": [9], "reponse": ["retrain"]}), SPIKE)
    with pytest.raises(ValueError, match="alarms is a list; pass a DataFrame"):
        score([("price", 9)], SPIKE)


# Properties, searched for counterexamples

ANSWERS = ("fix upstream", "retrain", "leave alone")


@st.composite
def incidents(draw) -> Incident:
    first = draw(st.integers(1, 52))
    kind = draw(st.sampled_from((*QUIET_KINDS, "campaign")))
    return an_incident(
        "",
        kind,
        first,
        draw(st.integers(first, 52)),
        model=draw(st.sampled_from(("price", "access"))),
        response=draw(st.sampled_from(ANSWERS)),
        cost_per_week=draw(st.sampled_from((0, 10_000, 150_000))),
        decoy=kind == "campaign",
    )


@st.composite
def keys(draw) -> pd.DataFrame:
    drawn = draw(
        st.lists(incidents(), min_size=1, max_size=6, unique_by=lambda i: (i.model, i.kind))
    )
    named = [replace(incident, id=str(place)) for place, incident in enumerate(drawn)]
    return key_of(*named, **{i.id: draw(st.integers(i.first_week, 52)) for i in named})


an_alarm = st.tuples(
    st.sampled_from(("price", "access")),
    st.integers(1, 52),
    st.sampled_from(("", *QUIET_KINDS, "campaign")),
    st.sampled_from(("", "none", *ANSWERS)),
)
some_alarms = st.lists(an_alarm, max_size=12)
BOTH = ("price", "access")


def cost(rows: list[tuple], key: pd.DataFrame) -> int:
    return score(alarms(*rows), key, models=BOTH).cost


@given(keys(), some_alarms, st.data())
@settings(max_examples=100, deadline=None)
def test_a_correct_alarm_more_never_raises_the_cost(key, rows, data):
    real = key[~key["decoy"]]
    if real.empty:
        return
    one = real.iloc[data.draw(st.integers(0, len(real) - 1))]
    week = data.draw(st.integers(one["first_week"], one["last_week"]))
    before = data.draw(st.integers(one["first_week"], week))
    for kind in ("", one["kind"]):
        correct, earlier = ((one["model"], w, kind, one["response"]) for w in (week, before))
        assert cost([*rows, correct], key) <= cost(rows, key)
        assert cost([*rows, correct, earlier], key) <= cost([*rows, correct], key)
    assert cost([*rows, earlier], key) <= cost([*rows, correct], key)


@given(keys(), some_alarms, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_neither_order_nor_duplicates_nor_labels_of_rows_matter(key, rows, shuffle):
    judged = score(alarms(*rows), key, models=BOTH)
    mixed = rows + rows[::2]
    shuffle.shuffle(mixed)
    table = alarms(*mixed).set_index(pd.Index(range(7, 7 + len(mixed))))
    keyed = key.sample(frac=1, random_state=shuffle.randrange(2**32))
    assert score(table, keyed, models=BOTH) == judged


@given(keys(), some_alarms)
@settings(max_examples=100, deadline=None)
def test_nothing_costs_less_than_the_perfect_response(key, rows):
    judged = score(alarms(*rows), key, models=BOTH)
    assert judged.cost >= judged.perfect == score(perfect(key), key, models=BOTH).cost
    counted = [*judged.found, *judged.late, *judged.missed]
    assert sorted(counted) == sorted(key.loc[~key["decoy"], "id"])


# Naive policies


@pytest.fixture(scope="module")
def year() -> Company:
    return Company(seed=1)


@pytest.fixture(scope="module")
def story(year) -> pd.DataFrame:
    return year.answer_key()


def always(models, response: str = "") -> pd.DataFrame:
    return alarms(*((model, week, "", response) for model in models for week in range(1, 53)))


@cache
def summary(year: Company, model: str, week: int) -> pd.Series:
    """What a plain dashboard shows of a week: volume, missing values, means, traffic."""
    batch, traffic = year.batch(model, week).drop(columns="week"), year.usage(model, week)
    missing = batch.isna().mean().add_prefix("missing ")
    means = batch.select_dtypes("number").mean()
    seen = traffic[["requests", "p50_ms", "p95_ms"]].mean()
    return pd.concat([pd.Series({"rows": len(batch)}), missing, means, seen])


def fixed_limit(year: Company, limit: float) -> pd.DataFrame:
    """An alarm wherever any figure of a week is more than `limit` away from week 1's."""
    rows = []
    for model in MODELS:
        usual = summary(year, model, 1)
        for week in range(1, 53):
            now = summary(year, model, week).reindex(usual.index)
            change = (now - usual).abs()
            relative = ~change.index.str.startswith("missing ")
            change[relative] /= usual[relative].abs()
            if (change > limit).any():
                rows.append((model, week, "", ""))
    return alarms(*rows)


@pytest.fixture(scope="module")
def times_perfect(year, story) -> dict[str, float]:
    """What policies cost, in multiples of the perfect response."""
    best = perfect(story)
    quiet = [("price", 2), ("price", 3), ("access", 4), ("maintenance", 5), ("warranty", 6)]
    late = best.assign(week=(best["week"] + 1).clip(upper=52))
    policies = {
        "perfect": best,
        "decent": pd.concat([late, alarms(*((*one, "", "") for one in quiet))]),
        "never": alarms(),
        "always": always(MODELS),
        "always retrain": always(MODELS, "retrain"),
        "fixed limit of 10 %": fixed_limit(year, 0.1),
        "fixed limit of 30 %": fixed_limit(year, 0.3),
    }
    judged = {name: score(raised, story) for name, raised in policies.items()}
    return {name: one.cost / one.perfect for name, one in judged.items()}


def test_naive_policies_cost_many_times_the_perfect_response(times_perfect):
    assert times_perfect["perfect"] == 1
    assert times_perfect["never"] == pytest.approx(50, abs=5)
    assert times_perfect["always"] == pytest.approx(20.6, abs=2)
    assert times_perfect["always retrain"] == pytest.approx(50.6, abs=5)
    assert times_perfect["fixed limit of 10 %"] == pytest.approx(19, abs=3)
    assert times_perfect["fixed limit of 30 %"] == pytest.approx(16.6, abs=3)


def test_answering_all_a_week_late_with_five_false_alarms_costs_a_third_of_any_naive_policy(
    times_perfect,
):
    decent = times_perfect.pop("decent")
    assert 1 < decent < 6
    assert decent < min(cost for name, cost in times_perfect.items() if name != "perfect") / 3


def test_always_alarming_finds_everything_and_shows_why_it_is_no_help(story):
    judged = score(always(MODELS), story)
    assert (judged.missed, judged.late, judged.delay) == ((), (), 0)
    assert judged.false_alarms + judged.vague_alarms == 4 * 52
    assert judged.decoys_alarmed == ("access-growth",)


def test_naming_an_outage_in_every_week_falls_for_every_decoy(story):
    rows = [(model, week, "outage", "") for model in MODELS for week in range(1, 53)]
    judged = score(alarms(*rows), story)
    assert judged.decoys_alarmed == tuple(sorted(story.loc[story["decoy"], "id"]))


FLEET_LIMITS = "p95_ms > 500 or null_rate > 0.05 or drift > 0.25 or performance < 0.75"


def test_fixed_limits_on_a_whole_fleet_cost_hundreds_of_times_the_perfect_response():
    year = fleet(seed=1, n=300)
    models, days = year.models["model"], year.days[year.days["week"] <= 52]
    policies = {
        "never": alarms(),
        "fixed": days.query(FLEET_LIMITS)[["model", "week"]].drop_duplicates(),
        "always": always(models),
    }
    judged = {name: score(raised, year.key, models=models) for name, raised in policies.items()}
    times = {name: one.cost / one.perfect for name, one in judged.items()}
    assert times["never"] == pytest.approx(19, abs=4)
    assert times["fixed"] == pytest.approx(260, abs=50)
    assert times["always"] == pytest.approx(500, abs=50)
    assert judged["fixed"].missed


def test_every_response_that_the_scoring_calls_harmless_exists():
    assert set(HARMLESS) - {""} <= set(RESPONSES)
