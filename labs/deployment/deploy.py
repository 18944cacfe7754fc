"""The standard deployment function: one call for every model, every target, every strategy.

A target is where answers are wanted: `local`, a server process on this machine; `batch`,
a file of predictions; `kubernetes`, manifests for a cluster. A strategy says how a
challenger meets the traffic. Every call is one record in the event log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from labs.deployment.events import EventLog
from labs.deployment.promotion import CHAMPION
from labs.deployment.registry import open_registry
from labs.deployment.routing import STRATEGIES, Route, Routes


@dataclass(frozen=True)
class Deployment:
    """What was deployed and where. `running` is the target's own: a Server, a Scored, paths."""

    model: str
    version: str
    target: str
    strategy: str
    running: Any

    def __str__(self) -> str:
        return f"{self.model} version {self.version} on {self.target}, {self.strategy}"


def deploy(
    model: str,
    target: str = "local",
    *,
    registry: Path | str,
    why: str,
    strategy: str = "single",
    challenger: int | str | None = None,
    share: float = 0.0,
    actor: str = "",
    at: datetime | None = None,
    **options: Any,
) -> Deployment:
    """Put the champion of the registered model `model` where it answers.

    `registry` is the folder of the registry. `challenger` is the version that a strategy
    other than "single" needs, `share` the part of the keys that it answers; `rollout`
    watches it and raises its share. `options` are the target's own; see `local`, `batch`
    and `kubernetes`. Raises ValueError if there is no champion, no such version, target or
    strategy, or if a roll-out of the model is under way.
    """
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}; use one of {', '.join(TARGETS)}")
    champion = _champion(registry, model)
    route = _route(model, strategy, challenger, share)
    _require_no_rollout(registry, model)
    if target == "batch" and strategy != "single":
        raise ValueError(f"strategy is {strategy!r}; a batch has no traffic to divide: use single")
    running = TARGETS[target](model, Path(registry), **options)
    if target != "batch":
        Routes.beside(registry).put(model, route, instead_of=Route())  # servers follow it
    EventLog.beside(registry).append(
        "deploy",
        model,
        why=why,
        actor=actor,
        after=champion,
        at=at,
        target=target,
        strategy=strategy,
        challenger=route.challenger,
        share=share,
    )
    return Deployment(model, champion, target, strategy, running)


def local(model: str, registry: Path, server=None, **options: Any):
    """A server process that answers over HTTP; `options` are those of `local.Server`.

    A `server` of this registry that runs already is used as it is: one process serves
    every model.
    """
    from labs.deployment.local import Server, ServerError

    server = server or Server(registry, **options)
    served = server.get("/version")["models"]
    if model not in served:
        raise ServerError(
            f"{model}: the server at {server.url} serves {', '.join(served) or 'nothing'}; "
            "start it with models='all' or name this one too"
        )
    return server


def batch(model: str, registry: Path, source, to: Path | str, **options: Any):
    """Score `source`, a table or a file, into the file `to`; `options` are those of `score`."""
    from labs.deployment.batch import score

    return score(model, source, to, **options)


def kubernetes(model: str, registry: Path, image, to: Path | str, **options: Any):
    """Write valid manifests into the folder `to`; `options` are those of `kubernetes.render`.

    The registry is part of the image, or of the volume that `claim` names. Nothing is
    applied: look at the files first, then call `kubernetes.apply`.
    """
    from labs.deployment.kubernetes import render, write

    return write(render(model, image=image, **options), to)


TARGETS: dict[str, Callable[..., Any]] = {
    "local": local,
    "batch": batch,
    "kubernetes": kubernetes,
}


def _champion(registry: Path | str, model: str) -> str:
    client = open_registry(registry)
    try:
        return str(client.get_model_version_by_alias(model, CHAMPION).version)
    except MlflowException:
        raise ValueError(
            f"{model} has no version with the alias {CHAMPION} in {registry}; "
            "register one, then promote it"
        ) from None


def _require_no_rollout(registry: Path | str, model: str) -> None:
    now = Routes.beside(registry).of(model)
    if now.strategy != "single":
        raise ValueError(
            f"{model}: a {now.strategy} of version {now.challenger} is under way; "
            "end it first, with labs.deployment.rollout.stop"
        )


def _route(model: str, strategy: str, challenger: int | str | None, share: float) -> Route:
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy is {strategy!r}; use one of {', '.join(STRATEGIES)}")
    if challenger is not None:
        try:
            mlflow.MlflowClient().get_model_version(model, str(challenger))
        except MlflowException:
            raise ValueError(f"{model} has no version {challenger}; register it first") from None
    return Route(
        strategy,
        None if challenger is None else str(challenger),
        share,
        salt=f"{model}/{challenger}",
    )
