"""Criteria: what an exercise is judged by, one plain function each, read from `checks.py`."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labs.kit.errors import UserError


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
