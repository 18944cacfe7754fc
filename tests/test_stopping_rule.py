"""The rule that stops a canary keeps its false alarms under 5 % however often one looks."""

import numpy as np
import pytest

from labs.deployment.routing import Route, answers
from labs.deployment.sequential import Evidence, Outcome, StoppingRule, evidence, interval

RUNS = 2000
ALPHA = 0.05
SLACK = 3 * (ALPHA * (1 - ALPHA) / RUNS) ** 0.5  # three standard errors: 1.5 points
LIMIT = -np.log(ALPHA)


def canaries(champion, challenger, share, keys=1000, runs=RUNS, seed=1):
    """Simulated canaries, one a row: who failed, and who answered. Rates may be arrays."""
    rng = np.random.default_rng(seed)
    challenged = rng.random((runs, keys)) < share
    errors = rng.random((runs, keys)) < np.where(challenged, challenger, champion)
    return errors, challenged


def stopped(errors, challenged, share):
    """The part of the canaries that the rule stops, looking after every single outcome."""
    return np.mean((evidence(errors, challenged, share, above=0.0) >= LIMIT).any(axis=1))


def stopped_by_a_z_test(errors, challenged):
    """The same with a test made for one look: two proportions, one-sided at 5 %."""
    counts = [np.cumsum(x, axis=1) for x in (challenged, ~challenged)]
    fails = [np.cumsum(x, axis=1) for x in (errors & challenged, errors & ~challenged)]
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = sum(fails) / sum(counts)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / counts[0] + 1 / counts[1]))
        z = (fails[0] / counts[0] - fails[1] / counts[1]) / spread
    return np.mean((z[:, 50:] > 1.645).any(axis=1))


@pytest.mark.parametrize(("rate", "share"), [(0.05, 0.5), (0.05, 0.05), (0.3, 0.25), (0.01, 0.01)])
def test_looking_after_every_outcome_keeps_the_false_alarms_where_they_were_promised(rate, share):
    assert stopped(*canaries(rate, rate, share), share) <= ALPHA + SLACK


def test_a_test_for_one_look_that_is_asked_a_thousand_times_alarms_far_too_often():
    same = canaries(0.05, 0.05, 0.5)
    assert stopped_by_a_z_test(*same) > 3 * ALPHA
    assert stopped(*same, 0.5) <= ALPHA + SLACK


def test_a_rate_that_rises_while_the_share_rises_is_not_blamed_on_the_challenger():
    """Everybody fails more in the evening, when the challenger answers more: pooled counts lie."""
    share = np.repeat([0.01, 0.05, 0.25, 0.5], 250)
    rate = np.repeat([0.01, 0.05, 0.2, 0.4], 250)
    evening = canaries(rate, rate, share)
    assert stopped(*evening, share) <= ALPHA + SLACK
    assert stopped_by_a_z_test(*evening) > 0.9


@pytest.mark.parametrize(
    ("champion", "challenger", "share", "keys"),
    [(0.05, 0.1, 0.5, 2500), (0.1, 0.2, 0.25, 2500), (0.02, 0.3, 0.05, 1000)],
)
def test_a_challenger_that_fails_twice_as_often_is_stopped_in_most_canaries(
    champion, challenger, share, keys
):
    worse = canaries(champion, challenger, share, keys, runs=300)
    assert stopped(*worse, share) > 0.9


def test_a_first_step_with_few_keys_does_not_delay_what_the_larger_steps_find():
    """Stakes that suit half of the keys lose at 5 % of them what they win later."""
    share = np.repeat([0.05, 0.25, 0.5], [2000, 200, 1200])
    worse = canaries(0.05, 0.12, share, keys=len(share), runs=300)
    assert stopped(*worse, share) > 0.9


def test_a_challenger_that_always_crashes_is_stopped_within_its_first_few_keys():
    errors, challenged = canaries(0.0, 1.0, 0.01, keys=2000, runs=300)
    money = evidence(errors, challenged, 0.01, above=0.0)
    assert (money >= LIMIT).any(axis=1).all()
    until = (money >= LIMIT).argmax(axis=1)
    assert max(challenged[row, : n + 1].sum() for row, n in enumerate(until)) <= 2


def test_a_challenger_as_good_as_the_champion_is_finished_in_most_canaries():
    errors, challenged = canaries(0.02, 0.02, 0.5, keys=3000, runs=300)
    rule, share = StoppingRule(margin=0.03), np.full(3000, 0.5)
    verdicts = [rule.decide(*one, share).verdict for one in zip(errors, challenged, strict=True)]
    assert verdicts.count("finish: not worse") > 0.9 * 300
    assert verdicts.count("stop: worse") <= ALPHA * 300


def test_a_challenger_worse_by_the_margin_is_not_finished():
    errors, challenged = canaries(0.05, 0.08, 0.5)
    finished = (evidence(errors, challenged, 0.5, below=0.03) >= LIMIT).any(axis=1)
    assert finished.mean() <= ALPHA + SLACK


def test_a_better_challenger_is_not_stopped():
    assert stopped(*canaries(0.1, 0.05, 0.25), 0.25) < 0.01


def test_a_decision_does_not_change_when_one_looks_later():
    errors, challenged = canaries(0.05, 0.15, 0.5, keys=2000, runs=1)
    rule, share = StoppingRule(margin=0.02), np.full(2000, 0.5)
    whole = rule.decide(errors[0], challenged[0], share)
    assert whole.verdict == "stop: worse"
    n = whole.keys
    before, then = (rule.decide(errors[0, :k], challenged[0, :k], share[:k]) for k in (n - 1, n))
    assert (before.verdict, then) == ("continue", whole)
    assert str(then).startswith(f"stop: worse after {n} keys (evidence that it is worse 2")


def test_before_the_first_outcome_nothing_is_decided():
    decision = StoppingRule().decide([], [], [])
    assert (decision.verdict, decision.keys, decision.worse) == ("continue", 0, 1.0)


def test_outcomes_that_were_not_drawn_decide_nothing():
    """At share 1 there is no champion to compare with."""
    everybody = np.ones(500)
    assert StoppingRule().decide(everybody, everybody, everybody).worse == pytest.approx(1)


def test_the_interval_holds_the_true_difference_at_every_look():
    runs, looks = 100, (100, 300, 1000)
    errors, challenged = canaries(0.05, 0.12, 0.25, runs=runs)
    missed = 0
    for one, who in zip(errors, challenged, strict=True):
        found = [interval(one[:n], who[:n], np.full(n, 0.25)) for n in looks]
        missed += any(not low <= 0.07 <= high for low, high in found)
    assert missed / runs <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / runs) ** 0.5


def test_the_interval_narrows_around_the_difference():
    errors, challenged = canaries(0.05, 0.12, 0.5, keys=20_000, runs=1)
    low, high = interval(errors[0], challenged[0], np.full(20_000, 0.5))
    assert 0.05 < low < 0.07 < high < 0.09
    assert interval([], [], []) == (-1.0, 1.0)


@pytest.mark.parametrize("wrong", [{"margin": 0}, {"margin": 1}, {"alpha": 0}, {"alpha": 1.5}])
def test_a_rule_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="margin and alpha lie between 0 and 1"):
        StoppingRule(**wrong)


def of_route(keys, share, fails=lambda key, challenged: False):
    route = Route("canary", "2", share, "failures/2")
    for key in keys:
        challenged = answers(route, key) == "challenger"
        yield Outcome(key, challenged, share, fails(key, challenged))


KEYS = [f"truck-{i}" for i in range(2000)]


def test_a_key_counts_once_however_many_requests_it_sends():
    seen = Evidence()
    seen.add(list(of_route(KEYS, 0.25)) * 5)
    counts = seen.counts()
    assert counts["champion_keys"] + counts["challenger_keys"] == 2000
    assert set(seen.arrays()[2]) == {0.25}


def test_a_key_that_a_larger_share_may_take_counts_again_with_the_chance_of_that():
    seen = Evidence()
    seen.add(of_route(KEYS, 0.2))
    first = seen.counts()
    seen.add(of_route(KEYS, 0.6))
    _, challenged, share = seen.arrays()
    again, drawn = challenged[2000:], share[2000:]
    assert len(again) == first["champion_keys"]  # the challenger's keys stay with it for certain
    assert drawn == pytest.approx(0.5)  # (0.6 - 0.2) / (1 - 0.2)
    assert abs(again.mean() - 0.5) < 0.05


def test_trucks_that_fail_anyway_do_not_stop_a_canary_by_coming_back_at_each_step():
    """Half the trucks always fail, with either version; each comes back at four steps."""
    runs, alarms = 300, 0
    for run in range(runs):
        seen = Evidence()
        trucks = [f"{run}-{i}" for i in range(200)]
        for share in (0.01, 0.05, 0.25, 0.5):
            seen.add(of_route(trucks, share, lambda key, _: int(key.split("-")[1]) < 100))
        alarms += seen.decide(StoppingRule(margin=0.2)).verdict == "stop: worse"
    assert alarms / runs <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / runs) ** 0.5


def test_a_challenger_that_fails_half_its_trucks_is_found_among_200():
    seen = Evidence()
    for share in (0.05, 0.25, 0.5):
        seen.add(of_route(KEYS[:200], share, lambda key, challenged: challenged and hash_even(key)))
    assert seen.decide(StoppingRule()).verdict == "stop: worse"
    assert seen.counts()["champion_errors"] == 0


def hash_even(key):
    return int(key.split("-")[1]) % 2 == 0
