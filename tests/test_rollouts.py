"""Roll-outs: a shadow answers nobody, a canary stops by its rule, blue-green moves all at once."""

import operator
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import forks
import numpy as np
import pytest
from served import Sum, TurnsBad, add_version, post, row, until

from labs.deployment import registry, rollout
from labs.deployment.disagreement import disagreement, wilson
from labs.deployment.events import EventLog
from labs.deployment.gates import Verdict
from labs.deployment.local import Server
from labs.deployment.promotion import rollback
from labs.deployment.rollout import blue_green, canary, shadow, stop
from labs.deployment.routing import Changed, Route, Routes, answers
from labs.deployment.sequential import Outcome, StoppingRule
from labs.deployment.traffic import Answered, TrafficWriter
from labs.deployment.watch import Pace

servers_are_forks = forks.servers_are_forks

MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)
AT_ONCE = Pace(pause=0, patience=3)
RULE = StoppingRule(margin=0.05)
WHY = {"why": "release 2"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A registry: version 1 adds up, 2 adds one more, 3 and 4 crash with real traffic."""
    folder = tmp_path_factory.mktemp("registry")
    client = registry.open_registry(folder)
    for model in (Sum(), Sum(plus=1.0), TurnsBad("fails later"), TurnsBad("fails later")):
        add_version(client, "failures", model, alias=None)
    return folder


@pytest.fixture
def log(folder):
    """The log of that registry, where version 1 is champion and answers alone."""
    client = registry.open_registry(folder)
    client.set_registered_model_alias("failures", "champion", "1")
    Routes.beside(folder).put("failures", Route())
    log = EventLog.beside(folder)
    log.begun = len(log.table())
    return log


def champion():
    client = registry.mlflow.MlflowClient()
    return str(client.get_model_version_by_alias("failures", "champion").version)


def route(log):
    return Routes.beside(log.path.parent).of("failures")


def records(log, action):
    table = log.table("failures").iloc[log.begun :]
    return table[table["action"] == action]


def trucks(champion_fails, challenger_fails, each=500, salt="failures/2"):
    """Simulated outcomes: `each` new trucks at every look, failing at the given rates."""
    rng = np.random.default_rng(5)
    looks = iter(range(10_000))

    def outcomes(share):
        look = next(looks)
        for i in range(each):
            key = f"truck-{look}-{i}"
            challenged = answers(Route("canary", "2", share, salt), key) == "challenger"
            rate = challenger_fails if challenged else champion_fails
            yield Outcome(key, challenged, share, bool(rng.random() < rate))

    return outcomes


def simulated(log, *rates, version=2, **changed):
    arguments = {"outcomes": trucks(*rates), "rule": RULE, "pace": AT_ONCE, **WHY} | changed
    return canary("failures", version, log=log, **arguments)


def test_a_canary_that_is_not_worse_rises_through_the_steps_and_becomes_champion(log):
    days = (MONDAY + timedelta(days=day) for day in range(100))
    done = simulated(log, 0.02, 0.02, clock=lambda: next(days), actor="Ida")
    assert done.finished
    assert champion() == "2"
    steps = records(log, "canary")
    assert [details["share"] for details in steps["details"]] == [0.01, 0.05, 0.25, 0.5, 1.0]
    assert set(steps["before"] + steps["after"] + steps["actor"]) == {"12Ida"}
    assert steps["at"].is_monotonic_increasing
    assert steps["at"].iloc[0] == MONDAY
    assert len(records(log, "promote")) == 1
    assert str(done).startswith("failures: version 2 is champion: finish: not worse after ")
    assert len(done.steps) == 4
    assert done.steps[0].startswith("1% of the keys: errors ")


def test_its_route_outlives_the_promotion_until_servers_have_followed_the_alias(log, monkeypatch):
    monkeypatch.setattr(rollout, "SETTLE", 0.5)
    simulated(log, 0.02, 0.02)
    assert route(log).share == 1.0
    until(lambda: route(log) == Route(), seconds=5)


def test_a_canary_that_is_worse_is_stopped_and_the_champion_answers_again(log):
    done = simulated(log, 0.02, 0.3)
    assert not done.finished
    assert (champion(), route(log)) == ("1", Route())
    assert done.because.startswith("stop: worse after ")
    last = records(log, "canary").iloc[-1]
    assert last["why"] == done.because
    assert last["details"]["stopped"]
    assert last["details"]["challenger_errors"] > 0
    assert records(log, "promote").empty


def test_a_gate_that_refuses_keeps_the_challenger_from_everybody(log):
    def licence(candidate):
        return Verdict("licence", False, "none")

    def nobody(share):
        raise AssertionError("nobody was to meet it")

    done = simulated(log, 0, 0, gates=[licence], outcomes=nobody)
    assert str(done).splitlines() == [
        "failures: version 2 does not become champion: a gate refused",
        "  FAILED  licence: none",
    ]
    assert records(log, "canary").empty
    assert len(records(log, "refuse")) == 1
    assert (champion(), route(log)) == ("1", Route())


def test_a_gate_that_refuses_at_the_end_gives_everything_back(log):
    asked = []

    def twice(candidate):
        asked.append(candidate.version)
        return Verdict("data contract", len(asked) == 1, "it changed meanwhile")

    done = simulated(log, 0.02, 0.02, gates=[twice])
    assert (done.finished, done.because, asked) == (False, "a gate refused", ["2", "2"])
    assert (champion(), route(log)) == ("1", Route())


def test_a_canary_without_traffic_is_stopped(log):
    done = simulated(log, 0, 0, outcomes=lambda share: [])
    assert done.because == "undecided: no new key in 4 looks at share 1%"
    assert (champion(), route(log)) == ("1", Route())


def test_a_canary_that_cannot_be_decided_is_stopped(log):
    close = {"rule": StoppingRule(margin=0.001), "pace": Pace(pause=0, most=5000)}
    done = simulated(log, 0.2, 0.2, **close)
    assert done.because.startswith("undecided after 5")
    assert champion() == "1"


def test_a_canary_whose_watch_breaks_ends_at_the_champion(log):
    def breaks(share):
        raise ConnectionError("the labels' database is gone")

    with pytest.raises(ConnectionError):
        simulated(log, 0, 0, outcomes=breaks)
    assert (champion(), route(log)) == ("1", Route())
    assert "the labels' database is gone" in records(log, "canary")["why"].iloc[-1]


def test_a_canary_is_stopped_if_the_champion_changes_under_it(log):
    fine = trucks(0.02, 0.02)

    def outcomes(share):
        if share == 0.25:
            rollback("failures", log=log, why="an alarm", to=4)
        return fine(share)

    done = simulated(log, 0, 0, outcomes=outcomes)
    assert done.because == "version 1 is no longer the champion"
    assert (champion(), route(log)) == ("4", Route())


def test_a_canary_that_somebody_stops_does_not_go_on(log):
    fine = trucks(0.02, 0.02)

    def outcomes(share):
        if share == 0.05:
            stop("failures", log=log, why="a customer complains", actor="Bo")
        return fine(share)

    done = simulated(log, 0, 0, outcomes=outcomes)
    assert done.because.startswith("somebody else changed the route")
    assert (champion(), route(log)) == ("1", Route())
    assert "Bo" in list(records(log, "canary")["actor"])


@pytest.mark.parametrize("start", [shadow, blue_green, canary])
def test_two_rollouts_of_one_model_cannot_run_at_once(log, start):
    shadow("failures", 3, log=log, why="first")
    with pytest.raises(Changed, match=r"failures has the route .*'shadow'"):
        start("failures", 2, log=log, why="second")
    assert route(log) == Route("shadow", "3")
    assert len(records(log, "shadow")) == 1


@pytest.mark.parametrize(
    ("version", "why"),
    [(9, "failures has no version 9"), (1, "the champion is 1; version 1 needs")],
)
def test_a_challenger_must_exist_and_be_another_than_the_champion(log, version, why):
    with pytest.raises(ValueError, match=why):
        shadow("failures", version, log=log, why="try")


@pytest.mark.parametrize("steps", [(), (1.0,), (0.5, 0.1, 1.0), (0, 1), (0.1, 0.5), (0.5, 0.5, 1)])
def test_steps_that_do_not_rise_to_everybody_are_refused(log, steps):
    with pytest.raises(ValueError, match="they rise from above 0 to 1"):
        simulated(log, 0, 0, steps=steps)


def test_few_trucks_that_come_back_at_each_step_are_enough_for_a_crash(log):
    """100 trucks, always the same: each counts again when a larger share may take it."""

    def outcomes(share):
        for i in range(100):
            who = answers(Route("canary", "2", share, "failures/2"), f"truck-{i}")
            yield Outcome(f"truck-{i}", who == "challenger", share, who == "challenger")

    done = simulated(log, 0, 0, outcomes=outcomes, steps=(0.05, 0.25, 0.5, 1))
    assert done.because.startswith("stop: worse")


def test_a_canary_whose_watcher_is_killed_ends_by_itself(log):
    code = (
        "import sys\n"
        "from labs.deployment import registry, rollout\n"
        "from labs.deployment.events import EventLog\n"
        "rollout.LEASE = 6\n"
        "registry.open_registry(sys.argv[1])\n"
        "log = EventLog.beside(sys.argv[1])\n"
        "rollout.canary('failures', 2, log=log, why='watched')\n"
    )
    watcher = forks.begin([sys.executable, "-c", code, log.path.parent])
    until(lambda: route(log).strategy == "canary")
    time.sleep(6.5)
    assert route(log).strategy == "canary"  # extended while it is watched
    watcher.kill()
    watcher.wait()
    until(lambda: route(log) == Route(), seconds=10)


def test_blue_green_moves_everything_at_once_and_keeps_the_old_one_loaded(log):
    done = blue_green("failures", 2, log=log, at=MONDAY, **WHY)
    assert done.finished
    assert (champion(), route(log)) == ("2", Route("blue_green", "1"))
    assert [details["share"] for details in records(log, "blue_green")["details"]] == [0.0, 1.0]
    assert stop("failures", log=log, why="it is good") == Route("blue_green", "1")
    assert route(log) == Route()


def test_blue_green_stays_where_it_is_if_the_new_one_is_not_ready_or_not_fit(log):
    done = blue_green("failures", 2, log=log, ready=lambda: False, patience=0, **WHY)
    assert done.because == "not ready after 0 s"
    assert (champion(), route(log)) == ("1", Route())
    no = [lambda candidate: Verdict("no", False, "never")]
    assert not blue_green("failures", 2, no, log=log, **WHY).finished
    assert (champion(), route(log)) == ("1", Route())


def shadowed(log, keys, differ, errors=0):
    """Traffic of `keys` trucks, two requests each, where the shadow differs on some."""
    writer = TrafficWriter.beside(log.path.parent)
    for i in range(keys):
        for _ in range(2):
            record = Answered(1e9, "failures", f"truck-{i}", "champion", "1", [0.0, 1.0])
            theirs = [0.0, 1.0 if i >= differ else 2.0]
            error = "ValueError" if i < errors else None
            record = record._replace(shadow_version="2", shadow_error=error)
            writer.record(record._replace(shadow_prediction=None if error else theirs))
    writer.close()


@pytest.fixture
def fresh_log(tmp_path):
    return EventLog.beside(tmp_path)


def test_disagreement_is_reported_over_keys_and_by_slice(fresh_log):
    shadowed(fresh_log, keys=100, differ=20)
    odd = {"log": fresh_log, "by": lambda key: "odd" if int(key[6:]) % 2 else "even"}
    report = disagreement("failures", 2, **odd)
    assert list(report.index) == ["all", "even", "odd"]
    assert report.loc["all", ["keys", "errors", "disagree"]].to_list() == [100, 0, 0.1]
    assert report.loc["odd", "keys"] == 50
    assert report.loc["all", "low"] < 0.1 < report.loc["all", "high"]
    near = disagreement("failures", 2, log=fresh_log, same=lambda a, b: abs(a - b) < 2)
    assert near.loc["all", "disagree"] == 0
    assert near.loc["all", "high"] > 0.03  # none of 100 is not "never"


def test_a_shadow_that_fails_disagrees(fresh_log):
    shadowed(fresh_log, keys=10, differ=0, errors=4)
    report = disagreement("failures", 2, log=fresh_log, same=operator.eq)
    assert report.loc["all", ["keys", "errors", "disagree"]].to_list() == [10, 4, 0.4]


def test_no_shadow_traffic_is_no_claim(fresh_log):
    report = disagreement("failures", 2, log=fresh_log)
    assert report.loc["all", ["keys", "low", "high"]].to_list() == [0, 0.0, 1.0]


def test_wilsons_interval_is_as_published():
    """Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263, and 0 of 20."""
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_wilsons_interval_holds_the_share_itself_though_numbers_are_rounded():
    assert all(wilson(0, n)[0] == 0 and wilson(1, n)[1] == 1 for n in range(1, 2000))


@pytest.fixture(scope="module")
def server(folder):
    registry.open_registry(folder).set_registered_model_alias("failures", "champion", "1")
    with Server(folder) as server:
        yield server


@pytest.fixture
def serving(log, server):
    """The server, once it follows the champion's route alone."""
    until(lambda: live(server)["version"] == "1" and live(server)["challenger"] is None)
    return server


def live(server):
    return server.get("/version")["models"]["failures"]


class Callers:
    """Four callers that never pause, each with new keys; what each of them was answered."""

    def __init__(self, server, body=None, keys=None):
        self.answers, self.server, self.ended = [], server, threading.Event()
        self.body, self.keys = body or row(), keys
        self.threads = [threading.Thread(target=self.call, args=(n,)) for n in range(4)]

    def call(self, n):
        calls = 0
        while not self.ended.is_set():
            calls += 1
            key = f"caller-{n}-{calls % self.keys if self.keys else calls}"
            url = f"{self.server.url}/models/failures/invocations"
            answer = post(url, self.body, **{"x-request-key": key})
            self.answers.append((time.monotonic(), key, answer))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def failed(self):
        return [answer for _, _, answer in self.answers if answer.status != 200]

    def versions(self, since=0.0):
        return [a.headers["x-model-version"] for at, _, a in self.answers if at >= since]


def wait_for_answers(callers, more=50):
    enough = len(callers.answers) + more
    until(lambda: len(callers.answers) >= enough)


def test_a_rollback_under_load_fails_no_request_and_is_followed_within_seconds(log, serving):
    client = registry.open_registry(log.path.parent)
    client.set_registered_model_alias("failures", "champion", "2")
    until(lambda: live(serving)["version"] == "2")
    with Callers(serving) as callers:
        wait_for_answers(callers)
        begun = time.monotonic()
        rollback("failures", log=log, why="alarm", to=1)
        until(lambda: callers.versions(since=begun)[-1:] == ["1"])
        followed = time.monotonic()
        time.sleep(1)  # answers that were under way are back by then
        settled = time.monotonic()
        wait_for_answers(callers)
    assert callers.failed() == []
    assert set(callers.versions(since=settled)) == {"1"}
    assert followed - begun < 10  # about one second on an idle machine


def test_a_canary_over_http_is_sticky_and_answers_its_share(log, serving):
    routes = Routes.beside(log.path.parent)
    routes.put("failures", Route("canary", "2", 0.3, "failures/2"))
    until(lambda: live(serving)["share"] == 0.3)
    with Callers(serving, keys=50) as callers:
        wait_for_answers(callers, 400)
    assert callers.failed() == []
    of_key = {}
    for _, key, answer in callers.answers:
        of_key.setdefault(key, set()).add(answer.headers["x-model-version"])
    assert all(len(versions) == 1 for versions in of_key.values())
    expected = {
        k: "2" if answers(routes.of("failures"), k) == "challenger" else "1" for k in of_key
    }
    assert of_key == {key: {version} for key, version in expected.items()}
    assert {"1", "2"} == set(expected.values())


def test_a_shadow_sees_the_traffic_and_answers_nobody(log, serving):
    shadow("failures", 2, log=log, **WHY)
    until(lambda: live(serving)["challenger"] == "2")
    with Callers(serving) as callers:
        wait_for_answers(callers)
    assert callers.failed() == []
    assert set(callers.versions()) == {"1"}
    assert {tuple(a.json()["predictions"]) for _, _, a in callers.answers} == {(3.0,)}
    until(lambda: disagreement("failures", 2, log=log).loc["all", "keys"] >= 40)
    assert disagreement("failures", 2, log=log).loc["all", "disagree"] == 1.0
    stop("failures", log=log, why="seen enough")
    assert [d.get("stopped") for d in records(log, "shadow")["details"]] == [None, True]


def test_a_challenger_that_crashes_stops_the_canary_and_the_champion_answers_for_it(log, serving):
    """Version 3 passed its self-test, and fails with real traffic."""
    with Callers(serving, body=row(torque=35.0)) as callers:
        done = canary(
            "failures",
            3,
            log=log,
            steps=(0.1, 0.5, 1.0),
            pace=Pace(pause=0.1, patience=600),
            **WHY,
        )
    assert not done.finished
    assert done.because.startswith("stop: worse after ")
    assert callers.failed() == []
    assert {tuple(a.json()["predictions"]) for _, _, a in callers.answers} == {(37.0,)}
    assert (champion(), route(log)) == ("1", Route())


def test_a_canary_over_http_ends_with_the_challenger_as_champion(log, serving):
    with Callers(serving) as callers:
        done = canary(
            "failures",
            2,
            log=log,
            steps=(0.2, 0.5, 1.0),
            rule=StoppingRule(margin=0.1),
            pace=Pace(pause=0.1, patience=600),
            **WHY,
        )
        until(lambda: route(log) == Route())
        over = time.monotonic()
        wait_for_answers(callers, 100)
    assert done.finished, str(done)
    assert callers.failed() == []
    assert live(serving)["version"] == "2"
    assert set(callers.versions(since=over)) == {"2"}


def test_blue_green_over_http_switches_without_a_failed_request(log, serving):
    def ready():
        return live(serving)["challenger"] == "2"

    with Callers(serving) as callers:
        assert blue_green("failures", 2, log=log, ready=ready, **WHY).finished
        until(lambda: live(serving) | {"version": "2", "challenger": "1"} == live(serving))
        rollback("failures", log=log, why="alarm")
        until(lambda: live(serving)["version"] == "1")
        wait_for_answers(callers)
    assert callers.failed() == []
    assert set(callers.versions()) == {"1", "2"}
