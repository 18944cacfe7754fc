"""Run submissions in the sandbox and judge them from outside, several at once."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

from labs.kit import manifest, material
from labs.kit.exercise.criteria import Criterion, load
from labs.kit.exercise.judge import Result, judge
from labs.kit.exercise.stub import PROSE_ID, prose_name_of
from labs.kit.grading import limits as limits_module
from labs.kit.grading import sandbox, tiers
from labs.kit.grading.remote import Answers, Ended, Session
from labs.kit.grading.verdict import Job, Mark, Verdict, gravest
from labs.kit.warm.client import NoFork

STARTS = 3  # of one submission: after a crash the other criteria are judged in a new process
OWN_SECONDS = 5.0  # for what a check computes itself
BY_JUDGE = {"too long": "timed out", "broken": "needs a person", "a person": "needs a person"}


def limits() -> dict[str, float]:
    """What one submission may use."""
    return limits_module.limits()


def grade_all(
    jobs: Iterable[Job],
    workers: int = 0,
    trust: bool = False,
    allowed: dict[str, float] | None = None,
) -> Iterator[tuple[Job, Verdict]]:
    """Each job with its verdict, as they are done; `workers` at once (default: one a core).

    `allowed` are the limits, if others than the usual ones.

    A bad submission never raises. Raises UserError where nothing isolates submissions
    and the mentor does not `trust` them.
    """
    jobs = list(jobs)
    if not jobs:
        return
    with opened({job.exercise for job in jobs}, workers, trust, allowed) as grade:
        yield from grade(jobs)


@contextmanager
def opened(
    exercises: Iterable[str],
    workers: int = 0,
    trust: bool = False,
    allowed: dict[str, float] | None = None,
) -> Iterator[Callable[[list[Job]], Iterator[tuple[Job, Verdict]]]]:
    """What grades jobs of `exercises`, batch after batch in one sandbox; else as `grade_all`."""
    exercises = set(exercises)
    with tiers.best(_modules(exercises), trust) as (place, tier):
        place = replace(place, limits=allowed or limits())
        for exercise in exercises:
            criteria(exercise)  # once, before the workers fork

        def grade(jobs: list[Job]) -> Iterator[tuple[Job, Verdict]]:
            return _spread(jobs, place, tier.name, min(workers or os.cpu_count() or 1, len(jobs)))

        yield grade


def tier(trust: bool = True) -> tiers.Tier:
    """The isolation that this machine has; it is tried."""
    with tiers.best([], trust) as (_, found):
        return found


def _modules(slugs: Iterable[str]) -> list[str]:
    course = manifest.read()
    return sandbox.libraries([material.root() / course.exercise(slug).path for slug in slugs])


@lru_cache(maxsize=50)
def criteria(slug: str) -> tuple[Criterion, ...]:
    """The criteria of an exercise, hidden ones too."""
    return tuple(load(material.root() / manifest.read().exercise(slug).folder / "checks.py"))


def _spread(
    jobs: list[Job], place: sandbox.Sandbox, name: str, count: int
) -> Iterator[tuple[Job, Verdict]]:
    """Hand the jobs to `count` processes that judge; a judge that dies loses one job at most."""
    if count == 1 or not hasattr(os, "fork"):
        for job in jobs:
            yield job, grade_one(job, place, name)
        return
    context = multiprocessing.get_context("fork")
    with ExitStack() as stack:
        judges = [_Judge(context, place, name) for _ in range(count)]
        for one in judges:
            stack.callback(one.end)
        waiting = list(reversed(jobs))
        for one in judges:
            one.take(waiting)
        while any(one.job for one in judges):
            ready = multiprocessing.connection.wait([one.mine for one in judges if one.job])
            for one in (one for one in judges if one.mine in ready):
                yield one.result(name)
                one.take(waiting)


class _Judge:
    """A process that judges one job after another."""

    def __init__(self, context: Any, place: sandbox.Sandbox, name: str):
        self.context, self.place, self.name = context, place, name
        self.job: Job | None = None
        self.begin()

    def begin(self) -> None:
        """Start the process."""
        self.mine, theirs = self.context.Pipe()
        arguments = (theirs, self.mine, self.place, self.name)
        self.process = self.context.Process(target=_be_judge, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def take(self, waiting: list[Job]) -> None:
        """Begin with the next job, if there is one."""
        self.job = waiting.pop() if waiting else None
        if self.job:
            self.mine.send(self.job)

    def result(self, name: str) -> tuple[Job, Verdict]:
        """The job with its verdict; a judge that has died says so, and is replaced."""
        job = self.job
        try:
            return job, Verdict.from_data(self.mine.recv())
        except (EOFError, OSError):
            self.end()
            self.begin()
            return job, unjudged(job, "the judge's own process ended; grade it again", name)

    def end(self) -> None:
        """Stop the process."""
        self.process.kill()
        self.process.join()
        self.mine.close()


def _be_judge(theirs: Any, mine: Any, place: sandbox.Sandbox, name: str) -> None:
    """Judge what comes, until the connection ends."""
    mine.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who handed out the jobs ends us
    _die_with_parent()
    with suppress(EOFError, OSError):
        while True:
            theirs.send(grade_one(theirs.recv(), place, name).as_data())


def _die_with_parent() -> None:
    if sys.platform == "linux":
        from labs.kit.warm.forkserver import _die_with_parent as die

        die()


def grade_one(job: Job, place: sandbox.Sandbox, name: str) -> Verdict:
    """The verdict on one job; whatever goes wrong in the grader itself waits for a person."""
    try:
        return _Grading(job, place, name).verdict()
    except (NoFork, Ended) as error:
        return unjudged(job, f"the sandbox gave no process ({error}); grade it again", name)
    except Exception as error:
        text = f"the grader broke ({type(error).__name__}: {error}); tell whoever maintains it"
        return unjudged(job, text, name)


def unjudged(job: Job, why: str, name: str) -> Verdict:
    """The verdict on a job that the grader itself could not judge, in the tier `name`."""
    marks = tuple(_mark(Result(one, "broken", why)) for one in criteria(job.exercise))
    return Verdict("needs a person", why, marks, tier=name)


class _Grading:
    """One job on its way to a verdict."""

    def __init__(self, job: Job, place: sandbox.Sandbox, name: str):
        self.job, self.place, self.name = job, place, name
        self.outcomes: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.printed, self.answer_seconds, self.memory = "", 0.0, 0
        self.starts = self.asked = 0
        self.session: Session | None = None
        self.began = time.monotonic()

    def verdict(self) -> Verdict:
        """Run the cells, judge each criterion, and say how it went."""
        try:
            self._start()
            results = self._results()
        finally:
            self._finish()
        outcome, why = gravest_with_reason(self.outcomes)
        return Verdict(
            outcome,
            why,
            tuple(map(_mark, results)),
            self._texts(results),
            tuple(self.errors),
            self.printed,
            time.monotonic() - self.began,
            self.answer_seconds,
            self.memory,
            self.name,
        )

    def _results(self) -> list[Result]:
        """Each criterion's result, in their order.

        Public ones are judged first: learners read what came back and what was printed, and
        an answer must not tell them there what a hidden one asked before.
        """
        every = criteria(self.job.exercise)
        judged = {
            one.id: self._judged(one) for one in sorted(every, key=lambda one: not one.public)
        }
        return [judged[one.id] for one in every]

    def _start(self) -> None:
        """A new process in which the cells have run, as far as they do."""
        self._finish()
        self.starts += 1
        is_first, self.asked = self.starts == 1, 0
        self.session = self.place.session(self._left())
        self._cells()
        if is_first:  # what is printed later may tell what a hidden criterion asked
            self.printed = self.session.settled()

    def _cells(self) -> None:
        for number, cell in enumerate(self.job.cells, 1):
            try:
                self._cell(cell, cell["cell"] or f"number {number}, of the learner's own")
            except Ended as ended:
                if self.starts == 1:
                    where = cell["cell"] or f"{number}, of the learner's own"
                    self.outcomes.append((ended.how, f"cell {where}: {ended.why}"))
                    self.errors.append(f"cell {where}: {ended.why}")
                self.starts = STARTS  # it would end there again
                return

    def _left(self) -> dict[str, float]:
        """The limits; every start of one submission takes from the same time."""
        left = self.place.limits["total_seconds"] - (time.monotonic() - self.began)
        return self.place.limits | {"total_seconds": max(left, 1.0)}

    def _cell(self, cell: dict[str, str], where: str) -> None:
        if cell["kind"] != "code":
            if cell["cell"].startswith(PROSE_ID):
                name = prose_name_of(cell["cell"])
                self.session.ask("give", name, cell["source"], seconds=5)
            return
        seconds = self.session.limits["cell_seconds"]
        came = self.session.ask("cell", cell["source"], seconds=seconds)
        if self.starts > 1:
            return
        if came.get("late"):
            self.outcomes.append(("timed out", f"cell {where} did not end in {seconds:g} seconds"))
            self.errors.append(self.outcomes[-1][1])
        elif error := came.get("value"):
            said = str(error.get("said"))[:500] if type(error) is dict else "an error"
            ran_out = said.startswith("MemoryError")
            how = "out of memory" if ran_out else "failed"
            self.outcomes.append((how, f"cell {where} raised {said}"))
            self.errors.append(self.outcomes[-1][1])

    def _judged(self, one: Criterion) -> Result:
        """One criterion's result; if the process ended, the next gets a new one.

        One that ended a process which others had used before is judged again in a new one:
        an answer that was cut short may have left things broken.
        """
        is_used = self.asked > 0
        result = self._asked(one)
        again = self.session.ended and is_used and self.starts < STARTS
        return self._asked(one) if again else result

    def _asked(self, one: Criterion) -> Result:
        if self.session.ended and self.starts < STARTS:
            self._start()
        self.asked += 1
        if self.session.ended:
            return Result(one, "failed", f"nothing can be asked: {self.session.ended.why}")
        answers = Answers(self.session, self.job.parameters)
        seconds = self.place.limits["call_seconds"] + self.place.limits["grace_seconds"]
        seconds += OWN_SECONDS
        try:
            (result,) = judge([one], answers, self.job.seed, seconds)
        except Ended:
            result = Result(one, "failed")
        if ended := self.session.ended:
            outcome = "too long" if ended.how == "timed out" else "failed"
            result = Result(one, outcome, ended.why, result.called, printed=result.printed)
            self.outcomes.append((ended.how, f"{one.title}: {ended.why}"))
        elif result.outcome in BY_JUDGE:
            self.outcomes.append((BY_JUDGE[result.outcome], f"{one.title}: {result.why}"))
        elif "MemoryError" in result.why:
            self.outcomes.append(("out of memory", f"{one.title}: {result.why}"))
        return result

    def _finish(self) -> None:
        """Take what the process leaves behind, and end it."""
        if not self.session:
            return
        session, self.session = self.session, None
        if not session.ended:
            with suppress(Ended):
                most = session.ask("memory", seconds=5).get("value")
                self.memory = max(self.memory, most if type(most) is int else 0)
        session.close()
        self.answer_seconds += session.seconds

    def _texts(self, results: list[Result]) -> dict[str, str]:
        """What a person reads, by criterion: the free texts that it asks for."""
        given = {
            prose_name_of(cell["cell"]): cell["source"]
            for cell in self.job.cells
            if cell["kind"] != "code" and cell["cell"].startswith(PROSE_ID)
        }
        found = {}
        for one in (result.criterion for result in results if result.criterion.by_hand):
            texts = [given[name] for name in one.parameters if name in given]
            found[one.id] = "\n\n".join(texts)
        return found


def gravest_with_reason(outcomes: list[tuple[str, str]]) -> tuple[str, str]:
    """The gravest outcome, and the reasons for it."""
    worst = gravest(outcome for outcome, _ in outcomes)
    return worst, "; ".join(why for outcome, why in outcomes if outcome == worst)[:1000]


def _mark(result: Result) -> Mark:
    one = result.criterion
    waits = result.outcome in ("a person", "broken")
    return Mark(
        criterion=one.id,
        title=one.title,
        objective=one.objective,
        points=one.points,
        earned=None if waits else result.earned,
        public=one.public,
        by_hand=one.by_hand,
        outcome=result.outcome,
        why=result.why,
        called=result.called,
        came=result.came,
        expected=result.expected,
        printed=result.printed,
    )
