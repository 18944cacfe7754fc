"""`check` and `hint` as a learner calls them in a notebook."""

import html
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, wraps
from pathlib import Path

from labs.kit import manifest, material
from labs.kit.errors import UserError
from labs.kit.exercise import criteria, report
from labs.kit.exercise.judge import Result, judge
from labs.kit.folders import default_folder
from labs.kit.manifest import Exercise

SAID = "application/vnd.mlops-labs.check+json"  # the kind of output that carries a report


def _told(run: Callable) -> Callable:
    """A mistake of the learner's is a sentence in the notebook, not a traceback."""

    @wraps(run)
    def told(slug: str) -> None:
        try:
            run(slug)
        except UserError as error:
            print(error)

    return told


@_told
def check(slug: str) -> None:
    """Run the public checks of an exercise on the answers in this notebook, and show them."""
    exercise, results, more = _checked(slug)
    _show(report.as_html(exercise, results, more), report.text(exercise, results, more))
    with suppress(OSError):  # a full disk does not take the report away
        _remember(slug, *report.points(results))


def say_results(slug: str) -> None:
    """Hand the report to `labs check`, past all that a learner may have made of `print`."""
    from IPython.display import display

    exercise, results, more = _checked(slug)
    earned, possible = report.points(results)
    said = {"report": report.text(exercise, results, more), "earned": earned, "possible": possible}
    display({SAID: said}, raw=True)


def _checked(slug: str) -> tuple[Exercise, list[Result], str]:
    """The exercise, the results of its public checks, and what is judged later."""
    exercise = _exercise(slug)
    path = material.root() / exercise.folder / "checks.py"
    found = criteria.load(path)
    names = _names()
    with _staying(names):
        results = judge([one for one in found if one.public and not one.by_hand], names)
    return exercise, results, report.further(*criteria.further(path))


def _exercise(slug: str) -> Exercise:
    path = material.root() / "exercises" / "course.toml"
    return _course(path, path.stat().st_mtime_ns).exercise(slug)


@lru_cache(maxsize=1)
def _course(path: Path, changed: int) -> manifest.Course:
    """The course, read again only when its file has changed."""
    return manifest.read(path)


@_told
def hint(slug: str) -> None:
    """Show the next hint of the exercise; the last one stays."""
    from labs.kit.exercise import desk

    exercise, folder = _exercise(slug), default_folder()
    number = desk.next_hint(folder, exercise)
    said = exercise.hints[number - 1]
    head = f"Hint {number} of {len(exercise.hints)}"
    marked = report.BACKTICKS.sub(r"<code>\1</code>", html.escape(said, quote=False))
    _show(f"<p><b>{head}</b>: {marked}</p>", f"{head}: {said}")


@_told
def solution(slug: str) -> None:
    """Show the solution, once every check passes or when the mentor allows it."""
    from labs.kit.exercise import solutions

    text = solutions.text(slug, default_folder())
    _show(f"<pre>{html.escape(text, quote=False)}</pre>", text)


def _names() -> dict:
    """What the cells of this notebook have defined."""
    from IPython import get_ipython

    shell = get_ipython()
    return shell.user_ns if shell else {}


@contextmanager
def _staying(names: dict) -> Iterator[None]:
    """Let `exit()` in an answer raise SystemExit in the block; IPython's ends the kernel."""
    before = {name: names[name] for name in ("exit", "quit") if name in names}
    names.update(dict.fromkeys(before, sys.exit))
    try:
        yield
    finally:
        names.update(before)


def _say_if_shadowed(*_) -> None:
    """After a cell that gave `check` another meaning: say how it is called from now on."""
    names = _names()
    for name, ours in (("check", check), ("hint", hint)):
        if names.get(name, ours) is not ours and name not in _said:
            _said.add(name)
            print(
                f"This cell gives `{name}` another meaning, so the exercise's own is out of reach. "
                f"Choose another name, then run: from labs.kit.exercise import {name}"
            )
        elif names.get(name) is ours:
            _said.discard(name)


_said: set[str] = set()  # the names of which it has been said


def watch() -> None:
    """From now on, look after each cell of this notebook whether `check` is still ours."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell and _say_if_shadowed not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _say_if_shadowed)


def _remember(slug: str, earned: int, possible: int) -> None:
    folder = default_folder()
    if Path(folder / ".labs").is_dir():
        from labs.kit.exercise import desk

        desk.record_points(folder, slug, earned, possible)


def _show(as_html: str, text: str) -> None:
    from IPython.display import display

    display({"text/html": as_html, "text/plain": text}, raw=True)
