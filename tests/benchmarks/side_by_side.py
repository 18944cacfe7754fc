"""Measure commands in turn: wall seconds, CPU seconds of all their processes, peak memory."""

import os
import subprocess
import time
from dataclasses import dataclass


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
    before, begun = os.times(), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    wall, after = time.perf_counter() - begun, os.times()
    cpu = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    return Cost(wall, cpu, done.returncode)


def cheapest(costs: list[Cost]) -> Cost:
    """The run with the least CPU: the others were disturbed."""
    return min(costs, key=lambda cost: cost.cpu)
