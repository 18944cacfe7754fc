"""`labs verify`: proof that an exercise's checks are right, before a learner meets them."""

import importlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NoReturn

from labs.kit import gate, manifest, material
from labs.kit.conditions import environment
from labs.kit.errors import UserError
from labs.kit.exercise import desk
from labs.kit.exercise.criteria import Criterion, load
from labs.kit.exercise.mutants import Mutant, mutants
from labs.kit.exercise.stub import answers, has_solution, solved, stub
from labs.kit.exercise.trial import GOOD, Outcome, Variant, require_fork, trials
from labs.kit.manifest import Exercise
from labs.kit.warm.preload import imported_by, imports

SEEDS = 20  # for the solution
SEEDS_ASKED = "LABS_VERIFY_SEEDS"  # environment variable: another number of them
FEW = (0, 1, 2)
WRONG_ANSWERS = 5  # at least
KILLED = 0.9  # of the mutants that are not equivalent
CAUGHT = re.compile(r"#\s*caught by:\s*(.+)")
CELL = re.compile(r"(?m)^# %% *(\S+)[^\n]*\n")
FIXED = "LABS_VERIFY_FIXED"  # environment variable: hash seed and threads of this process are fixed
OTHERS = ("right", "wrong")  # folders of answers beside the solution


@dataclass
class Proof:
    """What is wrong with an exercise, and how many mutants its checks killed."""

    exercise: Exercise
    problems: list[str] = field(default_factory=list)
    survivors: list[Mutant] = field(default_factory=list)
    killed: int = 0
    wrong: int = 0

    @property
    def rate(self) -> float:
        """Share of mutants killed; 1.0 if there is none."""
        tried = self.killed + len(self.survivors)
        return self.killed / tried if tried else 1.0

    def text(self) -> str:
        """The proof as lines for a terminal."""
        tried = self.killed + len(self.survivors)
        state = "problems" if self.problems else "proven"
        lines = [
            f"{self.exercise.slug}: {state}; {self.wrong} wrong answers; "
            f"{self.killed} of {tried} mutants killed ({self.rate:.0%})"
        ]
        lines += [f"  - {one}" for one in self.problems]
        lines += [f"  survived: {one.cell}, {one.change}" for one in self.survivors]
        return "\n".join(lines)


def verify(exercise: Exercise) -> Proof:
    """Try the stub, the solution, known right and wrong answers, and mutants of the solution."""
    folder = material.root() / exercise.folder
    solution, proof = desk.solution_of(exercise), Proof(exercise)
    criteria = load(folder / "checks.py")
    proof.problems += _form(exercise, solution, criteria)
    if any(not has_solution(cell) for cell in answers(solution)) or not answers(solution):
        return proof
    cases = _Cases(folder, solution, criteria)
    proof.problems += cases.problems
    proof.wrong = len(cases.wrong)
    variants = [*cases.fixed(), *cases.wrong, *cases.right, *cases.mutants]
    for variant, outcomes in trials(solved(solution), folder / "checks.py", variants):
        _weigh(variant, outcomes, cases, proof)
    proof.survivors.sort(key=lambda one: (one.cell, one.change))
    if proof.rate < KILLED:
        proof.problems.append(
            f"only {proof.rate:.0%} of the mutants are killed, {KILLED:.0%} are wanted: sharpen a "
            "check, or list a change that changes nothing in equivalent.toml"
        )
    return proof


class _Cases:
    """The variants to try: stub, solution, right and wrong answers, mutants."""

    def __init__(self, folder: Path, solution, criteria: list[Criterion]):
        self.problems: list[str] = []
        self.criteria = criteria
        self.ids = {cell.id for cell in answers(solution)}
        self.empty = {cell.id: cell.source for cell in answers(stub(solution))}
        self.catchers: dict[str, set[str]] = {}
        self.wrong = [self._wrong(path) for path in _files(folder / "wrong")]
        self.right = [self._right(path) for path in _files(folder / "right")]
        self.by_name: dict[str, Mutant] = {}
        self.mutants = self._mutants(solution, _equivalent(folder / "equivalent.toml"))
        if len(self.wrong) < WRONG_ANSWERS:
            said = f"wrong/ holds {len(self.wrong)} wrong answers; {WRONG_ANSWERS} are needed"
            self.problems.append(said)
        if not self.right:
            self.problems.append("right/ holds no answer that is written differently; add one")

    def fixed(self) -> list[Variant]:
        return [Variant("stub", self.empty), Variant("solution", {}, _seeds())]

    def _wrong(self, path: Path) -> Variant:
        text = path.read_text(encoding="utf-8")
        found = CAUGHT.match(text)
        names = {one.strip() for one in found[1].split(",")} if found else set()
        unknown = names - {one.id for one in self.criteria}
        if not names or unknown:
            said = f"names no criterion {', '.join(sorted(unknown))}" if unknown else "names none"
            self.problems.append(
                f"wrong/{path.name}: its first line {said}; write '# caught by: criterion_id'"
            )
        name = f"wrong/{path.name}"
        self.catchers[name] = names - unknown
        return Variant(name, self._cells(path, text), FEW, frozenset(self.catchers[name]))

    def _right(self, path: Path) -> Variant:
        text = path.read_text(encoding="utf-8")
        return Variant(f"right/{path.name}", self._cells(path, text), FEW)

    def _cells(self, path: Path, text: str) -> dict[str, str]:
        parts = CELL.split(text)
        cells = dict(zip(parts[1::2], (one.strip("\n") for one in parts[2::2]), strict=True))
        for unknown in set(cells) - self.ids or ([] if cells else ["# %% ..."]):
            listed = ", ".join(sorted(self.ids))
            self.problems.append(f"{path.name}: no answer cell {unknown}; they are {listed}")
        return cells

    def _mutants(self, solution, equivalent: dict[str, str]) -> list[Variant]:
        made = []
        for cell in answers(solution):
            if cell.cell_type == "code":
                made += mutants(cell.id, cell.source)
        known = {f"{one.cell}, {one.change}" for one in made}
        for unused in sorted(set(equivalent) - known):
            self.problems.append(f"equivalent.toml: there is no such mutant any more: {unused}")
        kept = [one for one in made if f"{one.cell}, {one.change}" not in equivalent]
        self.by_name = {f"mutant {number}": one for number, one in enumerate(kept)}
        return [
            Variant(name, {one.cell: one.source}, FEW, until_wrong=True)
            for name, one in self.by_name.items()
        ]


def _seeds() -> tuple[int, ...]:
    """The seeds by which the solution is judged."""
    return tuple(range(int(os.environ.get(SEEDS_ASKED, SEEDS))))


def _weigh(variant: Variant, outcomes: list[Outcome], cases: _Cases, proof: Proof) -> None:
    """Add to the proof what one variant has shown."""
    bad: dict[str, Outcome] = {}
    for one in outcomes:
        if one.outcome not in GOOD:
            bad.setdefault(one.criterion, one)
    if variant.name == "stub":
        for criterion in cases.criteria:
            found = bad.get(criterion.id)
            if not found or not found.why.strip():
                said = "passes" if not found else "says nothing"
                proof.problems.append(f"the stub {said} under {criterion.id}")
    elif variant.name in cases.by_name:
        if bad:
            proof.killed += 1
        else:
            proof.survivors.append(cases.by_name[variant.name])
    elif variant.name in cases.catchers:
        for name in sorted(cases.catchers[variant.name] - set(bad)):
            proof.problems.append(f"{variant.name} passes {name}, which was to catch it")
    else:
        for one in bad.values():
            proof.problems.append(
                f"{variant.name} fails {one.criterion} (seed {one.seed}): {one.why}"
            )


def _files(folder: Path) -> list[Path]:
    """The answers in a folder: cells of Python in `.py`, of Markdown in `.md`."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if path.suffix in (".py", ".md"))


def _equivalent(path: Path) -> dict[str, str]:
    """Reviewed mutants that change nothing, each with its reason."""
    if not path.is_file():
        return {}
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])
    return {one["mutant"]: one["reason"] for one in entries if one.get("reason", "").strip()}


def _form(exercise: Exercise, solution, criteria: list[Criterion]) -> Iterable[str]:
    """What can be seen without running anything."""
    yield from gate.exercise_problems(solution)
    for cell in answers(solution):
        if not has_solution(cell):
            yield f"cell {cell.id}: tagged answer, but no region ### BEGIN SOLUTION"
    total = sum(one.points for one in criteria)
    if total != exercise.points:
        yield f"course.toml says {exercise.points} points, the criteria give {total}"
    named = {one.objective for one in criteria}
    for objective in set(exercise.objectives) - named:
        yield f"no criterion is about the objective {objective!r}"
    for one in criteria:
        if one.objective not in exercise.objectives:
            yield f"{one.id}: its objective {one.objective!r} is not in course.toml"
        if one.by_hand and not one.rubric:
            yield f"{one.id}: is judged by hand, and has no rubric"


def main(slugs: list[str]) -> int:
    """Verify exercises (default: all) and print the proof of each; 1 if something is wrong."""
    require_fork()
    course = manifest.read()
    chosen = [course.exercise(slug) for slug in slugs] or list(course.exercises)
    if FIXED not in os.environ:
        return _with_seed_and_threads_fixed([one.slug for one in chosen])
    _import_for(chosen)
    return max([_in_a_fork(one) for one in chosen], default=0)


def _with_seed_and_threads_fixed(slugs: list[str]) -> int:
    """Verify in a new process: Python and the libraries take them only as they start."""
    with tempfile.TemporaryDirectory(prefix="mlops-labs-") as folder:
        env = {**os.environ, **environment(Path(folder)), FIXED: "1"}
        return subprocess.run(
            [sys.executable, "-m", "labs.cli", "verify", *slugs], env=env
        ).returncode


def _import_for(exercises: list[Exercise]) -> None:
    """Import what their solutions and their other answers do: once, before they are forked.

    What cannot be imported is left to the cell that asks for it, which says so.
    """
    folders = [material.root() / one.folder for one in exercises]
    names = imported_by(folder / "solution.ipynb" for folder in folders)
    for path in chain.from_iterable(_files(one / kind) for one in folders for kind in OTHERS):
        names += imports(path.read_text(encoding="utf-8")) if path.suffix == ".py" else []
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)


def _in_a_fork(exercise: Exercise) -> int:
    """Verify one exercise in a fork, with a workspace of its own and nobody else's state."""
    with tempfile.TemporaryDirectory(prefix="mlops-labs-") as folder:
        pid = os.fork()
        if pid == 0:
            os.environ.update(environment(Path(folder)))
            _print_and_leave(exercise)
        return int(os.waitpid(pid, 0)[1] != 0)


def _print_and_leave(exercise: Exercise) -> NoReturn:
    problems = True
    try:
        proof = verify(exercise)
        problems = bool(proof.problems)
        print(proof.text(), flush=True)
    except UserError as error:
        print(error, file=sys.stderr, flush=True)
    except Exception:
        print(f"{exercise.slug}: {traceback.format_exc()}", file=sys.stderr, flush=True)
    finally:
        os._exit(int(problems))
