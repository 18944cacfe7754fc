"""The learner's own folder: numbered copies of the lessons, never overwritten.

State is in `.labs/workspace.json`: for each lesson the path and the hash of the
sources that the kit last wrote. A copy whose sources still have that hash is the
kit's to renew; any other is the learner's to keep.
"""

import datetime
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from labs.kit import journey, manifest, material, pictures
from labs.kit.errors import UserError
from labs.kit.execute import read_notebook
from labs.kit.normalise import dumps, parse, source_hash

STATE = Path(".labs") / "workspace.json"


@dataclass(frozen=True)
class Kept:
    """A lesson that the learner changed; the kit's new version lies beside it."""

    lesson: str
    offered: Path


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did: paths written, renewed and moved, and lessons it left alone."""

    written: list[Path]
    renewed: list[Path]
    kept: list[Kept]


def prepare(folder: Path, slugs: list[str] | None = None) -> Prepared:
    """Bring the lessons in the workspace `folder` up to date, losing nothing.

    New lessons are written. A copy that the learner has not changed is renewed,
    after a backup if it was run. A changed copy is kept, and the new version is
    put beside it as `….new.ipynb`. Raises UserError if the folder cannot be used.
    """
    _require_own(folder)
    course = manifest.read()
    lessons = [course.lesson(slug) for slug in slugs] if slugs else list(course.lessons)
    texts = {lesson.slug: _pristine(lesson) for lesson in lessons}
    done = Prepared([], [], [])
    try:
        (folder / ".labs").mkdir(parents=True, exist_ok=True)
        with Locked(folder / ".labs" / "lock"):
            state = _read_state(folder)
            journey.stages(folder)  # what is done is remembered before a copy is renewed
            try:
                for lesson in lessons:
                    place, text = course.workspace_path(lesson), texts[lesson.slug]
                    state[lesson.slug] = _one(folder, place, text, state.get(lesson.slug), done)
            finally:
                _write(folder / STATE, json.dumps(state, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise UserError(
            f"The workspace {folder} cannot be written: {error.strerror or error}. "
            "Free some space or mend its permissions, or choose another folder with "
            "--workspace FOLDER."
        ) from None
    return done


def _require_own(folder: Path) -> None:
    """A workspace among the kit's own files would mix a learner's with tracked ones."""
    root = material.root()
    ours = [root / name for name in ("labs", "notebooks", "exercises", "book", "tests")]
    if folder == root or any(folder.is_relative_to(one) for one in ours):
        raise UserError(
            f"{folder} holds the kit itself, so it cannot be a workspace. "
            "Choose another folder: labs start --workspace FOLDER"
        )


def _pristine(lesson: manifest.Lesson) -> str:
    """The lesson as a learner gets it: not yet run, and without the presenter's notes."""
    notebook = read_notebook(material.root() / lesson.path)
    notebook.cells = [c for c in notebook.cells if "notes" not in c.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    pictures.accept(notebook)  # none is drawn yet, so that accepting one makes no new version
    return dumps(notebook)


def _one(folder: Path, place: Path, text: str, known: dict | None, done: Prepared) -> dict:
    """Bring one lesson up to date; returns what is to be remembered of it."""
    target, new = folder / place, source_hash(parse(text))
    fresh = {"path": place.as_posix(), "sources": new, "text": _digest(text)}
    if known:
        _move(folder, known["path"], target)
    if not target.exists():
        _write(target, text)
        done.written.append(place)
        return fresh
    known = {**(known or {"sources": "lost", "text": "lost"}), "path": place.as_posix()}
    if known["text"] == fresh["text"]:
        return known
    if _sources_of(target) == new:
        return fresh
    if known.get("offered") == new:
        return known
    if _sources_of(target) == known["sources"]:
        _backup(folder, target)
        _write(target, text)
        done.renewed.append(place)
        return fresh
    offered = target.with_suffix(".new.ipynb")
    if offered.exists():
        _backup(folder, offered)
    _write(offered, text)
    done.kept.append(Kept(place.stem, offered.relative_to(folder)))
    return {**known, "offered": new}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sources_of(path: Path) -> str | None:
    """The source hash of a learner's file, or None if it cannot be read as a notebook."""
    try:
        return source_hash(parse(path.read_text(encoding="utf-8")))
    except (ValueError, UnicodeDecodeError):
        return None


def _move(folder: Path, before: str | None, target: Path) -> None:
    """Follow a lesson whose number changed, with whatever the learner wrote in it."""
    if before and (folder / before).exists() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder / before, target)


def _backup(folder: Path, path: Path) -> Path:
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S-%f")
    kept = folder / ".labs" / "backups" / f"{path.stem}-{stamp}.ipynb"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, kept)
    return kept


def _write(path: Path, text: str) -> None:
    """Write whole or not at all: a full disk leaves the old file as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _read_state(folder: Path) -> dict:
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # without it every changed copy counts as the learner's, which is safe
    entries = state.items() if isinstance(state, dict) else ()
    return {slug: known for slug, known in entries if _is_whole(known)}


def _is_whole(known: object) -> bool:
    wanted = ("path", "sources", "text")
    return isinstance(known, dict) and all(isinstance(known.get(key), str) for key in wanted)


class Locked:
    """One process at a time between `with` and its end; the others wait."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.stream = open(self.path, "a")
        if os.name == "nt":
            _wait_for_windows_lock(self.stream)
        else:
            import fcntl

            fcntl.flock(self.stream, fcntl.LOCK_EX)

    def __exit__(self, *error):
        self.stream.close()


def _wait_for_windows_lock(stream) -> None:
    """Windows' own waiting lock gives up after ten seconds; this one does not."""
    import msvcrt

    while True:
        try:
            return msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            time.sleep(0.2)


def open_lesson(slug: str, folder: Path) -> Path:
    """The path of the learner's copy of one lesson, written first if it is not there."""
    course = manifest.read()
    lesson = course.lesson(slug)
    prepare(folder, [slug])
    path = folder / course.workspace_path(lesson)
    read_notebook(path)
    return path
