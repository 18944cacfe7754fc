"""The pinned packages of the lock: how its files are read, written and resolved.

Three disjoint files in `labs/locks/`: what a learner needs (default), what the
book needs besides (book), and what the tests need besides both (test). They are
resolved together, once for all platforms, and name no package index.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import labs
from labs.kit.errors import UserError

GROUPS = ("default", "book", "test")
FOLDER = Path(labs.__file__).resolve().parent / "locks"
OLDEST = "3.11"  # resolved from here upwards, so that one lock serves every Python
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(\s*;\s*(?P<marker>.*))?")
HASH = re.compile(r"\s+--hash=(sha256:[0-9a-f]{64})")
HEADER = """\
# Written by `labs lock`, never by hand. Renew it with `labs lock --upgrade`.
# {content}
"""
CONTENT = {
    "default": "What `labs start` needs: JupyterLab, MLflow, scikit-learn and what they need.",
    "book": "What the book needs besides default.txt.",
    "test": "What the tests need besides default.txt and book.txt.",
}


@dataclass(frozen=True)
class Pin:
    """One package at one version; `marker` says on which platforms ('' = on all)."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def applies(self) -> bool:
        """Whether this interpreter, on this platform, gets the package."""
        return not self.marker or Marker(self.marker).evaluate()

    def text(self) -> str:
        """The pin as a requirement that pip and uv read."""
        first = f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")
        return " \\\n".join([first, *(f"    --hash={value}" for value in self.hashes)]) + "\n"


Lock = dict[str, list[Pin]]  # by group


def parse(text: str) -> list[Pin]:
    """The pins of one file; raises UserError that quotes a line which is no pin."""
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [_pin(line) for line in "\n".join(kept).replace("\\\n", " ").splitlines()]


def _pin(line: str) -> Pin:
    found = PIN.fullmatch(HASH.sub("", line).strip())
    if not found:
        raise UserError(f"{line!r} is not a pinned package; restore the lock from git.")
    hashes = tuple(HASH.findall(line))
    return Pin(found["name"], found["version"], (found["marker"] or "").strip(), hashes)


def read(folder: Path | None = None) -> Lock:
    """The lock in `folder` (default: the one in use); UserError if a file of it is missing."""
    lock = {}
    for group in GROUPS:
        path = (folder or FOLDER) / f"{group}.txt"
        try:
            lock[group] = parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{path}: the lock is missing; restore it from git.") from None
    return lock


def write(lock: Lock, folder: Path) -> None:
    """Put the lock into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for group, pins in lock.items():
        text = HEADER.format(content=CONTENT[group]) + "".join(pin.text() for pin in pins)
        (folder / f"{group}.txt").write_text(text, encoding="utf-8", newline="\n")


def requirements(pyproject: Path) -> dict[str, list[Requirement]]:
    """The direct dependencies in `pyproject`, by group."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    groups = {"default": project["dependencies"], **project["optional-dependencies"]}
    return {name: [Requirement(line) for line in lines] for name, lines in groups.items()}


def problems(lock: Lock, wanted: dict[str, list[Requirement]]) -> list[str]:
    """What makes a lock unfit, found without a package index; [] if nothing does."""
    found = []
    owners: dict[str, str] = {}
    for group, pins in lock.items():
        for pin in pins:
            if not pin.hashes:
                found.append(f"{group}.txt: {pin.name} has no hash")
            if owners.setdefault(pin.name, group) != group:
                found.append(f"{pin.name} is in {owners[pin.name]}.txt and in {group}.txt")
    return found + [line for group in GROUPS for line in _unmet(lock, group, wanted[group])]


def _unmet(lock: Lock, group: str, wanted: list[Requirement]) -> list[str]:
    """The direct dependencies of `group` that no pin it may use satisfies."""
    usable = [pin for name in GROUPS[: GROUPS.index(group) + 1] for pin in lock[name]]
    found = []
    for requirement in wanted:
        versions = [
            pin.version for pin in usable if pin.name == canonicalize_name(requirement.name)
        ]
        if not versions:
            found.append(f"pyproject.toml asks for {requirement}; the lock does not have it")
        for version in versions:
            if not requirement.specifier.contains(version, prereleases=True):
                found.append(f"pyproject.toml asks for {requirement}; the lock has {version}")
    return found


def resolve(pyproject: Path, keep: Lock | None = None) -> Lock:
    """A lock for `pyproject`: the newest versions, or those of `keep` wherever they fit.

    A package goes into the first group that needs it, with the marker that it
    has in the whole, which is wide enough for every group.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-labs-") as scratch:
        whole, default, book = (Path(scratch, f"{name}.txt") for name in ("whole", *GROUPS[:2]))
        if keep:
            pins = sorted((pin for pins in keep.values() for pin in pins), key=lambda p: p.name)
            whole.write_text("".join(pin.text() for pin in pins), encoding="utf-8")
        everything = _compile(pyproject, whole, "--extra", "book", "--extra", "test")
        learner = _names(_compile(pyproject, default, "--constraints", str(whole)))
        reader = _names(_compile(pyproject, book, "--extra", "book", "--constraints", str(whole)))
    return {
        "default": [pin for pin in everything if pin.name in learner],
        "book": [pin for pin in everything if pin.name in reader - learner],
        "test": [pin for pin in everything if pin.name not in reader | learner],
    }


def _names(pins: list[Pin]) -> set[str]:
    return {pin.name for pin in pins}


def _compile(pyproject: Path, into: Path, *options: str) -> list[Pin]:
    """Resolve with uv; versions already in `into` stay if they still fit."""
    command = [sys.executable, "-m", "uv", "pip", "compile", str(pyproject), "--quiet"]
    command += ["--universal", "--python-version", OLDEST, "--fork-strategy", "fewest"]
    command += ["--only-binary", ":all:", "--generate-hashes", "--no-emit-index-url"]
    command += ["--no-header", "--no-annotate", "--output-file", str(into), *options]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise UserError(
            f"{pyproject}: its dependencies could not be resolved:\n{done.stderr.strip()}\n"
            "Mend that dependency, or try again when the package index answers."
        )
    return parse(into.read_text(encoding="utf-8"))
