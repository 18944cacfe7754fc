"""Try answers without a kernel: the notebook's cells in a fork of their own, then its criteria.

The given cells run once; each variant of the answers is a fork of the process that
ran them, with a time limit, so that a bad one neither waits nor spoils the others.
"""

import gc
import json
import logging
import os
import re
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from labs.kit.errors import UserError
from labs.kit.exercise.criteria import Criterion, load
from labs.kit.exercise.judge import judge
from labs.kit.exercise.limits import printing
from labs.kit.exercise.stub import is_answer, is_check, names, prose_name

GOOD = ("right", "a person")  # outcomes of answers with which nothing is wrong
ANSWER_SECONDS = 5.0  # for one criterion; a right answer needs far less than one
SECONDS = 60.0  # for the cells of one variant
SEED_SECONDS = 10.0  # more for each seed


@dataclass(frozen=True)
class Variant:
    """Answers by cell id (what is not named is the notebook's own), and the seeds to judge by.

    Only the criteria `only` are judged, if it names some, and each until a seed shows that
    the answers do not meet it; with `until_wrong` only up to the first of all.
    """

    name: str
    answers: dict[str, str]
    seeds: tuple[int, ...] = (0,)
    only: frozenset[str] = frozenset()
    until_wrong: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a criterion under one seed."""

    criterion: str
    seed: int
    outcome: str
    why: str


def require_fork() -> None:
    """Raises UserError where processes cannot fork."""
    if not hasattr(os, "fork"):
        raise UserError("labs verify needs Linux or macOS: it forks a process for each answer.")


def trials(
    notebook: NotebookNode, checks: Path, variants: list[Variant], at_once: int = 2
) -> Iterator[tuple[Variant, list[Outcome]]]:
    """Each variant with the outcomes of its criteria, as they come.

    An answer's cell that raises gives every criterion the outcome "failed", one that
    does not end "too long". Raises UserError where processes cannot fork, and if a
    given cell fails.
    """
    require_fork()
    namespace: dict = {"__name__": "__main__"}
    first = next(i for i, cell in enumerate(notebook.cells) if is_answer(cell))
    for cell in notebook.cells[:first]:
        try:
            with printing():
                _given(cell, namespace)
        except Exception as error:
            raise UserError(
                f"{checks.parent.name}: the given cell {cell.id} failed: "
                f"{type(error).__name__}: {error}. Mend solution.ipynb."
            ) from None
    waiting, running = list(reversed(variants)), {}
    selector = selectors.DefaultSelector()
    while waiting or running:
        while waiting and len(running) < at_once:
            _begin(waiting.pop(), notebook.cells[first:], checks, namespace, running, selector)
        for key, _ in selector.select(0.1):
            running[key.fd].said += os.read(key.fd, 1 << 16) or _end(running[key.fd])
        for fd, one in list(running.items()):
            if one.ended or time.monotonic() > one.deadline:
                selector.unregister(fd)
                del running[fd]
                yield one.variant, one.outcomes(checks)


@dataclass
class _Running:
    variant: Variant
    pid: int
    fd: int
    deadline: float
    said: bytes = b""
    ended: bool = False

    def outcomes(self, checks: Path) -> list[Outcome]:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.close(self.fd)
        _, status = os.waitpid(self.pid, 0)
        try:
            return [Outcome(*one) for one in json.loads(self.said)]
        except ValueError:
            code = os.waitstatus_to_exitcode(status)
            late = "it did not end in time" if not self.ended else f"its process ended ({code})"
            outcome = "failed" if self.ended else "too long"
            return [Outcome(one.id, 0, outcome, late) for one in load(checks)]


def _end(one: _Running) -> bytes:
    one.ended = True
    return b""


def _begin(variant, cells, checks, namespace, running, selector) -> None:
    reading, writing = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        os.setpgid(0, 0)
        _be(variant, cells, checks, namespace, writing)
    os.close(writing)
    deadline = time.monotonic() + SECONDS + SEED_SECONDS * len(variant.seeds)
    running[reading] = _Running(variant, pid, reading, deadline)
    selector.register(reading, selectors.EVENT_READ)


def _be(variant: Variant, cells: list, checks: Path, namespace: dict, writing: int) -> None:
    """In the fork: run the cells with the variant's answers, judge them, say so, and leave."""
    gc.freeze()  # or each fork searches all that was imported for garbage
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for place in (0, 1, 2):
            os.dup2(null, place)
        logging.basicConfig(level=logging.INFO)
        logging.getLogger("mlflow").setLevel(logging.INFO)  # what it logs must fail no check
        said = json.dumps(_judged(variant, cells, checks, namespace)).encode()
        with os.fdopen(writing, "wb") as stream:
            stream.write(said)
    finally:
        os._exit(0)


def _judged(variant: Variant, cells: list, checks: Path, namespace: dict) -> list[tuple]:
    criteria, notebook = load(checks), _Cells(variant, cells, namespace)
    found: list[tuple] = []
    wanted = set(variant.only) or {one.id for one in criteria}
    for seed in variant.seeds:
        for one in criteria:
            if one.id not in wanted:
                continue
            if said := notebook.run(notebook.needed(one)):
                return [*found, *((each.id, 0, "failed", said) for each in criteria)]
            (result,) = judge([one], namespace, seed, ANSWER_SECONDS)
            found.append((one.id, seed, result.outcome, result.why))
            if result.outcome not in GOOD:
                if variant.until_wrong:
                    return found
                wanted -= variant.only & {one.id}
        if any(outcome == "too long" for _, _, outcome, _ in found):
            break  # the next seed would not end either
    return found


class _Cells:
    """The cells from the first answer on, with a variant's answers; each runs once, if needed."""

    def __init__(self, variant: Variant, cells: list[NotebookNode], namespace: dict):
        self.all_of_them = not (variant.only or variant.until_wrong)
        self.namespace, self.done = namespace, 0
        self.cells = [
            NotebookNode(cell, source=variant.answers.get(cell.id, cell.source))
            if is_answer(cell)
            else cell
            for cell in cells
        ]

    def needed(self, criterion: Criterion) -> int:
        """How many cells are to run before the criterion: up to the last with an answer it takes.

        All of them, if it takes what no answer's cell defines: a folder, say, that they fill.
        """
        given = {name for cell in self.cells if is_answer(cell) for name in names(cell)}
        if self.all_of_them or not given.issuperset(criterion.parameters):
            return len(self.cells)
        places = enumerate(self.cells, 1)
        return max(place for place, cell in places if _mentions(cell, criterion.parameters))

    def run(self, until: int) -> str:
        """Run the first `until` cells, if they have not run; what was raised, or nothing."""
        try:
            for cell in self.cells[self.done : until]:
                if not is_answer(cell):
                    _given(cell, self.namespace)
                elif cell.cell_type == "code":
                    _run(cell.source, cell.id, self.namespace)
                else:
                    self.namespace[prose_name(cell)] = cell.source
        except BaseException as error:
            return "".join(traceback.format_exception_only(error)).strip()
        self.done = max(self.done, until)
        return ""


def _mentions(cell: NotebookNode, answers: Iterable[str]) -> bool:
    if cell.cell_type != "code":
        return is_answer(cell) and prose_name(cell) in answers
    return any(re.search(rf"\b{re.escape(name)}\b", cell.source) for name in answers)


def _given(cell: NotebookNode, namespace: dict) -> None:
    if cell.cell_type == "code" and not is_check(cell):
        _run(cell.source, cell.id, namespace)


def _run(source: str, name: str, namespace: dict) -> None:
    exec(compile(source, f"<cell {name}>", "exec"), namespace)
