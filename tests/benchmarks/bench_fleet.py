"""The fleet: 10,000 models against 300 in proportion, and against a loop over its rows."""

import math
import random
import time
import tracemalloc
from collections.abc import Callable

from labs.company.fleet import fleet

ROUNDS = 3


def seconds(make: Callable[[], object]) -> float:
    """The least CPU seconds of three rounds: the others were disturbed."""
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        make()
        spent.append(time.process_time() - begun)
    return min(spent)


def row_by_row(n: int) -> list[dict]:
    """The figures of `n` models as a plain loop makes them: one dict a model and day.

    It draws as many chances a row as the fleet does, and leaves out incidents, labels
    and the catalogue.
    """
    rng = random.Random(1)
    rows = []
    for model in range(n):
        usual = 10 ** rng.uniform(1, 5)
        for day in range(365):
            z = [rng.gauss(0, 1) for _ in range(8)]
            expected = usual * (0.4 if day % 7 > 4 else 1.0) * math.exp(0.08 * z[0])
            requests = max(0, round(expected + math.sqrt(expected) * rng.gauss(0, 1)))
            small = 1 / math.sqrt(max(requests, 1))
            p50 = 40 * math.exp((0.03 + small) * z[1])
            p95 = p50 * (1 + math.exp((0.05 + small) * z[2]))
            p99 = p95 * (1 + math.exp((0.10 + 2 * small) * z[3]))
            errors = max(0, round(requests * 0.002 + math.sqrt(requests * 0.002) * z[7]))
            row = {"model": model, "day": day, "requests": requests, "records": requests}
            row |= {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "p99_ms": round(p99, 1)}
            row |= {"errors": errors, "null_rate": round(0.02 * math.exp(0.1 * z[4]), 5)}
            drift = rng.gammavariate(4.5, 2) * small**2
            row |= {"drift": round(drift, 4), "performance": round(0.8 + 0.35 * z[6] * small, 4)}
            rows.append(row)
    return rows


def peak(make: Callable[[], object]) -> float:
    """The most MB that Python's allocations reached."""
    tracemalloc.start()
    make()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def main() -> None:
    some, many = seconds(fleet), seconds(lambda: fleet(n=10_000))
    loop = seconds(lambda: row_by_row(300))
    memory = peak(fleet), peak(lambda: fleet(n=10_000))
    print(f"  300 models x 365 days:    {some:6.2f} s, at most {memory[0]:4.0f} MB")
    print(f"  10,000 models x 365 days: {many:6.2f} s, at most {memory[1]:4.0f} MB")
    print(f"  10,000 against 300: {many / some:.1f} times as long (33.3 would be in proportion)")
    print(f"  a loop over the rows takes {loop / some:.0f} times as long as the fleet")


if __name__ == "__main__":
    main()
