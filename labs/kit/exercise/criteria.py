"""Criteria: what an exercise is judged by, one plain function each, read from `checks.py`."""

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labs.kit.errors import UserError
from labs.kit.material import FURTHER


@dataclass(frozen=True)
class Criterion:
    """One criterion: `run` asserts, and the message of a failed assert is what is read.

    A public one is checked and shown to the learner, a hidden one only at grading.
    One that is judged `by_hand` gets its points from a person, by `rubric`.
    """

    id: str
    title: str
    points: int
    objective: str
    public: bool
    run: Callable
    by_hand: bool = False
    rubric: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, type | None]:
        """The names of the answers that it needs, with their kind if they have one."""
        found = inspect.signature(self.run).parameters.values()
        empty = inspect.Parameter.empty
        return {
            one.name: None if one.annotation is empty else one.annotation
            for one in found
            if one.name != "rng"
        }


def criterion(
    title: str,
    *,
    points: int,
    objective: str,
    public: bool = True,
    by_hand: bool = False,
    rubric: tuple[str, ...] = (),
) -> Callable:
    """Make a function of answers and `rng` a criterion; its name becomes the id."""

    def mark(run: Callable) -> Callable:
        run.criterion = Criterion(
            run.__name__, title, points, objective, public, run, by_hand, tuple(rubric)
        )
        return run

    return mark


_loaded: dict[Path, tuple[int, list[Criterion]]] = {}


def load(path: Path) -> list[Criterion]:
    """The criteria in the file `path`, in the order in which they stand there.

    A file that has not changed is not read again. Raises UserError if it holds none.
    """
    changed = path.stat().st_mtime_ns
    if path not in _loaded or _loaded[path][0] != changed:
        _loaded[path] = changed, _read(path)
    return _loaded[path][1]


def further(path: Path) -> tuple[int, int]:
    """How many criteria are judged later, without a person and by one.

    An edition that holds only the public ones of `path` carries their number.
    """
    carried = path.parent.parent / FURTHER
    if carried.is_file():
        counts = json.loads(carried.read_text(encoding="utf-8"))[path.parent.name]
        return counts["hidden"], counts["by_hand"]
    later = [one for one in load(path) if one.by_hand or not one.public]
    by_hand = sum(one.by_hand for one in later)
    return len(later) - by_hand, by_hand


def _read(path: Path) -> list[Criterion]:
    spec = importlib.util.spec_from_file_location(f"checks_of_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    found = [one.criterion for one in vars(module).values() if hasattr(one, "criterion")]
    if not found:
        raise UserError(f"{path}: no function is marked with @criterion; write one.")
    return found
