"""Gates judge a candidate against the champion: gain, speed, schema, slices."""

import time

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from labs.deployment import gates, registry
from labs.deployment.gates import (
    Candidate,
    better_than_champion,
    fast_enough,
    same_schema,
    slices_not_worse,
)

SIMULATIONS = 200


def accuracy(truth, predicted):
    return np.mean(truth == predicted)


def closeness(truth, risk):
    """Minus the Brier score."""
    return -np.mean((risk - truth.astype(float)) ** 2)


def drawn(rng, rows):
    """A table of two features, and a target that depends on both."""
    table = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["torque_nm", "speed_rpm"])
    chance = 1 / (1 + np.exp(-table["torque_nm"] - table["speed_rpm"]))
    return table, rng.random(rows) < chance


TRAIN = drawn(np.random.default_rng(1), 2000)
HELD_BACK = drawn(np.random.default_rng(2), 1000)


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Logs an estimator in a real registry, fits it if need be, and loads it as a pyfunc."""
    registry.open_registry(tmp_path_factory.mktemp("registry"))

    def load(model, data=TRAIN[0], **changed):
        words = {"name": "m", "owner": "us", "intended_use": "test", "dataset_name": "drawn"}
        model.fit(data, TRAIN[1])
        logged = registry.log_model(model, data=data, target=TRAIN[1], **words | changed)
        return mlflow.pyfunc.load_model(logged.model_uri)

    return load


@pytest.fixture(scope="module")
def knows_both(load):
    return load(LogisticRegression())


@pytest.fixture(scope="module")
def ignores_the_speed(load):
    return load(
        make_pipeline(FunctionTransformer(lambda t: t[["torque_nm"]]), LogisticRegression())
    )


def against(champion, candidate):
    return Candidate("failures", "2", candidate, "1", champion)


def test_a_better_candidate_passes_and_a_worse_one_fails(knows_both, ignores_the_speed):
    gate = better_than_champion(*HELD_BACK, accuracy)
    passed, failed = (
        gate(against(ignores_the_speed, knows_both)),
        gate(against(knows_both, ignores_the_speed)),
    )
    assert (passed.passed, failed.passed) == (True, False)
    assert passed.numbers["gain"] == -failed.numbers["gain"] > 0.02
    assert str(failed).startswith("FAILED  better than the champion: gain -0.0")


def test_the_same_model_again_is_not_better_but_not_worse_either(knows_both):
    same = against(knows_both, knows_both)
    assert not better_than_champion(*HELD_BACK, accuracy)(same).passed
    assert better_than_champion(*HELD_BACK, accuracy, margin=-0.01)(same).passed


def test_a_gain_within_the_margin_is_not_enough(knows_both, ignores_the_speed):
    verdict = better_than_champion(*HELD_BACK, accuracy, margin=0.2)(
        against(ignores_the_speed, knows_both)
    )
    assert (verdict.passed, "margin +0.200" in verdict.because) == (False, True)


def test_the_interval_covers_the_true_gain_about_as_often_as_it_says(
    knows_both, ignores_the_speed, monkeypatch
):
    """95 % nominal; over 200 held-back sets, 3 standard errors are 4.6 points."""
    candidate = against(ignores_the_speed, knows_both)
    table, target = drawn(np.random.default_rng(3), 1_000_000)
    gain = accuracy(target, knows_both.predict(table)) - accuracy(
        target, ignores_the_speed.predict(table)
    )
    monkeypatch.setattr(gates, "RESAMPLES", 300)  # the ends vary a little more, for a third
    covered = 0
    for seed in range(SIMULATIONS):
        held_back = drawn(np.random.default_rng(1000 + seed), 200)
        numbers = better_than_champion(*held_back, accuracy, seed=seed)(candidate).numbers
        covered += numbers["low"] <= gain <= numbers["high"]
    assert covered / SIMULATIONS > 0.9


def test_the_verdict_is_the_same_each_time(knows_both, ignores_the_speed):
    candidate = against(knows_both, ignores_the_speed)
    verdicts = [better_than_champion(*HELD_BACK, accuracy)(candidate) for _ in range(2)]
    assert verdicts[0] == verdicts[1]


def test_probabilities_are_judged_by_the_last_class(load, ignores_the_speed):
    sure = load(LogisticRegression(), predict="predict_proba")
    gate = better_than_champion(*HELD_BACK, closeness)
    assert gate(against(ignores_the_speed, sure)).passed


def test_a_metric_that_is_mostly_undefined_cannot_judge(knows_both):
    def undefined(truth, predicted):
        raise ValueError("only one class")

    gate = better_than_champion(*HELD_BACK, undefined)
    with pytest.raises(ValueError, match="defined on 0 of 1000 resamples of 1000 rows; hold back"):
        gate(against(knows_both, knows_both))


@pytest.mark.parametrize(
    "make",
    [
        lambda data, target: better_than_champion(data, target, accuracy),
        lambda data, target: slices_not_worse(data, target, "torque_nm", accuracy, 0.1),
    ],
)
def test_a_target_of_another_length_is_refused_when_the_gate_is_made(make):
    with pytest.raises(ValueError, match="target has 999 values and data 1000 rows"):
        make(HELD_BACK[0], HELD_BACK[1][:-1])


def test_a_first_candidate_has_no_champion_to_beat(knows_both):
    first = Candidate("failures", "1", knows_both)
    every = [
        better_than_champion(*HELD_BACK, accuracy),
        same_schema(),
        slices_not_worse(*HELD_BACK, HELD_BACK[0]["torque_nm"] > 0, accuracy, 0.1),
    ]
    for gate in every:
        verdict = gate(first)
        assert (verdict.passed, "there is no champion" in verdict.because) == (True, True)


def dawdling(table):
    time.sleep(0.03)
    return table


def test_a_slow_model_breaks_the_budget_and_a_quick_one_keeps_it(load, knows_both):
    slow = load(make_pipeline(FunctionTransformer(dawdling), LogisticRegression()))
    late = fast_enough(HELD_BACK[0], milliseconds=25, calls=10)(against(knows_both, slow))
    assert (late.passed, late.numbers["ms"] >= 30) == (False, True)
    assert late.because.endswith("ms at the 95% quantile, budget 25 ms")
    assert fast_enough(HELD_BACK[0], milliseconds=5000)(against(slow, knows_both)).passed


def test_the_latency_gate_looks_at_the_slow_end(load, knows_both):
    """One call in five dawdles: the median is quick, the 95 % quantile is not."""
    calls = iter(range(10_000))

    def sometimes(table):
        return dawdling(table) if next(calls) % 5 == 4 else table

    slow = load(LogisticRegression())
    predict = slow.predict
    slow.predict = lambda table: predict(sometimes(table))
    budget = {"milliseconds": 30, "calls": 40}
    assert fast_enough(HELD_BACK[0], quantile=0.5, **budget)(against(knows_both, slow)).passed
    assert not fast_enough(HELD_BACK[0], quantile=0.95, **budget)(against(knows_both, slow)).passed


def with_columns(load, data, **changed):
    return load(make_pipeline(FunctionTransformer(keep), LogisticRegression()), data, **changed)


def keep(table):
    return table[["torque_nm"]].astype(float)


TORQUE_AS_WHOLE = TRAIN[0].assign(torque_nm=TRAIN[0]["torque_nm"].round().astype("int64"))


@pytest.mark.parametrize(
    ("data", "changed", "because"),
    [
        (TRAIN[0].assign(site="Umeå"), {}, "callers do not send site"),
        (TORQUE_AS_WHOLE, {}, "torque_nm is double now and would be long"),
        (TRAIN[0], {"predict": "predict_proba"}, "the answer is"),
        (TRAIN[0].rename(columns={"speed_rpm": "rpm"}), {}, "callers do not send rpm"),
    ],
    ids=["added", "type", "output", "renamed"],
)
def test_a_candidate_that_callers_could_not_call_fails(load, knows_both, data, changed, because):
    verdict = same_schema()(against(knows_both, with_columns(load, data, **changed)))
    assert not verdict.passed
    assert verdict.because.startswith(because)


def test_a_candidate_that_needs_fewer_columns_passes(load, knows_both):
    fewer = with_columns(load, TRAIN[0][["torque_nm"]])
    assert same_schema()(against(knows_both, fewer)).passed
    assert not same_schema()(against(fewer, knows_both)).passed


def signed(torque_required, speed_required):
    """A real model whose signature says which columns callers must send."""
    inputs = Schema(
        [
            ColSpec("double", "torque_nm", required=torque_required),
            ColSpec("double", "speed_rpm", required=speed_required),
        ]
    )
    signature = infer_signature(*HELD_BACK)
    signature.inputs = inputs
    model = LogisticRegression().fit(*TRAIN)
    with mlflow.start_run():
        logged = mlflow.sklearn.log_model(
            model,
            name="m",
            signature=signature,
            pip_requirements=[],
            serialization_format="cloudpickle",
        )
    return mlflow.pyfunc.load_model(logged.model_uri)


def test_a_column_that_callers_may_leave_out_must_not_become_required(load):
    verdict = same_schema()(against(signed(True, False), signed(True, True)))
    assert verdict.because == "callers may leave out speed_rpm, which would be required"
    assert same_schema()(against(signed(True, True), signed(True, False))).passed


def test_models_of_arrays_are_compared_as_a_whole(load, knows_both):
    def of_arrays(columns):
        table = TRAIN[0].to_numpy()[:, :columns]
        model = LogisticRegression().fit(table, TRAIN[1])
        with mlflow.start_run():
            logged = mlflow.sklearn.log_model(
                model,
                name="m",
                signature=infer_signature(table, TRAIN[1]),
                pip_requirements=[],
                serialization_format="cloudpickle",
            )
        return mlflow.pyfunc.load_model(logged.model_uri)

    assert same_schema()(against(of_arrays(2), of_arrays(2))).passed
    assert not same_schema()(against(of_arrays(2), of_arrays(1))).passed
    assert not same_schema()(against(of_arrays(2), knows_both)).passed


def site(table):
    """Umeå has the fast machines, Södertälje the slow ones, Gent three, and some none."""
    names = np.where(table["speed_rpm"] > 0, "Umeå", "Södertälje").astype(object)
    names[:3], names[3:60] = "Gent", None
    return pd.Series(names, name="site")


class BlindInUmea(LogisticRegression):
    """Knows the other sites better than the torque alone tells."""

    def predict(self, table):
        return super().predict(table) & (table["speed_rpm"] <= 0)


def test_a_candidate_that_fails_one_slice_fails_though_it_is_better_elsewhere(
    load, ignores_the_speed
):
    blind_in_umea = load(BlindInUmea())
    by = site(HELD_BACK[0])
    verdict = slices_not_worse(*HELD_BACK, by, accuracy, 0.03)(
        against(ignores_the_speed, blind_in_umea)
    )
    assert not verdict.passed
    assert verdict.gate == "no slice worse, by site"
    assert verdict.because.startswith("Umeå lost 0.")
    assert "Södertälje lost" not in verdict.because
    assert verdict.because.endswith("; cannot be judged: Gent")
    assert set(verdict.numbers) == {"loss of Umeå", "loss of Södertälje", "loss of nan"}


def test_slices_may_be_a_column_of_the_data(knows_both):
    data = HELD_BACK[0].assign(fast=HELD_BACK[0]["speed_rpm"] > 0)
    gate = slices_not_worse(data, HELD_BACK[1], "fast", accuracy, 0)
    verdict = gate(against(knows_both, knows_both))
    assert verdict.passed
    assert verdict.because == "none of 2 lost more than 0"


def test_a_slice_where_the_metric_is_undefined_is_named(knows_both):
    by = pd.Series(np.where(HELD_BACK[1], "failed", "ran"), name="outcome")
    by[:500] = "mixed"
    by.iloc[:] = by.to_numpy()

    def auc(truth, predicted):
        if len(set(truth)) < 2:
            raise ValueError("only one class")
        return roc_auc_score(truth, predicted)

    same = against(knows_both, knows_both)
    verdict = slices_not_worse(*HELD_BACK, by, auc, 0.1)(same)
    assert verdict.passed
    assert set(verdict.because.split(": ")[1].split(", ")) == {"failed", "ran"}
    none = slices_not_worse(*HELD_BACK, by[by != "mixed"].reindex(by.index), auc, 0.1, 600)(same)
    assert (none.passed, none.numbers) == (False, {})


def test_slices_of_another_length_are_refused_when_the_gate_is_made():
    with pytest.raises(ValueError, match="by has 2 values and data 1000 rows"):
        slices_not_worse(*HELD_BACK, pd.Series([1, 2]), accuracy, 0.1)
