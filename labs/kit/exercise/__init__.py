"""Exercises that check themselves: `check("slug")` and `hint("slug")` in a notebook.

`checks.py` of an exercise imports `criterion` and the kinds of answers from here.
Imports next to nothing at first, because every learner's kernel loads it.
"""

from labs.kit.exercise.criteria import criterion

KINDS = ("Model", "Registry", "Service", "Text")

__all__ = ["check", "criterion", "hint", "show_exercises", "solution", *KINDS]


def __getattr__(name: str):
    if name in KINDS:
        from labs.kit.exercise import kinds

        return getattr(kinds, name)
    if name == "show_exercises":
        from labs.kit.exercise import progress

        return progress.show_exercises
    if name in ("check", "hint", "solution"):
        from labs.kit.exercise import notebook

        notebook.watch()
        return getattr(notebook, name)
    raise AttributeError(f"labs.kit.exercise has no {name!r}")
