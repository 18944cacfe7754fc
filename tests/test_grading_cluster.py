"""Grading on a Dask cluster: two real worker processes over loopback, one of them killed."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
from distributed import LocalCluster
from example_exercises import RIGHT, WRONG, solution, write

from labs.kit.errors import UserError
from labs.kit.exercise.stub import is_check
from labs.kit.grading import cluster, worker
from labs.kit.grading.verdict import Job

SLUG = "measure-a-shift"
PAUSE = "import time\ntime.sleep(0.3)\n"  # so that the other worker dies in the middle


@pytest.fixture(scope="module")
def kits(tmp_path_factory):
    """Two copies of a small course: the mentor's, and the one that the workers hold."""
    folder = tmp_path_factory.mktemp("kits")
    write(folder / "mentors", SLUG)
    shutil.copytree(folder / "mentors", folder / "workers")
    return folder


@pytest.fixture(autouse=True)
def mentor(kits, monkeypatch):
    monkeypatch.setenv("LABS_MATERIAL", str(kits / "mentors"))


@pytest.fixture(scope="module")
def scheduler():
    """A scheduler without workers."""
    with LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as running:
        yield running


@pytest.fixture(scope="module")
def workers(scheduler, kits):
    """Two worker processes, each of which ends when the test says so."""
    command = [sys.executable, "-m", "dask", "worker", scheduler.scheduler_address]
    command += ["--no-nanny", "--no-dashboard", "--nthreads", "1"]
    env = {**os.environ, "LABS_MATERIAL": str(kits / "workers"), "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [subprocess.Popen(command, env=env, **quiet) for _ in range(2)]
    with cluster._client(scheduler.scheduler_address) as client:
        client.wait_for_workers(2, timeout=60)
    yield started
    for one in started:
        one.kill()
        one.wait()


def job(number: int, answer: str) -> Job:
    cells = [cell for cell in solution(SLUG).cells if not is_check(cell)]
    sources = {"answer-shift": answer, "answer-why": "Because of the spread."}
    return Job(
        f"learner-{number}",
        SLUG,
        tuple(
            {"cell": one.id, "kind": one.cell_type, "source": sources.get(one.id, one.source)}
            for one in cells
        ),
        seed=number,
    )


def grading(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes in which a worker grades, once they are there."""
    for _ in range(600):
        if found := psutil.Process(process.pid).children(recursive=True):
            return found
        time.sleep(0.1)
    raise AssertionError("the worker never began to grade")


def test_a_killed_worker_loses_nothing(scheduler, workers):
    answers = {0: RIGHT.partition("\n")[2], 1: WRONG["with_a_sign"], 2: WRONG["always_zero"]}
    jobs = [job(number, PAUSE + answers[number % 3]) for number in range(18)]
    graded = cluster.grade_all(jobs, scheduler.scheduler_address)
    found = [next(graded)]
    orphans = grading(workers[0])
    workers[0].send_signal(signal.SIGKILL)
    found += list(graded)
    assert sorted(one.key for one, _ in found) == sorted(one.key for one in jobs)
    earned = {one.key: verdict.earned for one, verdict in found}
    assert earned == {f"learner-{n}": {0: 3, 1: 2, 2: 0}[n % 3] for n in range(18)}
    assert all(verdict.tier for _, verdict in found)
    _, alive = psutil.wait_procs(orphans, timeout=60)
    assert alive == [], "what the killed worker had begun ends with it"


def test_a_worker_with_other_checks_is_refused(scheduler, workers, kits):
    checks = kits / "mentors" / "exercises" / SLUG / "checks.py"
    before = checks.read_text(encoding="utf-8")
    checks.write_text(before.replace("< 1e-9", "< 1e-6"), encoding="utf-8")
    try:
        with pytest.raises(UserError, match=f"holds other things.*checks of {SLUG} .* instead of"):
            list(cluster.grade_all([job(1, RIGHT)], scheduler.scheduler_address))
    finally:
        checks.write_text(before, encoding="utf-8")


def test_a_cluster_that_has_lost_its_workers_keeps_what_was_graded(scheduler, workers, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.5)
    jobs = [job(number, PAUSE + WRONG["always_zero"]) for number in range(9)]
    graded = cluster.grade_all(jobs, scheduler.scheduler_address)
    first, verdict = next(graded)
    assert first in jobs and verdict.earned == 0
    workers[1].send_signal(signal.SIGKILL)
    with pytest.raises(UserError, match=r"has lost its workers. What was graded is kept: start it"):
        list(graded)


def test_it_says_what_differs():
    ours = {"labs": "0.2.0 aa", "Python": "3.12.1", "lock": "bb", "checks of x": "cc"}
    assert worker.difference("tcp://1", dict(ours), ours) == ""
    said = worker.difference("tcp://1", ours | {"labs": "0.1.0 aa"}, ours)
    assert "The worker tcp://1 holds" in said and "labs 0.1.0 aa instead of 0.2.0 aa" in said
    assert "Python" not in said and "checks of x" in worker.difference("a", {"labs": "1"}, ours)


def test_nothing_but_text_travels():
    sent = worker.as_text([job(7, RIGHT)])
    assert type(sent) is str
    assert [worker._job(one) for one in worker.json.loads(sent)] == [job(7, RIGHT)]


def test_a_scheduler_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UserError, match="No Dask scheduler answers at 'tcp://127"):
            list(cluster.grade_all([job(1, RIGHT)], address))


def test_a_cluster_without_workers_is_a_sentence():
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(UserError, match="The cluster has no worker"),
    ):
        list(cluster.grade_all([job(1, RIGHT)], empty.scheduler_address))
