"""What `check` takes in a notebook, beside a bare call of the same criteria.

The target is under 20 ms for a small function: at that, nobody waits for an answer.
"""

import json
import sys
import tempfile
from pathlib import Path

import nbformat

from labs.kit import manifest, material
from labs.kit.conditions import environment
from labs.kit.execute import execute, read_notebook
from labs.kit.exercise.stub import is_check, solved

SLUG = sys.argv[1] if len(sys.argv) > 1 else "cost-per-row"
TIMED = """
import contextlib as _contextlib, json as _json, statistics as _statistics
import time as _time, zlib as _zlib
from labs.kit import material as _material
from labs.kit.exercise import check as _check, criteria as _criteria
import numpy as _np

def _milliseconds(call, times=50):
    spent = []
    for _ in range(times):
        begun = _time.perf_counter()
        call()
        spent.append(1000 * (_time.perf_counter() - begun))
    return _statistics.median(spent), sorted(spent)[int(0.95 * times)]

_path = _material.root() / "exercises" / "{slug}" / "checks.py"
_public = [one for one in _criteria.load(_path) if one.public and not one.by_hand]

def _bare():
    for one in _public:
        with _contextlib.ExitStack() as stack:
            given = {{name: globals()[name] for name in one.parameters}}
            for name, kind in one.parameters.items():
                if hasattr(kind, "of"):
                    given[name] = stack.enter_context(kind.of(given[name], name))
            if "rng" in one.run.__code__.co_varnames:
                given["rng"] = _np.random.default_rng([0, _zlib.crc32(one.id.encode())])
            one.run(**given)

_first = _milliseconds(lambda: _check("{slug}"), 1)[0]
_said = {{"first": _first, "ours": _milliseconds(lambda: _check("{slug}"))}}
_said |= {{"bare": _milliseconds(_bare), "criteria": len(_public)}}
"""


def measured(slug: str) -> dict:
    """Milliseconds of `check` in the kernel of the solved exercise: first, median, 95 %."""
    notebook = solved(read_notebook(material.root() / manifest.read().exercise(slug).path))
    new = nbformat.v4.new_code_cell
    notebook.cells = [cell for cell in notebook.cells if not is_check(cell)]
    notebook.cells += [new(TIMED.format(slug=slug)), new("print(_json.dumps(_said))")]
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, slug, environment(Path(folder)))
    return json.loads(notebook.cells[-1].outputs[-1].text)


def main() -> None:
    found = measured(SLUG)
    ours, bare = found["ours"], found["bare"]
    print(f"  {SLUG}: {found['criteria']} public criteria, milliseconds (median, 95 %)")
    print(f"  check in the notebook: {ours[0]:6.1f} {ours[1]:6.1f}   (target: median under 20)")
    print(f"  the criteria alone:    {bare[0]:6.1f} {bare[1]:6.1f}")
    print(f"  the very first check:  {found['first']:6.1f}")
    print(f"  check / criteria: {ours[0] / bare[0]:.1f}")


if __name__ == "__main__":
    main()
