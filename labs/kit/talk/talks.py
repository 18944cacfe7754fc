"""What a talk is: a title, an audience, a cut, cells of lessons, questions to the room.

A talk is a file `notebooks/talks/<slug>.toml`. A lesson is a talk too, and so is a track.
"""

from dataclasses import dataclass
from pathlib import Path

from labs.kit import cuts, manifest, material
from labs.kit.errors import UserError, nearest

FOLDER = "talks"  # in notebooks/


@dataclass(frozen=True)
class Poll:
    """A question to the room, asked after the slide named `after`, as in LESSON/CELL."""

    question: str
    choices: tuple[str, ...]
    after: str


@dataclass(frozen=True)
class Part:
    """What a talk takes from one lesson.

    `cells` are the ids of its slides, in order; None means all that the lesson marks for the
    cut of `pace` minutes. Each takes as long as in that cut, or `each` minutes.
    """

    lesson: str
    pace: int
    cells: tuple[str, ...] | None = None
    each: float | None = None
    code: bool = True  # whether its slides show code


@dataclass(frozen=True)
class Talk:
    """A talk in one cut; `minutes` is the cut, `cuts` are all that it can be given in."""

    slug: str
    title: str
    audience: str
    minutes: int
    parts: tuple[Part, ...]
    source: Path  # the file that says so
    cuts: tuple[int, ...] = cuts.CUTS
    opening: str = ""
    polls: tuple[Poll, ...] = ()
    quiz: str = ""  # the lesson whose quiz closes it; "" is its last lesson
    closing: str = ""

    @property
    def lessons(self) -> tuple[str, ...]:
        """The slugs of its lessons, in order."""
        return tuple(part.lesson for part in self.parts)


def path() -> Path:
    """Where the talks lie."""
    return material.root() / "notebooks" / FOLDER


def all() -> list[str]:
    """The slugs of the talks, in order of their names."""
    return sorted(file.stem for file in path().glob("*.toml"))


def read(name: str, minutes: int | None = None) -> Talk:
    """The talk `name` in the cut of so many minutes (default: its own).

    `name` is a talk's slug, the path of its file, a lesson's slug or a track's. Raises
    UserError that lists what there is.
    """
    from labs.kit.talk import source

    if minutes not in (None, *cuts.CUTS):
        raise UserError(f"A talk of {minutes} minutes: the cuts are {_listed(cuts.CUTS)} minutes.")
    course = manifest.read()
    if name.endswith(".toml"):
        return source.read(Path(name), minutes, course)
    if name in all():
        return source.read(path() / f"{name}.toml", minutes, course)
    if name in [lesson.slug for lesson in course.lessons]:
        return _of_lesson(course.lesson(name), minutes or 30)
    for track in course.tracks:
        if name == track.slug:
            return of_track(track, minutes or 45, course)
    raise _unknown(name, course)


def slides(talk: Talk) -> list:
    """The slides of a talk, in order, with minutes that add up to its cut."""
    from labs.kit.talk import slides

    return slides.of(talk)


def _of_lesson(lesson: manifest.Lesson, minutes: int) -> Talk:
    source = material.root() / lesson.path
    audience = "those who want to " + lesson.objectives[0]
    return Talk(lesson.slug, lesson.title, audience, minutes, (Part(lesson.slug, minutes),), source)


def of_track(track: manifest.Track, minutes: int, course: manifest.Course) -> Talk:
    """A walk through a track: of each lesson its most telling slides, all equally long."""
    from labs.kit.talk import tour

    lessons = course.in_track(track)
    if not lessons:
        raise UserError(f"The track {track.slug!r} has no lessons yet; choose another one.")
    parts = tour.parts(lessons, minutes)
    return Talk(track.slug, track.title, "newcomers", minutes, parts, material.root())


def _unknown(name: str, course: manifest.Course) -> UserError:
    lessons = [lesson.slug for lesson in course.lessons]
    tracks = [track.slug for track in course.tracks]
    return UserError(
        f"There is no talk {name!r}{nearest(name, [*all(), *lessons, *tracks]) or '.'}\n"
        f"The talks are: {_listed(all()) or 'none yet'}.\n"
        f"Each lesson is one too: {_listed(lessons)}.\nSo is each track: {_listed(tracks)}."
    )


def _listed(names) -> str:
    return ", ".join(map(str, names))
