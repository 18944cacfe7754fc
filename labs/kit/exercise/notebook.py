"""`check` and `hint` as a learner calls them in a notebook."""

import html
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from labs.kit import manifest, material
from labs.kit.errors import UserError
from labs.kit.exercise import criteria, report
from labs.kit.exercise.judge import Result, judge
from labs.kit.folders import default_folder
from labs.kit.manifest import Exercise


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
    _remember(slug, *report.points(results))
    _show(report.as_html(exercise, results, more), report.text(exercise, results, more))


def say_results(slug: str) -> None:
    """Print the report as one line of JSON, for `labs check`."""
    exercise, results, more = _checked(slug)
    earned, possible = report.points(results)
    said = {"report": report.text(exercise, results, more), "earned": earned, "possible": possible}
    print(f"labs-check:{json.dumps(said)}")


def _checked(slug: str) -> tuple[Exercise, list[Result], str]:
    """The exercise, the results of its public checks, and what is judged later."""
    exercise = manifest.read().exercise(slug)
    found = criteria.load(material.root() / exercise.folder / "checks.py")
    results = judge([one for one in found if one.public and not one.by_hand], _names())
    hidden = sum(not one.public and not one.by_hand for one in found)
    return exercise, results, report.further(hidden, sum(one.by_hand for one in found))


@_told
def hint(slug: str) -> None:
    """Show the next hint of the exercise; the last one stays."""
    from labs.kit.exercise import desk

    exercise, folder = manifest.read().exercise(slug), default_folder()
    number = desk.next_hint(folder, exercise)
    said = exercise.hints[number - 1]
    head = f"Hint {number} of {len(exercise.hints)}"
    _show(f"<p><b>{head}</b>: {html.escape(said, quote=False)}</p>", f"{head}: {said}")


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


def _remember(slug: str, earned: int, possible: int) -> None:
    folder = default_folder()
    if Path(folder / ".labs").is_dir():
        from labs.kit.exercise import desk

        desk.record_points(folder, slug, earned, possible)


def _show(as_html: str, text: str) -> None:
    from IPython.display import display

    display({"text/html": as_html, "text/plain": text}, raw=True)
