"""Requests that wait are predicted together: in order, within limits, and none for nobody."""

import asyncio
import threading
import time

import numpy as np
import pytest

from labs.deployment.batching import LATENCY_CAP, MOST_ROWS, Batcher, Busy, RowLimit


class Doubler:
    """Doubles x, and remembers how many rows came together; it can be held."""

    def __init__(self, together=True, limit=None):
        self.together, self.limit = together, limit
        self.seen = []
        self.free = threading.Event()
        self.free.set()

    def predict(self, columns):
        self.free.wait(30)
        self.seen.append(columns["x"].tolist())
        if (columns["x"] < 0).any():
            raise ValueError("below zero")
        return 2 * columns["x"]


def ask(batcher, model, *values):
    return asyncio.ensure_future(batcher.predict(model, {"x": np.array(values)}, len(values)))


async def held(batcher, model, *calls):
    """What `calls` of a model come to that arrive while it predicts another request."""
    model.free.clear()
    first = ask(batcher, model, 0)
    await asyncio.sleep(0)
    waiting = [ask(batcher, model, *values) for values in calls]
    await asyncio.sleep(0)
    model.free.set()
    await first
    return [
        a if isinstance(a, Exception) else a.tolist()
        for a in await asyncio.gather(*waiting, return_exceptions=True)
    ]


def run(scenario):
    """Run `scenario(batcher)` in a loop of its own."""

    async def main():
        batcher = Batcher()
        try:
            return await scenario(batcher)
        finally:
            batcher.close()

    return asyncio.run(main())


def test_a_request_alone_is_predicted_alone():
    model = Doubler()
    assert run(lambda batcher: batcher.predict(model, {"x": np.array([3])}, 1)).tolist() == [6]
    assert model.seen == [[3]]


def test_requests_that_wait_share_one_prediction_and_each_gets_its_own_rows():
    model = Doubler()
    answers = run(lambda batcher: held(batcher, model, [1], [2, 3], [4]))
    assert answers == [[2], [4, 6], [8]]
    assert model.seen == [[0], [1, 2, 3, 4]]


def test_one_that_fails_leaves_the_others_their_answers():
    model = Doubler()
    answers = run(lambda batcher: held(batcher, model, [1], [-2], [3]))
    assert (answers[0], answers[2]) == ([2], [6])
    assert isinstance(answers[1], ValueError)


def test_a_model_whose_rows_depend_on_each_other_never_shares():
    model = Doubler(together=False)
    assert run(lambda batcher: held(batcher, model, [1], [2])) == [[2], [4]]
    assert model.seen == [[0], [1], [2]]


def test_no_prediction_has_more_rows_than_the_limit_unless_one_request_has():
    model = Doubler(limit=RowLimit())
    model.limit.rows = 2
    model.limit.learn = lambda rows, seconds, shared: None
    answers = run(lambda batcher: held(batcher, model, [1], [2], [3], [4, 5, 6], [7]))
    assert answers == [[2], [4], [6], [8, 10, 12], [14]]
    assert model.seen == [[0], [1, 2], [3], [4, 5, 6], [7]]


def test_models_do_not_share_with_each_other():
    one, other = Doubler(), Doubler()

    async def scenario(batcher):
        one.free.clear()
        asked = [ask(batcher, one, 0)]
        await asyncio.sleep(0)
        asked += [ask(batcher, model, x) for x in (1, 2) for model in (one, other)]
        await asyncio.sleep(0)
        one.free.set()
        return [answer.tolist() for answer in await asyncio.gather(*asked)]

    assert run(scenario) == [[0], [2], [2], [4], [4]]
    assert (one.seen, other.seen) == ([[0], [1, 2]], [[1, 2]])


def test_a_request_whose_client_gave_up_is_not_predicted():
    model = Doubler()

    async def scenario(batcher):
        model.free.clear()
        first = ask(batcher, model, 0)
        await asyncio.sleep(0)
        left, stayed = ask(batcher, model, 1), ask(batcher, model, 2)
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        model.free.set()
        return await asyncio.gather(first, stayed)

    run(scenario)
    assert model.seen == [[0], [2]]


def test_a_model_that_gives_too_few_answers_fails_its_request():
    model = Doubler()
    model.predict = lambda columns: columns["x"][:1]
    with pytest.raises(ValueError, match="1 answers for 2 rows"):
        run(lambda batcher: batcher.predict(model, {"x": np.array([1, 2])}, 2))


def test_a_crowd_beyond_what_can_wait_is_told_at_once(monkeypatch):
    monkeypatch.setattr("labs.deployment.batching.MOST_WAITING", 2)
    answers = run(lambda batcher: held(batcher, Doubler(), [1], [2], [3]))
    assert answers[:2] == [[2], [4]]
    assert isinstance(answers[2], Busy)


def test_the_limit_grows_while_sharing_costs_little_and_shrinks_when_it_does():
    limit = RowLimit()
    limit.learn(1, 0.003)
    while limit.rows < MOST_ROWS:
        limit.learn(limit.rows, 0.003 + 0.9 * LATENCY_CAP)
    limit.learn(MOST_ROWS, 0.003 + 1.1 * LATENCY_CAP)
    assert limit.rows == MOST_ROWS // 2
    for _ in range(20):
        limit.learn(limit.rows, 1.0)
    assert limit.rows == 1


def test_a_model_that_is_slow_even_alone_may_still_share():
    limit = RowLimit()
    before = limit.rows
    limit.learn(1, 0.5)
    limit.learn(before, 0.5 + LATENCY_CAP / 2)
    assert limit.rows == 2 * before


def test_a_slow_prediction_of_one_request_does_not_end_sharing():
    limit = RowLimit()
    before = limit.rows
    limit.learn(1, 0.003, shared=False)
    for _ in range(10):
        limit.learn(1, 0.5, shared=False)
    assert limit.rows == before
    limit.learn(before, 0.5)
    assert limit.rows == before // 2


def test_the_running_prediction_is_known_from_outside():
    model = Doubler()

    async def scenario(batcher):
        assert batcher.begun is None
        model.free.clear()
        asked = ask(batcher, model, 1)
        await asyncio.sleep(0)
        assert batcher.begun <= time.monotonic()
        model.free.set()
        await asked
        return batcher.begun

    assert run(scenario) is None
