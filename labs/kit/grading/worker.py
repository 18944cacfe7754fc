"""What a worker of a cluster does: grade batches, in the same sandbox as one machine does.

A worker's own process has threads and often may not fork, so each has a grader beside it: a
process that keeps one sandbox for all batches of a run, and ends with the worker. Batches and
verdicts are JSON; what judges them, the worker has itself.
"""

import atexit
import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import labs
from labs.kit.errors import UserError
from labs.kit.grading.verdict import Job

CHECKS = "checks of "
JUDGING = ("exercise", "grading", "warm")  # parts of the kit; the others decide no grade
_alone = threading.Lock()  # a worker may have several threads; its grader takes a batch at a time
_graders: dict[str, "Grader"] = {}


class GraderEnded(Exception):
    """The grader ended in the middle of a batch; another one may take it."""


def holds(slugs: list[str]) -> dict[str, str]:
    """What has to be the same on every machine that grades, as hashes."""
    from labs.kit.grading import jobs

    found = {"labs": f"{labs.__version__} {_files()}", "Python": platform.python_version()}
    found["lock"] = jobs.environment()[:12]
    return found | {f"{CHECKS}{slug}": _checks(slug) for slug in slugs}


def slugs_of(held: dict[str, str]) -> list[str]:
    """The exercises in what `holds` gave."""
    return [name.removeprefix(CHECKS) for name in held if name.startswith(CHECKS)]


def difference(place: str, theirs: dict[str, str], ours: dict[str, str]) -> str:
    """The sentence about a worker that would judge by something else; empty if it would not."""
    other = [name for name, one in ours.items() if theirs.get(name) != one]
    if not other:
        return ""
    named = "; ".join(f"{name} {theirs.get(name)} instead of {ours[name]}" for name in other)
    return (
        f"The worker {place} holds other things than this machine: {named}. Grades would not be "
        "the same. Install this very kit and its lock there, and start the worker again."
    )


def _checks(slug: str) -> str:
    from labs.kit.grading import jobs

    try:
        return jobs.checks(slug)[:12]
    except (UserError, OSError):
        return "none"


def _files() -> str:
    """The hash of the code that answers and checks use, and that judges."""
    folder, found = Path(labs.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        if parts[0] != "kit" or parts[1] in JUDGING:
            found.update("/".join(parts).encode() + path.read_bytes())
    return found.hexdigest()[:12]


def as_text(jobs: list[Job]) -> str:
    """A batch as it travels."""
    return json.dumps([asdict(job) for job in jobs])


def grade(setup: str, batch: str) -> str:
    """The verdicts on a batch, as JSON: {"done": [[key, verdict], ...]}, or {"refused": why}.

    `setup` says what this worker has to hold, and whether the mentor trusts the answers.
    Raises GraderEnded if the grader did.
    """
    from distributed import get_worker

    me = get_worker()
    with _alone:
        if setup not in _graders:
            ours = json.loads(setup)["holds"]
            if said := difference(me.address, holds(slugs_of(ours)), ours):
                return json.dumps({"refused": said})
            end()
            _graders[setup] = Grader(setup, me.state.nthreads)
        try:
            return _graders[setup].ask(batch)
        except (OSError, EOFError):
            end()
            raise GraderEnded("the grader of this worker ended") from None


def end() -> None:
    """End the grader of this worker, if there is one."""
    while _graders:
        _graders.popitem()[1].end()


atexit.register(end)


class Grader:
    """The process beside a worker that grades."""

    def __init__(self, setup: str, processes: int):
        command = [sys.executable, "-m", __name__, str(processes)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, encoding="utf-8", **pipes)
        self.process.stdin.write(setup + "\n")

    def ask(self, batch: str) -> str:
        """What it says about a batch. Raises OSError or EOFError if it has ended."""
        self.process.stdin.write(batch + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said.endswith("\n"):
            raise EOFError
        return said

    def end(self) -> None:
        """Let it end: it does when nothing more can come."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.stdout.close()


def main() -> None:
    """Be a grader: read a setup and then batches, a line each, until the worker is gone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a check prints is no answer
    with contextlib.suppress(BrokenPipeError):
        for said in _answers(json.loads(sys.stdin.readline()), int(sys.argv[1])):
            answers.write(json.dumps(said) + "\n")
            answers.flush()


def _answers(setup: dict[str, Any], processes: int) -> Iterator[dict]:
    """What is said about each batch that comes."""
    from labs.kit.grading.grade import opened

    try:
        with opened(slugs_of(setup["holds"]), processes, setup["trust"]) as grade:
            for line in sys.stdin:
                done = grade([_job(one) for one in json.loads(line)])
                yield {"done": [[job.key, verdict.as_data()] for job, verdict in done]}
    except UserError as error:
        for _ in sys.stdin:
            yield {"refused": str(error)}


def _job(data: dict[str, Any]) -> Job:
    return Job(**{**data, "cells": tuple(data["cells"])})


if __name__ == "__main__":
    main()
