"""Measure commands in turn: wall seconds, CPU seconds of all their processes, peak memory."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # Linux: a process whose parent dies becomes our child
LINGER = 20  # seconds that what a command leaves behind may take to end


@dataclass(frozen=True)
class Cost:
    """What one command cost; `code` is its exit code."""

    wall: float
    cpu: float
    code: int

    def against(self, other: "Cost") -> str:
        return f"wall x {self.wall / other.wall:.2f}, CPU x {self.cpu / other.cpu:.2f}"


def measure(command: list[str], **options) -> Cost:
    """Run `command` to its end; CPU counts every process that it waited for."""
    before, begun = _waited_for(), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    return Cost(time.perf_counter() - begun, _waited_for() - before, done.returncode)


def _waited_for() -> float:
    """CPU seconds of all processes that ended and were waited for, and of those they waited for."""
    times = os.times()
    return times.children_user + times.children_system


def adopt_orphans() -> None:
    """From here on, a process that outlives its parent becomes a child of this one."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def measure_all(command: list[str], orphans_end: bool = True, **options) -> Cost:
    """Run `command` to its end; CPU counts also the processes that it left behind.

    Needs `adopt_orphans`, and no other child. What is left must end by itself, unless
    `orphans_end` is false: then it stays, and its CPU is not counted.
    """
    before, begun = _waited_for(), time.perf_counter()
    done = subprocess.run(command, **options)
    wall = time.perf_counter() - begun
    if orphans_end:
        _wait_for_orphans(time.monotonic() + LINGER)
    return Cost(wall, _waited_for() - before, done.returncode)


def _wait_for_orphans(deadline: float) -> None:
    with contextlib.suppress(ChildProcessError):  # none is left
        while True:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    raise SystemExit(f"processes were left behind: {_children()}")
                time.sleep(0.01)


def end_orphans() -> None:
    """End what commands have left behind; every child of this process is such."""
    for pid in _children():
        os.kill(pid, signal.SIGTERM)
    _wait_for_orphans(time.monotonic() + LINGER)


def _children() -> list[int]:
    tasks = Path("/proc/self/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def cheapest(costs: list[Cost]) -> Cost:
    """The run with the least CPU: the others were disturbed."""
    return min(costs, key=lambda cost: cost.cpu)
