"""What `labs grade` does around the judging: which submissions, what is drawn, what is kept."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from labs.kit import material, workspace
from labs.kit.errors import UserError
from labs.kit.grading import jobs, record, submission
from labs.kit.grading.classroom import Classroom
from labs.kit.grading.gradebook import GRAVE
from labs.kit.grading.record import Grade, Handed, Record
from labs.kit.grading.verdict import Job, Verdict


@dataclass(frozen=True)
class How:
    """How a run grades: `workers` at once (0: one a core), or on the cluster at an address."""

    again: bool = False
    trust: bool = False
    workers: int = 0
    cluster: str = ""


@dataclass
class Run:
    """What a run has done so far. `todo` counts submissions to an exercise, one by one."""

    todo: int = 0
    before: int = 0
    isolation: str = ""
    outcomes: Counter = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many were graded."""
        return self.outcomes.total()


def grade(
    classroom: Classroom,
    how: How,
    wanted: Callable[[Handed], bool] = lambda _: True,
    step: Callable[[Run], None] = lambda _: None,
) -> Run:
    """Grade what counts and has no grade yet, and is `wanted`; `step` is called after each.

    Each grade is on record before the next begins, so a run that was stopped is finished
    by another one. Two runs at the same time take turns.
    """
    _refuse_public_edition()
    run = Run()
    with (
        workspace.Locked(classroom.folder / ".lock-grading"),
        record.open_record(classroom) as opened,
    ):
        grading = _Grading(classroom, opened, how, run)
        waiting = [one for one in grading.waiting() if wanted(one)]
        run.todo = len(waiting)
        step(run)
        for _ in grading.all(waiting):
            step(run)
    return run


def _refuse_public_edition() -> None:
    if material.is_learner_edition():
        raise UserError(
            "This is the learners' edition of the kit: it holds public checks only. Grade with the "
            "mentors' edition."
        )


class _Grading:
    """One run over one class."""

    def __init__(self, classroom: Classroom, opened: Record, how: How, run: Run):
        self.classroom, self.opened, self.how, self.run = classroom, opened, how, run
        self.secret = classroom.secret()
        self.environment = jobs.environment()
        self.checks = {slug: jobs.checks(slug) for slug in classroom.exercises}
        self.limits, self.tier = _sandbox(how, run)

    def waiting(self) -> list[Handed]:
        """The submissions that count, and have no grade that is still true."""
        newest = self.opened.newest().values()
        counting = [one for one in newest if one.exercise in self.classroom.exercises]
        if self.how.again:
            return counting
        before = self.opened.grades(latest=False)
        known = {self._identity(one, one) for one in before if _is_final(one)}
        waiting = [one for one in counting if self._identity(one) not in known]
        self.run.before = len(counting) - len(waiting)
        return waiting

    def _identity(self, one: Handed | Grade, graded: Grade | None = None) -> tuple:
        """What makes a grade the same grade; without `graded`, the one that would be given now."""
        tier, limits = (graded.tier, graded.limits) if graded else (self.tier, self.limits)
        found = (graded.checks, graded.environment) if graded else self._state(one)
        isolation = "" if self.how.cluster else tier  # a cluster's workers have their own
        return one.learner, one.exercise, one.submission, *found, isolation, *sorted(limits.items())

    def _state(self, one: Handed) -> tuple[str, str]:
        return self.checks[one.exercise], self.environment

    def all(self, waiting: list[Handed]) -> Iterator[None]:
        """Grade each of `waiting`, and put it on record at once."""
        whose: dict[str, Handed] = {}
        todo = []
        for one in waiting:
            found = self._job(one)
            if isinstance(found, Job):
                whose[found.key] = one
                todo.append(found)
            elif found:
                self._keep(one, replace(found, tier=self.tier), Job("", one.exercise, ()))
                yield
        with closing(_graded(todo, self.how)) as graded:
            for job, verdict in graded:
                self._keep(whose[job.key], verdict, job)
                yield

    def _job(self, one: Handed) -> Job | Verdict | None:
        """What is to be run; a verdict if nothing can be; None if the kit itself has lost it."""
        if not one.readable:
            return jobs.unreadable(one.exercise, one.note)
        path = self.classroom.folder / one.path
        try:
            content = submission.content(path)
            found = submission.from_bytes(content, path.name)
        except submission.Unreadable as error:
            content, found, said = b"", [], str(error)
        answers = {answer.exercise: answer for answer in reversed(found)}.get(one.exercise)
        if record.sha256(content) != one.submission or answers is None:
            said = "it is not what was collected" if content else said
            self.run.told.append(f"{one.path}: {said}. Collect it again: labs collect")
            self.run.todo -= 1
            return None
        return jobs.job(self.secret, one.learner, answers)

    def _keep(self, one: Handed, verdict: Verdict, job: Job) -> None:
        self.opened.add(
            learner=one.learner,
            assignment=one.assignment,
            exercise=one.exercise,
            submission=one.submission,
            verdict=verdict,
            checks=self.checks[one.exercise],
            environment=self.environment,
            limits=self.limits,
            seed=record.sha256(self.secret, str(job.seed)),  # a bare hash of 32 bits can be guessed
            parameters=job.parameters,
        )
        self.run.outcomes[verdict.outcome] += 1
        if verdict.outcome in GRAVE:
            self.run.told.append(f"{one.learner}, {one.exercise}: {verdict.outcome}: {verdict.why}")


def _is_final(grade: Grade) -> bool:
    """Whether the grader itself did its part: where it broke, the next run tries again."""
    marks = grade.verdict.marks
    return not marks or any(mark.outcome != "broken" for mark in marks)


def _sandbox(how: How, run: Run) -> tuple[dict[str, float], str]:
    """The limits of a submission, and the tier that grades get here."""
    from labs.kit.grading import grade as judging

    if how.cluster:
        run.isolation = "each worker's own"
        return judging.limits(), ""
    tier = judging.tier(trust=True)
    run.isolation = tier.words()
    return judging.limits(), tier.name


def _graded(jobs: list[Job], how: How) -> Iterator[tuple[Job, Verdict]]:
    if not jobs:
        return
    if how.cluster:
        from labs.kit.grading import cluster

        yield from cluster.grade_all(jobs, how.cluster, how.trust)
        return
    from labs.kit.grading import grade as judging

    yield from judging.grade_all(jobs, workers=how.workers, trust=how.trust)
