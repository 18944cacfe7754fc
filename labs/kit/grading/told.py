"""What a learner is told about one exercise that was graded: kind, exact, and what to do next."""

from dataclasses import dataclass

from labs.kit import manifest
from labs.kit.errors import UserError
from labs.kit.grading import seen
from labs.kit.grading.record import Grade, Reading
from labs.kit.grading.verdict import Mark

# What became of a submission, in words for the one who handed it in.
OUTCOMES = {
    "unreadable": "The file that you handed in could not be read, so nothing in it was judged.",
    "crashed": "The program that ran your answers ended before all of them were judged.",
    "out of memory": "Your answers asked for more memory than there is for them.",
    "timed out": "A cell or an answer did not end in the time that there is for it.",
    "failed": "A cell of yours raised an error. What works all the same has its points.",
    "needs a person": "Your answers ran. A part of the points is given by a person.",
    "graded": "All of your cells ran, and every check was made.",
}
TRY_AGAIN = {
    "unreadable": "Open the notebook in JupyterLab, save it with Ctrl+S, and hand it in again.",
    "crashed": "Look for what ends Python, as `exit()` does, and for a function that calls itself.",
    "out of memory": "Look for a list or an array that grows in a loop, or for a needless copy.",
    "timed out": "Look for a loop that never ends, or for work that is repeated for every row.",
    "failed": "Restart the kernel, run all cells, and mend the first one that stops.",
}


@dataclass(frozen=True)
class Point:
    """One criterion as its learner reads it: its mark, who has read it, and what was read."""

    mark: Mark
    reading: Reading | None = None
    wrote: str = ""

    @property
    def state(self) -> str:
        """One of "right", "part", "wrong", "waits" and "broken"."""
        if self.mark.earned is None:
            return "broken" if self.mark.outcome == "broken" else "waits"
        if self.mark.earned == self.mark.points:
            return "right"
        return "part" if self.mark.earned else "wrong"

    @property
    def score(self) -> str:
        """The points in words."""
        if self.mark.earned is None:
            return f"up to {seen.counted(self.mark.points, 'point')}"
        return f"{self.mark.earned} of {seen.counted(self.mark.points, 'point')}"

    @property
    def said(self) -> list[tuple[str, str]]:
        """What went wrong, line by line; nothing once a person has given points."""
        return [] if self.reading else seen.said(self.mark)

    @property
    def comment(self) -> str:
        """What the person wrote who read it."""
        return self.reading.comment.strip() if self.reading else ""

    @property
    def read_by(self) -> str:
        """Who that is."""
        return f"{self.reading.reader} writes" if self.reading else ""

    @property
    def note(self) -> str:
        """What is to be known about the check itself."""
        if self.mark.public or self.state == "right":
            return ""
        return "This check is made at grading only, on data of its own."


@dataclass(frozen=True)
class Feedback:
    """All that a learner reads about one exercise."""

    title: str
    learner: str
    course: str
    grade: Grade
    points: tuple[Point, ...]
    objectives: tuple[str, ...]

    @property
    def score(self) -> str:
        """The points in words: what is certain, and what may come."""
        if not self.points:
            return "Not graded yet"
        earned = sum(point.mark.earned or 0 for point in self.points)
        possible = sum(point.mark.points for point in self.points)
        return f"{earned} of {seen.counted(possible, 'point')}{' so far' * bool(self.waiting)}"

    @property
    def waiting(self) -> int:
        """Points that a person has not given yet, at most."""
        return sum(point.mark.points for point in self.points if point.mark.earned is None)

    @property
    def outcome(self) -> str:
        """How it went, in a sentence or two.

        Of the verdict's own reasons only that of an unreadable file is told: the others
        stand at cells and criteria, where a hidden one keeps them.
        """
        outcome = self.grade.outcome
        why = seen.sentence(self.grade.verdict.why) if outcome == "unreadable" else ""
        return f"{OUTCOMES.get(outcome, seen.sentence(outcome))} {why}".strip()

    @property
    def waits(self) -> list[str]:
        """What a person has yet to do."""
        states = [point.state for point in self.points]
        told = {
            "waits": "A person has not read your text yet.",
            "broken": "A check broke, not by a mistake of yours; your mentor looks at it.",
        }
        found = [words for state, words in told.items() if state in states]
        more = f"Up to {seen.counted(self.waiting, 'point')} can still be added."
        return [*found, more] if found else []

    @property
    def groups(self) -> list[tuple[str, list[Point]]]:
        """The points by objective: those of the exercise in its order, then any others."""
        found: dict[str, list[Point]] = {one: [] for one in self.objectives}
        for point in self.points:
            found.setdefault(point.mark.objective, []).append(point)
        return [(seen.capital(name), ours) for name, ours in found.items() if ours]

    @property
    def next_steps(self) -> list[str]:
        """What the learner can do now, a sentence each."""
        slug = self.grade.exercise
        missing = [one for one in self.points if one.state in ("wrong", "part")]
        if self.grade.outcome == "unreadable":
            return [TRY_AGAIN["unreadable"], "If that does not help, show your mentor this page."]
        if self.grade.outcome in TRY_AGAIN:
            first = TRY_AGAIN[self.grade.outcome]
        elif missing:
            first = _first(missing[0])
        elif self.waiting:
            return ["Nothing: all that could be checked is right, and the rest comes by itself."]
        else:
            return ["Nothing is left to do here: all points are yours. Well done."]
        return [
            first,
            f"`labs open {slug}` opens the exercise, and `labs hint {slug}` gives a hint.",
            f"`labs check {slug}` tries what you saved; then hand it in once more.",
        ]

    @property
    def errors(self) -> str:
        """What the learner's own cells raised, a line each."""
        return "\n".join(self.grade.verdict.errors).strip()

    @property
    def printed(self) -> str:
        """What the learner's own cells printed."""
        return self.grade.verdict.printed.strip()

    @property
    def source(self) -> str:
        """Which file this is about, and when and how it was graded."""
        at = f"{self.grade.at:%d %B %Y, %H:%M} UTC".lstrip("0")
        told = f"Graded on {at}, from your file {self.grade.submission[:12]}."
        return f"{told} Isolation: {self.grade.tier}." if self.grade.tier else told


def _first(point: Point) -> str:
    """Where to begin."""
    wrote = f"Read what {point.reading.reader} wrote about" if point.comment else "Begin with"
    return f"{wrote}: {point.mark.title}."


def feedback(grade: Grade, learner: str, course: str) -> Feedback:
    """The feedback on one grade; hidden checks keep what is theirs."""
    marks = grade.marks if grade.outcome != "unreadable" else ()
    points = tuple(_point(mark, grade) for mark in marks)
    try:
        found = manifest.read().exercise(grade.exercise)
    except UserError:  # an exercise that the kit no longer has
        return Feedback(grade.exercise, learner, course, grade, points, ())
    return Feedback(found.title, learner, course, grade, points, found.objectives)


def _point(mark: Mark, grade: Grade) -> Point:
    given = [one for one in grade.readings if one.criterion == mark.criterion]
    wrote = grade.verdict.texts.get(mark.criterion, "") if mark.by_hand else ""
    return Point(seen.learners_view(mark), given[-1] if given else None, wrote)
