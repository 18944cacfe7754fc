"""Exercises in a learner's workspace: opened, updated, reset; nothing is ever lost.

Beside the learner's copy the kit keeps the stub that it began as, and in
`.labs/exercises.json` how far the learner has come.
"""

import contextlib
import datetime
import json
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from labs.kit import manifest, material, workspace
from labs.kit.errors import UserError
from labs.kit.execute import read_notebook
from labs.kit.exercise.graft import graft, is_kept
from labs.kit.exercise.stub import answers, stub
from labs.kit.manifest import Exercise
from labs.kit.normalise import dumps, parse

STATE = Path(".labs") / "exercises.json"
STUBS = Path(".labs") / "stubs"


@dataclass(frozen=True)
class Updated:
    """What an update did to one exercise: "renewed", "grafted" or "unreadable"."""

    path: Path
    how: str
    backup: Path | None = None


def solution_of(exercise: Exercise) -> NotebookNode:
    """The solution as the kit has it; raises UserError where the kit has none."""
    path = material.root() / exercise.path
    if not path.is_file():
        said = "this edition of the kit holds no solutions; ask your mentor"
        raise UserError(f"{exercise.slug}: {said}.")
    return read_notebook(path)


def fresh_stub(exercise: Exercise) -> NotebookNode:
    """The newest stub: made from the solution, or carried by an edition without solutions."""
    carried = material.root() / exercise.folder / "stub.ipynb"
    return read_notebook(carried) if carried.is_file() else stub(solution_of(exercise))


def open_exercise(slug: str, folder: Path) -> Path:
    """The learner's copy of the exercise, written first if it is not there."""
    course = manifest.read()
    exercise = course.exercise(slug)
    workspace._require_own(folder)
    path = folder / course.exercise_path(exercise)
    with workspace.Locked(folder / ".labs" / "lock"):
        _follow(folder, slug, path)
        if not path.exists():
            _write_stub(folder, slug, path, fresh_stub(exercise))
    return path


def reset(slug: str, folder: Path) -> Path | None:
    """Put a fresh stub in place of the learner's copy; where the backup of that one lies."""
    course = manifest.read()
    exercise = course.exercise(slug)
    path = folder / course.exercise_path(exercise)
    with workspace.Locked(folder / ".labs" / "lock"):
        _follow(folder, slug, path)
        kept = workspace._backup(folder, path) if path.exists() else None
        _write_stub(folder, slug, path, fresh_stub(exercise))
    return kept


def update(folder: Path) -> list[Updated]:
    """Bring every exercise that the learner has opened up to date, answers included.

    A copy of an exercise that the kit no longer has stays where it is.
    """
    course, done = manifest.read(), []
    if not folder.is_dir():
        return done
    with workspace.Locked(folder / ".labs" / "lock"):
        for exercise in course.exercises:
            path = folder / course.exercise_path(exercise)
            _follow(folder, exercise.slug, path)
            if path.exists():
                done += _update(folder, exercise, path)
    return done


def _update(folder: Path, exercise: Exercise, path: Path) -> list[Updated]:
    fresh = fresh_stub(exercise)
    before = _stub_before(folder, exercise.slug)
    if before is not None and _sources(before) == _sources(fresh):
        return []
    place = path.relative_to(folder)
    try:
        mine = _read(path)
    except (ValueError, UnicodeDecodeError):
        kept = workspace._backup(folder, path)
        _write_stub(folder, exercise.slug, path, fresh)
        return [Updated(place, "unreadable", kept.relative_to(folder))]
    merged = graft(mine, fresh, before)
    touched = _sources(merged) != _sources(fresh)
    kept = workspace._backup(folder, path) if touched else None
    _write_stub(folder, exercise.slug, path, fresh, merged)
    how = "grafted" if touched else "renewed"
    return [Updated(place, how, kept.relative_to(folder) if kept else None)]


def _read(path: Path) -> NotebookNode:
    """The notebook at `path`; doubled and missing ids are no news to a learner."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parse(path.read_text(encoding="utf-8"))


def _sources(notebook: NotebookNode) -> list[tuple[str, str, str]]:
    return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]


def _stub_before(folder: Path, slug: str) -> NotebookNode | None:
    try:
        return _read(folder / STUBS / f"{slug}.ipynb")
    except (FileNotFoundError, ValueError, UnicodeDecodeError):
        return None


def _write_stub(
    folder: Path, slug: str, path: Path, fresh: NotebookNode, merged: NotebookNode | None = None
) -> None:
    """Write the learner's copy, then the stub that it began as."""
    workspace._write(path, dumps(merged or fresh))
    workspace._write(folder / STUBS / f"{slug}.ipynb", dumps(fresh))
    remember(folder, slug, path=path.relative_to(folder).as_posix())


def _follow(folder: Path, slug: str, path: Path) -> None:
    """Move the copy along when the exercise's number has changed."""
    workspace._move(folder, state(folder).get(slug, {}).get("path"), path)
    if path.exists():
        remember(folder, slug, path=path.relative_to(folder).as_posix())


def state(folder: Path) -> dict[str, dict[str, Any]]:
    """What is remembered of each exercise, by slug."""
    try:
        found = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {slug: _sound(one) for slug, one in entries if isinstance(one, dict)}


def _sound(known: dict[str, Any]) -> dict[str, Any]:
    """What is remembered, without what is not of its kind."""
    return {
        key: value
        for key, value in known.items()
        if type(value) is (str if key in ("path", "full") else int)
    }


def remember(folder: Path, slug: str, **facts: Any) -> None:
    """Add facts about one exercise to the state; does nothing without a workspace."""
    if not folder.is_dir():
        return
    known = state(folder)
    after = {**known.get(slug, {}), **facts}
    if after != known.get(slug):
        text = json.dumps({**known, slug: after}, indent=1, sort_keys=True) + "\n"
        workspace._write(folder / STATE, text)


def next_hint(folder: Path, exercise: Exercise) -> int:
    """The number of the next hint, from 1; the last one stays."""
    with _alone(folder):
        before = state(folder).get(exercise.slug, {}).get("hints", 0)
        number = min(before + 1, len(exercise.hints))
        remember(folder, exercise.slug, hints=number)
    return number


def record_points(folder: Path, slug: str, earned: int, possible: int) -> None:
    """Remember the best points so far, and the day on which they were full for the first time."""
    with _alone(folder):
        known = state(folder).get(slug, {})
        facts = {"points": max(earned, known.get("points", 0)), "of": possible}
        if earned == possible:
            facts["full"] = known.get("full") or datetime.date.today().isoformat()
        remember(folder, slug, **facts)


def _alone(folder: Path) -> contextlib.AbstractContextManager:
    """A notebook and a terminal may remember things at the same moment."""
    return workspace.Locked(folder / ".labs" / "lock") if folder.is_dir() else nullcontext()


def saved(slug: str, folder: Path) -> NotebookNode:
    """The newest stub with the answers that are saved in the workspace.

    This is what is checked and submitted. Raises UserError if there is no copy, or it
    cannot be read.
    """
    course = manifest.read()
    exercise = course.exercise(slug)
    path = folder / course.exercise_path(exercise)
    with _alone(folder):
        _follow(folder, slug, path)
    try:
        mine = _read(path)
    except FileNotFoundError:
        raise UserError(f"{slug} is not in {folder} yet. Open it: labs open {slug}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: not a whole notebook ({str(error)[:200]}). If it is open in JupyterLab, save "
            f"it again (Ctrl+S). Or begin anew; this file is kept: labs reset {slug}"
        ) from None
    return graft(mine, fresh_stub(exercise), _stub_before(folder, slug))


def is_untouched(notebook: NotebookNode, exercise: Exercise) -> bool:
    """Whether no answer has been written yet."""
    given = {cell.id: cell.source for cell in answers(fresh_stub(exercise))}
    own = any(is_kept(cell) and cell.cell_type == "code" for cell in notebook.cells)
    return not own and all(cell.source == given.get(cell.id) for cell in answers(notebook))
