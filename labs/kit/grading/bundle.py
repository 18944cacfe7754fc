"""`labs class bundle`: the learner edition of the kit, a wheel without what is judged later."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from labs.kit import manifest, material
from labs.kit.errors import UserError
from labs.kit.exercise import desk
from labs.kit.exercise.criteria import further
from labs.kit.grading.public_checks import public_checks
from labs.kit.manifest import Exercise
from labs.kit.normalise import dumps

PROJECT = ("pyproject.toml", "README.md", "LICENSE")
DERIVED = shutil.ignore_patterns("__pycache__", "*.pyc", ".ipynb_checkpoints", "_build", "mlruns")
VERSION = re.compile(r'(?m)^version = "([^"+]+)"$')


def build(into: Path | None = None) -> Path:
    """Write the learner edition into the folder `into` (default: `learner` of the build folder).

    Its exercises hold a stub, the public checks and the number of further ones; its
    version ends in `+learner`. Raises UserError outside a clone.
    """
    if not material.is_clone():
        raise UserError(
            "The learner edition is made from a clone of the repository, and this kit is "
            "installed without one. In a clone: python3 labs class bundle"
        )
    into = (into or material.build_folder() / "learner").expanduser().resolve()
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="labs-learner-") as folder:
        stage(Path(folder))
        wheel = _wheel(Path(folder))
        return Path(shutil.copy(wheel, into / wheel.name))


def _wheel(folder: Path) -> Path:
    """The wheel of the project in `folder`, built without asking a package index."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"The wheel could not be built:\n{done.stderr.strip()[-2000:]}")
    return next((folder / "dist").glob("*.whl"))


def stage(folder: Path) -> None:
    """Write into `folder` what the learner edition is built from."""
    root = material.root()
    for name in PROJECT:
        shutil.copy(root / name, folder / name)
    for name in ("labs", "notebooks", "book"):
        shutil.copytree(root / name, folder / name, ignore=_left_out)
    _name_edition(folder / "pyproject.toml")
    (folder / "exercises").mkdir()
    shutil.copy(root / "exercises" / "course.toml", folder / "exercises" / "course.toml")
    exercises = manifest.read().exercises
    for exercise in exercises:
        _stage_exercise(exercise, folder / exercise.folder)
    counts = {exercise.slug: further(_checks(exercise)) for exercise in exercises}
    carried = {slug: {"hidden": one, "by_hand": other} for slug, (one, other) in counts.items()}
    text = json.dumps(carried, indent=1) + "\n"
    (folder / "exercises" / material.FURTHER).write_text(text, encoding="utf-8")


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What is derived, and every file of a class that somebody keeps in here."""
    return set(names) if "class.toml" in names else DERIVED(folder, names)


def _checks(exercise: Exercise) -> Path:
    return material.root() / exercise.folder / "checks.py"


def _stage_exercise(exercise: Exercise, folder: Path) -> None:
    """Only what is named here: a new kind of file is a secret until somebody says otherwise."""
    folder.mkdir()
    source = public_checks(_checks(exercise))
    (folder / "checks.py").write_text(source, encoding="utf-8")
    (folder / "stub.ipynb").write_text(dumps(desk.fresh_stub(exercise)), encoding="utf-8")


def _name_edition(pyproject: Path) -> None:
    """A version of its own, so that nobody takes the one edition for the other."""
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(VERSION.sub(r'version = "\1+learner"', text, count=1), encoding="utf-8")
