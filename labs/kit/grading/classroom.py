"""A class: one folder with its roster, its assignments, its secret and all that was handed in."""

import datetime
import json
import os
import re
import secrets
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from labs.kit.errors import UserError, nearest

FORMAT = 1
FILE = "class.toml"
SECRET_BYTES = 32


@dataclass(frozen=True)
class Learner:
    """A learner; `lms_id` is the number that Moodle or Canvas knows them by."""

    id: str
    name: str = ""
    email: str = ""
    lms_id: str = ""

    @property
    def called(self) -> str:
        """The name, or else the id."""
        return self.name or self.id


@dataclass(frozen=True)
class Assignment:
    """Exercises that are due together; both times know their zone."""

    name: str
    exercises: tuple[str, ...]
    due: datetime.datetime | None = None
    assigned: datetime.datetime | None = None


@dataclass(frozen=True)
class Classroom:
    """What `class.toml` in `folder` says; `record` is an SQLAlchemy URL, or empty for SQLite."""

    folder: Path
    name: str
    record: str = ""
    learners: dict[str, Learner] = field(default_factory=dict)
    assignments: tuple[Assignment, ...] = ()

    @property
    def inbox(self) -> Path:
        """Where files are dropped for `labs collect`."""
        return self.folder / "inbox"

    @property
    def submissions(self) -> Path:
        """Copies of all that was collected, a folder for each learner; never changed."""
        return self.folder / "submissions"

    @property
    def feedback(self) -> Path:
        """What learners get to read, a folder for each."""
        return self.folder / "feedback"

    @property
    def exports(self) -> Path:
        """Tables for Moodle, Canvas and others."""
        return self.folder / "exports"

    @property
    def exercises(self) -> tuple[str, ...]:
        """The slugs of all assignments, in their order, each once."""
        return tuple(dict.fromkeys(slug for one in self.assignments for slug in one.exercises))

    def learner(self, learner_id: str) -> Learner:
        """The learner of the roster, or one of whom no more than the id is known."""
        return self.learners.get(learner_id, Learner(learner_id))

    def assignment(self, name: str) -> Assignment:
        """The assignment called `name`; raises UserError with the nearest name otherwise."""
        names = [one.name for one in self.assignments]
        if name not in names:
            raise UserError(
                f"{self.name} has no assignment {name!r}{nearest(name, names) or '.'}\n"
                f"The assignments are: {', '.join(names) or 'none yet; see labs assign'}."
            )
        return self.assignments[names.index(name)]

    def assignment_of(self, slug: str) -> Assignment | None:
        """The newest assignment with the exercise `slug`, if there is one."""
        having = [one for one in self.assignments if slug in one.exercises]
        return having[-1] if having else None

    def secret(self) -> bytes:
        """The seed of all that is drawn; it is never printed, and no sandbox holds it."""
        path = self.folder / "secret"
        try:
            found = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            found = b""
        if len(found) != SECRET_BYTES:
            raise UserError(
                f"{path}: the secret of this class is missing or damaged. Restore it from a backup:"
                " with another one, grading again would draw other data."
            )
        return found


def open_class(folder: Path | None = None) -> Classroom:
    """The class in `folder`, else in $LABS_CLASS, else in the current folder."""
    named = folder or os.environ.get("LABS_CLASS") or Path.cwd()
    found = Path(named).expanduser().resolve()
    if not (found / FILE).is_file():
        raise UserError(
            f"{found} is no class: it has no {FILE}. Name one with --class FOLDER, or make one: "
            "labs class new FOLDER --name 'MLOps, autumn'"
        )
    return _read(found)


def new(folder: Path, name: str = "", roster: Path | None = None) -> Classroom:
    """Make a class in `folder`, with the learners in the table `roster` if one is given.

    Raises UserError if `folder` holds anything already, and if the table cannot be read.
    """
    from labs.kit.grading import roster as rosters

    folder = folder.expanduser().resolve()
    learners = rosters.read(roster) if roster else []
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty; choose a new folder for the class.")
    (folder / "inbox").mkdir(parents=True)
    handle = os.open(folder / "secret", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(SECRET_BYTES) + "\n")
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")  # of people, and a secret
    head = f'format = {FORMAT}\nname = {quoted(name or folder.name)}\nrecord = ""\n'
    text = head + "".join(rosters.entry(one) for one in learners)
    (folder / FILE).write_text(text, encoding="utf-8")
    return _read(folder)


def learner_id(name: str) -> str:
    """A name as an id that is also the name of a folder: `Ada Lovelace` is `ada-lovelace`.

    Empty if nothing in `name` is a letter or a digit.
    """
    plain = unicodedata.normalize("NFC", name).strip().casefold()
    kept = re.sub(r"[^\w.]+|_+", "-", plain, flags=re.UNICODE)
    return re.sub(r"-{2,}", "-", kept)[:60].strip("-.")


def quoted(text: str) -> str:
    """`text` as TOML writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read(folder: Path) -> Classroom:
    path = folder / FILE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}. Mend that line.") from None
    if raw.get("format") != FORMAT:
        raise UserError(
            f"{path}: format is {raw.get('format')!r}; this version of the kit reads {FORMAT}. "
            "Update the kit: labs update"
        )
    learners = _expect(path, raw, "learners", dict, {})
    assignments = _expect(path, raw, "assignments", list, [])
    return Classroom(
        folder=folder,
        name=_expect(path, raw, "name", str, folder.name),
        record=_expect(path, raw, "record", str, ""),
        learners={key: _learner(path, key, entry) for key, entry in learners.items()},
        assignments=tuple(_assignment(path, entry) for entry in assignments),
    )


def _learner(path: Path, key: str, entry: object) -> Learner:
    if not isinstance(entry, dict) or learner_id(key) != key:
        raise UserError(
            f"{path}: learners: {key!r} is not an entry; write small letters, digits, dots and "
            f'hyphens: [learners.{learner_id(key) or "ada-lovelace"}] and below it name = "..."'
        )
    given = {name: _expect(path, entry, name, str, "") for name in ("name", "email", "lms_id")}
    return Learner(key, **given)


def _assignment(path: Path, entry: object) -> Assignment:
    if not isinstance(entry, dict):
        raise UserError(f"{path}: assignments: {entry!r} is no table; write [[assignments]].")
    slugs = _expect(path, entry, "exercises", list, [])
    if not slugs or not all(isinstance(slug, str) for slug in slugs):
        raise UserError(
            f"{path}: an assignment's exercises are {slugs!r}; write exercises = "
            '["cost-of-a-threshold"]'
        )
    name = _expect(path, entry, "name", str, slugs[0])
    times = {key: _time(path, name, entry.get(key)) for key in ("due", "assigned")}
    return Assignment(name, tuple(dict.fromkeys(slugs)), **times)


def _time(path: Path, name: str, value: object) -> datetime.datetime | None:
    """A time with its zone; one without is this machine's."""
    if value is None:
        return None
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time.max.replace(microsecond=0))
    if not isinstance(value, datetime.datetime):
        raise UserError(
            f"{path}: assignment {name!r}: {value!r} is no time; write due = 2026-12-01T17:00:00"
        )
    return value.astimezone()


def _expect(path: Path, entry: dict, key: str, kind: type, default):
    value = entry.get(key, default)
    if not isinstance(value, kind):
        words = {str: '"text"', list: "a list", dict: "a table"}[kind]
        raise UserError(f"{path}: {key} is {value!r}; write {words}.")
    return value
