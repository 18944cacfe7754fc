"""What grading finds out about one submission to one exercise: plain data, and its names."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

# How a submission went, the gravest first: what is true of several takes the first.
OUTCOMES = (
    "unreadable",  # no notebook or submission could be read from the file
    "crashed",  # the process that ran the answers ended by itself, or was ended by a signal
    "out of memory",  # a cell or an answer asked for more than the limit
    "timed out",  # a cell or an answer did not end in time
    "failed",  # a cell raised; what works all the same has its points
    "needs a person",  # a free text waits for one, or a check itself broke
    "graded",  # every cell ran, and every criterion was judged
)


@dataclass(frozen=True)
class Job:
    """One exercise of one submission, as it is to be run and judged.

    `cells` are {"cell": id, "kind": "code" | "markdown", "source": text} in the order in
    which they run: the kit's own with the learner's answers in their places, and cells
    of the learner's own, whose id is "". `parameters` replace the exercise's by name;
    `seed` is the judge's, and no sandbox ever holds it.
    """

    key: str
    exercise: str
    cells: tuple[dict[str, str], ...]
    seed: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mark:
    """One criterion of one submission.

    `outcome` and the texts are those of `labs.kit.exercise.judge.Result`, and "broken" for
    a check that itself raised. `earned` is None while a person has to give the points.
    """

    criterion: str
    title: str
    objective: str
    points: int
    earned: int | None
    public: bool
    by_hand: bool
    outcome: str
    why: str = ""
    called: str = ""
    came: str = ""
    expected: str = ""
    printed: str = ""


@dataclass(frozen=True)
class Verdict:
    """How one submission to one exercise went; `outcome` is one of OUTCOMES.

    `texts` are the free texts that a person reads, by criterion. `errors` has a line for
    each cell that raised, `printed` what the cells printed (its beginning). `seconds` is
    the wall time of the run, `answer_seconds` of it the cells and calls themselves,
    `memory` the most that its process held, in bytes; `tier` the sandbox's.
    """

    outcome: str
    why: str = ""
    marks: tuple[Mark, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    printed: str = ""
    seconds: float = 0.0
    answer_seconds: float = 0.0
    memory: int = 0
    tier: str = ""

    @property
    def earned(self) -> int:
        """Points given so far."""
        return sum(mark.earned or 0 for mark in self.marks)

    @property
    def possible(self) -> int:
        """Points of all criteria, those that wait for a person among them."""
        return sum(mark.points for mark in self.marks)

    @property
    def waits(self) -> bool:
        """Whether a person has to give points yet."""
        return any(mark.earned is None for mark in self.marks)

    def as_data(self) -> dict[str, Any]:
        """The verdict as JSON has it."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Verdict":
        """A verdict from what `as_data` gave."""
        marks = tuple(Mark(**mark) for mark in data["marks"])
        return cls(**{**data, "marks": marks, "errors": tuple(data["errors"])})


def gravest(outcomes: Iterable[str]) -> str:
    """The first of OUTCOMES that is among `outcomes`; "graded" if there are none."""
    return min(outcomes, key=OUTCOMES.index, default="graded")
