"""Assignments: what is due when, and what is drawn for each learner alone."""

import datetime
import hashlib
import hmac
from typing import Any

from labs.kit import manifest, workspace
from labs.kit.errors import UserError
from labs.kit.grading.classroom import FILE, Assignment, Classroom, open_class, quoted


def assign(
    classroom: Classroom, name: str, slugs: list[str], due: datetime.datetime | None = None
) -> Assignment:
    """Write an assignment into the class's file, after what is there; the class read anew.

    Raises UserError if the name is taken, or there is no such exercise.
    """
    course = manifest.read()
    chosen = tuple(dict.fromkeys(course.exercise(slug).slug for slug in slugs))
    name = name.strip() or ", ".join(course.exercise(slug).title for slug in chosen)
    if name in [one.name for one in classroom.assignments]:
        raise UserError(
            f"{classroom.name} has an assignment {name!r} already. Change it in "
            f"{classroom.folder / FILE}, or give another --name."
        )
    now = datetime.datetime.now().astimezone().replace(microsecond=0)
    lines = ["", "[[assignments]]", f"name = {quoted(name)}"]
    lines += [f"exercises = [{', '.join(map(quoted, chosen))}]"]
    lines += [f"due = {due.isoformat()}"] if due else []
    lines += [f"assigned = {now.isoformat()}", ""]
    path = classroom.folder / FILE
    with workspace.Locked(classroom.folder / ".lock"):
        before = path.read_text(encoding="utf-8").rstrip("\n")
        workspace._write(path, before + "\n" + "\n".join(lines))
    return open_class(classroom.folder).assignments[-1]


def moment(text: str) -> datetime.datetime:
    """A time as in 2026-12-01T17:00 or 2026-12-01, of this machine's zone unless it names one.

    A day alone means its end. Raises ValueError for anything else.
    """
    time = datetime.datetime.fromisoformat(text)
    if len(text.strip()) <= len("2026-12-01"):
        time = time.replace(hour=23, minute=59, second=59)
    return time.astimezone()


def draw(secret: bytes, learner: str, exercise: str, purpose: str) -> int:
    """A number of 32 bits that only who has `secret` can know; the same at every call."""
    about = b"".join(hashlib.sha256(one.encode()).digest() for one in (learner, exercise, purpose))
    return int.from_bytes(hmac.digest(secret, about, "sha256")[:4], "big")


def drawn_parameters(secret: bytes, learner: str, exercise: manifest.Exercise) -> dict[str, Any]:
    """The learner's own values of those parameters for which the manifest gives a range."""
    return {
        name: low + draw(secret, learner, exercise.slug, f"parameter {name}") % (high - low + 1)
        for name, (low, high) in exercise.drawn.items()
    }
