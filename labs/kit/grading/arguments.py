"""The arguments of the commands for mentors; each command calls one function of `commands`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[[str, str, Any], argparse.ArgumentParser]  # name, one sentence, what runs it


def add(command: Command, add_server: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add every command of grading, in the order in which a mentor needs them."""
    _add_parts(command)
    _add_assign(command)
    _add_collect(command)
    _add_grade(command)
    text = "Give points to free texts, one after the other."
    read = _added(command, "read", text, "folder", "port", "no_browser")
    add_server(read)
    _added(command, "feedback", "Write each learner's feedback.", "folder")
    _add_gradebook(command)


def _runs(name: str, given: tuple[str, ...]) -> Callable[[argparse.Namespace], int | None]:
    """What calls the function `name` with those of the arguments."""

    def run(args: argparse.Namespace) -> int | None:
        from labs.kit.grading import commands

        return getattr(commands, name)(*(getattr(args, one) for one in given))

    return run


def _added(command: Command, name: str, text: str, *given: str) -> argparse.ArgumentParser:
    """A command that acts on a class."""
    added = command(name, text, _runs(name, given))
    _add_class(added)
    return added


def _add_class(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--class",
        dest="folder",
        type=Path,
        metavar="FOLDER",
        help="the class (default: $LABS_CLASS, or the current folder)",
    )


def _add_parts(command: Command) -> None:
    """`labs class new`, `show`, `similar` and `bundle`."""
    text = "Make a class, look at it, or build what its learners install."
    group = command("class", text, None)
    parts = group.add_subparsers(dest="part", metavar="PART", required=True, help="what to do")

    def part(name: str, text: str, *given: str) -> argparse.ArgumentParser:
        added = parts.add_parser(name, help=text, description=text)
        added.set_defaults(run=_runs(f"class_{name}", given))
        return added

    made = part("new", "Make a class in a new folder.", "folder", "name", "roster")
    made.add_argument("folder", type=Path, help="where, for example autumn-class")
    made.add_argument("--name", default="", help="what it is called (default: as the folder)")
    made.add_argument(
        "--roster", type=Path, metavar="CSV", help="its learners: a table from Moodle or Canvas"
    )
    _add_class(part("show", "Show who is stuck where.", "folder"))
    _add_class(part("similar", "List answers that look alike, for a human eye.", "folder"))
    bundle = part("bundle", "Build the edition for learners: no solution is in it.", "into")
    bundle.add_argument("--into", type=Path, metavar="FOLDER", help="default: the build folder")


def _add_assign(command: Command) -> None:
    text = "Assign exercises to a class."
    assigned = _added(command, "assign", text, "folder", "slugs", "name", "due")
    assigned.add_argument("slugs", nargs="+", metavar="slug", help="exercises")
    assigned.add_argument("--name", default="", help="for example 'Week 1' (default: the titles)")
    assigned.add_argument("--due", default="", metavar="TIME", help="as in 2026-12-01T17:00")


def _add_collect(command: Command) -> None:
    text = "Collect submissions: files, folders, archives of Moodle or Canvas."
    collected = _added(command, "collect", text, "folder", "paths")
    collected.add_argument(
        "paths", nargs="*", type=Path, metavar="path", help="default: the inbox of the class"
    )


def _add_grade(command: Command) -> None:
    given = ("folder", "assignment", "learner", "again", "trust", "workers", "cluster")
    graded = _added(command, "grade", "Grade what was collected and has no grade.", *given)
    _add_assignment(graded)
    graded.add_argument("--learner", default="", metavar="ID", help="only this learner")
    graded.add_argument("--again", action="store_true", help="also what has a grade already")
    graded.add_argument(
        "--trust", action="store_true", help="grade even where nothing isolates the answers"
    )
    graded.add_argument(
        "--workers", type=_count, default=0, metavar="N", help="at once (default: one a core)"
    )
    graded.add_argument(
        "--cluster", default="", metavar="ADDRESS", help="of a Dask scheduler, to grade there"
    )


def _add_gradebook(command: Command) -> None:
    given = ("folder", "assignment", "layout", "each", "provisional")
    book = _added(command, "gradebook", "Show the gradebook, or export it.", *given)
    _add_assignment(book)
    book.add_argument(
        "--export",
        dest="layout",
        default="",
        choices=("csv", "moodle", "canvas"),
        help="write a file in these columns instead",
    )
    book.add_argument("--each", action="store_true", help="a column an exercise, in an export")
    book.add_argument(
        "--provisional", action="store_true", help="points so far, where a person has yet to read"
    )


def _add_assignment(command: argparse.ArgumentParser) -> None:
    command.add_argument("--assignment", default="", metavar="NAME", help="only this assignment")


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers; give 1 to 256")
    return int(text)
