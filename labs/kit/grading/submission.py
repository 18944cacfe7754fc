"""What a learner handed in, read as answers: a file of `labs submit`, or a notebook of any age.

Answers are known by their cells and put into the mentor's own stub, so that cells which
were moved, doubled, deleted, edited or re-typed do no harm.
"""

import datetime
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict

from labs.kit import manifest, material
from labs.kit.exercise import desk
from labs.kit.exercise.graft import graft, is_kept
from labs.kit.exercise.stub import answers, is_answer, is_check
from labs.kit.exercise.submit import FORMAT, digest
from labs.kit.grading.raw import (
    KINDS,
    Unreadable,
    as_json,
    cells_of,
    check_size,
    content,
    text,
    within_limit,
)

FEW = 3  # given cells that a notebook without ids shares with an exercise by chance


@dataclass(frozen=True)
class Answers:
    """A learner's answers to one exercise.

    `cells` are those of `verdict.Job`; `learner` and `handed` are what the file says of
    itself ("" and None where it says nothing), `notes` what a mentor ought to know.
    `written` tells whether there is anything that the stub does not have.
    """

    exercise: str
    cells: tuple[dict[str, str], ...]
    learner: str = ""
    handed: datetime.datetime | None = None
    notes: tuple[str, ...] = ()
    written: bool = True


def read(path: Path) -> list[Answers]:
    """The answers in the file at `path`, one for each exercise in it.

    Raises Unreadable if there are none.
    """
    return from_bytes(content(path), path.name)


def from_bytes(found: bytes, name: str = "") -> list[Answers]:
    """The answers in a file's content; `name`, the file's, helps to recognise the exercise."""
    data = as_json(within_limit(found))
    if isinstance(data.get("exercises"), list):
        return _from_submission(data)
    cells = cells_of(data)
    return [_answers(_recognised(cells, name), cells)]


def _recognised(cells: list[dict[str, Any]], name: str) -> str:
    """The exercise whose answers these are: by the cells' ids, then by name, then by text."""
    places = {cell["id"] for cell in cells}
    texts = {cell["source"] for cell in cells}

    def likeness(exercise: manifest.Exercise) -> tuple[int, bool, int, int]:
        fresh = stub_of(exercise.slug)
        asked = sum(cell.id in places for cell in answers(fresh))
        same = sum(cell.source in texts for cell in fresh.cells)
        named = exercise.slug in name.casefold()
        return asked, named, sum(cell.id in places for cell in fresh.cells), same

    best = max(course().exercises, key=likeness, default=None)
    if best is None or not (likeness(best) > (0, True) or likeness(best)[3] >= FEW):
        raise Unreadable("no cell of any exercise is in it")
    return best.slug


def _from_submission(data: dict[str, Any]) -> list[Answers]:
    """What `labs submit` wrote; one that was changed since is read all the same, and noted."""
    version = data.get("format")
    if type(version) is not int or version > FORMAT:
        raise Unreadable(f"its format is {version!r}; this version of the kit reads up to {FORMAT}")
    notes = () if _is_whole(data) else ("changed after `labs submit` wrote it",)
    found = [one for one in data["exercises"] if isinstance(one, dict)]
    said = {"learner": text(data.get("learner")), "handed": _time(data.get("written"))}
    known = {one.slug for one in course().exercises}
    given = [one for one in found if str(one.get("exercise")) in known]
    if not given:
        raise Unreadable("it has no answers to any exercise")
    return [_submitted(one, notes, said) for one in given]


def _is_whole(data: dict[str, Any]) -> bool:
    return digest({key: one for key, one in data.items() if key != "sha256"}) == data.get("sha256")


def _time(value: Any) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(value).astimezone(datetime.UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _submitted(entry: dict[str, Any], notes: tuple[str, ...], said: dict[str, Any]) -> Answers:
    """The answers to one exercise, laid out as the learner's notebook had them."""
    slug = entry["exercise"]
    given = {cell["id"]: cell for cell in _entries(entry, "answers", "cell")}
    own: dict[str, list[dict]] = {}
    for cell in _entries(entry, "own", "after"):
        own.setdefault(cell["id"], []).append({**cell, "id": ""})
    cells = own.pop("", [])
    for cell in stub_of(slug).cells:
        if cell.id in given or not is_answer(cell):
            cells.append(given.pop(cell.id, cell))
        cells += own.pop(cell.id, [])
    cells += [*given.values(), *(cell for left in own.values() for cell in left)]
    check_size([cell["source"] for cell in cells])
    return _answers(slug, cells, notes, **said)


def _entries(entry: dict[str, Any], key: str, place: str) -> list[dict[str, Any]]:
    """A list of cells in a submission, as cells of a notebook; `place` is what tells where."""
    found = entry.get(key)
    listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [
        {
            "id": text(one.get(place)),
            "cell_type": one.get("kind") if one.get("kind") in KINDS else "raw",
            "source": _lines(one.get("source")),
            "metadata": {},
        }
        for one in listed
    ]


def _lines(value: Any) -> str:
    """Lines without their ends, as `labs submit` writes them, or a text."""
    if isinstance(value, list):
        value = "\n".join(part for part in value if isinstance(part, str))
    return text(value)


def _answers(slug: str, cells: list, notes: tuple[str, ...] = (), **said: Any) -> Answers:
    """The answers in the cells of a notebook, in the mentor's own stub."""
    fresh = stub_of(slug)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a learner's own escapes in texts, as ast sees them
        whole = graft(from_dict({"cells": _with_lost_ids(cells, fresh)}), fresh)
    kept = tuple(_ours(cell) for cell in whole.cells if _runs(cell))
    written = kept != tuple(_ours(cell) for cell in fresh.cells if _runs(cell))
    if not written:
        notes = (*notes, "nothing was written into it")
    return Answers(slug, kept, notes=notes, written=written, **said)


def _with_lost_ids(cells: list, fresh: NotebookNode) -> list:
    """The cells; an answer whose id is lost gets it back if it begins as the stub's cell does.

    Notebooks before format 4.5 have no ids. Of several such cells the last is the answer.
    """
    places, given = {cell["id"] for cell in cells}, {one.id for one in fresh.cells}
    lost = {_beginning(one): one.id for one in answers(fresh) if one.id not in places}
    found = list(cells)
    for at in range(len(cells) - 1, -1, -1):
        known = cells[at]["id"] in given
        if not known and (place := lost.pop(_beginning(cells[at]), "")):
            found[at] = {**cells[at], "id": place}
    return found


def _beginning(cell: Any) -> tuple[str, str]:
    return cell["cell_type"], cell["source"].strip().partition("\n")[0].strip()


def _runs(cell: NotebookNode) -> bool:
    return cell.cell_type in KINDS and not is_check(cell)


def _ours(cell: NotebookNode) -> dict[str, str]:
    place = "" if is_kept(cell) else cell.id
    return {"cell": place, "kind": cell.cell_type, "source": cell.source}


def course() -> manifest.Course:
    """The course, read again only when its file has changed."""
    path = material.root() / "exercises" / "course.toml"
    return _course(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _course(path: Path, changed: int) -> manifest.Course:
    return manifest.read(path)


_stubs: dict[str, tuple[tuple, NotebookNode]] = {}


def stub_of(slug: str) -> NotebookNode:
    """The stub of an exercise, made again only when its file has changed; not to be changed."""
    exercise = course().exercise(slug)
    folder = material.root() / exercise.folder
    files = [path for path in (folder / "stub.ipynb", folder / "solution.ipynb") if path.is_file()]
    state = tuple((path, path.stat().st_mtime_ns) for path in files)
    if slug not in _stubs or _stubs[slug][0] != state:
        _stubs[slug] = state, desk.fresh_stub(exercise)
    return _stubs[slug][1]
