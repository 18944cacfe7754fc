"""Grading 200 submissions that import mlflow, scikit-learn and pandas, beside nbgrader.

Overhead is the wall time of a submission beyond what its cells and checks compute in a
process that has imported everything. nbgrader, with the same packages in an environment
of its own, grades ten of the same submissions between two runs of ours; its start is
taken out of its share, ours is in. With another number, so many are graded.
"""

import csv
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from side_by_side import measure
from submissions import KINDS, TESTS, jobs, write_course, write_material

from labs.kit import material

NBGRADER = "nbgrader==0.9.6"
HEAVY = ("mlflow", "scikit-learn", "pandas", "ipykernel")
FEW, SOME = 2, 10  # submissions for nbgrader; what it takes for one is the slope between them
SAMPLE_SECONDS = 0.5  # between two looks at the memory


@dataclass(frozen=True)
class Run:
    """One run of ours: seconds, the peak of memory in each half of it, and what came out."""

    wall: float
    cpu: float
    peaks: tuple[int, int]
    said: dict


def grade(count: int, workers: int) -> None:
    """Grade `count` submissions in this process, and print what is not as deserved."""
    from labs.kit.grading.grade import grade_all

    deserved = {job.key: kind for job, kind in jobs(count)}
    given = [job for job, _ in jobs(count)]
    wrong, most, seconds, tier = [], 0, [], ""
    for job, verdict in grade_all(given, workers):
        kind = deserved.pop(job.key)
        if (verdict.outcome, verdict.earned) != (kind.outcome, kind.earned):
            wrong.append(f"{kind.name}: {verdict.outcome}, {verdict.earned}; {verdict.why}")
        most, tier = max(most, verdict.memory), verdict.tier
        seconds.append(verdict.seconds)
    wrong += [f"{kind.name}: not graded" for kind in deserved.values()]
    middle = statistics.median(seconds)
    print(json.dumps({"wrong": wrong, "memory": most, "tier": tier, "middle": middle}))


def ours(place: Path, count: int, workers: int) -> Run:
    """Grade in a process of its own, and look at the memory of all its processes."""
    env = {**os.environ, "LABS_MATERIAL": str(place), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "grade", str(count), str(workers)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    seen: list[tuple[float, int]] = []
    watcher = threading.Thread(target=_watch, args=(process, seen))
    watcher.start()
    said = process.communicate()[0]
    wall = time.perf_counter() - began
    watcher.join()
    if process.returncode:
        raise SystemExit("grading failed, so there is nothing to compare")
    half = (len(seen) + 1) // 2
    first, second = (
        max((held for _, held in part), default=0) for part in (seen[:half], seen[half:])
    )
    cpu = max(taken for taken, _ in seen)
    return Run(wall, cpu, (first, second), json.loads(said.splitlines()[-1]))


def _watch(process: subprocess.Popen, seen: list[tuple[float, int]]) -> None:
    """Note what a process and all below it have taken: CPU seconds, and bytes of memory."""
    while process.poll() is None:
        with suppress(psutil.Error):
            top = psutil.Process(process.pid)
            family = [_taken(one) for one in [top, *top.children(recursive=True)]]
            seen.append((sum(cpu for cpu, _ in family), sum(held for _, held in family)))
        time.sleep(SAMPLE_SECONDS)


def _taken(process: psutil.Process) -> tuple[float, int]:
    """CPU of a process and of what it waited for; its memory, a shared page only in part."""
    with suppress(psutil.Error, OSError):
        return sum(process.cpu_times()[:4]), process.memory_full_info().pss
    return 0.0, 0


def compute() -> float:
    """Seconds that the cells and checks of a right submission take where all is imported."""
    (job, kind), *_ = jobs(1)
    assert kind is KINDS[0]
    cells = [one["source"] for one in job.cells if one["kind"] == "code"]
    spent = []
    for _ in range(50):
        began, names = time.perf_counter(), {}
        for source in [*cells, *(test for _, test in TESTS)]:
            exec(source, names)
        spent.append(time.perf_counter() - began)
    return min(spent)  # the others had to share the machine


def theirs(python: Path, place: Path, count: int) -> tuple[float, float, list[str]]:
    """Wall and CPU seconds of nbgrader for `count` submissions, and what it graded wrong."""
    write_course(place, count)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path}
    nbgrader = [str(python), "-m", "nbgrader"]
    for command in (["generate_assignment", "ps"], ["autograde", "ps"], ["export"]):
        cost = measure([*nbgrader, *command], cwd=place, env=env)
        if cost.code:
            raise SystemExit(f"nbgrader {command[0]} failed in {place}")
        if command[0] == "autograde":
            found = cost
    with open(place / "grades.csv", encoding="utf-8") as file:
        scores = {row["student_id"]: float(row["raw_score"] or 0) for row in csv.DictReader(file)}
    kinds = {f"s{number:03d}": KINDS[number % len(KINDS)] for number in range(count)}
    wrong = [
        f"{kind.name}: {scores.get(who)} points, not {kind.earned}"
        for who, kind in kinds.items()
        if scores.get(who) != kind.earned
    ]
    return found.wall, found.cpu, wrong


def environment_of_nbgrader() -> Path | None:
    """The Python of an environment with nbgrader and our own packages; None if there is none."""
    folder = material.build_folder() / "bench" / NBGRADER.replace("==", "-")
    python = folder / "bin" / "python"
    if (folder / "ready").is_file():
        return python
    uv = [sys.executable, "-m", "uv"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pins:
        pins.write("\n".join(_versions()))
        pins.flush()
        install = [
            *uv,
            "pip",
            "install",
            "-q",
            "--compile-bytecode",
            "--python",
            str(python),
            "-c",
            pins.name,
        ]
        for command in (
            [*uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)],
            [*install, NBGRADER, *HEAVY],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"  {NBGRADER} cannot be installed here: {done.stderr.strip()[-400:]}")
                return None
    (folder / "ready").touch()
    return python


def _versions() -> list[str]:
    """The packages of this environment, so that both sides use the same."""
    found = {one.name: one.version for one in importlib.metadata.distributions()}
    return [f"{name}=={version}" for name, version in found.items() if name != "mlops-labs"]


def show(name: str, count: int, run: Run) -> None:
    each = 1000 * run.wall / count
    peaks = " and ".join(f"{one / 2**20:,.0f}" for one in run.peaks)
    print(f"  {name}: {run.wall:.1f} s, {each:.0f} ms a submission, CPU {run.cpu:.1f} s")
    print(f"    peak memory of all processes, in each half of the run: {peaks} MB")
    for one in run.said["wrong"]:
        print(f"    WRONG {one}")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_material(place / "kit")
        own = compute()
        print(f"  own compute of a submission: {1000 * own:.1f} ms")
        print("  targets: 200 submissions in less than 60 s on 2 cores; overhead 50 times less")
        two = ours(place / "kit", count, 2)
        show(f"{count} submissions, 2 workers ({two.said['tier']})", count, two)
        python = environment_of_nbgrader()
        if python:
            few, more = (theirs(python, place / str(n), n) for n in (FEW, SOME))
        one = ours(place / "kit", count, 1)
        show(f"{count} submissions, 1 worker", count, one)
        if python:
            compare(own, count, one, two, few, more)


def compare(own: float, count: int, one: Run, two: Run, few: tuple, more: tuple) -> None:
    """Print nbgrader's figures and the ratios."""
    print(f"  {NBGRADER}: {FEW} submissions {few[0]:.1f} s, {SOME} {more[0]:.1f} s")
    for said in more[2]:
        print(f"    WRONG {said}")
    each = (more[0] - few[0]) / (SOME - FEW)
    print(f"    {1000 * each:.0f} ms a submission without its start")
    print(f"    {1000 * more[0] / SOME:.0f} ms a submission with its start")
    for name, run in (("1 worker", one), ("2 workers", two)):
        ratio = (each - own) / (run.wall / count - own)
        print(f"  overhead a submission, nbgrader / ours with {name}: {ratio:.0f}")
    cpu = (more[1] - few[1]) / (SOME - FEW) / (one.cpu / count)
    print(f"  CPU a submission, nbgrader / ours: {cpu:.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["grade"]:
        grade(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
