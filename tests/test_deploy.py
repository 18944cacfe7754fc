"""One call for every model and every target, each on record."""

import forks
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression

from labs.deployment import kubernetes
from labs.deployment.deploy import deploy
from labs.deployment.events import EventLog
from labs.deployment.local import Server, ServerError
from labs.deployment.promotion import promote, rollback
from labs.deployment.registry import log_model, open_registry, register
from labs.deployment.rollout import stop
from labs.deployment.routing import Routes

servers_are_forks = forks.servers_are_forks

WORDS = {"owner": "Plant 2", "intended_use": "test", "dataset_name": "made up"}


@pytest.fixture(scope="module")
def data():
    numbers = np.random.default_rng(1).normal(size=(200, 3))
    return pd.DataFrame(numbers, columns=["a", "b", "c"])


@pytest.fixture(scope="module")
def registry(tmp_path_factory, data):
    """A registry of two models, each with a champion; `sorting` has a second version."""
    folder = tmp_path_factory.mktemp("registry")
    open_registry(folder)
    log, up = EventLog.beside(folder), data["a"] > 0
    models = {"sorting": LogisticRegression(), "pricing": RandomForestRegressor(n_estimators=5)}
    for name, model in models.items():
        target = up if name == "sorting" else data["b"]
        logged = log_model(model.fit(data, target), data=data, target=target, name=name, **WORDS)
        promote(name, register(logged, name).version, [], log=log, why="first")
    register(log_model(models["sorting"], data=data, target=up, name="sorting", **WORDS), "sorting")
    return folder


@pytest.fixture(scope="module")
def server(registry):
    with Server(registry) as running:
        yield running


@pytest.mark.parametrize("name", ["sorting", "pricing"])
def test_every_model_is_deployed_by_the_same_call(registry, server, data, name):
    done = deploy(name, "local", registry=registry, why="to test it", server=server)
    assert len(done.running.predict(name, data)) == len(data)
    assert str(done) == f"{name} version 1 on local, single"
    (record,) = EventLog.beside(registry).table(name, "deploy").tail(1).to_dict("records")
    assert (record["after"], record["why"]) == ("1", "to test it")
    assert record["details"]["target"] == "local"


def test_a_server_of_its_own_is_started_if_none_is_given(registry, data):
    done = deploy("pricing", registry=registry, why="alone", models=["pricing"])
    with done.running as running:
        assert len(running.predict("pricing", data.head(2))) == 2
        with pytest.raises(ServerError, match=r"sorting: the server at .* serves pricing"):
            deploy("sorting", registry=registry, why="elsewhere", server=running)


def test_a_version_that_does_not_come_live_is_waited_for_and_named(server):
    server.wait_for("pricing", 1)
    with pytest.raises(ServerError, match=r"pricing: version 9 is not live .*, version 1 is"):
        server.wait_for("pricing", 9, seconds=0.1)


def test_a_batch_is_the_same_call(registry, data, tmp_path):
    to = tmp_path / "scored.csv"
    done = deploy("sorting", "batch", registry=registry, why="nightly", source=data, to=to)
    assert len(pd.read_csv(to)) == len(data) == done.running.rows


def test_a_cluster_is_the_same_call(registry, tmp_path):
    image = f"norrmotor/models@sha256:{'0' * 64}"
    options = {"image": image, "to": tmp_path, "registry_at": "/models"}
    done = deploy("sorting", "kubernetes", registry=registry, why="go", **options)
    assert "/models" in "".join(kubernetes.read(tmp_path).values())
    assert (done.running / "overlays" / "production" / "kustomization.yaml").is_file()


def test_a_strategy_divides_the_traffic(registry, server):
    options = {"strategy": "canary", "challenger": 2, "share": 0.05, "server": server}
    deploy("sorting", registry=registry, why="try version 2", **options)
    route = Routes.beside(registry).of("sorting")
    assert (route.strategy, route.challenger, route.share) == ("canary", "2", 0.05)
    with pytest.raises(ValueError, match="a canary of version 2 is under way; end it first"):
        deploy("sorting", registry=registry, why="without looking", server=server)
    stop("sorting", log=EventLog.beside(registry), why="enough")
    deploy("sorting", registry=registry, why="again", server=server)
    assert Routes.beside(registry).of("sorting").strategy == "single"


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("sorting", {"target": "cloud"}, "target is 'cloud'; use one of local, batch"),
        ("baking", {}, "baking has no version with the alias champion"),
        ("sorting", {"strategy": "hope"}, "strategy is 'hope'; use one of single"),
        ("sorting", {"strategy": "canary", "challenger": 9, "share": 0.1}, "has no version 9"),
        ("sorting", {"strategy": "shadow"}, "shadow with challenger None makes no sense"),
        (
            "sorting",
            {"target": "batch", "strategy": "canary", "challenger": 2, "share": 0.1},
            "a batch has no traffic to divide",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused_and_not_on_record(registry, name, options, said):
    before = len(EventLog.beside(registry).table())
    with pytest.raises(ValueError, match=said):
        deploy(name, registry=registry, why="a mistake", **options)
    assert len(EventLog.beside(registry).table()) == before


def test_rolling_back_with_nothing_to_go_back_to_says_so(registry):
    with pytest.raises(ValueError, match="no earlier champion than version 1"):
        rollback("pricing", log=EventLog.beside(registry), why="it is three in the morning")
