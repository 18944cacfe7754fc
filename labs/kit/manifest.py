"""The manifest `exercises/course.toml`: order, titles, minutes, objectives, parameters, hints.

This is the only module that reads the file. Everything that needs the order of
lessons, the book's contents and the numbers in a learner's workspace among
them, takes it from here.
"""

import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from labs.kit import material
from labs.kit.errors import UserError, nearest

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MINUTES = range(5, 61)  # shorter is a tip, longer is two lessons


@dataclass(frozen=True)
class Lesson:
    """One lesson; `parameters` are papermill's, `release` further sets of them."""

    slug: str
    track: str
    title: str
    minutes: int
    objectives: tuple[str, ...]
    needs: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    release: tuple[dict[str, Any], ...] = ()

    @property
    def path(self) -> Path:
        """The notebook, relative to the root of the material."""
        return Path("notebooks") / self.track / f"{self.slug}.ipynb"


@dataclass(frozen=True)
class Exercise:
    """One exercise; `hints` is a ladder, `points` the sum over its criteria.

    `drawn` are the parameters of which each learner gets a value of their own when
    graded, with the lowest and the highest.
    """

    slug: str
    track: str
    title: str
    minutes: int
    objectives: tuple[str, ...]
    points: int
    hints: tuple[str, ...]
    needs: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its files lie, relative to the root of the material."""
        return Path("exercises") / self.slug

    @property
    def path(self) -> Path:
        """The solution, relative to the root of the material."""
        return self.folder / "solution.ipynb"


@dataclass(frozen=True)
class Track:
    """A folder of lessons that is taught as a whole."""

    slug: str
    title: str
    description: str


@dataclass(frozen=True)
class Course:
    """Tracks, lessons and exercises in teaching order."""

    title: str
    tracks: tuple[Track, ...]
    lessons: tuple[Lesson, ...]
    exercises: tuple[Exercise, ...] = ()

    def lesson(self, slug: str) -> Lesson:
        """The lesson named `slug`; raises UserError with the nearest name otherwise."""
        for lesson in self.lessons:
            if lesson.slug == slug:
                return lesson
        slugs = [lesson.slug for lesson in self.lessons]
        raise UserError(
            f"There is no lesson {slug!r}{nearest(slug, slugs) or '.'}\n"
            f"The lessons are: {', '.join(slugs)}."
        )

    def exercise(self, slug: str) -> Exercise:
        """The exercise named `slug`; raises UserError with the nearest name otherwise."""
        for exercise in self.exercises:
            if exercise.slug == slug:
                return exercise
        slugs = [exercise.slug for exercise in self.exercises]
        raise UserError(
            f"There is no exercise {slug!r}{nearest(slug, slugs) or '.'}\n"
            f"The exercises are: {', '.join(slugs) or 'none yet'}."
        )

    @property
    def notebooks(self) -> tuple[Lesson | Exercise, ...]:
        """Every notebook that is executed and tested: lessons, then solutions of exercises."""
        return (*self.lessons, *self.exercises)

    def notebook(self, slug: str) -> Lesson | Exercise:
        """The lesson or exercise named `slug`; raises UserError with the nearest name otherwise."""
        every = {one.slug: one for one in self.notebooks}
        if slug not in every:
            raise UserError(
                f"There is no lesson or exercise {slug!r}{nearest(slug, list(every)) or '.'}\n"
                f"They are: {', '.join(every)}."
            )
        return every[slug]

    def place(self, slug: str) -> Path:
        """Where a learner's copy of the lesson or exercise lies in the workspace."""
        found = self.notebook(slug)
        if isinstance(found, Exercise):
            return self.exercise_path(found)
        return self.workspace_path(found)

    def exercise_path(self, exercise: Exercise) -> Path:
        """Where a learner's copy lies, numbered in teaching order."""
        return Path("exercises") / f"{1 + self.exercises.index(exercise):02d}-{exercise.slug}.ipynb"

    def in_track(self, track: Track) -> list[Lesson]:
        """The lessons of one track, in order."""
        return [lesson for lesson in self.lessons if lesson.track == track.slug]

    def workspace_path(self, lesson: Lesson) -> Path:
        """Where a learner's copy lies, numbered so that file order is teaching order."""
        number = 1 + [track.slug for track in self.tracks].index(lesson.track)
        siblings = self.in_track(self.tracks[number - 1])
        place = 1 + siblings.index(lesson)
        return Path(f"{number}-{lesson.track}") / f"{place:02d}-{lesson.slug}.ipynb"


def read(path: Path | None = None) -> Course:
    """The course in the manifest at `path` (default: the kit's own).

    Raises UserError that names the entry, the value and what to write instead.
    """
    path = path or material.root() / "exercises" / "course.toml"
    try:
        return _course(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: the manifest is missing; restore it from git.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}. Mend that line.") from None


@lru_cache(maxsize=8)
def _course(path: Path, text: str) -> Course:
    """The course that `text` says, shared by all who ask: a talk asks hundreds of times."""
    return _Reader(path).course(tomllib.loads(text))


class _Reader:
    """Turns raw TOML into a Course, or says which entry is wrong and how to mend it."""

    def __init__(self, path: Path):
        self.path = path

    def wrong(self, entry: str, problem: str, remedy: str) -> UserError:
        return UserError(f"{self.path}: {entry}: {problem}; {remedy}.")

    def course(self, raw: dict) -> Course:
        self.known("the file", raw, {"title", "tracks", "lessons", "exercises"})
        tracks = tuple(self.track(slug, entry) for slug, entry in self.tables(raw, "tracks"))
        entries = raw.get("lessons")
        if not isinstance(entries, list) or not entries:
            raise self.wrong("lessons", "there is none", "write at least one [[lessons]] table")
        lessons: list[Lesson] = []
        for place, entry in enumerate(entries, 1):
            lessons.append(self.lesson(place, entry, tracks, lessons))
        exercises: list[Exercise] = []
        for place, entry in enumerate(raw.get("exercises", []), 1):
            exercises.append(self.exercise(place, entry, tracks, lessons, exercises))
        title = self.text("the file", raw, "title")
        return Course(title, tracks, tuple(lessons), tuple(exercises))

    def track(self, slug: str, entry: dict) -> Track:
        name = f"track {slug!r}"
        self.known(name, entry, {"title", "description"})
        self.slug(name, slug)
        return Track(slug, self.text(name, entry, "title"), self.text(name, entry, "description"))

    def lesson(self, place: int, entry: dict, tracks: tuple, before: list[Lesson]) -> Lesson:
        taken = [lesson.slug for lesson in before]
        name, shared = self.entry(Lesson, place, entry, tracks, taken, taken)
        return Lesson(**shared, release=self.releases(name, entry.get("release", [])))

    def exercise(
        self, place: int, entry: dict, tracks: tuple, lessons: list[Lesson], before: list[Exercise]
    ) -> Exercise:
        learnt = [lesson.slug for lesson in lessons]
        taken = learnt + [exercise.slug for exercise in before]
        name, shared = self.entry(Exercise, place, entry, tracks, taken, learnt)
        hints = self.texts(name, entry, "hints", required=True)
        points = entry.get("points")
        if type(points) is not int or points < 1:
            raise self.wrong(name, f"points is {points!r}", "write the sum of its criteria's")
        drawn = self.drawn(name, entry.get("drawn", {}), shared["parameters"])
        return Exercise(**shared, hints=hints, points=points, drawn=drawn)

    def entry(
        self, kind: type, place: int, entry: dict, tracks: tuple, taken: list, learnt: list
    ) -> tuple[str, dict[str, Any]]:
        """How the entry is called in messages, and what lessons and exercises share."""
        noun = kind.__name__.lower()
        slug = entry.get("slug") if isinstance(entry, dict) else None
        name = f"{noun} {slug!r}" if slug else f"{noun} number {place}"
        if not isinstance(entry, dict):
            raise self.wrong(name, f"is {entry!r}", f"write a [[{noun}s]] table")
        self.known(name, entry, set(kind.__dataclass_fields__))
        slug = self.text(name, entry, "slug")
        self.slug(name, slug)
        if slug in taken:
            raise self.wrong(name, "the slug is used twice", "give one of them another slug")
        track, slugs = self.text(name, entry, "track"), [t.slug for t in tracks]
        if track not in slugs:
            raise self.wrong(
                name, f"track is {track!r}", f"write one of {', '.join(slugs) or 'your [tracks]'}"
            )
        needs = self.texts(name, entry, "needs", required=False)
        for need in needs:
            if need not in learnt:
                raise self.wrong(
                    name, f"needs {need!r}", "write the slug of a lesson that comes earlier"
                )
        return name, {
            "slug": slug,
            "track": track,
            "title": self.text(name, entry, "title"),
            "minutes": self.minutes(name, entry),
            "objectives": self.texts(name, entry, "objectives", required=True),
            "needs": needs,
            "parameters": self.parameters(name, "parameters", entry.get("parameters", {})),
        }

    def tables(self, raw: dict, key: str) -> list[tuple[str, dict]]:
        tables = raw.get(key)
        if not isinstance(tables, dict) or not tables:
            raise self.wrong(key, "there is none", f"write at least one [{key}.NAME] table")
        for name, entry in tables.items():
            if not isinstance(entry, dict):
                raise self.wrong(f"{key}.{name}", f"is {entry!r}", f"write a [{key}.{name}] table")
        return list(tables.items())

    def known(self, name: str, entry: dict, allowed: set[str]) -> None:
        for key in entry:
            if key not in allowed:
                hint = nearest(key, sorted(allowed)).removeprefix("; ").rstrip("?")
                remedy = hint or f"write one of {', '.join(sorted(allowed))}"
                raise self.wrong(name, f"{key!r} is not a field", remedy)

    def slug(self, name: str, slug: str) -> None:
        if not SLUG.fullmatch(slug):
            raise self.wrong(
                name,
                f"the slug is {slug!r}",
                "write small letters, digits and single hyphens, as in 'roll-back-a-bad-release'",
            )

    def text(self, name: str, entry: dict, key: str) -> str:
        value = entry.get(key)
        if not isinstance(value, str) or not value.strip():
            said = f"{key} is missing" if key not in entry else f"{key} is {value!r}"
            raise self.wrong(name, said, f'write {key} = "..."')
        return value

    def texts(self, name: str, entry: dict, key: str, required: bool) -> tuple[str, ...]:
        value = entry.get(key, [])
        good = isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)
        if not good or (required and not value):
            said = f"{key} is missing" if key not in entry else f"{key} is {value!r}"
            raise self.wrong(name, said, f'write {key} = ["...", "..."]')
        return tuple(value)

    def minutes(self, name: str, entry: dict) -> int:
        value = entry.get("minutes")
        if type(value) is not int or value not in MINUTES:
            raise self.wrong(
                name,
                f"minutes is {value!r}",
                f"write a whole number from {MINUTES.start} to {MINUTES.stop - 1}",
            )
        return value

    def parameters(self, name: str, key: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(k.isidentifier() for k in value):
            raise self.wrong(name, f"{key} is {value!r}", f"write {key} = {{name = value}}")
        return value

    def drawn(self, name: str, value: Any, parameters: dict) -> dict[str, tuple[int, int]]:
        if not isinstance(value, dict):
            raise self.wrong(name, f"drawn is {value!r}", "write drawn = {seed = [1, 9999]}")
        for key, ends in value.items():
            if type(parameters.get(key)) is not int:
                known = [one for one, given in parameters.items() if type(given) is int]
                said = f"drawn has {key!r}, no whole number in parameters"
                raise self.wrong(name, said, f"draw one of {', '.join(known) or 'them'}")
            whole = isinstance(ends, list) and [type(end) for end in ends] == [int, int]
            if not whole or ends[0] > ends[1]:
                said = f"drawn has {key} = {ends!r}"
                raise self.wrong(name, said, f"write {key} = [1, 9999], lowest and highest")
        return {key: (low, high) for key, (low, high) in value.items()}

    def releases(self, name: str, value: Any) -> tuple[dict[str, Any], ...]:
        if not isinstance(value, list):
            raise self.wrong(name, f"release is {value!r}", "write release = [{name = value}]")
        return tuple(self.parameters(name, "release", entry) for entry in value)
