"""`labs lock`: does the lock match pyproject.toml, and what would newer packages break?

A new lock is a candidate in `_build/locks` until every lesson has run with it in
an environment of its own; then it replaces the lock in `labs/locks`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from labs.kit import manifest, material, pins
from labs.kit.errors import UserError
from labs.kit.pins import Lock, Pin

NOT_COPIED = (".git", ".venv", "_build", "dist", "__pycache__", ".*_cache", ".ipynb_checkpoints")
MEANT_FOR_HERE = ("LABS_BUILD", "LABS_WORKSPACE")  # variables that a trial must not inherit


def main(upgrade: bool = False, adopt: bool = False) -> int:
    """Check the lock, renew it (`upgrade`), or keep a candidate all the same (`adopt`)."""
    if not material.is_clone():
        raise UserError("The lock is renewed in the repository; clone it and run labs lock there.")
    if upgrade:
        return renew(adopt)
    return adopt_candidate() if adopt else check()


def candidate_folder() -> Path:
    """Where a lock waits that is not in use yet."""
    return material.build_folder() / "locks"


def check() -> int:
    """Whether resolving pyproject.toml again, without renewing, gives the lock in use."""
    pyproject = material.root() / "pyproject.toml"
    lock = pins.read()
    candidate = pins.resolve(pyproject, keep=lock)
    found = pins.problems(lock, pins.requirements(pyproject))
    changes = compare(lock, candidate)
    if not found and not changes:
        print(f"The lock matches pyproject.toml: {_count(lock)} packages, each with its hashes.")
        return 0
    pins.write(candidate, candidate_folder())
    print("The lock does not match pyproject.toml:", *found, *changes, sep="\n  ")
    print("These changes alone make it match. Put them in place with: labs lock --adopt")
    return 1


def renew(adopt: bool = False) -> int:
    """Take the newest versions, run every lesson with them, and keep them if all pass."""
    print("Looking for newer versions ...", flush=True)
    lock, candidate = pins.read(), pins.resolve(material.root() / "pyproject.toml")
    changes = compare(lock, candidate)
    if not changes:
        print("Nothing to renew: every package is at the newest version that fits.")
        return 0
    pins.write(candidate, candidate_folder())
    print(f"{len(changes)} changes:", *changes, sep="\n  ", flush=True)
    print("Running every lesson with them, in an environment of its own.", flush=True)
    outcomes = trial(candidate_folder())
    print(*report(outcomes), sep="\n")
    if adopt or all(outcome == "passes" for outcome in outcomes.values()):
        return adopt_candidate()
    print(
        "The lock stays as it was. Mend the lessons and run labs lock --upgrade again,\n"
        "or keep the new lock and mend them afterwards: labs lock --adopt"
    )
    return 1


def adopt_candidate() -> int:
    """Put the candidate in the place of the lock."""
    if not candidate_folder().is_dir():
        raise UserError(
            f"{candidate_folder()}: there is no lock to adopt. Make one first: labs lock --upgrade"
        )
    lock = pins.read(candidate_folder())
    pins.write(lock, pins.FOLDER)
    shutil.rmtree(candidate_folder())
    print(f"New lock: {_count(lock)} packages. Install it and run all tests: python3 labs test")
    return 0


def compare(old: Lock, new: Lock) -> list[str]:
    """One line for each package that differs: renewed, new, gone, moved or other in its hashes."""
    before, after = _by_name(old), _by_name(new)
    lines = []
    for name in sorted(before.keys() | after.keys()):
        was, becomes = _told(before.get(name)), _told(after.get(name))
        if was != becomes:
            lines.append(f"{name}: {was} -> {becomes}")
        elif before[name] != after[name]:
            lines.append(f"{name}: {was}, other hashes")
    return lines


def _by_name(lock: Lock) -> dict[str, list[tuple[str, Pin]]]:
    found: dict[str, list[tuple[str, Pin]]] = {}
    for group, pins_of_group in lock.items():
        for pin in pins_of_group:
            found.setdefault(pin.name, []).append((group, pin))
    return found


def _told(found: list[tuple[str, Pin]] | None) -> str:
    """The version, with its file unless that is default.txt, and its marker if it has one."""
    if not found:
        return "none"
    told = []
    for group, pin in found:
        where = "" if group == "default" else f" ({group}.txt)"
        told.append(pin.version + (f" ; {pin.marker}" if pin.marker else "") + where)
    return ", ".join(told)


def _count(lock: Lock) -> int:
    return sum(len(group) for group in lock.values())


def slugs() -> list[str]:
    """Every lesson, in teaching order."""
    return [lesson.slug for lesson in manifest.read().lessons]


def trial(locks: Path) -> dict[str, str]:
    """What each lesson does with the lock in `locks`, by slug; its output is on the screen.

    A copy of the repository makes an environment from that lock, as on a fresh
    machine, and runs every lesson; both are deleted afterwards.
    """
    lessons = slugs()
    with tempfile.TemporaryDirectory(prefix="mlops-labs-") as scratch:
        copy = Path(scratch) / "labs-trial"
        shutil.copytree(material.root(), copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
        shutil.copytree(locks, copy / "labs" / "locks", dirs_exist_ok=True)
        env = {name: value for name, value in os.environ.items() if name not in MEANT_FOR_HERE}
        subprocess.run([sys.executable, str(copy / "labs"), "test", *lessons], env=env)
        return judge(lessons, copy / "_build" / "verified.json")


def judge(lessons: list[str], record: Path) -> dict[str, str]:
    """`passes`, or what failed, for each lesson, read from the record of a test run."""
    try:
        outcomes = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return dict.fromkeys(lessons, "breaks: it did not run, see above")
    return {slug: _judge(outcomes.get(slug, {})) for slug in lessons}


def _judge(outcome: dict) -> str:
    ran = {runner: outcome.get(runner, "not run") for runner in ("nbval", "papermill")}
    failed = [f"{runner} {result}" for runner, result in ran.items() if result != "passed"]
    return f"breaks: {', '.join(failed)}" if failed else "passes"


def report(outcomes: dict[str, str]) -> list[str]:
    """The outcomes as a table, in teaching order."""
    width = max(len(slug) for slug in outcomes)
    return ["", "With the new lock:", *(f"  {s:{width}}  {o}" for s, o in outcomes.items())]
