"""What is to be judged: a learner's answers, with what is drawn for them, and all that decides."""

import platform
from pathlib import Path
from typing import Any

import labs
from labs.kit import material
from labs.kit.exercise.criteria import Criterion, load
from labs.kit.grading import record, submission
from labs.kit.grading.assignment import draw, drawn_parameters
from labs.kit.grading.verdict import Job, Mark, Verdict


def job(secret: bytes, learner: str, answers: submission.Answers) -> Job:
    """The job of one learner's answers, with what is drawn for them."""
    exercise = submission.course().exercise(answers.exercise)
    parameters = drawn_parameters(secret, learner, exercise)
    return Job(
        key=f"{learner}/{exercise.slug}",
        exercise=exercise.slug,
        cells=_with_parameters(answers, parameters),
        seed=draw(secret, learner, exercise.slug, "checks"),
        parameters=parameters,
    )


def _with_parameters(answers: submission.Answers, drawn: dict[str, Any]) -> tuple[dict, ...]:
    """The cells, and behind the one with the parameters a cell that sets what is drawn."""
    source = "\n".join(f"{name} = {value!r}" for name, value in drawn.items())
    stub = submission.stub_of(answers.exercise)
    given = {one.id for one in stub.cells if "parameters" in one.metadata.get("tags", [])}
    cells: list[dict[str, str]] = []
    waiting = False
    for cell in answers.cells:
        if waiting and cell["cell"]:  # after the learner's own, which may set them too
            cells.append({"cell": "drawn-parameters", "kind": "code", "source": source})
            waiting = False
        cells.append(cell)
        waiting = waiting or (bool(drawn) and cell["cell"] in given)
    return tuple(cells)


def unreadable(slug: str, why: str) -> Verdict:
    """The verdict on a file in which there are no answers: no points, and the reason."""
    marks = tuple(_nothing(one) for one in _criteria(slug))
    return Verdict("unreadable", why, marks)


def _nothing(one: Criterion) -> Mark:
    shown = (one.id, one.title, one.objective, one.points)
    return Mark(*shown, 0, one.public, one.by_hand, "missing", "no answer could be read")


def checks(slug: str) -> str:
    """The hash of all that decides what right answers are: checks, stub and draws."""
    exercise = submission.course().exercise(slug)
    source = (material.root() / exercise.folder / "checks.py").read_bytes()
    stub = [(cell.id, cell.cell_type, cell.source) for cell in submission.stub_of(slug).cells]
    return record.sha256(source, repr(stub), repr(sorted(exercise.drawn.items())))


def environment() -> str:
    """The hash of what answers run with: the lock, Python, and this kit."""
    lock = Path(labs.__file__).parent / "locks" / "default.txt"
    locked = lock.read_bytes() if lock.is_file() else b""
    return record.sha256(locked, platform.python_version(), labs.__version__)


def _criteria(slug: str) -> list[Criterion]:
    return load(material.root() / submission.course().exercise(slug).folder / "checks.py")
