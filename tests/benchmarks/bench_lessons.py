"""Proving every lesson: `labs test` against plain nbval followed by plain papermill."""

import sys
import tempfile
from pathlib import Path

from side_by_side import Cost, cheapest, measure

from labs.kit import manifest, material

ROUNDS = 3


def ours(slugs: list[str]) -> Cost:
    return measure([sys.executable, "-m", "labs", "test", *slugs], cwd=material.root())


def plain_nbval(paths: list[str]) -> Cost:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--nbval",
        "-c",
        "/dev/null",
    ]
    return measure([*command, "--rootdir", ".", "--nbval-current-env", *paths], cwd=material.root())


def plain_papermill(paths: list[str]) -> Cost:
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            done = str(Path(folder) / Path(path).name)
            command = [sys.executable, "-m", "papermill", path, done, "-k", "python3"]
            costs.append(measure(command, cwd=material.root()))
    return Cost(sum(c.wall for c in costs), sum(c.cpu for c in costs), max(c.code for c in costs))


def main() -> None:
    lessons = manifest.read().lessons
    paths = [str(lesson.path) for lesson in lessons]
    kit, nbval, papermill = [], [], []
    for _ in range(ROUNDS):
        kit.append(ours([lesson.slug for lesson in lessons]))
        nbval.append(plain_nbval(paths))
        papermill.append(plain_papermill(paths))
    best, one, two = cheapest(kit), cheapest(nbval), cheapest(papermill)
    rival = Cost(one.wall + two.wall, one.cpu + two.cpu, max(one.code, two.code))
    print(f"{len(lessons)} lessons, best of {ROUNDS} rounds in turn")
    print(f"  labs test:         {best.wall:6.1f} s wall, {best.cpu:6.1f} s CPU")
    print(f"  nbval + papermill: {rival.wall:6.1f} s wall, {rival.cpu:6.1f} s CPU")
    print(f"  labs test costs {best.against(rival)} of the plain tools")
    if best.code or rival.code:
        print("  a run failed, so these figures mean nothing; run `labs test`")


if __name__ == "__main__":
    main()
