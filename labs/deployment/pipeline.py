"""From data to a deployed model in one call, that repeats only what has to be repeated.

A step is a plain function. It runs again if its code, a file or a value that it is given
has changed since it last ran to its end; otherwise its result is taken from the folder.
"""

import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd

from labs.deployment.contents import Contents
from labs.deployment.events import EventLog
from labs.deployment.files import read_json, sha256, write_json
from labs.deployment.fingerprint import content_hash
from labs.deployment.turns import turn

RAN, UNCHANGED, FAILED, NOT_REACHED = "ran", "unchanged", "failed", "not reached"
CODE = "its code"


@dataclass(frozen=True)
class Step:
    """A function and what it is given, by argument.

    A `Path` is a file, relative to the pipeline's folder; another step is that step's
    result; all else is a value. `outputs` are the files that it writes there. Functions
    in `uses` count as its code; others that it calls do not. `always` runs it each time.
    """

    name: str
    function: Callable
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[str] = ()
    uses: Sequence[Callable] = ()
    always: bool = False

    def __call__(self, *args, **kwargs):
        """What the function gives: a step can be tried on its own."""
        return self.function(*args, **kwargs)


def step(function: Callable | None = None, *, outputs=(), uses=(), always=False, **inputs):
    """Make a function a `Step` of its name: `@step`, or `@step(table=Path("t.csv"), depth=3)`."""

    def made(function: Callable) -> Step:
        return Step(function.__name__, function, inputs, outputs, uses, always)

    return made(function) if function else made


@dataclass(frozen=True)
class Outcome:
    """What became of one step, and why."""

    step: str
    state: str
    because: str


@dataclass(frozen=True)
class Report:
    """What became of each step; `results` are their values, `error` is what ended the run."""

    outcomes: tuple[Outcome, ...]
    results: Mapping[str, Any]
    error: Exception | None = None

    @property
    def passed(self) -> bool:
        """Whether no step failed."""
        return self.error is None

    def __str__(self) -> str:
        width = max(len(outcome.step) for outcome in self.outcomes)
        return "\n".join(f"{o.step:{width}}  {o.state}: {o.because}" for o in self.outcomes)


def run(
    steps: Sequence[Step],
    folder: Path | str,
    *,
    name: str = "pipeline",
    log: EventLog | None = None,
    actor: str = "",
    at: datetime | None = None,
) -> Report:
    """Run the steps in order, in `folder`; a step that raises ends the run.

    A run that was killed goes on with the step in which it was killed, so a step that
    acts on the world must bear to be begun twice. Each step is one event of the model
    `name` in `log`. Raises ValueError if steps share a name or come before their input.
    """
    _check(steps)
    memory = _Memory(Path(folder).resolve())
    outcomes, results, error = [], {}, None
    with turn(memory.place / "lock", 2, f"the pipeline in {memory.folder}"):
        for one in steps:
            if error:
                outcomes.append(Outcome(one.name, NOT_REACHED, "an earlier step failed"))
                continue
            outcome, error = _run_one(one, memory, results)
            outcomes.append(outcome)
            if log:
                told = {"step": outcome.step, "outcome": outcome.state}
                log.append("step", name, why=outcome.because, actor=actor, at=at, **told)
    return Report(tuple(outcomes), results, error)


def _run_one(one: Step, memory: "_Memory", results: dict) -> tuple[Outcome, Exception | None]:
    try:
        inputs = memory.fingerprints(one)
        why = memory.why_run(one, inputs)
        if why is None:
            restored = memory.restore(one)
            results[one.name] = memory.result(one)
            because = f"nothing changed{restored}"
            return Outcome(one.name, UNCHANGED, because), None
        memory.forget(one)  # from here on its files may be half written
        arguments = {name: memory.argument(value) for name, value in one.inputs.items()}
        results[one.name] = one.function(**arguments)
        memory.keep(one, inputs, results[one.name])
        return Outcome(one.name, RAN, why), None
    except Exception as error:
        said = " ".join(str(error).split()) or "it says no more"
        return Outcome(one.name, FAILED, f"{type(error).__name__}: {said}"), error


class _Memory:
    """What each step was given and gave back when it last ran to its end."""

    def __init__(self, folder: Path):
        self.folder, self.place = folder, folder / ".pipeline"
        self.contents = Contents(self.place / "contents")
        self.place.mkdir(parents=True, exist_ok=True)

    def fingerprints(self, one: Step) -> dict[str, str]:
        """A hash of each thing that counts for the step, by its name."""
        sources = [_source(function) for function in (one.function, *one.uses)]
        found = {CODE: _hash("\n".join([*sources, *one.outputs]))}
        for argument, value in one.inputs.items():
            if isinstance(value, Step):
                found[argument] = self._record(value)["fingerprint"]
            elif isinstance(value, Path):
                found[argument] = self._file(value, one)
            else:
                found[argument] = fingerprint(value)
        return found

    def _file(self, path: Path, one: Step) -> str:
        path = self.folder / path
        if not path.is_file():
            raise FileNotFoundError(f"{path.name}, which {one.name} reads, is not there")
        return sha256(path)

    def why_run(self, one: Step, inputs: Mapping[str, str]) -> str | None:
        """Why the step has to run, or None if its last result holds."""
        if one.always:
            return "it runs each time"
        record = self._record(one)
        if not record:
            return "it has not run to its end before"
        before = record["inputs"]
        changed = [name for name in {**before, **inputs} if before.get(name) != inputs.get(name)]
        if changed:
            return f"{' and '.join(changed)} changed"
        lost = [
            h for h in [record["result"], *record["outputs"].values()] if h not in self.contents
        ]
        return "its result is gone" if lost else None

    def restore(self, one: Step) -> str:
        """Bring back output files that are gone or were edited; what to say of it."""
        restored = []
        for name, digest in self._record(one)["outputs"].items():
            path = self.folder / name
            if not path.is_file() or sha256(path) != digest:
                self.contents.checkout(digest, path)
                restored.append(name)
        return f"; {', '.join(restored)} was brought back" if restored else ""

    def argument(self, value: Any) -> Any:
        """What the function is called with: a result as it was kept, not as others left it."""
        if isinstance(value, Step):
            return self.result(value)
        return self.folder / value if isinstance(value, Path) else value

    def forget(self, one: Step) -> None:
        """No longer hold the step's last result."""
        self._path(one).unlink(missing_ok=True)

    def keep(self, one: Step, inputs: Mapping[str, str], result: Any) -> None:
        """Remember what the step has given: its files, its result, and then that it ended."""
        missing = [name for name in one.outputs if not (self.folder / name).is_file()]
        if missing:
            raise FileNotFoundError(f"{one.name} has not written {', '.join(missing)}")
        outputs = {name: self.contents.add(self.folder / name) for name in one.outputs}
        digest = self.contents.add_bytes(_stored(one, result))
        record = {"inputs": dict(inputs), "result": digest, "outputs": outputs}
        record["fingerprint"] = fingerprint(result)
        write_json(self._path(one), record)

    def result(self, one: Step) -> Any:
        """The value that the step gave back."""
        return cloudpickle.loads(self.contents.read(self._record(one)["result"]))

    def _record(self, one: Step) -> dict:
        return read_json(self._path(one)) or {}

    def _path(self, one: Step) -> Path:
        return self.place / f"{one.name}.json"


def fingerprint(value: Any) -> str:
    """A hash that is the same for equal tables and plain values, in every process."""
    try:
        if isinstance(value, pd.DataFrame):
            return content_hash(value)
        return _hash(json.dumps(value, sort_keys=True))
    except TypeError:
        return hashlib.sha256(cloudpickle.dumps(value)).hexdigest()


def _source(function: Callable) -> str:
    """The function as its syntax: a comment or a line break changes nothing."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
        return ast.dump(ast.parse(source))
    except (OSError, SyntaxError, TypeError):  # typed at a prompt, or inside an expression
        code = function.__code__
        return f"{code.co_code.hex()} {code.co_consts} {code.co_names}"


def _stored(one: Step, result: Any) -> bytes:
    try:
        return cloudpickle.dumps(result)
    except Exception as error:
        raise TypeError(
            f"{one.name} gave back a {type(result).__name__}, which cannot be kept ({error}); "
            "give back values, tables, models or paths"
        ) from None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _check(steps: Sequence[Step]) -> None:
    names: list[str] = []
    for one in steps:
        if not one.name.isidentifier() or one.name in names:
            raise ValueError(f"two steps or none are named {one.name!r}; give each its own name")
        for value in one.inputs.values():
            if isinstance(value, Step) and value.name not in names:
                raise ValueError(f"{one.name} needs {value.name}, which must come before it")
        names.append(one.name)
