"""Proving every lesson: warm kernels against plain nbval and plain papermill.

The lessons are generated, as many as the course will have. All ways of running them take
turns. CPU is that of all processes a way starts, and of those that these leave behind.
Overhead is the CPU beyond the preload of the fork server and the cells' own compute, which
the kernels of the same run clock: a machine may be a fifth faster in one minute than in the
next. For a plain way, whose cells import libraries, it is what they cost in warm kernels.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import nbformat
from side_by_side import Cost, adopt_orphans, end_orphans, measure_all

from labs.kit import material
from labs.kit.execute import environment

WAYS = ("plain_nbval", "plain_papermill", "warm_nbval", "warm_nbval_2", "warm_papermill")
RUNS = str(Path(__file__).with_name("lesson_runs.py"))
CLOCK = Path(__file__).with_name("kernel_clock.py")
CHANGED = "price-an-alarm"
LIMIT = 0.2  # CPU seconds of overhead that a notebook may have, warm
YARDSTICK = 0.76  # CPU seconds of importing mlflow on the machine that the limit was set on
AGAIN = 5  # runs of the one changed lesson
BURNT = 5  # seconds of CPU, well above what two runs differ by
BURN = (
    f"import time\nend = time.process_time() + {BURNT}\nwhile time.process_time() < end:\n    pass"
)


@dataclass(frozen=True)
class Run:
    """What one run cost, and of its CPU seconds those in cells, and in the server's preload.

    `longest` is those in the cells of one kernel, the one with the most.
    """

    cost: Cost
    cells: float
    longest: float
    preload: float


class Bench:
    """Runs ways in the temporary `place`, in the environment that all of them share."""

    def __init__(self, place: Path):
        self.lessons, self.log, self.clock = place / "lessons", place / "log", place / "clock"
        (self.lessons / "done").mkdir(parents=True)
        startup = place / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        shutil.copy(CLOCK, startup)
        (place / "run").mkdir()
        # PYTHONDONTWRITEBYTECODE would have pytest compile its plugins anew in each run.
        other = ("JUPYTER", "LABS_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(other)}
        own = {"IPYTHONDIR": str(place / "ipython"), "XDG_RUNTIME_DIR": str(place / "run")}
        self.env = {**kept, **environment(place / "workspace"), **own}

    def run(self, way: str, *more: str, folder: Path | None = None) -> Cost:
        """What `way` costs; ends the benchmark if it fails."""
        return self.command([RUNS, way, str(folder or self.lessons), *more])

    def command(self, arguments: list[str], orphans_end: bool = True, **more: str) -> Cost:
        with open(self.log, "w", encoding="utf-8") as log:
            options = {"cwd": material.root(), "env": {**self.env, **more}, "stdout": log}
            command = [sys.executable, *arguments]
            cost = measure_all(command, orphans_end, stderr=subprocess.STDOUT, **options)
        if cost.code:
            print(self.log.read_text(encoding="utf-8")[-3000:])
            raise SystemExit(f"{' '.join(arguments)} failed, so there is nothing to compare")
        return cost

    def clocked(self, *arguments: str, **more) -> Run:
        """What a command costs, with the clock of its kernels."""
        self.clock.unlink(missing_ok=True)
        cost = self.command([*arguments], BENCH_CLOCK=str(self.clock), **more)
        spent = defaultdict(float)
        parents = []
        for line in self.clock.read_text(encoding="ascii").splitlines():
            kind, kernel, seconds = line.split()
            if kind == "cell":
                spent[kernel] += float(seconds)
            else:
                parents.append(float(seconds))
        return Run(cost, sum(spent.values()), max(spent.values()), min(parents))

    def found(self, way: str) -> dict:
        """What `way` prints as its last line."""
        self.run(way)
        return json.loads(self.log.read_text(encoding="utf-8").splitlines()[-1])


def side_by_side(bench: Bench, count: int, rounds: int) -> None:
    """Both runners, plain and warm, over all lessons; of each way the round with least overhead."""
    runs = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in runs:
            runs[way].append(bench.clocked(RUNS, way, str(bench.lessons)))
    over, cells = {}, {}
    for way, its in sorted(runs.items(), reverse=True):  # the warm ones first
        runner = way.split("_")[1]
        if way.startswith("warm"):
            beyond = {run.cost.cpu - run.cells - run.preload: run for run in its}
        else:
            beyond = {run.cost.cpu - cells[runner]: run for run in its}
        run = beyond[min(beyond)]
        over[way], cells[runner] = min(beyond) / count, cells.get(runner, run.cells)
        print(
            f"  {way.replace('_', ' '):16} {run.cost.wall:6.1f} s wall {run.cost.cpu:6.1f} s CPU,"
            f" overhead {over[way]:6.3f} s a notebook"
        )
        if way.startswith("warm"):
            print(
                f"    (limit {run.cells + run.preload:.1f} s CPU: cells {run.cells:.1f},"
                f" preload {run.preload:.1f})"
            )
    for runner in ("nbval", "papermill"):
        ratio = over[f"plain_{runner}"] / over[f"warm_{runner}"]
        print(f"  overhead of {runner}, plain / warm: {ratio:.1f}")


def accounting(bench: Bench) -> None:
    """Seconds burnt in a cell must be seen, whoever is the parent of the kernel."""
    folders = {name: bench.lessons.parent / name for name in ("idle", "busy")}
    for folder, source in zip(folders.values(), ("pass", BURN), strict=True):
        folder.mkdir()
        cell = nbformat.v4.new_code_cell(source, execution_count=1)
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "burn.ipynb")
    burnt = []
    for way in ("plain_nbval", "warm_nbval"):
        bench.run(way, folder=folders["idle"])  # Python compiles what it finds uncompiled
        runs = (bench.clocked(RUNS, way, str(folder)) for folder in folders.values())
        idle, busy = (run.cost.cpu - run.preload for run in runs)
        burnt.append(busy - idle)
    print(
        f"  a cell that burns {BURNT} s of CPU is seen as {burnt[0]:.1f} s cold,"
        f" {burnt[1]:.1f} s warm"
    )


def first_results(bench: Bench) -> None:
    spent = bench.found("kernel_starts")
    print(
        f"  a kernel's first result, with the imports: {spent['cold']:.2f} s cold,"
        f" {spent['warm']:.3f} s warm; cold / warm: {spent['cold'] / spent['warm']:.0f}"
    )


def one_changed_lesson(bench: Bench) -> None:
    """`labs test SLUG`, when the lesson is proven cold and a server is resident."""
    with tempfile.TemporaryDirectory() as build:
        arguments = ["-m", "labs", "test", CHANGED]
        given = {"orphans_end": False, "LABS_BUILD": build}
        first, *again = [bench.clocked(*arguments, **given) for _ in range(1 + AGAIN)]
        end_orphans()
    wall = statistics.median(run.cost.wall for run in again)
    cells = statistics.median(run.cells for run in again)
    beside = statistics.median(run.cost.wall - run.cells for run in again)
    slower = statistics.median(run.cost.wall - run.longest for run in again)
    print(
        f"  labs test {CHANGED}: {first.cost.wall:.1f} s, again {wall:.2f} s (median of {AGAIN});"
        f" its cells take {cells:.2f} s, in two kernels at once: beside them {beside:.2f} s,"
        f" beside those of the slower kernel {slower:.2f} s"
    )


def yardstick(bench: Bench) -> None:
    """How much slower this machine is than the one that the limit was set on."""
    import_it = ["-c", "import mlflow"]
    here = min(bench.command(import_it).cpu for _ in range(AGAIN))
    print(
        f"  importing mlflow: {here:.2f} s CPU, against {YARDSTICK:.2f} s where the limit of"
        f" {LIMIT} s a notebook was set; here it is {LIMIT * here / YARDSTICK:.2f} s"
    )


def stores(bench: Bench) -> None:
    cost = bench.found("migration")
    print(
        f"  all ways copy a migrated template database ({cost['copied']:.3f} s CPU a lesson);"
        f" MLflow's own migration would cost {cost['migrated']:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lessons", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="labs-bench-") as place:
        bench = Bench(Path(place))
        bench.run("write", str(given.lessons))
        print(f"{given.lessons} lessons, {given.rounds} rounds in turn, {os.cpu_count()} cores")
        print(f"  load average before: {os.getloadavg()[0]:.1f}", flush=True)
        begun = time.perf_counter()
        accounting(bench)
        yardstick(bench)
        stores(bench)
        first_results(bench)
        one_changed_lesson(bench)
        side_by_side(bench, given.lessons, given.rounds)
        yardstick(bench)
        spent = time.perf_counter() - begun
        print(f"  load average after {spent:.0f} s: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
