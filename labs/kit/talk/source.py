"""Reads a talk's TOML, or says which entry is wrong and what to write instead."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from labs.kit import cuts, manifest, material
from labs.kit.errors import UserError, nearest
from labs.kit.execute import read_notebook
from labs.kit.talk.talks import Part, Poll, Talk

KEYS = {"title", "audience", "minutes", "opening", "lessons", "polls", "quiz", "closing"}
OF_LESSON = {"slug", "cells", "cut", "code"}
OF_POLL = {"question", "choices", "after"}
CHOICES = range(2, 6)  # of a poll; more are not counted in a room


def read(path: Path, minutes: int | None, course: manifest.Course) -> Talk:
    """The talk in the file at `path`, in the cut of so many minutes (default: its own)."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such talk. Make one with: labs talk new NAME") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}. Mend that line.") from None
    return _Reader(path, course).talk(raw, minutes)


def lesson_notebook(slug: str, course: manifest.Course | None = None) -> NotebookNode:
    """The stored notebook of a lesson, shared by all who ask for it: copy what you change."""
    path = material.root() / (course or manifest.read()).lesson(slug).path
    return _notebook(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=64)
def _notebook(path: Path, changed: int) -> NotebookNode:
    return read_notebook(path)


class _Reader:
    def __init__(self, path: Path, course: manifest.Course):
        self.path, self.course = path, course
        self.shown: list[str] = []  # LESSON/CELL of every slide, of any cut

    def wrong(self, entry: str, problem: str, remedy: str) -> UserError:
        return UserError(f"{self.path}: {entry}: {problem}; {remedy}.")

    def talk(self, raw: dict, minutes: int | None) -> Talk:
        self.known("the file", raw, KEYS)
        own = raw.get("minutes")
        if own not in cuts.CUTS:
            said = f"minutes is {own!r}" if "minutes" in raw else "minutes is missing"
            raise self.wrong("the file", said, f"write one of {_listed(cuts.CUTS)}")
        entries = self.tables(raw, "lessons", required=True)
        given = self.cuts(own, entries)
        cut = minutes or own
        if cut not in given:
            remedy = f"choose --minutes {_listed(given)}, or give each lesson cells.{cut}"
            raise self.wrong("the file", f"does not say what {cut} minutes show", remedy)
        parts = [self.part(place, entry, cut) for place, entry in enumerate(entries, 1)]
        return Talk(
            slug=self.path.stem,
            title=self.text("the file", raw, "title"),
            audience=self.text("the file", raw, "audience"),
            minutes=cut,
            parts=tuple(part for part in parts if part.cells != ()),
            source=self.path,
            cuts=given,
            opening=self.text("the file", raw, "opening", ""),
            polls=tuple(self.poll(n, e) for n, e in enumerate(self.tables(raw, "polls"), 1)),
            quiz=self.quiz(raw, [part.lesson for part in parts]),
            closing=self.text("the file", raw, "closing", ""),
        )

    def cuts(self, own: int, entries: list[dict]) -> tuple[int, ...]:
        """The cuts for which any lesson names cells; its own alone, if they name no cut."""
        named = {cut for entry in entries for cut in _by_cut(entry.get("cells"))}
        return tuple(cut for cut in cuts.CUTS if str(cut) in named or cut == own)

    def part(self, place: int, entry: dict, cut: int) -> Part:
        name = f"lesson {entry.get('slug') or f'number {place}'}"
        self.known(name, entry, OF_LESSON)
        slug = self.text(name, entry, "slug")
        try:
            self.course.lesson(slug)
        except UserError as error:
            raise self.wrong(name, "there is no such lesson", f"{error}".rstrip(".")) from None
        cells = entry.get("cells")
        every = _by_cut(cells) or {"": cells}
        for key, ids in every.items():
            if key and key not in map(str, cuts.CUTS):
                raise self.wrong(name, f"cells.{key} is no cut", f"write {_listed(cuts.CUTS)}")
            self.shown += [f"{slug}/{one}" for one in self.cells(name, slug, ids)]
        chosen = _by_cut(cells).get(str(cut), ()) if _by_cut(cells) else cells
        pace = entry.get("cut", cut)
        pace = pace.get(str(cut), cut) if isinstance(pace, dict) else pace
        if pace not in cuts.CUTS:
            raise self.wrong(name, f"cut is {pace!r}", f"write one of {_listed(cuts.CUTS)}")
        code = entry.get("code", True)
        if not isinstance(code, bool):
            raise self.wrong(name, f"code is {code!r}", "write code = false to show outputs alone")
        return Part(slug, pace, None if chosen is None else tuple(chosen), code=code)

    def cells(self, name: str, slug: str, ids: Any) -> list[str]:
        """The cells that an entry names; all slides of the lesson if it names none."""
        notebook = lesson_notebook(slug, self.course)
        marked = [cell.id for cell in notebook.cells if cuts.minutes(cell)]
        if ids is None:
            return marked
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise self.wrong(name, f"cells is {ids!r}", 'write cells = ["opening", "figure"]')
        for one in ids:
            if one not in marked:
                said = f"{one!r} is no slide{nearest(one, marked)}"
                raise self.wrong(name, said, f"the slides of {slug} are {_listed(marked)}")
        return ids

    def quiz(self, raw: dict, lessons: list[str]) -> str:
        """The lesson whose quiz closes the talk: the last one that the cut shows, if not said."""
        chosen = self.text("the file", raw, "quiz", "")
        if chosen and chosen not in lessons:
            said = f"quiz is {chosen!r}, none of its lessons{nearest(chosen, lessons)}"
            raise self.wrong("the file", said, f"write one of {_listed(lessons)}")
        return chosen

    def poll(self, place: int, entry: dict) -> Poll:
        name = f"poll number {place}"
        self.known(name, entry, OF_POLL)
        choices = entry.get("choices")
        good = isinstance(choices, list) and all(isinstance(c, str) and c for c in choices)
        if not good or len(choices) not in CHOICES:
            remedy = 'write choices = ["Yes", "No"], two to five'
            raise self.wrong(name, f"choices is {choices!r}", remedy)
        after = self.text(name, entry, "after")
        found = list(dict.fromkeys(self.shown))
        places = [one for one in found if after in (one, one.split("/")[1])]
        if len(places) != 1:
            said = f"after is {after!r}, which is {len(places) or 'no'} slide{'s' * bool(places)}"
            remedy = f"write one of {_listed(places or found)}"
            raise self.wrong(name, said, remedy)
        return Poll(self.text(name, entry, "question"), tuple(choices), places[0])

    def known(self, name: str, entry: dict, allowed: set[str]) -> None:
        for key in entry:
            if key not in allowed:
                said = f"{key!r} is not a field{nearest(key, sorted(allowed))}"
                raise self.wrong(name, said, f"the fields are {_listed(sorted(allowed))}")

    def tables(self, raw: dict, key: str, required: bool = False) -> list[dict]:
        value = raw.get(key, [])
        good = isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
        if not good or (required and not value):
            raise self.wrong(key, f"is {value!r}", f"write at least one [[{key}]] table")
        return value

    def text(self, name: str, entry: dict, key: str, default: str | None = None) -> str:
        value = entry.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            said = f"{key} is missing" if key not in entry else f"{key} is {value!r}"
            raise self.wrong(name, said, f'write {key} = "..."')
        return value.strip()


def _by_cut(cells: Any) -> dict[str, Any]:
    """`cells` if it names cells for each cut, and nothing if they are the same for all."""
    return cells if isinstance(cells, dict) else {}


def _listed(names) -> str:
    return ", ".join(map(str, names))
