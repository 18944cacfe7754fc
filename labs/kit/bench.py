"""`labs bench`: run the benchmarks by hand; they print ratios, never pass or fail."""

import subprocess
import sys
from pathlib import Path

from labs.kit import material
from labs.kit.errors import UserError, nearest


def scripts() -> dict[str, Path]:
    """The benchmarks in `tests/benchmarks/`, by name."""
    folder = material.root() / "tests" / "benchmarks"
    return {path.stem.removeprefix("bench_"): path for path in sorted(folder.glob("bench_*.py"))}


def run(names: list[str]) -> int:
    """Run the named benchmarks (default: all), one after the other."""
    known = scripts()
    if not known:
        raise UserError("The benchmarks are in the repository. Clone it: python3 labs bench")
    for name in names:
        if name not in known:
            raise UserError(
                f"There is no benchmark {name!r}{nearest(name, list(known)) or '.'} "
                f"The benchmarks are {', '.join(known)}."
            )
    codes = []
    for name in names or known:
        print(f"\n== {name} ==", flush=True)
        codes.append(subprocess.run([sys.executable, str(known[name])]).returncode)
    return max(codes)
