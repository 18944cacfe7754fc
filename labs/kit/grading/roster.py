"""Who is in a class: a table from Moodle or Canvas, or one's own, read as learners."""

import csv
from pathlib import Path

from labs.kit.errors import UserError
from labs.kit.grading.classroom import Learner, learner_id, quoted

# What a column may be called, the first that is there and filled is taken.
IDS = ("learner", "username", "login id", "sis login id", "user name")
NAMES = ("name", "full name", "student")
FIRST, LAST = ("first name", "given name"), ("last name", "surname", "family name")
EMAILS = ("email", "email address", "e-mail")
NUMBERS = ("lms_id", "id", "id number", "identifier", "student id")
NOBODY = ("points possible", "student, test", "test student")  # rows that Canvas adds


def read(path: Path) -> list[Learner]:
    """The learners in the CSV file `path`, in its order.

    Raises UserError if a column of names is missing, or two learners get the same id.
    """
    found: dict[str, Learner] = {}
    for number, row in enumerate(_rows(path), 2):
        learner = _learner(row)
        if learner is None:
            continue
        if not learner.id or learner.id in found:
            what = f"{learner.id!r} is there twice" if learner.id else "has neither name nor id"
            raise UserError(
                f"{path}: line {number}: {what}. Give each learner an id of their own in a column "
                "'learner'."
            )
        found[learner.id] = learner
    if not found:
        raise UserError(f"{path}: no learner in it; a column 'name' or 'learner' is needed.")
    return list(found.values())


def entry(learner: Learner) -> str:
    """The learner as `class.toml` has it."""
    key = learner.id if learner.id.isascii() and "." not in learner.id else quoted(learner.id)
    lines = [f"\n[learners.{key}]"]
    for name in ("name", "email", "lms_id"):
        if value := getattr(learner, name):
            lines.append(f"{name} = {quoted(value)}")
    return "\n".join(lines) + "\n"


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="cp1252", errors="replace")  # as Excel saves it
    lines = text.splitlines()
    comma = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    rows = csv.reader(lines, delimiter=comma)
    head = [name.strip().casefold() for name in next(rows, [])]
    return [dict(zip(head, [value.strip() for value in row], strict=False)) for row in rows]


def _learner(row: dict[str, str]) -> Learner | None:
    name = _first(row, NAMES) or f"{_first(row, FIRST)} {_first(row, LAST)}".strip()
    if not any(row.values()) or name.casefold() in NOBODY:
        return None
    if "student" in row and name.count(",") == 1:  # Canvas sorts by it: Lovelace, Ada
        name = " ".join(part.strip() for part in reversed(name.split(",")))
    login = _first(row, IDS)
    email = _first(row, EMAILS) or (login if "@" in login else "")
    key = learner_id(login.partition("@")[0] or name)
    return Learner(key, name, email, _first(row, NUMBERS))


def _first(row: dict[str, str], columns: tuple[str, ...]) -> str:
    return next((row[name] for name in columns if row.get(name)), "")
