"""`labs submit`: one file with a learner's answers, readable by a person, no server needed."""

import datetime
import hashlib
import json
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from nbformat import NotebookNode

import labs
from labs.kit import manifest, workspace
from labs.kit.errors import UserError
from labs.kit.exercise import desk
from labs.kit.exercise.graft import is_kept
from labs.kit.exercise.stub import answers

FORMAT = 1
PACKAGES = ("mlflow", "scikit-learn", "pandas", "numpy")


def submit(slugs: list[str], folder: Path, learner: str, into: Path | None = None) -> Path:
    """Write the answers to `slugs` into one JSON file; its path.

    It goes to `submissions/` of the workspace, and a copy into the folder `into` if one
    is given. An earlier submission is never overwritten. `own` in it are cells that the
    learner added; answers may need them. Raises UserError if an exercise was not opened
    or no answer has been written.
    """
    if not learner.strip():
        raise UserError("Say who you are: labs submit SLUG --name 'Ada Lovelace'")
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    content = {
        "format": FORMAT,
        "learner": learner.strip(),
        "written": now.isoformat(),
        "labs": labs.__version__,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "exercises": [_answers(slug, folder) for slug in dict.fromkeys(slugs)],
    }
    content["sha256"] = digest(content)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    name = f"{_file_name(learner)}-{now.strftime('%Y-%m-%d-%H%M%S')}"
    path = _written(folder / "submissions", name, text)
    if into is None:
        return path
    if not into.is_dir():
        raise UserError(f"{into} is no folder; the submission is in {path}. Copy it by hand.")
    return _written(into, name, text)


def _answers(slug: str, folder: Path) -> dict:
    exercise = manifest.read().exercise(slug)
    notebook = desk.saved(slug, folder)
    if desk.is_untouched(notebook, exercise):
        raise UserError(
            f"{slug}: no answer is saved yet. Write one, and save the notebook (Ctrl+S)."
        )
    return {
        "exercise": slug,
        "stub": digest([(c.id, c.source) for c in answers(desk.fresh_stub(exercise))]),
        "points": desk.state(folder).get(slug, {}).get("points", 0),
        "answers": [
            {"cell": cell.id, "kind": cell.cell_type, "source": cell.source.split("\n")}
            for cell in answers(notebook)
        ],
        "own": list(_own(notebook)),
    }


def _own(notebook: NotebookNode) -> Iterator[dict]:
    """Cells of the learner's own, in order, each with the cell of the exercise it comes after."""
    after = ""
    for cell in notebook.cells:
        if not is_kept(cell):
            after = cell.id
        elif cell.cell_type != "raw":
            source = cell.source.split("\n")
            yield {"after": after, "kind": cell.cell_type, "source": source}


def digest(content: object) -> str:
    """A hash of what was handed in, so that a change by accident is noticed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file_name(learner: str) -> str:
    kept = "".join(letter if letter.isalnum() else "-" for letter in learner.strip().lower())
    return "-".join(part for part in kept.split("-") if part)[:60] or "learner"


def _written(folder: Path, name: str, text: str) -> Path:
    """Write a new file in `folder`, and never over another; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        path = folder / (f"{name}.json" if number == 1 else f"{name}-{number}.json")
        try:
            path.open("x").close()  # from now on the name is ours
        except FileExistsError:
            continue
        workspace._write(path, text)
        return path
    raise UserError(f"{folder} holds too many files named {name}; move some away.")
