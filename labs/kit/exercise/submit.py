"""`labs submit`: one file with a learner's answers, readable by a person, no server needed."""

import datetime
import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path

import labs
from labs.kit import manifest, workspace
from labs.kit.errors import UserError
from labs.kit.exercise import desk
from labs.kit.exercise.stub import answers

FORMAT = 1
PACKAGES = ("mlflow", "scikit-learn", "pandas", "numpy")


def submit(slugs: list[str], folder: Path, learner: str, into: Path | None = None) -> Path:
    """Write the answers to `slugs` into one JSON file; its path.

    It goes to `submissions/` of the workspace, and a copy into the folder `into` if one
    is given. An earlier submission is never overwritten. Raises UserError if an exercise
    was not opened or no answer has been written.
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
        "exercises": [_answers(slug, folder) for slug in slugs],
    }
    content["sha256"] = digest(content)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    name = f"{_file_name(learner)}-{now.strftime('%Y-%m-%d-%H%M%S')}"
    path = _free(folder / "submissions", name)
    workspace._write(path, text)
    if into is None:
        return path
    if not into.is_dir():
        raise UserError(f"{into} is no folder; the submission is in {path}. Copy it by hand.")
    shared = _free(into, name)
    workspace._write(shared, text)
    return shared


def _answers(slug: str, folder: Path) -> dict:
    course = manifest.read()
    exercise = course.exercise(slug)
    path = folder / course.exercise_path(exercise)
    if not path.exists():
        raise UserError(f"{slug} is not in {folder} yet. Open it: labs open {slug}")
    notebook = desk.answers_of(path, exercise)
    if desk.is_untouched(notebook, exercise):
        raise UserError(f"{slug}: there is no answer yet in {path}. Save the notebook (Ctrl+S).")
    cells = answers(notebook)
    return {
        "exercise": slug,
        "stub": digest([(c.id, c.source) for c in answers(desk.fresh_stub(exercise))]),
        "points": desk.state(folder).get(slug, {}).get("points", 0),
        "answers": [
            {"cell": cell.id, "kind": cell.cell_type, "source": cell.source.splitlines()}
            for cell in cells
        ],
    }


def digest(content: object) -> str:
    """A hash of what was handed in, so that a change by accident is noticed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file_name(learner: str) -> str:
    kept = "".join(letter if letter.isalnum() else "-" for letter in learner.strip().lower())
    return "-".join(part for part in kept.split("-") if part)[:60] or "learner"


def _free(folder: Path, name: str) -> Path:
    """A path in `folder` that is not taken."""
    for number in range(1, 1000):
        path = folder / (f"{name}.json" if number == 1 else f"{name}-{number}.json")
        if not path.exists():
            return path
    raise UserError(f"{folder} holds too many files named {name}; move some away.")
