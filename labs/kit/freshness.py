"""What a lesson's outcome depends on, as one hash: so that only what changed is run again."""

import hashlib
import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import labs
from labs.kit import manifest, material
from labs.kit.warm.preload import imported_by, imports

PACKAGE = Path(labs.__file__).parent


def state(lesson: manifest.Lesson) -> str:
    """A hash of the lesson, of the parts of `labs` it imports, of the lock and of Python.

    Two runs in the same state have the same outcome; what a lesson reads besides
    (a clock, the network) lessons may not read.
    """
    notebook = material.root() / lesson.path
    digest = hashlib.sha256(f"{platform.python_version()}{lesson.parameters}".encode())
    files = [notebook, *_modules(imported_by([notebook])), *_locks()]
    for path in files:
        digest.update(path.name.encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:16]


def _locks() -> list[Path]:
    return sorted((PACKAGE / "locks").glob("*.txt"))


def _modules(names: Iterable[str]) -> list[Path]:
    """The files of `labs` that importing `names` reads, those that these import, and so on."""
    found: set[Path] = set()
    waiting = list(names)
    while waiting:
        for path in _files(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting += _imported(path)
    return sorted(found)


def _files(name: str) -> list[Path]:
    """The module `name` of labs and the packages around it; none for a name of another package."""
    first, *parts = name.split(".")
    if first != "labs":
        return []
    places = [PACKAGE.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    files = [place / "__init__.py" for place in places]
    return [path for path in [*files, places[-1].with_suffix(".py")] if path.is_file()]


@cache
def _imported(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if "labs" not in text:
        return []
    return [name for name in imports(text) if name.split(".")[0] == "labs"]
