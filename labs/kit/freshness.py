"""What a lesson's outcome depends on, as one hash: so that only what changed is run again."""

import hashlib
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import labs
from labs.kit import manifest, material
from labs.kit.warm.preload import imported_by, imports

PACKAGE = Path(labs.__file__).resolve().parent


def states(lessons: Iterable[manifest.Lesson]) -> dict[str, str]:
    """For each lesson, by slug, a hash of it, of what of `labs` it imports, lock and Python.

    Two runs in the same state have the same outcome; what a lesson reads besides
    (a clock, the network) lessons may not read.
    """
    seen = _Seen()
    return {lesson.slug: _state(lesson, seen) for lesson in lessons}


@dataclass
class _Seen:
    """What this call has read: lessons share most of what they import."""

    hashes: dict[Path, bytes] = field(default_factory=dict)
    imported: dict[Path, list[str]] = field(default_factory=dict)
    named: dict[str, list[Path]] = field(default_factory=dict)

    def hash(self, path: Path) -> bytes:
        if path not in self.hashes:
            text = path.read_bytes() if path.is_file() else b""
            self.hashes[path] = hashlib.sha256(text).digest()
        return self.hashes[path]

    def files(self, name: str) -> list[Path]:
        """The files that importing `name` reads, itself and the packages around it."""
        if name not in self.named:
            self.named[name] = _files(name)
        return self.named[name]

    def modules(self, path: Path) -> list[str]:
        """The names of labs that the file imports."""
        if path not in self.imported:
            names = imports(path.read_text(encoding="utf-8"))
            self.imported[path] = [name for name in names if name.split(".")[0] == "labs"]
        return self.imported[path]


def _state(lesson: manifest.Lesson, seen: _Seen) -> str:
    notebook = material.root() / lesson.path
    digest = hashlib.sha256(f"{platform.python_version()}{lesson.parameters}".encode())
    locks = sorted((PACKAGE / "locks").glob("*.txt"))
    checks = sorted((notebook.parent).glob("checks.py"))
    names = [*imported_by([notebook]), *(name for path in checks for name in seen.modules(path))]
    for path in [notebook, *checks, *_files_of(names, seen), *locks]:
        digest.update(path.name.encode() + seen.hash(path))
    return digest.hexdigest()[:16]


def _files_of(names: Iterable[str], seen: _Seen) -> list[Path]:
    """The files of `labs` that importing `names` reads, those that these import, and so on."""
    found: set[Path] = set()
    waiting, known = list(names), set(names)
    while waiting:
        for path in seen.files(waiting.pop()):
            if path not in found:
                found.add(path)
                new = set(seen.modules(path)) - known
                known |= new
                waiting += new
    return sorted(found)


def _files(name: str) -> list[Path]:
    """The module `name` of labs and the packages around it; none for a name of another package."""
    first, *parts = name.split(".")
    if first != "labs":
        return []
    places = [PACKAGE.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    files = [place / "__init__.py" for place in places]
    return [path for path in [*files, places[-1].with_suffix(".py")] if path.is_file()]
