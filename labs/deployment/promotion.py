"""Move the alias champion: forward through gates, back without.

Every move, and every refusal, is one record in the event log. The alias moves first, so
that a crash in between leaves a move without a record, and never a record of a move that
was not made; the next call finds such a move, and any made by other tools, and records it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel
from mlflow.tracking import MlflowClient

from labs.deployment.events import MOVES, EventLog
from labs.deployment.gates import Candidate, Gate, Verdict
from labs.deployment.turns import turn

CHAMPION = "champion"
WAIT_SECONDS = 60  # for another promotion of the same model; gates take seconds
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # MLflow's two words for it
REASON = 200  # letters of an error; MLflow's may hold a whole table


@dataclass(frozen=True)
class Promotion:
    """What came of asking: whether the alias moved, from what to what, and the verdicts."""

    name: str
    before: str | None
    after: str | None
    passed: bool
    verdicts: tuple[Verdict, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.name}: {self._outcome()}", *(f"  {v}" for v in self.verdicts)])

    def _outcome(self) -> str:
        if self.passed and self.before is None:
            return f"version {self.after} is the first champion"
        if self.passed:
            return f"version {self.after} is champion, after version {self.before}"
        if self.before is None:
            return "refused; there is still no champion"
        return f"refused; version {self.before} stays champion"


def promote(
    name: str,
    version: int | str,
    gates: Sequence[Gate],
    *,
    log: EventLog,
    why: str,
    actor: str = "",
    at=None,
) -> Promotion:
    """Make `version` of the model `name` the champion if it passes every gate.

    All gates are asked, so that one refusal tells everything there is to mend. A gate
    that raises counts as failed, and so does a model that cannot be loaded. Two promotions
    of one model take turns: the second is judged against the first's result. Raises
    ValueError if there is no such version.
    """
    client = MlflowClient()
    with _turn(log.path, name):
        require(name, version)
        before = _champion_now(log, name, at)
        verdicts = judged(name, str(version), before, gates)
        passed = all(verdict.passed for verdict in verdicts)
        if passed:
            client.set_registered_model_alias(name, CHAMPION, str(version))
        log.append(
            "promote" if passed else "refuse",
            name,
            why=why,
            actor=actor,
            before=before,
            after=version,
            at=at,
            verdicts=[str(verdict) for verdict in verdicts],
        )
    return Promotion(name, before, str(version) if passed else before, passed, verdicts)


def rollback(
    name: str, *, log: EventLog, why: str, actor: str = "", to: int | str | None = None, at=None
) -> str:
    """Give the alias back to the last champion before this one, and return that version.

    `to` names another version. No gate is asked: at three in the morning the last good
    version is better than none. Raises ValueError if the log knows no earlier champion
    whose version still exists, or `to` does not.
    """
    client = MlflowClient()
    with _turn(log.path, name):
        now = _champion_now(log, name, at)
        target = str(to) if to is not None else _last_good(client, log, name, now)
        require(name, target)
        client.set_registered_model_alias(name, CHAMPION, target)
        log.append("rollback", name, why=why, actor=actor, before=now, after=target, at=at)
    return target


def _last_good(client: MlflowClient, log: EventLog, name: str, now: str | None) -> str:
    """The newest earlier champion that was not itself rolled back from since."""
    for version in reversed(_good(log.table(name))):
        if version != now and _exists(client, name, version):
            return version
    raise ValueError(
        f"{name}: the log knows no earlier champion than version {now}; "
        "name the version to go back to, with to=..."
    )


def _good(moves: pd.DataFrame) -> list[str]:
    """The champions whose promotion still stands, oldest first: a rollback takes its own away."""
    good: list[str] = []
    for move in moves[moves["action"].isin(MOVES)].itertuples():
        if move.action == "rollback":
            del good[-1:]
            while move.after in good and good[-1] != move.after:
                del good[-1]
        if good[-1:] != [move.after]:
            good.append(move.after)
    return good


def champion_of(name: str) -> str | None:
    """The version that carries the alias now; None if none does."""
    return _version(lambda: MlflowClient().get_model_version_by_alias(name, CHAMPION))


def _champion_now(log: EventLog, name: str, at) -> str | None:
    """The version that carries the alias; a move that the log does not have is added to it."""
    now = champion_of(name)
    known = log.champions(name)[-1:]
    if now is not None and known != [now]:
        why = "moved by another tool, or by a call that was killed before its record"
        log.append("found", name, why=why, before=known[0] if known else None, after=now, at=at)
    return now


def require(name: str, version: int | str) -> None:
    """Raises ValueError if there is no such version."""
    if not _exists(MlflowClient(), name, str(version)):
        raise ValueError(f"{name} has no version {version}; register it first")


def _exists(client: MlflowClient, name: str, version: str) -> bool:
    return _version(lambda: client.get_model_version(name, version)) is not None


def _version(ask) -> str | None:
    """The version that `ask` gets, None if there is none; a registry in trouble still raises."""
    try:
        return str(ask().version)
    except MlflowException as error:
        if error.error_code in ABSENT:
            return None
        raise


def judged(
    name: str, version: str, before: str | None, gates: Sequence[Gate]
) -> tuple[Verdict, ...]:
    """Every gate's verdict on `version` against the champion `before`.

    If one of the two cannot be loaded, that is the only verdict.
    """
    try:
        model = _loaded(name, version)
        champion = None if before is None else _loaded(name, before)
    except Exception as error:
        because = f"{type(error).__name__}: {error}"
        return (Verdict("both models load", False, because),)
    candidate = Candidate(name, version, model, before, champion)
    return tuple(_ask(gate, candidate) for gate in gates)


def _loaded(name: str, version: str) -> PyFuncModel:
    return mlflow.pyfunc.load_model(f"models:/{name}/{version}")


def _ask(gate: Gate, candidate: Candidate) -> Verdict:
    title = getattr(gate, "__name__", type(gate).__name__).replace("_", " ")
    try:
        verdict = gate(candidate)
    except Exception as error:  # a gate that cannot judge must not let anything through
        said = " ".join(str(error).split())[:REASON]
        return Verdict(title, False, f"could not judge: {type(error).__name__}: {said}")
    if isinstance(verdict, Verdict):
        return verdict
    return Verdict(title, False, f"could not judge: it returned {verdict!r}, not a Verdict")


def _turn(log: Path, name: str):
    """One change of a model's alias at a time; see who is at it in the event log."""
    lock = log.with_name(f"{log.stem}.{quote(name, safe=' ')}.lock")
    return turn(lock, WAIT_SECONDS, f"promoting {name}")
