"""Grade on a cluster: batches go to an existing Dask scheduler, and only data travels.

Each worker judges with the checks that it holds itself, and they must be the mentor's. What
travels are answers and the seeds of their checks, so the network has to be the mentor's own.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from labs.kit.errors import UserError
from labs.kit.grading import worker
from labs.kit.grading.verdict import Job, Verdict

CONNECT_SECONDS = 15
BATCH = 8  # jobs; a worker that dies takes no more with it than these, and they are sent again
RETRIES = 2  # of a batch whose grader ended
PATIENCE = 120.0  # seconds without any worker; a killed one is replaced within a few
LOOK_SECONDS = 2.0
GO_ON = "What was graded is kept: start it again, then give the same command."


def grade_all(
    jobs: Iterable[Job], address: str, trust: bool = False
) -> Iterator[tuple[Job, Verdict]]:
    """Each job with its verdict, once, as the workers at `address` are done with it.

    A worker that ends loses nothing: its batch goes to another one. A job that keeps
    ending workers waits for a person. Raises UserError if there is no scheduler or no
    worker, and if one holds other checks, another lock or version than this machine.
    """
    jobs = list(jobs)
    if not jobs:
        return
    with _client(address) as client:
        ours = worker.holds(sorted({job.exercise for job in jobs}))
        _require_same(client, ours)
        setup = json.dumps({"holds": ours, "trust": trust})
        yield from _Run(client, address, setup).all(jobs)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise UserError(
            "labs grade --cluster needs Dask. Install it: pip install 'mlops-labs[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"No Dask scheduler answers at {address!r} ({error}). Give the address that "
            "`dask scheduler` prints, for example tcp://10.0.0.5:8786"
        ) from None
    with client:
        yield client


def _require_same(client: Any, ours: dict[str, str]) -> None:
    """Raise UserError if there is no worker, or one that would judge by something else."""
    found = client.run(worker.holds, worker.slugs_of(ours), on_error="return")
    if not found:
        raise UserError("The cluster has no worker. Start one: dask worker ADDRESS")
    for place, theirs in found.items():
        if isinstance(theirs, Exception):
            raise UserError(
                f"The worker {place} cannot grade ({theirs}). Install this very kit there."
            )
        if said := worker.difference(place, theirs, ours):
            raise UserError(said)


class _Run:
    """The batches of one run that are under way, each with its jobs."""

    def __init__(self, client: Any, address: str, setup: str):
        self.client, self.address, self.setup = client, address, setup
        self.waiting: dict[Any, list[Job]] = {}
        self.seen = time.monotonic()  # when there was a worker

    def all(self, jobs: list[Job]) -> Iterator[tuple[Job, Verdict]]:
        """Send the jobs, and take verdicts as they come."""
        threads = sum(self.client.nthreads().values())
        size = max(1, min(BATCH, len(jobs) // (2 * max(threads, 1))))
        for start in range(0, len(jobs), size):
            self._send(jobs[start : start + size])
        try:
            while self.waiting:
                for future in self._done():
                    yield from self._taken(future)
        finally:
            if self.client.status == "running":
                self.client.cancel(list(self.waiting))

    def _send(self, jobs: list[Job]) -> None:
        batch = worker.as_text(jobs)
        submit = self.client.submit
        future = submit(worker.grade, self.setup, batch, pure=False, retries=RETRIES)
        self.waiting[future] = jobs

    def _done(self) -> list[Any]:
        """The batches that are done; none if nothing was for a while."""
        from distributed import wait

        with self.client.as_current():
            try:
                return list(wait(list(self.waiting), LOOK_SECONDS, "FIRST_COMPLETED").done)
            except TimeoutError:
                self._look()
                return []

    def _look(self) -> None:
        """Raise UserError if there is nobody left to grade."""
        if self.client.status != "running":
            raise UserError(f"The scheduler at {self.address} is gone. {GO_ON}")
        if self.client.nthreads():
            self.seen = time.monotonic()
        elif time.monotonic() - self.seen > PATIENCE:
            raise UserError(f"The cluster at {self.address} has lost its workers. {GO_ON}")

    def _taken(self, future: Any) -> Iterator[tuple[Job, Verdict]]:
        """The verdicts of a batch that is done."""
        try:
            said = json.loads(future.result(timeout=LOOK_SECONDS))
        except TimeoutError:  # the worker that had it has gone since, and it is done again
            self._look()
            return
        except Exception as error:
            self._look()
            yield from self._again(self.waiting.pop(future), error)
            return
        given = {job.key: job for job in self.waiting.pop(future)}
        if "refused" in said:
            raise UserError(said["refused"])
        for key, verdict in said["done"]:
            yield given[key], Verdict.from_data(verdict)

    def _again(self, jobs: list[Job], error: Exception) -> Iterator[tuple[Job, Verdict]]:
        """Send each job of a batch that ended workers alone; one that ends them by itself waits."""
        if len(jobs) > 1:
            for job in jobs:
                self._send([job])
            return
        from labs.kit.grading.grade import unjudged

        why = f"workers ended while they graded it ({type(error).__name__}); grade it again"
        yield jobs[0], unjudged(jobs[0], why, "")
